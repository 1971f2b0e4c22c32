"""Following the lines of a slot: each of them once, whatever the engine tells again, and whichever container runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.unit.interfaces.given import NOON, Surface, replica
from zpmd.daemon.tailing import Followed, Told
from zpmd.model.observed import LogLine, Observed, World

REDIS = replica("redis")
FIRST, AGAIN, NEXT = LogLine(NOON, b"first"), LogLine(NOON, b"first"), LogLine(NOON + 1e-6, b"next")


class Passes:
    """A loop that looks a hundred times a second, and sees that `running` runs."""

    def __init__(self, surface: Surface) -> None:
        self.running = REDIS
        self._surface = surface
        self._over = threading.Event()
        self._look()
        self._thread = threading.Thread(target=self._go_on)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._thread.join()

    def _go_on(self) -> None:
        while not self._over.wait(0.01):
            self._look()

    def _look(self) -> None:
        self._surface.publish(observed=Observed(world=World(replicas=(self.running,))))


@pytest.fixture
def surface(tmp_path: Path) -> Iterator[Surface]:
    one = Surface(tmp_path)
    yield one
    one.close()


@pytest.fixture
def passes(surface: Surface) -> Iterator[Passes]:
    one = Passes(surface)
    yield one
    one.close()


def test_what_was_told_is_not_told_again_and_what_is_of_the_same_instant_is() -> None:
    told = Told()
    told.note(FIRST)
    assert list(told.news([FIRST, AGAIN, NEXT])) == [AGAIN, NEXT]
    assert told == Told(NEXT.at, 1)
    assert list(told.news([NEXT])) == []


def test_who_asks_from_an_instant_on_gets_all_that_was_said_at_it() -> None:
    assert list(Told(NOON).news([FIRST, AGAIN, NEXT])) == [FIRST, AGAIN, NEXT]


def test_a_clock_that_was_set_back_hides_no_line() -> None:
    told = Told()
    assert list(told.news([NEXT, FIRST, LogLine(NOON + 5, b"later")])) == [NEXT, FIRST, LogLine(NOON + 5, b"later")]
    assert told == Told(NOON + 5, 1)


def test_a_follower_tells_the_past_once_and_then_goes_on(surface: Surface, passes: Passes) -> None:
    said = surface.engine.lines[REDIS.id] = [FIRST, AGAIN]
    with _followed(surface) as follower:
        assert [next(follower), next(follower)] == [(REDIS, FIRST), (REDIS, AGAIN)]
        said.append(NEXT)
        assert next(follower) == (REDIS, NEXT)


def test_a_container_that_is_started_again_goes_on_where_it_was(surface: Surface, passes: Passes) -> None:
    said = surface.engine.lines[REDIS.id] = [FIRST]
    with _followed(surface) as follower:
        assert next(follower) == (REDIS, FIRST)
        said.append(NEXT)
        assert next(follower) == (REDIS, NEXT)
        said.append(LogLine(NOON + 0.001, b"said before anybody saw that it had ended"))
        _end(surface)
        assert next(follower) == (REDIS, said[-1])


def test_a_clock_that_was_set_back_hides_nothing_of_the_next_run(surface: Surface, passes: Passes) -> None:
    before, after = LogLine(NOON + 2e6, b"before"), LogLine(NOON + 1e6, b"after")
    said = surface.engine.lines[REDIS.id] = [before]
    with _followed(surface) as follower:
        assert next(follower) == (REDIS, before)
        _end(surface)
        said.append(after)
        assert next(line for _, line in follower if line != before) == after


def test_of_a_container_that_said_nothing_only_what_is_new_is_told(surface: Surface, passes: Passes) -> None:
    said = surface.engine.lines[REDIS.id] = [FIRST]
    with _followed(surface, since=NOON + 1e6) as follower:
        said.append(LogLine(NOON + 2e6, b"new"))
        _end(surface)
        assert next(follower) == (REDIS, said[-1])


def test_all_of_the_next_container_is_new(surface: Surface, passes: Passes) -> None:
    surface.engine.lines[REDIS.id] = [NEXT]
    with _followed(surface) as follower:
        assert next(follower) == (REDIS, NEXT)
        fresh = replica("redis", id="another00000")
        surface.engine.lines[fresh.id] = [FIRST]
        passes.running = fresh
        _end(surface)
        assert next(follower) == (fresh, FIRST)


@contextmanager
def _followed(surface: Surface, since: float | None = None) -> Iterator[Followed]:
    follower = surface.control.logs([("redis", None)], 10, True, since)
    assert isinstance(follower, Followed)
    with closing(follower):
        yield follower


def _end(surface: Surface) -> None:
    """What is read of REDIS ends, and so does each later read, as of a container that has ended."""
    surface.engine.more.setdefault(REDIS.id, threading.Event()).set()
