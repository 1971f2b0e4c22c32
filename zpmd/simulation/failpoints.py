"""Boundaries of effects, by name: where a daemon can die with one thing done and the next one not.

Each write of the store and each action of the engine is a boundary before and after its effect, and an action also one
in its middle (made and not started; stopped and not started again). Reading what is changes nothing, so its boundary
is there only because a pass may die after it.
"""

from __future__ import annotations

from collections import Counter


class Killed(BaseException):
    """kill -9, here and now. No `except Exception` of the daemon may see it."""


class Failpoints:
    """Counts every boundary that is reached, and kills the daemon at one that was armed."""

    def __init__(self) -> None:
        self.reached: Counter[str] = Counter()
        self.passed = 0
        self.silent = False
        """Whether boundaries are of no account just now: what a test does by itself is not the daemon's doing."""
        self._at_number: int | None = None
        self._at_name: str | None = None

    def arm(self, number: int | None = None, name: str | None = None) -> None:
        """Die at the boundary with this number (they count from 1 over the life of the host), or at the next of this
        name. None and None: disarm."""
        self._at_number, self._at_name = number, name

    def dies_next(self, name: str) -> bool:
        """Whether the daemon would die if it came to this boundary at once. An action's middle is no boundary of
        its own in the count: it is one only for the daemon that dies there."""
        return not self.silent and name == self._at_name

    def reach(self, name: str) -> None:
        """Raises Killed where it is armed."""
        if self.silent:
            return
        self.reached[name] += 1
        self.passed += 1
        if self.passed == self._at_number or name == self._at_name:
            self.arm()
            raise Killed(name)
