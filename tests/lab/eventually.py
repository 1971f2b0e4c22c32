"""Wait for a state, never for a duration: poll until a predicate holds or its deadline has passed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class NotInTime(AssertionError):
    """The state did not come about before the deadline."""


def eventually(
    predicate: Callable[[], T], timeout_seconds: float = 10.0, what: str = "", interval_seconds: float = 0.05
) -> T:
    """The first true value of `predicate`.

    An AssertionError that the predicate raises counts as "not yet", so a test may poll a block of asserts; any other
    exception goes through. Raises NotInTime with `what` and the last value or assertion.
    """
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            value = predicate()
            seen = f"last value {value!r}"
        except AssertionError as error:
            value, seen = None, str(error) or "an assertion without a text"
        if value:
            return value
        if time.monotonic() >= deadline:
            name = what or getattr(predicate, "__name__", "the state")
            raise NotInTime(f"not within {timeout_seconds:g} s: {name}; {seen}")
        time.sleep(interval_seconds)


def settled(value: Callable[[], T], for_seconds: float = 1.0, timeout_seconds: float = 10.0, what: str = "") -> T:
    """The value that has stayed equal for `for_seconds`. Raises NotInTime when it keeps changing."""
    last = value()
    since = time.monotonic()

    def stays() -> bool:
        nonlocal last, since
        now = value()
        if now != last:
            last, since = now, time.monotonic()
        return time.monotonic() - since >= for_seconds

    eventually(stays, timeout_seconds, what or "a value that stays the same")
    return last
