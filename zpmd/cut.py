"""Ending a read that blocks, from another thread: whoever reads says how, whoever has had enough says when."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


class Cut:
    """Made once for each reader, or each crowd of readers that end together. Any thread may call anything."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ways: dict[int, Callable[[], None]] = {}
        self._number = 0
        self.done = False
        """Once it is true it stays so."""

    @contextmanager
    def by(self, shut: Callable[[], None]) -> Iterator[None]:
        """While this lasts `shut` ends the read. It is called at once where the cut is done already; an OSError of it
        means that there was nothing left to end."""
        with self._lock:
            self._number += 1
            number = self._number
            self._ways[number] = shut
            if self.done:
                _shut(shut)
        try:
            yield
        finally:
            with self._lock:
                del self._ways[number]

    def now(self) -> None:
        with self._lock:
            self.done = True
            for shut in self._ways.values():
                _shut(shut)


def _shut(shut: Callable[[], None]) -> None:
    with suppress(OSError):
        shut()
