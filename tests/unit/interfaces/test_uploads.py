"""A patch over the API: a drop like any other, with somebody's name on it."""

from __future__ import annotations

import hashlib
import os
import socket
from pathlib import Path

import httpx
import pytest

from tests.lab.eventually import eventually
from tests.unit.interfaces.given import Surface
from zpmd.interfaces.rest.uploads import OCTETS
from zpmd.interfaces.rest.writes import KEY, REPLAYED
from zpmd.patching import upload

NAME = "hotfix-1042.patch.yaml"
OCTET_STREAM = {"Content-Type": OCTETS}


@pytest.fixture
def incoming(surface: Surface, tmp_path: Path) -> Path:
    surface.publish()
    folder = tmp_path / "incoming"
    folder.mkdir()
    return folder


def put(api: httpx.Client, content: bytes, name: str = NAME, **headers: str) -> httpx.Response:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return api.post("/v1/patches", params={"name": name}, content=content, headers={**OCTET_STREAM, **named})


def test_a_file_is_dropped_whole_and_the_journal_and_the_audit_have_who_did_it(
    surface: Surface, api: httpx.Client, incoming: Path
) -> None:
    content = os.urandom(3 << 20)  # more than any other body may have
    answer = put(api, content, "hotfix-1042.zpatch")
    assert answer.status_code == 201
    assert answer.json() == {
        "detail": "hotfix-1042.zpatch is dropped",
        "at": surface.clock.at,
        "file": "hotfix-1042.zpatch",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    assert [f.name for f in incoming.iterdir()] == ["hotfix-1042.zpatch"]
    assert (incoming / "hotfix-1042.zpatch").read_bytes() == content
    (entry,) = surface.store.journal()
    me = api.get("/v1/whoami").json()["name"]
    assert (entry.verb, entry.subject, entry.actor) == ("upload", "patch:hotfix-1042.zpatch", me)
    (row,) = api.get("/v1/audit").json()["rows"]
    assert (row["actor"], row["subject"], row["status"]) == (me, "patch:hotfix-1042.zpatch", 201)


@pytest.mark.parametrize(
    "name", ["x.yaml", ".x.patch.yaml", "../x.patch.yaml", "a/x.patch.yaml", "x\n.patch.yaml", "x.patch.yaml.part"]
)
def test_a_name_that_no_patch_has_is_refused(api: httpx.Client, incoming: Path, name: str) -> None:
    answer = put(api, b"id: x\n", name)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/name")
    assert list(incoming.iterdir()) == []


def test_a_signature_comes_like_its_manifest(api: httpx.Client, incoming: Path) -> None:
    assert put(api, b"untrusted comment: x\n", f"{NAME}.minisig").status_code == 201
    assert put(api, b"id: x\n").status_code == 201
    assert sorted(f.name for f in incoming.iterdir()) == [NAME, f"{NAME}.minisig"]


def test_what_lies_there_is_not_replaced(surface: Surface, api: httpx.Client, incoming: Path) -> None:
    (incoming / NAME).write_text("somebody's")
    answer = put(api, b"id: mine\n")
    assert answer.status_code == 409
    assert answer.json()["detail"] == f"cannot drop {NAME}: a file of this name lies there, and is not yet taken"
    assert (incoming / NAME).read_text() == "somebody's"
    assert surface.store.journal() == ()


def test_of_an_upload_that_breaks_off_nothing_is_left(surface: Surface, api: httpx.Client, incoming: Path) -> None:
    with socket.socket(socket.AF_UNIX) as half:
        half.connect(str(surface.socket))
        head = (
            f"POST /v1/patches?name={NAME} HTTP/1.1\r\nHost: zpmd\r\nContent-Type: {OCTETS}\r\nContent-Length: 99\r\n"
        )
        half.sendall(head.encode() + b"\r\nid: x\n")
        eventually(lambda: list(incoming.iterdir()), 10, "the part", 0.05)
        (part,) = incoming.iterdir()
        assert (part.name.startswith("."), part.name.endswith(".part")) == (True, True)
    eventually(lambda: not list(incoming.iterdir()), 10, "an empty folder", 0.05)
    assert surface.store.journal() == ()


def test_what_a_dead_daemon_left_goes_with_the_next_upload(api: httpx.Client, incoming: Path) -> None:
    old, fresh = incoming / ".upload-1.part", incoming / ".upload-2.part"
    old.write_text("x")
    fresh.write_text("x")
    os.utime(old, (0, 0))
    put(api, b"id: x\n")
    assert sorted(f.name for f in incoming.iterdir()) == [fresh.name, NAME]


def test_a_body_is_bytes_and_there_are_some(api: httpx.Client, incoming: Path) -> None:
    assert put(api, b"").status_code == 422
    assert put(api, b"id: x\n", Content_Type="multipart/form-data; boundary=x").status_code == 415
    assert list(incoming.iterdir()) == []


def test_more_than_a_patch_may_have_is_refused_when_it_comes(tmp_path: Path) -> None:
    one = upload.Upload(tmp_path, NAME, 10)
    one.write(b"12345678")
    with pytest.raises(upload.TooLarge, match=r"at most 10 bytes \(patches.max_bytes\)"):
        one.write(b"901")
    one.abandon()
    assert list(tmp_path.iterdir()) == []


def test_an_upload_that_is_announced_too_large_is_refused_before_a_byte_of_it_is_read(
    surface: Surface, incoming: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(str(surface.socket))
        head = f"POST /v1/patches?name={NAME} HTTP/1.1\r\nHost: zpmd\r\nContent-Type: {OCTETS}\r\n"
        asking.sendall(f"{head}Content-Length: {10**12}\r\n\r\n".encode())
        asking.settimeout(20)
        assert asking.recv(4096).startswith(b"HTTP/1.1 413")
    assert list(incoming.iterdir()) == []


def test_a_folder_that_is_not_there_is_somebody_elses_trouble(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    answer = put(api, b"id: x\n")
    assert answer.status_code == 503
    assert answer.json()["detail"].endswith("No such file or directory")


def test_an_upload_with_a_key_is_dropped_once(surface: Surface, api: httpx.Client, incoming: Path) -> None:
    first = put(api, b"id: x\n", **{KEY: "k"})
    (incoming / NAME).unlink()  # it was taken
    again = put(api, b"id: x\n", **{KEY: "k"})
    assert (again.status_code, again.json(), again.headers[REPLAYED]) == (201, first.json(), "true")
    assert list(incoming.iterdir()) == []
    assert put(api, b"id: other\n", **{KEY: "k"}).status_code == 422
