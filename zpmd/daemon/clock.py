"""The real clock."""

from __future__ import annotations

import time


class SystemClock:
    """`ports.Clock` of the host."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()
