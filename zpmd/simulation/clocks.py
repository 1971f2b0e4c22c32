"""Two times, as a host has them: one that only goes on, and the wall clock, which somebody may set.

Containers live by the first. What the engine writes down of them (created, started, finished) is the wall clock of that
instant, so that after a jump old instants and new ones do not fit each other, as on a real host.
"""

from __future__ import annotations

from bisect import bisect_right

from zpmd.engines.virtual_time import VirtualClock


class HostClock:
    """The `ports.Clock` of daemon and engine on one host. `true` is the time that passes."""

    def __init__(self, true: VirtualClock) -> None:
        self.true = true
        self._jumped_at = [float("-inf")]
        self._offsets = [0.0]

    def now(self) -> float:
        return self.true.now() + self._offsets[-1]

    def monotonic(self) -> float:
        return self.true.now()

    def jump(self, seconds: float) -> None:
        """Somebody sets the wall clock, forwards or backwards."""
        self._jumped_at.append(self.true.now())
        self._offsets.append(self._offsets[-1] + seconds)

    @property
    def jumped(self) -> bool:
        return len(self._offsets) > 1

    def wall(self, instant: float) -> float:
        """What the wall clock showed, or will show, at an instant of true time."""
        return instant + self._offsets[bisect_right(self._jumped_at, instant) - 1]
