"""A wall clock that is set wakes the loop, forward or back, and again after that."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.schedulers.background import BackgroundScheduler

from tests.lab.eventually import eventually
from zpmd.daemon.clockwatch import LOOK_SECONDS, ClockWatch, in_memory
from zpmd.daemon.watchers import Watchers
from zpmd.model.events import Reason

NOW = 1_774_746_000.0


class TwoClocks:
    """One that can be set, and one that cannot."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.set_by = 0.0

    def now(self) -> float:
        return NOW + self.passed + self.set_by

    def monotonic(self) -> float:
        return 100.0 + self.passed


@pytest.mark.parametrize(
    ("moves", "woken"),
    [
        ([0.0, 0.0, 0.0], 0),
        ([3600.0, 0.0, 0.0], 1),
        ([-3600.0, 0.0], 1),
        ([3600.0, -3600.0], 2),
        ([0.4] * 20, 0),
        ([-1.0], 1),
    ],
    ids=["nothing", "forward", "back", "there and back", "a time server that nudges it", "a second"],
)
def test_what_somebody_does_to_the_clock_wakes_once(moves: list[float], woken: int) -> None:
    clocks, heard = TwoClocks(), list[Reason]()
    watch = ClockWatch(clocks)
    for move in moves:
        clocks.passed += LOOK_SECONDS
        clocks.set_by += move
        watch.look(heard.append)
    assert heard == [Reason.CLOCK] * woken


def test_it_is_seen_that_it_looks_no_more() -> None:
    clocks = TwoClocks()
    watch = ClockWatch(clocks)
    clocks.passed += 2 * LOOK_SECONDS
    assert watch.watching()
    clocks.passed += 2 * LOOK_SECONDS
    assert not watch.watching()
    watch.look(lambda _: None)
    assert watch.watching()


class RealPassage(TwoClocks):
    """Real time that passes, on a clock that can be set."""

    def __init__(self) -> None:
        super().__init__()
        self._began = time.monotonic()

    def monotonic(self) -> float:
        self.passed = time.monotonic() - self._began
        return super().monotonic()

    def now(self) -> float:
        self.monotonic()
        return super().now()


@contextmanager
def watched(
    clocks: TwoClocks, heard: list[Reason], scheduler: Callable[[], BackgroundScheduler] = in_memory
) -> Iterator[Watchers]:
    watch, watchers = ClockWatch(clocks, 0.05, scheduler), Watchers()
    watchers.add("the clock", lambda stop: watch.watch(heard.append, stop), watch.watching)
    watchers.ensure()
    try:
        yield watchers
    finally:
        watchers.stop(10)


def test_the_real_scheduler_looks_and_ends_with_its_watcher() -> None:
    clocks, heard = RealPassage(), list[Reason]()
    threads = threading.active_count()
    with watched(clocks, heard) as watchers:
        for times in range(1, 4):
            clocks.set_by += 3600.0
            eventually(lambda times=times: len(heard) == times, 10, "it is noticed")  # type: ignore[misc]
        assert watchers.alive() == {"the clock": True}
    eventually(lambda: threading.active_count() <= threads, 10, "no thread is left")
    assert heard == [Reason.CLOCK] * 3


def test_a_scheduler_that_waits_for_a_time_that_is_gone_is_made_to_look() -> None:
    """APScheduler rests until the wall clock shows its next time: after a clock was set back, for as long as that."""
    clocks, heard, made = RealPassage(), list[Reason](), list[BackgroundScheduler]()

    def scheduler() -> BackgroundScheduler:
        made.append(in_memory())
        return made[0]

    with watched(clocks, heard, scheduler):
        eventually(lambda: made and made[0].get_jobs(), 10, "it has its job")
        [job] = made[0].get_jobs()
        job.modify(next_run_time=datetime.now(UTC) + timedelta(hours=1))
        clocks.set_by -= 3600.0
        eventually(lambda: heard, 10, "it is noticed")
