"""Boundaries of effects, by name: where a daemon can die with one thing done and the next one not.

Each write of the store and each action of the engine is a boundary before and after its effect, and an action also one
in its middle (made and not started; stopped and not started again). Reading what is changes nothing, so its boundary
is there only because a pass may die after it.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum


class Killed(BaseException):
    """kill -9, here and now. No `except Exception` of the daemon may see it."""


class How(StrEnum):
    """What becomes of an effect at an armed boundary. HALF and LOST are for an action of the engine, armed at the
    boundary before it."""

    KILL = "kill"
    HALF = "half"
    LOST = "lost"
    """Nobody dies: it is done, and its answer does not arrive."""


class Failpoints:
    """Counts every boundary that is reached, and lets what was armed happen at one of them."""

    def __init__(self) -> None:
        self.reached: Counter[str] = Counter()
        self.order: list[str] = []
        """The names of all boundaries, as they were reached; a boundary's number is its place, from 1."""
        self._number: int | None = None
        self._name: str | None = None
        self._how = How.KILL
        self._lost = False

    def arm(self, number: int | None = None, name: str | None = None, how: How = How.KILL) -> None:
        """At the boundary with this number (over the life of the host), or at the next of this name. None and None:
        disarm."""
        self._number, self._name, self._how = number, name, how

    def dies_next(self, name: str) -> bool:
        """Whether the daemon would die if it came to this boundary at once. An action's middle is no boundary of
        its own in the count: it is one only for the daemon that dies there."""
        return name == self._name

    def loses_answer(self) -> bool:
        """Whether the answer to the action that begins now is to be lost. True once."""
        lost, self._lost = self._lost, False
        return lost

    def reach(self, name: str) -> None:
        """Raises Killed where it is armed."""
        self.reached[name] += 1
        self.order.append(name)
        if len(self.order) == self._number:
            self._strike(name)
        elif name == self._name:
            self.arm()
            raise Killed(name)

    def _strike(self, name: str) -> None:
        how = self._how
        self.arm()
        match how:
            case How.KILL:
                raise Killed(name)
            case How.HALF:
                self.arm(name=name.replace(": before", ": half"))
            case How.LOST:
                self._lost = True
