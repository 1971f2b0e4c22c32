"""The fewest of something at any moment of a scenario, seen by looking again and again from a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable

import docker

from tests.integration.daemon import Daemon

PAUSE_SECONDS = 0.02


class Fewest:
    """Calls `count` as long as its context lasts. What `count` raises, the end of the context raises."""

    def __init__(self, count: Callable[[], int]) -> None:
        self._count = count
        self._end = threading.Event()
        self._error: Exception | None = None
        self.fewest = 10**6
        self.looks = 0
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Fewest:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _look(self) -> None:
        try:
            while not self._end.wait(PAUSE_SECONDS):
                self.fewest = min(self.fewest, self._count())
                self.looks += 1
        except Exception as error:
            self._error = error


def ready_replicas(daemon: Daemon, service: str) -> Callable[[], int]:
    """Counts a service's healthy replicas by asking the engine, not zpmd."""
    client = docker.APIClient(base_url=daemon.engine.url, version="1.41", timeout=30)
    filters = {"label": f"io.zpmd.service={service}", "status": "running", "health": "healthy"}
    return lambda: len(client.containers(filters=filters))
