"""The memory of a process that runs for months: what it begins with is set aside, and what it frees is given back.

The collector of circles goes through all objects that have lived for a while, time and again, and everything stands
still meanwhile. Most of them are there for as long as the process is: code, and what was made of it at the start.
gc.freeze() has it pass over those.

The C library keeps what was freed for later, and threads that come and go leave gaps in its heaps. malloc_trim(3)
returns whole free pages. It takes some milliseconds, holds a lock that allocations wait for, and changes nothing that
anybody can see otherwise.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable

from zpmd.model.events import Snapshot

EVERY_SECONDS = 300.0


def settle() -> None:
    """To be done once, when everything is there: of what is frozen no circle is ever freed."""
    gc.collect()
    gc.freeze()


def trim() -> None:
    """What hangs in circles is freed first; nothing more where the C library is another than glibc."""
    gc.collect()
    give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if give_back is not None:
        give_back(0)


class Heap:
    """`passed` is called by the loop after each pass; `monotonic` tells seconds."""

    def __init__(
        self,
        monotonic: Callable[[], float],
        give_back: Callable[[], None] = trim,
        settle: Callable[[], None] = settle,
    ) -> None:
        self._monotonic = monotonic
        self._give_back = give_back
        self._settle = settle
        self._due: float | None = None

    def passed(self, _: Snapshot) -> None:
        now = self._monotonic()
        if self._due is None:
            self._settle()
        elif now >= self._due:
            self._give_back()
        else:
            return
        self._due = now + EVERY_SECONDS
