"""`/v1/usage`: what the services use, now.

CPU is a rate, and takes two readings. The one before is kept from the request before, so that whoever looks again and
again waits for nothing; where there is none of use, a second one is taken a moment after the first. However many ask,
containers are read a few times a second at most: all of them, of which each is told what he may see.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from fastapi import APIRouter

from zpmd.interfaces.rest.own import whole
from zpmd.interfaces.rest.problems import StrictRoute
from zpmd.interfaces.usage import Reading, running, usage
from zpmd.interfaces.usage_views import UsageView
from zpmd.ports import Control

LEAST_SECONDS = 0.25
"""Between two readings: for less the kernel's counts are too coarse."""
MOST_SECONDS = 10.0
"""An older reading says what was, and not what is."""


class Meter:
    """Keeps the last readings. Its callers wait for each other, at most LEAST_SECONDS."""

    def __init__(self, control: Control, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._control = control
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._kept: deque[Reading] = deque(maxlen=2)

    def readings(self) -> tuple[Reading, Reading]:
        """Two, LEAST_SECONDS to MOST_SECONDS apart. Raises EngineUnknown."""
        with self._lock:
            if len(self._kept) == 2 and self._monotonic() - self._kept[-1].at < LEAST_SECONDS:
                return self._kept[0], self._kept[1]
            if not self._kept or self._monotonic() - self._kept[-1].at > MOST_SECONDS:
                self._kept.append(self._read())
            if (early := self._kept[-1].at + LEAST_SECONDS - self._monotonic()) > 0:
                time.sleep(early)
            self._kept.append(self._read())
            return self._kept[0], self._kept[1]

    def _read(self) -> Reading:
        used = self._control.usage([r.id for r in running(self._control.snapshot())])
        return Reading(self._monotonic(), used)


def router(control: Control, now: Callable[[], float]) -> APIRouter:
    made = APIRouter(prefix="/v1", route_class=StrictRoute)
    meter = Meter(whole(control))

    @made.get("/usage", tags=["services"])
    def get_usage() -> UsageView:
        """What the services use of CPU and memory, measured over a moment."""
        before, after = meter.readings()
        return usage(control.snapshot(), before, after, now())

    return made
