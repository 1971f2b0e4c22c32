"""What zpmd makes in a folder belongs to the folder's group, as far as a user that is not root can see to that."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import unprivileged
from zpmd.patching.copying import write_whole
from zpmd.patching.folders import INCOMING, MODES, Folders

ELSE = 1


@pytest.fixture
def folder() -> Iterator[Path]:
    with unprivileged.own_folder() as folder:
        yield folder


def written(folder: Path) -> os.stat_result:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with unprivileged.become():
            write_whole("result.json", descriptor, b"{}", 0o640, os.fstat(descriptor).st_gid)
    finally:
        os.close(descriptor)
    return (folder / "result.json").stat()


def test_a_group_that_its_user_is_in(folder: Path) -> None:
    os.chown(folder, unprivileged.UID, unprivileged.SOCKET_GROUP)
    assert written(folder).st_gid == unprivileged.SOCKET_GROUP


def test_another_group_by_the_setgid_bit_alone_and_never_a_failure(folder: Path) -> None:
    os.chown(folder, unprivileged.UID, ELSE)
    assert written(folder).st_gid == unprivileged.GID
    (folder / "result.json").unlink()
    folder.chmod(0o2755)
    assert written(folder).st_gid == ELSE


def test_its_own_folders_are_made_with_their_modes(folder: Path) -> None:
    folders = Folders(folder / "spool", "a-group-that-does-not-exist")
    with unprivileged.become():
        assert folders.ensure() == ""
        assert folders.ensure() == ""
    made = {name: (folder / "spool" / name).stat().st_mode & 0o777 for name in MODES}
    assert made == dict(MODES)


def test_a_folder_that_its_user_may_not_write_is_told(folder: Path) -> None:
    folders = Folders(folder / "spool", "a-group-that-does-not-exist")
    folders.ensure()
    os.chown(folder / "spool", unprivileged.UID, unprivileged.GID)
    for name in MODES:
        os.chown(folder / "spool" / name, unprivileged.UID, unprivileged.GID)
    os.chown(folder / "spool" / INCOMING, 0, 0)
    with unprivileged.become():
        assert "incoming cannot be read: Permission denied" in folders.ensure()
