"""zpmctl patch build, sign, verify and keygen: what they print, what they exit with, and that no daemon is needed."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich import filesize

from tests.lab.minisign import Minisign
from tests.unit.interfaces.conftest import Ctl
from tests.unit.patching.given import saved
from zpmd.patching import minisign, secretkey
from zpmd.patching.bundle import Bundle

MANIFEST = """\
id: hotfix-1042
description: Fixes the login loop
services: {zona_user: {image: "zona/user:v2.3.1"}, zona_siem: {}}
tag: v2.3.1
groups: [system]
requires: [hotfix-1041]
min_version: "0.1"
expires: 2027-01-01
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a manifest and an archive."""
    made = tmp_path / "work"
    made.mkdir()
    (made / "hotfix.patch.yaml").write_text(MANIFEST)
    (made / "user.tar").write_bytes(saved("zona/user:v2.3.1"))
    return made


@pytest.fixture
def vendor(folder: Path, ctl: Ctl) -> Path:
    """A secret key without a password; its public one lies in the folder `keys` beside it."""
    (folder / "keys").mkdir()
    assert ctl("patch", "keygen", "--out", f"{folder}/vendor", "--no-password").code == 0
    (folder / "vendor.pub").rename(folder / "keys" / "vendor.pub")
    return folder / "vendor.key"


def key_id(folder: Path) -> str:
    return minisign.parse_public_key((folder / "keys" / "vendor.pub").read_bytes()).id


def test_a_bundle_is_built_signed_and_verified(folder: Path, vendor: Path, ctl: Ctl) -> None:
    out, manifest, archive = (f"{folder}/{name}" for name in ("hotfix.zpatch", "hotfix.patch.yaml", "user.tar"))
    said = ctl("patch", "build", manifest, "--archive", archive, "--key", str(vendor), "-o", out)
    assert (said.code, said.err) == (0, "")
    told = (
        "hotfix-1042  Fixes the login loop\n"
        f"  file       {out}\n"
        f"  signed by  {key_id(folder)}COMMENT\n"
        "  service    zona_user  zona/user:v2.3.1\n"
        "  service    zona_siem  tag v2.3.1\n"
        "  group      system\n"
        "  requires   hotfix-1041\n"
        "  requires   zpmd 0.1\n"
        "  expires    2027-01-02T00:00:00Z\n"
        f"  archive    images/user.tar  {filesize.decimal((folder / 'user.tar').stat().st_size)}  zona/user:v2.3.1\n"
    )
    assert said.out == told.replace("COMMENT", "")
    with Bundle(Path(out)) as bundle:
        assert bundle.signature is not None
        comment = minisign.parse_signature(bundle.signature).trusted.decode().replace("\t", " ")
    assert comment.endswith(" file:patch.yaml hashed zpmd patch hotfix-1042")
    said = ctl("patch", "verify", out, "--keys", f"{folder}/keys")
    assert (said.code, said.out) == (0, told.replace("COMMENT", f"  {comment}"))
    assert sorted(os.listdir(folder)) == ["hotfix.patch.yaml", "hotfix.zpatch", "keys", "user.tar", "vendor.key"]


def test_verify_as_json_tells_services_and_archives(folder: Path, vendor: Path, ctl: Ctl) -> None:
    out, archive = f"{folder}/hotfix.zpatch", folder / "user.tar"
    ctl("patch", "build", f"{folder}/hotfix.patch.yaml", "--archive", str(archive), "--key", str(vendor), "-o", out)
    said = json.loads(ctl("patch", "verify", out, "--keys", f"{folder}/keys", "--json").out)
    assert (said["id"], said["signer"], said["key"]) == ("hotfix-1042", key_id(folder), key_id(folder))
    assert said["services"] == [
        {"service": "zona_user", "image": "zona/user:v2.3.1", "tag": None},
        {"service": "zona_siem", "image": None, "tag": "v2.3.1"},
    ]
    (entry,) = said["images"]
    assert (entry["file"], entry["size"]) == ("images/user.tar", archive.stat().st_size)
    assert list(entry["references"]) == ["zona/user:v2.3.1"]


def test_minisign_takes_the_signature_of_a_plain_manifest(folder: Path, ctl: Ctl, tmp_path: Path) -> None:
    program = Minisign(tmp_path)
    secret, public = program.key("vendor")
    manifest = folder / "hotfix.patch.yaml"
    assert ctl("patch", "sign", str(manifest), "--key", str(secret)).code == 0
    signature = (folder / "hotfix.patch.yaml.minisig").read_bytes()
    shown = program.trusted_comment(public, manifest.read_bytes(), signature)
    assert shown.endswith("\tfile:hotfix.patch.yaml\thashed\tzpmd patch hotfix-1042")


def test_what_minisign_signed_beside_a_manifest_is_verified(folder: Path, ctl: Ctl, tmp_path: Path) -> None:
    program = Minisign(tmp_path)
    secret, public = program.key("vendor")
    signature = program.sign(secret, MANIFEST.encode())
    (folder / "hotfix.patch.yaml.minisig").write_bytes(signature)
    assert ctl("patch", "verify", f"{folder}/hotfix.patch.yaml", "--keys", str(public.parent)).code == 0


def test_a_new_signature_takes_the_place_of_the_old_one(folder: Path, vendor: Path, ctl: Ctl) -> None:
    out = f"{folder}/hotfix.zpatch"
    built = ctl("patch", "build", f"{folder}/hotfix.patch.yaml", "--archive", f"{folder}/user.tar", "-o", out)
    assert "  signed by  nobody\n" in built.out
    refused = ctl("patch", "verify", out, "--keys", f"{folder}/keys")
    assert refused.code == 5
    assert refused.err.startswith("zpmctl: it is not signed, and this site takes signed patches only; keys in ")
    ctl("patch", "keygen", "--out", f"{folder}/other", "--no-password")
    assert ctl("patch", "sign", out, "--key", f"{folder}/other.key").code == 0
    assert "which is not installed" in ctl("patch", "verify", out, "--keys", f"{folder}/keys").err
    assert ctl("patch", "sign", out, "--key", str(vendor)).code == 0
    assert ctl("patch", "verify", out, "--keys", f"{folder}/keys").code == 0


def test_a_bundle_that_was_touched_is_refused(folder: Path, vendor: Path, ctl: Ctl) -> None:
    out = folder / "hotfix.zpatch"
    ctl(
        *("patch", "build", f"{folder}/hotfix.patch.yaml", "--archive", f"{folder}/user.tar"),
        *("--key", str(vendor), "-o", str(out)),
    )
    good = out.read_bytes()
    for place in (0, 40, len(good) // 2, len(good) - 5):
        out.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        said = ctl("patch", "verify", str(out), "--keys", f"{folder}/keys")
        assert (said.code, said.out, len(said.err.splitlines())) == (5, "", 1), place
    out.write_bytes(good[:-4096])
    assert ctl("patch", "sign", str(out), "--key", str(vendor)).code == 5
    assert out.read_bytes() == good[:-4096]


def test_a_manifest_that_is_wrong_is_refused_with_its_place(folder: Path, ctl: Ctl) -> None:
    (folder / "hotfix.patch.yaml").write_text("id: x\nservice: [zona_user]\n")
    for arguments in (["verify"], ["build", "-o", f"{folder}/x.zpatch"]):
        said = ctl("patch", *arguments, f"{folder}/hotfix.patch.yaml")
        assert said.code == 5
        assert "; hotfix.patch.yaml:2:1: service: unknown key 'service', did you mean" in said.err
    assert not (folder / "x.zpatch").exists()
    told = json.loads(ctl("patch", "verify", f"{folder}/hotfix.patch.yaml", "--json").err)
    assert (told["exit"], told["code"]) == (5, "refused")


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (["verify", "gone.zpatch"], 4, "gone.zpatch: no such file"),
        (["verify", "hotfix.yaml"], 2, "its name has to end in .patch.yaml, .patch.yml, .patch.json, .zpatch"),
        (["verify", "large.patch.yaml"], 5, "large.patch.yaml has more than 1048576 bytes"),
        (["verify", "folder.zpatch"], 1, "folder.zpatch: Is a directory"),
        (["build", "hotfix.patch.yaml", "-o", "x.zip"], 2, "has to end in .zpatch"),
        (["build", "hotfix.patch.yaml", "-o", "gone/x.zpatch"], 4, "gone: no such folder"),
        (["build", "hotfix.patch.yaml", "-o", "x.zpatch", "--archive", "gone.tar"], 4, "gone.tar: no such file"),
        (["build", "hotfix.patch.yaml", "-o", "x.zpatch", "--image", "-v"], 2, "is no image with a tag"),
        (
            ["build", "hotfix.patch.yaml", "-o", "x.zpatch", "--archive", "user.tar", "--archive", "./user.tar"],
            *(2, "two archives are called 'user.tar'"),
        ),
        (
            ["sign", "hotfix.patch.yaml", "--key", "hotfix.patch.yaml"],
            5,
            "cannot read the secret key: it is not 2 lines",
        ),
        (["sign", "hotfix.patch.yaml", "--key", "open.pub"], 5, "it is a public key, which signs nothing"),
        (["verify", "hotfix.patch.yaml", "--keys", "gone"], 4, "gone: no such folder"),
        (["sign", "hotfix.patch.yaml", "--key", "locked.key"], 5, "nobody is there to type the key's password"),
        (
            ["sign", "hotfix.patch.yaml", "--key", "locked.key", "--password-file", "wrong"],
            *(5, "the password is not that of the secret key"),
        ),
        (["keygen", "--out", "locked"], 5, "locked.key is there already: a key is never written over"),
        (["keygen", "--no-password", "--password-file", "wrong"], 2, "exclude each other"),
    ],
)
def test_every_wrong_way_ends_in_one_line(
    folder: Path, ctl: Ctl, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, why: str
) -> None:
    monkeypatch.chdir(folder)
    (folder / "locked.key").write_bytes(secretkey.generate("secret", 32_768, 16 << 20)[0])
    (folder / "open.pub").write_bytes(secretkey.generate(None)[1])
    (folder / "wrong").write_text("password\n")
    (folder / "folder.zpatch").mkdir()
    (folder / "large.patch.yaml").write_bytes(b"#" * (1 << 20) + b"\n")
    before = sorted(os.listdir(folder))
    said = ctl("patch", *arguments)
    assert (said.code, said.out, len(said.err.splitlines())) == (code, "", 1)
    assert why in said.err
    assert sorted(os.listdir(folder)) == before


def test_a_key_is_for_its_owner_alone_and_never_written_over(folder: Path, ctl: Ctl) -> None:
    said = ctl("patch", "keygen", "--out", f"{folder}/vendor", "--no-password", "--json")
    told = json.loads(said.out)
    assert told["key"] == minisign.parse_public_key(Path(told["public"]).read_bytes()).id
    assert stat.S_IMODE(Path(told["secret"]).stat().st_mode) == 0o600
    Path(told["secret"]).unlink()
    assert ctl("patch", "keygen", "--out", f"{folder}/vendor", "--no-password").code == 5
    assert not Path(told["secret"]).exists()


def test_a_password_is_typed_twice_and_opens_the_key(folder: Path, ctl: Ctl) -> None:
    command = ("patch", "keygen", "--out", f"{folder}/vendor")
    assert "the two passwords are not the same" in typed(command, ["one", "two"])
    said = typed(command, ["pass word", "pass word"])
    assert "vendor.key signs, keep it secret" in said
    assert "pass word" not in said
    (folder / "password").write_text("pass word\n")
    signed = ("patch", "sign", f"{folder}/hotfix.patch.yaml", "--key", f"{folder}/vendor.key")
    assert ctl(*signed, "--password-file", f"{folder}/password").code == 0
    assert ctl("patch", "verify", f"{folder}/hotfix.patch.yaml", "--keys", str(folder)).code == 0


def typed(arguments: tuple[str, ...], answers: list[str]) -> str:
    """What a terminal shows of zpmctl when these lines are typed, each after a question."""
    pid, terminal = pty.fork()
    if pid == 0:
        wide = {**os.environ, "COLUMNS": "500"}  # no path of a test is folded in its middle
        os.execve(sys.executable, [sys.executable, "-m", "zpmd.interfaces.ctl", *arguments], wide)
    shown, left = b"", list(answers)
    with open(terminal, "r+b", buffering=0) as screen:
        while piece := _read(screen.read):
            shown += piece
            if left and shown.count(b": ") > len(answers) - len(left):
                screen.write(left.pop(0).encode() + b"\n")
    os.waitpid(pid, 0)
    return shown.decode()


def _read(read: Callable[[int], bytes | None]) -> bytes:
    """b"" where the other end has gone: Linux answers with an error then."""
    try:
        return read(4096) or b""
    except OSError:
        return b""


def test_images_are_saved_by_the_docker_program(folder: Path, ctl: Ctl, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >{folder}/asked\ncp {folder}/user.tar "$3"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    out = f"{folder}/hotfix.zpatch"
    said = ctl("patch", "build", f"{folder}/hotfix.patch.yaml", "--image", "zona/user:v2.3.1", "-o", out)
    assert "images/images.tar" in said.out
    assert (folder / "asked").read_text().endswith("/images.tar zona/user:v2.3.1\n")
    program.write_text("#!/bin/sh\necho first >&2; echo 'no such image: zona/user:v2.3.1' >&2; exit 1\n")
    said = ctl("patch", "build", f"{folder}/hotfix.patch.yaml", "--image", "zona/user:v2.3.1", "-o", out)
    assert (said.code, said.err) == (
        *(1, "zpmctl: cannot save zona/user:v2.3.1: docker says: no such image: zona/user:v2.3.1\n"),
    )
    program.unlink()
    monkeypatch.setenv("PATH", str(program.parent))
    said = ctl("patch", "build", f"{folder}/hotfix.patch.yaml", "--image", "zona/user:v2.3.1", "-o", out)
    assert said.code == 1
    assert (
        "there is no docker program here; where there is one, `docker save -o images.tar zona/user:v2.3.1`" in said.err
    )
    assert not [name for name in os.listdir(folder) if name.startswith(".")]


def test_progress_is_for_terminals_alone(folder: Path) -> None:
    command = ("patch", "build", f"{folder}/hotfix.patch.yaml", "--archive", f"{folder}/user.tar")
    done = subprocess.run(
        [sys.executable, "-m", "zpmd.interfaces.ctl", *command, "-o", f"{folder}/a.zpatch"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    assert "building b.zpatch" in typed((*command, "-o", f"{folder}/b.zpatch"), [])
    assert (folder / "a.zpatch").read_bytes() == (folder / "b.zpatch").read_bytes()
