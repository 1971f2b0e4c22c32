"""Configs and secrets lie on the host with the mode and owner that the container is to see."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from zpmd.engines.dockerd import materials
from zpmd.engines.dockerd.faults import Told
from zpmd.model.container import Container, FileKind, FileMount
from zpmd.model.events import Result

FILE = FileMount(kind=FileKind.CONFIG, name="app.conf", digest="ab" * 32, target="/etc/app.conf")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / FILE.digest).write_bytes(b"key = value\n")
    (tmp_path / FILE.digest).chmod(0o600)
    return tmp_path


def test_a_copy_has_the_mode_that_is_asked_for_whatever_the_content_has(folder: Path) -> None:
    strict = dataclasses.replace(FILE, mode=0o400, uid=str(os.getuid()), gid=str(os.getgid()))
    paths = materials.materialise(folder, (FILE, strict))
    assert [(Path(p).stat().st_mode & 0o777, Path(p).read_bytes()) for p in (paths[FILE], paths[strict])] == [
        (0o444, b"key = value\n"),
        (0o400, b"key = value\n"),
    ]
    assert Path(paths[strict]).stat().st_uid == os.getuid()


def test_asking_again_gives_the_same_file_untouched(folder: Path) -> None:
    first = Path(materials.materialise(folder, (FILE,))[FILE])
    inode = first.stat().st_ino
    assert Path(materials.materialise(folder, (FILE,))[FILE]).stat().st_ino == inode
    assert not list(folder.glob(".copy-*"))


def test_a_content_that_is_gone_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(Told, match=r"the content of config app\.conf is not in .*: reload the service files") as told:
        materials.materialise(tmp_path, (FILE,))
    assert told.value.result is Result.PERMANENT


def test_an_owner_that_is_no_number_is_refused(folder: Path) -> None:
    with pytest.raises(Told, match=r"cannot prepare config app\.conf"):
        materials.materialise(folder, (dataclasses.replace(FILE, uid="nobody"),))
    assert not list(folder.glob(".copy-*"))


def test_seccomp_profiles_are_read(tmp_path: Path) -> None:
    profile = tmp_path / "p.json"
    profile.write_text('{"defaultAction": "SCMP_ACT_ALLOW"}')
    options = (f"seccomp={profile}", "seccomp=unconfined", 'seccomp={"a":1}', "label:disable")
    files = materials.seccomp_files(Container(image="x", security_opt=options))
    assert materials.read_profiles(files) == {str(profile): '{"defaultAction": "SCMP_ACT_ALLOW"}'}
    with pytest.raises(Told, match="cannot read seccomp profile"):
        materials.read_profiles((str(tmp_path / "absent"),))
