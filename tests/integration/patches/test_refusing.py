"""What is wrong by itself ends in quarantine with a reason, and nothing waits for it."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.patches.site import Site, manifest
from tests.lab.eventually import eventually, settled
from zpmd.model.patch import Patch, Stage
from zpmd.patching import minisign, secretkey
from zpmd.patching.incoming import INCOMPLETE_SECONDS
from zpmd.patching.minisign import SecretKey


def quarantined(site: Site, row: Patch) -> tuple[Path, dict[str, object]]:
    """The folder of a refused file, and the reason in it."""
    folder = Path(site.filed(row.number).filed).parent
    assert folder.parent == site.at("quarantine")
    return folder, json.loads((folder / "reason.json").read_text())


def refused(site: Site, name: str) -> tuple[Patch, Path, dict[str, object]]:
    row = site.row(Stage.QUARANTINED, name=name)
    folder, reason = quarantined(site, row)
    assert reason["reason"] == row.reason
    assert reason["outcome"] == "quarantined"
    assert not os.path.lexists(site.incoming / name)
    assert os.path.lexists(folder / name)
    return row, folder, reason


def fifo(path: Path) -> None:
    os.mkfifo(path)


def link(path: Path) -> None:
    path.symlink_to("/etc/shadow")


def dangling(path: Path) -> None:
    path.symlink_to("/nowhere/at/all")


def unix_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        before = os.getcwd()
        os.chdir(path.parent)  # such a path may have 107 bytes
        try:
            made.bind(path.name)
        finally:
            os.chdir(before)


def device(path: Path) -> None:
    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))


def folder(path: Path) -> None:
    (path / "inner").mkdir(parents=True)
    (path / "inner" / "file").write_text("x")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (fifo, "a FIFO"),
        (link, "a symbolic link"),
        (dangling, "a symbolic link"),
        (unix_socket, "a socket"),
        (device, "a device"),
        (folder, "a folder"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
@pytest.mark.parametrize("name", ["x.patch.yaml", "x.zpatch"])
def test_only_regular_files_are_taken(site: Site, make: Callable[[Path], None], words: str, name: str) -> None:
    make(site.incoming / name)
    row, _, _ = refused(site, name)
    assert row.reason == f"it is {words}: only regular files are taken"
    site.drop("good.patch.yaml")
    site.row(Stage.COPIED, name="good.patch.yaml")
    assert Path("/etc/shadow").exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("services: [a\n", "while parsing a flow sequence"),
        ("id: x\nservicez: [a]\n", "servicez"),
        (b"\xff\xfe\x00", ""),
        ("&a [*a]\n", ""),
    ],
)
def test_a_manifest_that_is_wrong_is_refused_with_its_place(site: Site, content: str | bytes, reason: str) -> None:
    site.drop("x.patch.yaml", content)
    row, folder, told = refused(site, "x.patch.yaml")
    raw = content if isinstance(content, bytes) else content.encode()
    assert reason in row.reason
    assert row.reason.startswith("x.patch.yaml:")
    assert row.sha256 == hashlib.sha256(raw).hexdigest()
    assert folder.name.endswith(f"Z-{row.sha256[:12]}")
    assert told["dropped_by"] == "root"
    assert any("refused" in entry.text and "x.patch.yaml" in entry.text for entry in site.store.journal())


def test_a_file_over_the_limits_is_refused_without_being_read(tmp_path: Path) -> None:
    site = Site(tmp_path, max_bytes=1 << 20).start()
    try:
        for name, size in (("big.zpatch", (1 << 20) + 1), ("big.patch.yaml", (1 << 20) + 1)):
            with (site.folder / "aside").open("wb") as file:
                file.truncate(size)
            os.rename(site.folder / "aside", site.incoming / name)
            row, _, _ = refused(site, name)
            assert f"{size} bytes, and {1 << 20} is the limit" in row.reason
            assert row.sha256 == ""
    finally:
        site.close()


def test_a_bundle_that_is_no_zip_is_refused_at_once(site: Site) -> None:
    site.drop("x.zpatch", b"#!/bin/sh\n")
    assert "no zip" in refused(site, "x.zpatch")[0].reason


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\x03\x04" + b"\0" * 5000], ids=["empty", "two bytes", "no end"])
def test_what_is_cut_off_is_left_waiting_and_is_refused_when_it_stays_so(site: Site, content: bytes) -> None:
    site.drop("x.zpatch", content)
    for _ in range(4):
        site.looks(INCOMPLETE_SECONDS / 5)
    assert settled(site.rows, 0.6) == ()
    with (site.incoming / "x.zpatch").open("ab") as file:
        file.write(b"PK\x03\x04"[len(content) :] or b"more")
    site.looks(0)
    eventually(lambda: site.box._incoming.looks["x.zpatch"].whole is False or (site.looks() is None and False))
    site.looks(INCOMPLETE_SECONDS / 2)
    assert settled(site.rows, 0.6) == ()
    site.looks(INCOMPLETE_SECONDS)
    assert "incomplete" in refused(site, "x.zpatch")[0].reason


def test_an_empty_manifest_is_waited_for(site: Site) -> None:
    path = site.drop("x.patch.yaml", b"")
    site.looks(60)
    assert settled(site.rows, 0.6) == ()
    path.write_text(manifest())
    site.row(Stage.COPIED)


@pytest.mark.parametrize(
    "name",
    [b"b\xff\xfe.patch.yaml", b"n\nl.patch.yaml", b"x" * 230 + b".patch.yaml", b"\xff" * 200 + b".zpatch"],
    ids=["no UTF-8", "line end", "long", "long and no UTF-8"],
)
def test_a_name_that_cannot_be_shown_or_extended_is_refused(site: Site, name: bytes) -> None:
    aside = site.folder / "aside"
    aside.write_text(manifest())
    os.rename(os.fsencode(aside), os.path.join(os.fsencode(site.incoming), name))
    row = site.row(Stage.QUARANTINED)
    assert "its name is to be printable text of at most 200 bytes" in row.reason
    assert row.name.isprintable()
    entered, _ = quarantined(site, row)
    assert os.path.exists(os.path.join(os.fsencode(entered), name))
    assert not os.listdir(site.incoming)
    assert len(site.rows()) == 1


# signatures


@pytest.fixture(scope="module")
def key() -> SecretKey:
    secret, _public = secretkey.generate(None)
    return secretkey.parse(secret).open()


def installed(site: Site, key: SecretKey) -> None:
    site.settings.keys_dir.mkdir()
    (site.settings.keys_dir / "a.pub").write_bytes(minisign.public_text(key.public))


def signature(key: SecretKey, content: str) -> bytes:
    return minisign.sign(key, content.encode(), "timestamp:1")


@pytest.mark.parametrize("first", ["manifest", "signature"])
def test_a_signed_manifest_is_taken_with_its_signature_whichever_comes_first(
    site: Site, key: SecretKey, first: str
) -> None:
    installed(site, key)
    pair = [("x.patch.yaml", manifest().encode()), ("x.patch.yaml.minisig", signature(key, manifest()))]
    for name, content in pair if first == "manifest" else reversed(pair):
        site.drop(name, content)
        site.looks(0)
    row = site.row(Stage.COPIED)
    assert row.signer == key.id
    site.end(row, Stage.APPLIED)
    site.filed(row.number)
    assert sorted(os.listdir(site.at("applied"))) == [
        "x.patch.yaml",
        "x.patch.yaml.minisig",
        "x.patch.yaml.result.json",
    ]
    assert not os.listdir(site.incoming)


def test_a_manifest_without_its_signature_is_waited_for_and_then_refused(site: Site, key: SecretKey) -> None:
    installed(site, key)
    site.drop("x.patch.yaml")
    site.looks(0)
    assert settled(site.rows, 1.0) == ()
    site.looks(60)
    assert "it is not signed" in refused(site, "x.patch.yaml")[0].reason


def test_a_signature_of_something_else_is_refused_and_put_away_with_its_manifest(site: Site, key: SecretKey) -> None:
    installed(site, key)
    site.drop("x.patch.yaml.minisig", signature(key, manifest("other")))
    site.drop("x.patch.yaml")
    row, entered, _ = refused(site, "x.patch.yaml")
    assert "signature" in row.reason
    assert (entered / "x.patch.yaml.minisig").exists()


# bounds


def test_quarantine_keeps_the_newest(tmp_path: Path) -> None:
    site = Site(tmp_path, quarantine_count=3).start()
    try:
        for number in range(8):
            site.drop(f"{number}.patch.yaml", f"wrong: {number}\n")
            refused(site, f"{number}.patch.yaml")
            site.clock.ahead += 2
        eventually(lambda: len(os.listdir(site.at("quarantine"))) == 3)
        kept = {path.name for path in site.at("quarantine").rglob("*.patch.yaml")}
        assert kept == {f"{number}.patch.yaml" for number in (5, 6, 7)}
    finally:
        site.close()


def test_of_a_file_that_is_larger_than_quarantine_may_be_the_reason_stays_and_no_other_has_to_go(
    tmp_path: Path,
) -> None:
    site = Site(tmp_path, quarantine_bytes=10_000).start()
    try:
        site.drop("small.patch.yaml", "wrong: 1\n")
        _, small, _ = refused(site, "small.patch.yaml")
        site.clock.ahead += 2
        site.drop("x.zpatch", b"no zip" * 10_000)
        row = site.row(Stage.QUARANTINED, name="x.zpatch")
        entered = Path(site.filed(row.number).filed).parent
        eventually(lambda: os.listdir(entered) == ["reason.json"])
        assert json.loads((entered / "reason.json").read_text())["file"] == "x.zpatch"
        assert sorted(os.listdir(small)) == ["reason.json", "small.patch.yaml"]
    finally:
        site.close()


def test_of_too_many_bytes_the_oldest_files_go_and_their_reasons_stay(tmp_path: Path) -> None:
    site = Site(tmp_path, quarantine_bytes=30_000).start()
    try:
        for number in range(4):
            site.drop(f"{number}.zpatch", b"no zip" * 2_000)
            site.filed(site.row(Stage.QUARANTINED, name=f"{number}.zpatch").number)
            site.clock.ahead += 2
        eventually(
            lambda: [p.name for p in sorted(site.at("quarantine").rglob("*.zpatch"))] == ["2.zpatch", "3.zpatch"]
        )
        assert len(list(site.at("quarantine").rglob("reason.json"))) == 4
    finally:
        site.close()


def test_where_reasons_alone_are_too_much_the_newest_is_left(tmp_path: Path) -> None:
    site = Site(tmp_path, quarantine_bytes=10).start()
    try:
        for number in range(3):
            site.drop(f"{number}.patch.yaml", f"wrong: {number}\n")
            row = site.filed(site.row(Stage.QUARANTINED, name=f"{number}.patch.yaml").number)
            site.clock.ahead += 2
        newest = Path(row.filed).parent
        eventually(lambda: list(site.at("quarantine").rglob("*.json")) == [newest / "reason.json"])
    finally:
        site.close()
