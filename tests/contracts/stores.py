"""What every suite that all stores are held to is run on."""

from __future__ import annotations

from collections.abc import Callable

from zpmd.ports import Store

Open = Callable[[], Store]
"""Opens the same store again, as a restart of the daemon does."""


class FixedClock:
    def now(self) -> float:
        return 1_700_000_000.0

    def monotonic(self) -> float:
        return 0.0
