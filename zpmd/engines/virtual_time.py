"""A clock that stands still until it is told to go on: the time of everything simulated."""

from __future__ import annotations

from collections.abc import Callable


class VirtualClock:
    """A `ports.Clock`. Wall time and monotonic time are the same, and never go backwards.

    `listeners` are called after each step, in order: a simulated world notices there what has ended by itself.
    """

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now
        self.listeners: list[Callable[[], None]] = []

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Go on by a duration, not negative."""
        self.advance_to(self._now + seconds)

    def advance_to(self, instant: float) -> None:
        """Go on to an instant; one that has passed changes nothing."""
        self._now = max(self._now, instant)
        for listener in tuple(self.listeners):
            listener()
