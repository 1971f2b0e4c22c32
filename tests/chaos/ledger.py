"""What was done to the appliance, by whom and when: each fault with its time, so that a violation reads as a story.

A fault is written down before it takes effect, so nobody who sees an effect can look for its cause too early. One that
turns out not to have happened (the process was gone already) is withdrawn.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path


class Kind(StrEnum):
    """Every fault that there is."""

    DAEMON_KILLED = "zpmd killed (-9)"
    CRASHED = "container process killed"
    SICKENED = "replica made unhealthy"
    ENGINE_STOPPED = "engine restarted (SIGTERM)"
    ENGINE_KILLED = "engine restarted (kill -9)"
    ENGINE_FROZEN = "engine frozen (SIGSTOP)"
    WIRE_SLOW = "wire made slow"
    WIRE_SHUT = "wire shut"
    ANSWER_CUT = "answer cut in its middle"
    ANSWER_LOST = "answer lost after the request"
    FILE_CHANGED = "service file changed"
    STRANGER_CAME = "stranger came"
    STRANGER_WENT = "stranger went"


ENGINE_RESTARTS = frozenset({Kind.ENGINE_STOPPED, Kind.ENGINE_KILLED})
WIRE = frozenset({Kind.WIRE_SHUT, Kind.ANSWER_CUT, Kind.ANSWER_LOST})


@dataclass(slots=True)
class Fault:
    """`target` is a slot ("web/1"), a service, "engine", "zpmd", or a request; instants are Unix seconds."""

    kind: Kind
    target: str
    began: float
    ended: float
    container_id: str = ""
    edition: str = ""
    """Of a changed file: which edition it asks for from now on."""

    def within(self, since: float, until: float) -> bool:
        """Whether it was at work in this time."""
        return self.began <= until and self.ended >= since


class Ledger:
    """Thread-safe. Everything goes to `path` as well, a line each, as it happens."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._file = path.open("a", buffering=1)
        self.broken: list[str] = []

    def point(self, kind: Kind, target: str, container_id: str = "", edition: str = "") -> Fault:
        """Something that happens in an instant: now."""
        now = time.time()
        return self.add(Fault(kind, target, now, now, container_id, edition), edition)

    @contextlib.contextmanager
    def span(self, kind: Kind, target: str, detail: str = "") -> Iterator[Fault]:
        """Something that goes on for as long as the block."""
        fault = self.add(Fault(kind, target, time.time(), math.inf), detail)
        try:
            yield fault
        finally:
            fault.ended = time.time()
            self.tell(f"{kind}: {target}: over after {fault.ended - fault.began:.1f} s")

    def add(self, fault: Fault, detail: str = "") -> Fault:
        with self._lock:
            self._faults.append(fault)
            name = f" {fault.container_id[:12]}" if fault.container_id else ""
            more = f" ({detail})" if detail else ""
            self._file.write(f"{clock(fault.began)} FAULT {fault.kind}: {fault.target}{name}{more}\n")
        return fault

    def withdraw(self, fault: Fault) -> None:
        """It did not happen after all."""
        with self._lock:
            self._faults.remove(fault)
        self.tell(f"(withdrawn) {fault.kind}: {fault.target}")

    def faults(self) -> list[Fault]:
        with self._lock:
            return list(self._faults)

    def counts(self) -> Counter[Kind]:
        return Counter(fault.kind for fault in self.faults())

    def tell(self, text: str) -> None:
        """A line of the story that is no fault."""
        with self._lock:
            self._file.write(f"{clock(time.time())} {text}\n")

    def broke(self, what: str) -> None:
        """The experiment itself, or zpmd's process, did what it must not."""
        self.broken.append(what)
        self.tell(f"BROKEN {what}")

    def close(self) -> None:
        self._file.close()


def clock(at: float) -> str:
    """An instant as the story writes it, UTC to the millisecond."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S.%f")[:-3]
