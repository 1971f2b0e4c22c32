"""Memory that was freed is given back: the C library keeps it for later, and threads that come and go leave gaps in its
heaps, which a process that runs for months would carry along.

malloc_trim(3) returns whole free pages. It takes some milliseconds, holds a lock that allocations wait for, and changes
nothing that anybody can see otherwise.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from zpmd.model.events import Snapshot

EVERY_SECONDS = 300.0


def trim() -> None:
    """Nothing where the C library is another than glibc."""
    give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if give_back is not None:
        give_back(0)


class Heap:
    """`passed` is called by the loop after each pass; `monotonic` tells seconds."""

    def __init__(self, monotonic: Callable[[], float], give_back: Callable[[], None] = trim) -> None:
        self._monotonic = monotonic
        self._give_back = give_back
        self._due = monotonic() + EVERY_SECONDS

    def passed(self, _: Snapshot) -> None:
        if self._monotonic() >= self._due:
            self._give_back()
            self._due = self._monotonic() + EVERY_SECONDS
