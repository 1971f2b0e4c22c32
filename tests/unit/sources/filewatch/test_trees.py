"""What a path holds: names and contents, never times; and what cannot be told is not told."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from zpmd.model.watch import WatchRule
from zpmd.sources.filewatch import trees
from zpmd.sources.filewatch.trees import Moving, Rule, Untold


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "rules"
    (root / "sub").mkdir(parents=True)
    (root / "a.conf").write_text("a")
    (root / "sub" / "b.conf").write_text("b")
    return root


def digest(path: Path, ignore: tuple[str, ...] = (), include: tuple[str, ...] = ()) -> str:
    listing = Rule(WatchRule(str(path), ignore, include)).listing()
    return trees.digest({name: trees.content(entry) for name, entry in listing.items()})


def touch(root: Path) -> None:
    os.utime(root / "a.conf", (1, 1))


def chmod(root: Path) -> None:
    (root / "a.conf").chmod(0o600)


def write_the_same(root: Path) -> None:
    (root / "new").write_text("a")
    os.replace(root / "new", root / "a.conf")


def add_a_pipe(root: Path) -> None:
    os.mkfifo(root / "pipe")


def add_a_socket(root: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(root / "socket"))


def add_a_folder(root: Path) -> None:
    (root / "empty").mkdir()


def write_what_editors_write(root: Path) -> None:
    (root / ".a.conf.swp").write_text("x")
    (root / "sub" / "b.conf~").write_text("x")


@pytest.mark.parametrize(
    "change",
    [touch, chmod, write_the_same, add_a_pipe, add_a_socket, add_a_folder, write_what_editors_write],
)
def test_this_changes_nothing(folder: Path, change: Callable[[Path], None]) -> None:
    before = digest(folder)
    change(folder)
    assert digest(folder) == before


def edit(root: Path) -> None:
    (root / "sub" / "b.conf").write_text("c")


def add(root: Path) -> None:
    (root / "sub" / "c.conf").write_text("")


def remove(root: Path) -> None:
    (root / "sub" / "b.conf").unlink()


def rename(root: Path) -> None:
    (root / "a.conf").rename(root / "z.conf")


def swap(root: Path) -> None:
    (root / "a.conf").write_text("b")
    (root / "sub" / "b.conf").write_text("a")


def link(root: Path) -> None:
    (root / "d").symlink_to("sub")


@pytest.mark.parametrize("change", [edit, add, remove, rename, swap, link])
def test_this_is_a_change(folder: Path, change: Callable[[Path], None]) -> None:
    before = digest(folder)
    change(folder)
    assert digest(folder) != before


def test_what_is_ignored_does_not_count_and_what_is_not_included_neither(folder: Path) -> None:
    before = digest(folder, ("sub",)), digest(folder, (), ("*.conf",))
    edit(folder)
    (folder / "c.txt").write_text("x")
    assert digest(folder, ("sub", "*.txt")) == before[0]
    assert digest(folder, (), ("*.conf",)) == before[1]


def test_a_file_is_a_path_as_well(folder: Path) -> None:
    before = digest(folder / "a.conf")
    edit(folder)
    assert digest(folder / "a.conf") == before
    (folder / "a.conf").write_text("other")
    assert digest(folder / "a.conf") != before


def test_a_file_counts_by_its_content_through_links_and_a_ring_of_links_ends(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "target").write_text("1")
    (folder / "linked").symlink_to(tmp_path / "target")
    (folder / "sub" / "ring").symlink_to(folder)
    (folder / "self").symlink_to("self")
    (folder / "nowhere").symlink_to("/nowhere")
    before = digest(folder)
    (tmp_path / "target").write_text("2")
    assert digest(folder) != before


def test_the_path_itself_may_be_a_link_that_is_turned(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.conf").write_text("1")
    current = tmp_path / "current"
    current.symlink_to(folder)
    before = digest(current)
    current.unlink()
    current.symlink_to(other)
    assert digest(current) != before


@pytest.mark.parametrize(
    ("name", "reason"),
    [("nowhere", "No such file"), ("pipe", "neither a file nor a folder"), ("a/b", "Not a directory")],
)
def test_what_is_not_there_to_be_read_is_not_told(tmp_path: Path, name: str, reason: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a").write_text("")
    with pytest.raises(Untold, match=reason):
        Rule(WatchRule(str(tmp_path / name))).listing()


def test_more_than_the_bounds_is_not_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for bound, value in (("MAX_FILES", 1), ("MAX_BYTES", 1), ("MAX_ENTRIES", 2)):
        with monkeypatch.context() as patched:
            patched.setattr(trees, bound, value)
            with pytest.raises(Untold, match="it holds more than"):
                Rule(WatchRule(str(folder))).listing()


def test_a_file_beyond_the_bounds_is_not_told(folder: Path) -> None:
    with (folder / "sparse").open("wb") as stream:
        stream.truncate(trees.MAX_BYTES + 1)
    with pytest.raises(Untold, match="it is larger than"):
        Rule(WatchRule(str(folder / "sparse"))).listing()


def test_a_folder_that_is_ignored_is_not_walked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(50):
        (folder / "sub" / str(number)).write_text("")
    monkeypatch.setattr(trees, "MAX_ENTRIES", 10)
    assert list(Rule(WatchRule(str(folder), ("sub",))).listing()) == ["a.conf"]


def test_a_file_that_is_another_one_by_the_time_it_is_read_is_no_content(folder: Path) -> None:
    entry = Rule(WatchRule(str(folder))).listing()["a.conf"]
    (folder / "new").write_text("new")
    os.replace(folder / "new", folder / "a.conf")
    with pytest.raises(Moving):
        trees.content(entry)
    (folder / "a.conf").unlink()
    with pytest.raises(Moving):
        trees.content(entry)
    os.mkfifo(folder / "a.conf")
    with pytest.raises(Moving):
        trees.content(entry)
