"""What zpmd's user may not read is told with the user, the place, and what to type; and seen again once he may."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import unprivileged
from zpmd.model.watch import WatchRule
from zpmd.permission import daemons_user, explained, eyes_of, group_name, user_name
from zpmd.sources.disk import file_state, read_regular, service_files
from zpmd.sources.filewatch.trees import Rule, Untold

WHO = unprivileged.UID


@pytest.fixture
def folder() -> Iterator[Path]:
    """Of another user's, with a file in a folder in it, that all may read."""
    with unprivileged.own_folder() as folder:
        os.chown(folder, 0, 0)
        (folder / "sub").mkdir()
        (folder / "sub" / "a.yaml").write_text("a")
        yield folder


def refused(path: Path) -> str:
    with unprivileged.become(), pytest.raises(PermissionError) as refusal:
        read_regular(str(path))
    return str(refusal.value.strerror)


def test_a_file(folder: Path) -> None:
    path = folder / "sub" / "a.yaml"
    path.chmod(0o640)
    assert refused(path) == f"the user {WHO} may not read it: `chgrp {WHO} {path}; chmod g+r {path}`"


def test_the_folder_on_the_way_to_it(folder: Path) -> None:
    closed = folder / "sub"
    closed.chmod(0o700)
    told = f"the user {WHO} may not pass {closed}: `chgrp {WHO} {closed}; chmod g+x {closed}`"
    assert refused(closed / "a.yaml") == told


def test_the_file_that_a_link_leads_to(folder: Path) -> None:
    closed, link = folder / "sub", folder / "link.yaml"
    closed.chmod(0o700)
    link.symlink_to(closed / "a.yaml")
    assert f"may not pass {closed}:" in refused(link)


def test_a_folder_that_is_listed(folder: Path) -> None:
    closed = folder / "sub"
    closed.chmod(0o711)
    with unprivileged.become(), pytest.raises(PermissionError) as refusal:
        service_files(closed)
    assert refusal.value.strerror == f"the user {WHO} may not read it: `chgrp {WHO} {closed}; chmod g+rx {closed}`"


@pytest.mark.parametrize(("mode", "what"), [(0o711, "may not read it"), (0o744, "may not pass")])
def test_a_watched_tree_with_such_a_folder_is_unknown_and_not_empty(folder: Path, mode: int, what: str) -> None:
    (folder / "sub").chmod(mode)
    with unprivileged.become(), pytest.raises(Untold, match=f"the user {WHO} {what}"):
        Rule(WatchRule(path=str(folder))).listing()


def test_its_state_is_another_one_once_it_may_be_read(folder: Path) -> None:
    """Or nobody would look at it again: neither its content nor its time has changed."""
    path = folder / "sub" / "a.yaml"
    path.chmod(0o640)
    with unprivileged.become():
        before = file_state(path)
    os.chown(path, 0, unprivileged.GID)
    with unprivileged.become():
        assert file_state(path) != before


def test_another_error_is_told_as_it_is() -> None:
    assert explained(FileNotFoundError(2, "No such file or directory", "/x")) == "No such file or directory"
    assert explained(PermissionError(1, "Operation not permitted")) == "Operation not permitted"


def test_a_user_without_a_name_is_a_number() -> None:
    assert (user_name(0), user_name(WHO), group_name(0), group_name(WHO)) == ("root", str(WHO), "root", str(WHO))


def test_the_daemons_user_is_the_owner_of_its_state(folder: Path) -> None:
    assert daemons_user(folder) == "root"
    os.chown(folder, pwd.getpwnam("daemon").pw_uid, 0)
    assert daemons_user(folder) == "daemon"


def test_with_the_eyes_of_a_user_root_sees_no_more_than_he_and_has_its_own_back_then(folder: Path) -> None:
    path, groups = folder / "sub" / "a.yaml", os.getgroups()
    path.chmod(0o640)
    with pytest.raises(PermissionError, match="the user daemon may not read it: `chgrp daemon"), eyes_of("daemon"):
        read_regular(str(path))
    os.chown(path, 0, pwd.getpwnam("daemon").pw_gid)
    with eyes_of("daemon"):
        assert read_regular(str(path)) == b"a"
    assert (os.geteuid(), os.getegid(), os.getgroups()) == (0, 0, groups)
