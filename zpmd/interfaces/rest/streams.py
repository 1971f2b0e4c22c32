"""Answers that go on: log lines and the journal as they come, as one JSON object a line.

Rules: a stream never holds up the server's stop, a reader that has gone is noticed within a second, and a slow reader
slows the source instead of filling memory.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict

from zpmd.errors import ZpmdError
from zpmd.interfaces.why import entry_view
from zpmd.model.events import Entry, Snapshot
from zpmd.model.observed import LogLine, Replica
from zpmd.ports import Control
from zpmd.redaction import KNOWN, redact

POLL_SECONDS = 0.1
JOURNAL_POLL_SECONDS = 0.25
LINES_AHEAD = 500
PAGE = 500


async def next_snapshot(
    control: Control, after: int, timeout_seconds: float, stopping: threading.Event
) -> Snapshot | None:
    """As Control.wait, holding no thread while it waits: a hundred watchers cost a look each, ten times a second."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        snapshot = control.wait(after, 0.0)
        if snapshot is not None or time.monotonic() >= deadline or stopping.is_set():
            return snapshot
        await asyncio.sleep(POLL_SECONDS)


async def journal_lines(
    control: Control, service: str | None, since_id: int, limit: int, stopping: threading.Event
) -> AsyncIterator[bytes]:
    """Each entry when it is begun, and once more, with the same id, when its outcome is known."""
    entries = await asyncio.to_thread(control.journal, service, since_id, None, limit)
    open_ids: set[int] = set()
    last = since_id
    while True:
        for entry in entries:
            if entry.id > last or (entry.id in open_ids and entry.result is not None):
                yield _line(asdict(entry_view(entry)))
            _note_open(open_ids, entry)
            last = max(last, entry.id)
        if stopping.is_set():
            return
        await asyncio.sleep(JOURNAL_POLL_SECONDS)
        open_ids = {number for number in open_ids if number > last - PAGE}
        after = min(open_ids, default=last + 1) - 1
        entries = await asyncio.to_thread(control.journal, service, min(after, last), None, 2 * PAGE)


def _note_open(open_ids: set[int], entry: Entry) -> None:
    if entry.kind == "action" and entry.result is None:
        open_ids.add(entry.id)
    else:
        open_ids.discard(entry.id)


async def log_lines(lines: Iterator[tuple[Replica, LogLine]], stopping: threading.Event) -> AsyncIterator[bytes]:
    """The blocking iterator runs in a thread of its own, which may be left behind: it ends with its next line."""
    pump = _Pump(lines, asyncio.get_running_loop())
    pump.start()
    try:
        while not stopping.is_set():
            try:
                item = await asyncio.wait_for(pump.items.get(), timeout=1.0)
            except TimeoutError:
                continue
            pump.room.release()
            if item is None:
                return
            yield item
    finally:
        pump.end()


class _Pump(threading.Thread):
    def __init__(self, lines: Iterator[tuple[Replica, LogLine]], loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(name="zpmd-api-logs", daemon=True)
        self.items: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.room = threading.Semaphore(LINES_AHEAD)
        self._lines = lines
        self._loop = loop
        self._ended = threading.Event()

    def run(self) -> None:
        try:
            for replica, line in self._lines:
                text = KNOWN.mask(line.text.decode("utf-8", errors="replace"))
                told = {"replica": replica.name, "line": text, "service": replica.service, "at": round(line.at, 6)}
                if not self._give(_line(told)):
                    return
        except ZpmdError as error:
            self._give(_line({"error": redact(str(error))}))
        self._give(None)

    def end(self) -> None:
        """The reader has gone: the source is told where it can be told from another thread."""
        self._ended.set()
        close = getattr(self._lines, "close", None)
        if close is not None:
            try:
                close()
            except ValueError:  # a generator that is running just now
                return

    def _give(self, item: bytes | None) -> bool:
        """Whether there is still somebody to give it to."""
        while not self.room.acquire(timeout=1.0):
            if self._ended.is_set():
                return False
        if self._ended.is_set():
            return False
        try:
            self._loop.call_soon_threadsafe(self.items.put_nowait, item)
        except RuntimeError:  # the server's loop has ended
            return False
        return True


def _line(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
