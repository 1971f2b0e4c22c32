"""Threads that watch the outside and wake the loop. A watcher that ends is started again, and is seen to have ended."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType

from loguru import logger

from zpmd.messages import DEBUG, ERROR, Message, tell

Watch = Callable[[threading.Event], None]


class Watchers:
    def __init__(self) -> None:
        self._stop = threading.Event()
        self._watches: dict[str, Watch] = {}
        self._alive: dict[str, Callable[[], bool]] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._ends: Counter[str] = Counter()
        self._errors: dict[str, str] = {}

    def add(self, name: str, watch: Watch, alive: Callable[[], bool]) -> None:
        """`watch` blocks until its event is set; `alive` tells whether it would notice a change now."""
        self._watches[name] = watch
        self._alive[name] = alive

    def ensure(self) -> None:
        """Start every watcher that is not running. Called once a pass."""
        for name, watch in self._watches.items():
            thread = self._threads.get(name)
            if thread is None or not thread.is_alive():
                if thread is not None:
                    self._tell(name)
                self._threads[name] = threading.Thread(target=self._run, args=(name, watch), name=name, daemon=True)
                self._threads[name].start()

    def _tell(self, name: str) -> None:
        """The first end, the second, the fourth, the eighth: one that never holds must not fill the log."""
        self._ends[name] += 1
        ends = self._ends[name]
        if ends & (ends - 1) == 0:
            times = "" if ends == 1 else f", {ends} times by now"
            tell(Message.WATCHER_ENDED, f"the watcher of {name} has ended{times}; it is started again", watcher=name)

    def alive(self) -> Mapping[str, bool]:
        return MappingProxyType(
            {
                name: bool((thread := self._threads.get(name)) and thread.is_alive() and self._alive[name]())
                for name in self._watches
            }
        )

    def stop(self, timeout_seconds: float) -> None:
        self._stop.set()
        for thread in self._threads.values():
            thread.join(timeout_seconds / max(1, len(self._threads)))

    def _run(self, name: str, watch: Watch) -> None:
        try:
            watch(self._stop)
        except Exception as error:  # whatever it was, the next pass starts it again
            level = DEBUG if self._errors.get(name) == repr(error) else ERROR
            self._errors[name] = repr(error)
            logger.opt(exception=True).log(level, "the watcher of {} failed", name)
