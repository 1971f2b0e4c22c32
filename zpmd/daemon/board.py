"""Where the loop puts its latest snapshot, and where everybody else reads it."""

from __future__ import annotations

import threading

from zpmd.model.events import Snapshot


class Board:
    """Holds one immutable snapshot. The loop publishes; any thread reads or waits, and never holds the loop up."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._latest: Snapshot | None = None

    def publish(self, snapshot: Snapshot) -> None:
        with self._changed:
            self._latest = snapshot
            self._changed.notify_all()

    def latest(self) -> Snapshot | None:
        """None while the first pass has not ended."""
        return self._latest

    def wait(self, after: int, timeout_seconds: float) -> Snapshot | None:
        """The latest snapshot as soon as its number is above `after`, or None at the timeout."""
        with self._changed:
            self._changed.wait_for(lambda: self._newer(after) is not None, timeout_seconds)
            return self._newer(after)

    def _newer(self, after: int) -> Snapshot | None:
        latest = self._latest
        return latest if latest is not None and latest.number > after else None
