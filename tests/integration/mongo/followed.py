"""A MongoRegistry that runs, what it told, and rows to put before it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from tests.lab.eventually import eventually
from zpmd.daemon.clock import SystemClock
from zpmd.model.events import Reason
from zpmd.model.tenant import Reading
from zpmd.settings import Mongo
from zpmd.sources.mongo.registry import MongoRegistry

Row = dict[str, Any]


class Followed:
    """Runs `watch` in a thread of its own from `with` on. `wakes` counts how often it woke the loop."""

    def __init__(self, settings: Mongo) -> None:
        self.registry = MongoRegistry(settings, SystemClock())
        self.wakes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self.registry.watch, args=(self._wake, self._stop), daemon=True)

    def __enter__(self) -> Followed:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        started = time.monotonic()
        self._stop.set()
        self._thread.join(15)
        assert not self._thread.is_alive(), "the registry does not stop"
        assert time.monotonic() - started < 12

    def _wake(self, reason: Reason) -> None:
        assert reason is Reason.ROWS
        self.wakes += 1

    # states to wait for

    def read(self, what: Callable[[Reading], object] = lambda _: True, timeout_seconds: float = 20.0) -> Reading:
        """The reading, once it is one of now of which this is true."""

        def found() -> Reading | None:
            reading = self.registry.reading()
            return reading if self.registry.away() is None and reading is not None and what(reading) else None

        reading = eventually(found, timeout_seconds, f"a reading (away: {self.registry.away()})", 0.002)
        assert reading is not None
        return reading

    def has(self, *services: str, timeout_seconds: float = 20.0) -> Reading:
        """The reading in which exactly these integrations are, by the names of their services."""
        return self.read(lambda r: sorted(services) == sorted(i.service for i in r.rows.integrations), timeout_seconds)

    def gone(self, words: str, timeout_seconds: float = 20.0) -> str:
        """Why it is away, once the reason has these words."""

        def found() -> str:
            away = self.registry.away()
            return away.why if away is not None and words in away.why else ""

        return eventually(found, timeout_seconds, f"away because of {words!r}, not {self.registry.away()}", 0.01)


def tenant(code: str, number: int, **fields: Any) -> Row:
    return {"id": number, "name": code.title(), "tenantcode": code, "status": "active", **fields}


def integration(code: str, number: int, service: str = "splunk", **fields: Any) -> Row:
    return {
        "integration_id": number, "tenantcode": code, "serviceName": service, "status": "active", "title": service,
        "action": "collect", "executionDir": f"/opt/{service}", "executable": "run", **fields,
    }  # fmt: skip
