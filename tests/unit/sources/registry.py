"""A registry that says what a test has it say, and remembers what it was told."""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass, field

from zpmd.model.tenant import Away, IntegrationKey, PortLease, Reading, Rows, RowTrouble
from zpmd.ports import Wake


@dataclass(slots=True)
class SaidRegistry:
    """`ports.Registry`."""

    name: str = "mongodb"
    latest: Reading | None = None
    gone: Away | None = None
    recorded: list[PortLease] = field(default_factory=list)
    dropped: list[IntegrationKey] = field(default_factory=list)

    def say(self, rows: Rows, *troubles: RowTrouble) -> None:
        self.latest = Reading(rows=rows, troubles=troubles, at=1.0)

    def reading(self) -> Reading | None:
        return self.latest

    def away(self) -> Away | None:
        return self.gone

    def watched(self) -> str:
        return "by hand"

    def watch(self, wake: Wake, stop: threading.Event) -> None:
        del wake
        stop.wait()

    def watching(self) -> bool:
        return True

    def record_ports(self, leases: Collection[PortLease], released: Collection[IntegrationKey]) -> None:
        self.recorded += leases
        self.dropped += released
