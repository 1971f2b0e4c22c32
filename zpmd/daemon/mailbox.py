"""The one door to the loop: a coalesced set of reasons to wake, and the outcomes of actions.

Ten thousand events while the loop is busy are one more pass. Posting never blocks, and is allowed from any thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from zpmd.model.events import Outcome, Reason


class Mailbox:
    """`monotonic` is the clock by which `woken_at` is told; without one it is not."""

    def __init__(self, monotonic: Callable[[], float] | None = None) -> None:
        self._monotonic = monotonic
        self._first_at: float | None = None
        self.woken_at: float | None = None
        """When the first of what `take` gave last came in; None where nothing had."""
        self._changed = threading.Condition()
        self._reasons: set[Reason] = set()
        self._outcomes: list[Outcome] = []
        self._closed = False

    def wake(self, reason: Reason) -> None:
        """Have another pass. It fits `ports.Wake`."""
        with self._changed:
            self._note()
            self._reasons.add(reason)
            self._changed.notify_all()

    def deliver(self, outcome: Outcome) -> None:
        with self._changed:
            self._note()
            self._outcomes.append(outcome)
            self._reasons.add(Reason.OUTCOME)
            self._changed.notify_all()

    def close(self) -> None:
        """The loop is to end after the pass it is in."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def pending(self) -> bool:
        """Whether `take` would return at once with something in it."""
        return bool(self._reasons)

    def take(self, timeout_seconds: float) -> tuple[frozenset[Reason], tuple[Outcome, ...]]:
        """All that has come in, at once; waits up to the timeout for the first. Empty at a timeout or after close."""
        with self._changed:
            self._changed.wait_for(lambda: self._reasons or self._closed, timeout=max(0.0, timeout_seconds))
            reasons, outcomes = frozenset(self._reasons), tuple(self._outcomes)
            self.woken_at, self._first_at = self._first_at, None
            self._reasons.clear()
            self._outcomes.clear()
            return reasons, outcomes

    def _note(self) -> None:
        if self._monotonic is not None and self._first_at is None:
            self._first_at = self._monotonic()
