"""The thread that looks: on real files, with real inotify; what it costs, and what it does not believe."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.lab.eventually import eventually
from zpmd.model.events import Reason
from zpmd.model.watch import WatchRule
from zpmd.sources.filewatch import looking as room
from zpmd.sources.filewatch import trees
from zpmd.sources.filewatch.looking import MAX_WATCHED, Looking, folders_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "rules"
    (root / "sub").mkdir(parents=True)
    (root / "a.conf").write_text("a")
    return root


class Woken:
    """Counts wake-ups."""

    def __init__(self) -> None:
        self.reasons: list[Reason] = []

    def __call__(self, reason: Reason) -> None:
        self.reasons.append(reason)


@contextmanager
def running(looking: Looking) -> Iterator[Woken]:
    """The thread, ended with the block."""
    wake, stop = Woken(), threading.Event()
    thread = threading.Thread(target=looking.watch, args=(wake, stop), daemon=True)
    thread.start()
    try:
        yield wake
    finally:
        stop.set()
        thread.join(10)
    assert not thread.is_alive()


def told(looking: Looking, rule: WatchRule) -> str:
    found = looking.content(rule)
    assert found is not None
    return found.digest


def test_a_change_is_noticed_by_an_event_and_nothing_else_wakes(folder: Path) -> None:
    looking, rule = Looking(), WatchRule(str(folder))
    looking.want("files", [rule])
    first = looking.look_at(rule).digest
    with running(looking) as woken:
        eventually(looking.watching)
        os.utime(folder / "a.conf", (1, 1))
        (folder / "sub" / "b.conf").write_text("b")
        eventually(lambda: told(looking, rule) != first)
        second = told(looking, rule)
        eventually(lambda: bool(woken.reasons))
        shutil.rmtree(folder / "sub")
        eventually(lambda: told(looking, rule) == first and told(looking, rule) != second)
        eventually(lambda: len(woken.reasons) == 2)
    assert set(woken.reasons) == {Reason.FILES}


def test_without_inotify_a_change_is_found_by_comparing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr("watchdog.observers.inotify.InotifyObserver.schedule", refused)
    monkeypatch.setattr(room, "POLLED_SECONDS", 0.1)
    looking, rule = Looking(), WatchRule(str(folder))
    looking.want("files", [rule])
    with running(looking) as woken:
        eventually(lambda: looking.content(rule))
        first = told(looking, rule)
        assert not looking.watching()
        (folder / "a.conf").write_text("b")
        eventually(lambda: told(looking, rule) != first)
        eventually(lambda: len(woken.reasons) >= 2)


def test_a_path_that_appears_is_noticed(tmp_path: Path) -> None:
    looking, rule = Looking(), WatchRule(str(tmp_path / "later"))
    looking.want("files", [rule])
    with running(looking):
        eventually(lambda: looking.content(rule))
        assert told(looking, rule) == ""
        (tmp_path / "later").write_text("now")
        eventually(lambda: told(looking, rule) != "")
        assert looking.content(rule).trouble == ""  # type: ignore[union-attr]


def test_an_instant_that_is_due_wakes_once(folder: Path) -> None:
    looking, rule = Looking(), WatchRule(str(folder))
    looking.want("files", [rule])
    looking.look_at(rule)
    looking.wake_at("files", time.monotonic() + 0.2)
    with running(looking) as woken:
        eventually(lambda: len(woken.reasons) == 1)
        looking.wake_at("rows", 0.0)
        eventually(lambda: len(woken.reasons) == 2)


def vanish(root: Path) -> None:
    shutil.rmtree(root)


def empty(root: Path) -> None:
    shutil.rmtree(root)
    root.mkdir()


def become_a_pipe(root: Path) -> None:
    shutil.rmtree(root)
    os.mkfifo(root)


@pytest.mark.parametrize(
    ("change", "trouble"),
    [(vanish, "No such file or directory"), (empty, "it is empty, and was not"), (become_a_pipe, "it is neither")],
)
def test_what_cannot_be_told_keeps_what_was_known_and_says_so(
    folder: Path, change: Callable[[Path], None], trouble: str
) -> None:
    looking, rule = Looking(), WatchRule(str(folder))
    looking.want("files", [rule])
    first = looking.look_at(rule).digest
    change(folder)
    assert looking.look()
    found = looking.content(rule)
    assert found is not None
    assert (found.digest, found.trouble[: len(trouble)]) == (first, trouble)
    assert not looking.look(), "it is no news a second time"
    if folder.is_fifo():
        folder.unlink()
    folder.mkdir(exist_ok=True)
    (folder / "a.conf").write_text("a")
    assert looking.look()
    found = looking.content(rule)
    assert found is not None
    assert (found.digest, found.trouble) == (first, "")


def test_what_changes_while_it_is_read_is_no_news(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    looking, rule = Looking(monotonic=lambda: now[0]), WatchRule(str(folder))
    looking.want("files", [rule])
    first = looking.look_at(rule)
    real, writes = trees.content, iter(range(1, 100))

    def while_somebody_writes(entry: trees.Entry) -> str:
        found = real(entry)
        (folder / "a.conf").write_text("x" * next(writes))
        return found

    with monkeypatch.context() as patched:
        patched.setattr(room, "content", while_somebody_writes)
        now[0] = 101.0
        looking.look()
        assert looking.content(rule) == trees_of(first.digest, 101.0, "")
        now[0] = 101.0 + room.MOVING_TOLD_SECONDS
        assert looking.look(), "that it never ends is to be told"
        assert looking.content(rule) == trees_of(first.digest, now[0], "it keeps changing while it is read")
    now[0] += 1
    looking.look()
    found = looking.content(rule)
    assert found is not None
    assert (found.digest != first.digest, found.changed_at, found.trouble) == (True, now[0], "")


def trees_of(digest: str, changed_at: float, trouble: str) -> room.Content:
    return room.Content(digest, changed_at, trouble)


def test_a_second_change_in_the_same_instant_is_seen(folder: Path) -> None:
    looking, rule = Looking(), WatchRule(str(folder))
    looking.want("files", [rule])
    path = folder / "a.conf"
    for number in range(50):
        path.write_text(str(number % 10))
        looking.look()
        one = told(looking, rule)
        path.write_text(str((number + 1) % 10))
        looking.look()
        assert told(looking, rule) != one


def test_files_that_have_not_changed_are_not_read_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looking, rule = Looking(wall=lambda: time.time() + 3600), WatchRule(str(folder))
    (folder / "b.conf").write_text("b")
    looking.want("files", [rule])
    looking.look()
    read: list[str] = []
    real = trees.content

    def reading(entry: trees.Entry) -> str:
        read.append(os.path.basename(entry.path))
        return real(entry)

    monkeypatch.setattr(room, "content", reading)
    looking.look()
    (folder / "b.conf").write_text("c")
    looking.look()
    assert read == ["b.conf"]


def test_rules_that_are_equal_are_one_look(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []
    real = trees.Rule.listing

    def listing(rule: trees.Rule) -> trees.Listing:
        looks.append(rule.path)
        return real(rule)

    monkeypatch.setattr(trees.Rule, "listing", listing)
    looking = Looking(wall=lambda: time.time() + 3600)
    for owner in range(100):
        looking.want(str(owner), [WatchRule(str(folder)) for _ in range(10)])
    looking.look()
    looks.clear()
    looking.look()
    assert looks == [str(folder)]


def test_what_nobody_wants_any_more_is_forgotten(folder: Path) -> None:
    looking, rule = Looking(), WatchRule(str(folder))
    looking.want("files", [rule])
    looking.look()
    looking.want("files", [])
    looking.look()
    assert looking.content(rule) is None
    assert looking.watching()


def test_a_thousand_folders_are_few_watches(tmp_path: Path) -> None:
    paths = []
    for number in range(1000):
        path = tmp_path / "integrations" / f"{number % 200}"
        path.mkdir(parents=True, exist_ok=True)
        paths.append(str(path))
    assert folders_of(paths) == {str(tmp_path / "integrations"): True}


def test_nested_paths_are_one_watch_and_a_file_is_watched_by_its_folder(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "f").write_text("")
    paths = [str(tmp_path / name) for name in ("a", "a/b", "a/c", "f", "gone")]
    assert folders_of(paths) == {str(tmp_path / "a"): True, str(tmp_path): False}


def test_what_goes_beyond_the_limit_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "POLLED_SECONDS", 0.1)
    looking = Looking()
    for number in range(MAX_WATCHED + 1):
        (tmp_path / str(number) / "x").mkdir(parents=True)
    looking.want("files", [WatchRule(str(tmp_path / str(n) / "x")) for n in range(MAX_WATCHED + 1)])
    with running(looking):
        eventually(looking.watching)
        rules = [WatchRule(str(tmp_path / str(n) / "x")) for n in range(MAX_WATCHED + 1)]
        eventually(lambda: all(looking.content(rule) for rule in rules))
        first = {rule: told(looking, rule) for rule in rules}
        for rule in rules:
            (Path(rule.path) / "new").write_text("1")
        eventually(lambda: all(told(looking, rule) != first[rule] for rule in rules))
