"""A watcher that ends is started again, and one that never holds does not fill the log."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from loguru import logger

from tests.lab.eventually import eventually
from zpmd.daemon.watchers import Watchers
from zpmd.messages import Message


@pytest.fixture
def told() -> Iterator[list[str]]:
    """From warnings upward."""
    lines: list[str] = []
    logger.enable("zpmd")
    sink = logger.add(lambda message: lines.append(message.record["message"]), level="WARNING", format="{message}")
    yield lines
    logger.remove(sink)


def test_a_watcher_that_always_fails_is_started_each_time_and_told_ever_more_rarely(told: list[str]) -> None:
    started = 0

    def fails(stop: threading.Event) -> None:
        nonlocal started
        started += 1
        raise RuntimeError("no more inotify instances")

    watchers = Watchers()
    watchers.add("files", fails, lambda: True)
    for passes in range(1, 21):
        watchers.ensure()
        eventually(lambda: not watchers.alive()["files"], 10, "its end", 0.001)
        assert started == passes
    assert [line for line in told if "has ended" in line] == [
        "the watcher of files has ended; it is started again",
        *(f"the watcher of files has ended, {times} times by now; it is started again" for times in (2, 4, 8, 16)),
    ]
    assert told.count("the watcher of files failed") == 1, "and its traceback"
    assert Message.WATCHER_ENDED.fields == ("watcher",)
