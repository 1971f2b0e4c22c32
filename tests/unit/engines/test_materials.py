"""Configs and secrets lie on the host with the mode and owner that the container is to see."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.lab import unprivileged
from zpmd.engines.dockerd import materials
from zpmd.engines.dockerd.faults import Told
from zpmd.engines.dockerd.materials import Copy
from zpmd.model.container import Container, FileKind, FileMount
from zpmd.model.events import Result


def never(copies: Mapping[Copy, bytes]) -> None:
    """Root needs no engine for it."""
    raise AssertionError(copies)


FILE = FileMount(kind=FileKind.CONFIG, name="app.conf", digest="ab" * 32, target="/etc/app.conf")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / FILE.digest).write_bytes(b"key = value\n")
    (tmp_path / FILE.digest).chmod(0o600)
    return tmp_path


def test_a_copy_has_the_mode_that_is_asked_for_whatever_the_content_has(folder: Path) -> None:
    strict = dataclasses.replace(FILE, mode=0o400, uid=str(os.getuid()), gid=str(os.getgid()))
    paths = materials.materialise(folder, (FILE, strict), never)
    assert [(Path(p).stat().st_mode & 0o777, Path(p).read_bytes()) for p in (paths[FILE], paths[strict])] == [
        (0o444, b"key = value\n"),
        (0o400, b"key = value\n"),
    ]
    assert Path(paths[strict]).stat().st_uid == os.getuid()


def test_asking_again_gives_the_same_file_untouched(folder: Path) -> None:
    first = Path(materials.materialise(folder, (FILE,), never)[FILE])
    inode = first.stat().st_ino
    assert Path(materials.materialise(folder, (FILE,), never)[FILE]).stat().st_ino == inode
    assert not list(folder.glob(".copy-*"))


def test_a_content_that_is_gone_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(Told, match=r"the content of config app\.conf is not in .*: reload the service files") as told:
        materials.materialise(tmp_path, (FILE,), never)
    assert told.value.result is Result.PERMANENT


def test_an_owner_that_is_no_number_is_refused(folder: Path) -> None:
    with pytest.raises(Told, match=r"cannot (read|prepare) config app\.conf"):
        materials.materialise(folder, (dataclasses.replace(FILE, uid="nobody"),), never)
    assert not list(folder.glob(".copy-*"))


def test_seccomp_profiles_are_read(tmp_path: Path) -> None:
    profile = tmp_path / "p.json"
    profile.write_text('{"defaultAction": "SCMP_ACT_ALLOW"}')
    options = (f"seccomp={profile}", "seccomp=unconfined", 'seccomp={"a":1}', "label:disable")
    files = materials.seccomp_files(Container(image="x", security_opt=options))
    assert materials.read_profiles(files) == {str(profile): '{"defaultAction": "SCMP_ACT_ALLOW"}'}
    with pytest.raises(Told, match="cannot read seccomp profile"):
        materials.read_profiles((str(tmp_path / "absent"),))


@pytest.mark.parametrize(
    ("mode", "uid", "gid", "owner"),
    [
        (0o444, "", "", (None, None)),
        (0o555, "", "", (None, None)),
        (0o440, "", "", (0, 0)),
        (0o400, "1000", "", (1000, 0)),
        (0o444, "1000", "", (1000, None)),
        (0o440, "", "999", (0, 999)),
        (0o444, "0", "0", (0, 0)),
    ],
)
def test_where_nobody_is_asked_for_it_is_roots_unless_that_makes_no_difference(
    mode: int, uid: str, gid: str, owner: tuple[int | None, int | None]
) -> None:
    copy = Copy.of(dataclasses.replace(FILE, mode=mode, uid=uid, gid=gid))
    assert copy.owner == owner
    assert Copy.named(copy.name) == copy


@pytest.mark.parametrize(
    "name", [FILE.digest, f"{FILE.digest}.444.x.same", ".copy-abc", f"{FILE.digest}.444.same.1.new"]
)
def test_other_names_are_those_of_no_copy(name: str) -> None:
    assert Copy.named(name) is None


def test_a_copy_of_another_owner_is_made_anew(folder: Path) -> None:
    mine = dataclasses.replace(FILE, mode=0o400)
    path = Path(materials.materialise(folder, (mine, FILE), never)[mine])
    os.chown(path, 1234, 1234)
    assert list(materials.wrong(folder)) == [Copy.of(mine)]
    materials.materialise(folder, (mine,), never)
    assert (path.stat().st_uid, path.stat().st_gid, materials.wrong(folder)) == (0, 0, {})


def test_a_copy_that_lost_its_content_in_a_power_failure_is_made_anew(folder: Path) -> None:
    path = Path(materials.materialise(folder, (FILE,), never)[FILE])
    path.write_bytes(b"")
    materials.materialise(folder, (FILE,), never)
    assert path.read_bytes() == b"key = value\n"


def test_copies_that_zpmd_may_not_make_are_asked_of_the_engine_together() -> None:
    own = dataclasses.replace(FILE, mode=0o400, uid=str(unprivileged.UID), gid=str(unprivileged.GID))
    theirs = [dataclasses.replace(FILE, mode=0o400, uid=uid) for uid in ("999", "1000")]
    asked: list[Mapping[Copy, bytes]] = []
    with unprivileged.own_folder() as folder, unprivileged.become():
        (folder / FILE.digest).write_bytes(b"key = value\n")
        materials.materialise(folder, (FILE, own, *theirs), asked.append)
        made = {path.name for path in folder.iterdir()}
    assert asked == [{Copy.of(file): b"key = value\n" for file in theirs}]
    assert made == {FILE.digest, Copy.of(FILE).name, Copy.of(own).name}
