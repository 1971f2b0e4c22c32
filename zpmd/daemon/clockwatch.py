"""Wakes the loop when somebody has set the wall clock. The loop sleeps until an instant of that clock, and measures its
sleep by the one that nobody sets: it would wake too late for a job that has become due at once.

The looks are a job of APScheduler, in memory. That one waits by the wall clock too, so that after a clock was set back
it would rest until the old time comes again: whoever watches it, by the other clock, has it look at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime

from apscheduler.schedulers.background import BackgroundScheduler

from zpmd.model.events import Reason
from zpmd.ports import Clock, Wake

LOOK_SECONDS = 5.0
JUMP_SECONDS = 1.0
"""What the two clocks drift apart by less, from one look to the next, is not somebody's doing."""
OVERDUE = 3
"""So many looks left out, and it is no longer looked."""


def in_memory() -> BackgroundScheduler:
    """One that looks late rather than not at all, and keeps its jobs nowhere."""
    return BackgroundScheduler(
        timezone=UTC,
        executors={"default": {"type": "threadpool", "max_workers": 1}},
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
    )


class ClockWatch:
    def __init__(
        self,
        clock: Clock,
        look_seconds: float = LOOK_SECONDS,
        scheduler: Callable[[], BackgroundScheduler] = in_memory,
    ) -> None:
        self._clock = clock
        self._look_seconds = look_seconds
        self._scheduler = scheduler
        self._difference = clock.now() - clock.monotonic()
        self._looked_at = clock.monotonic()

    def watch(self, wake: Wake, stop: threading.Event) -> None:
        """Block until `stop`; wake with CLOCK when the wall clock has moved against the other one."""
        scheduler = self._scheduler()
        job = scheduler.add_job(self.look, "interval", args=(wake,), seconds=self._look_seconds)
        scheduler.start()
        try:
            while not stop.wait(self._look_seconds):
                if not self.watching():
                    job.modify(next_run_time=datetime.now(UTC))
        finally:
            scheduler.shutdown(wait=False)

    def watching(self) -> bool:
        return self._clock.monotonic() - self._looked_at < OVERDUE * self._look_seconds

    def look(self, wake: Wake) -> None:
        difference = self._clock.now() - self._clock.monotonic()
        moved, self._difference = difference - self._difference, difference
        self._looked_at = self._clock.monotonic()
        if abs(moved) >= JUMP_SECONDS:
            wake(Reason.CLOCK)
