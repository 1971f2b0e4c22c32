"""The audit without a disk, for tests and simulations: the same chain, kept as long as this object is."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from types import MappingProxyType

from zpmd.model.audit import Head, Kind, Link, Record, link
from zpmd.stores.audit import KEPT, SEGMENT


class MemoryAudit:
    """ports.Audit. Thread-safe."""

    def __init__(self, kept: int = KEPT, segment: int = SEGMENT) -> None:
        self._kept = kept
        self._segment = segment
        self._lock = threading.RLock()
        self._rows: list[Link] = []
        self._head = Head()
        self._begun: dict[int, Record] = {}
        self._numbers = 0
        self._looked_through: int | None = None

    def begin(self, record: Record) -> int:
        with self._lock:
            self._numbers += 1
            self._begun[self._numbers] = record
            return self._numbers

    def end(self, begun: int, record: Record) -> Link:
        with self._lock:
            self._begun.pop(begun, None)
            return self.add(record)

    def add(self, record: Record) -> Link:
        with self._lock:
            row = self._link(record)
            if len(self._rows) > self._kept + self._segment:
                last = self._rows[self._segment - 1]
                del self._rows[: self._segment]
                anchor = Record(at=record.at, kind=Kind.ANCHOR, actor="zpmd", upto=last.id, upto_hash=last.hash)
                self._link(anchor)
            return row

    def begun(self) -> Mapping[int, Record]:
        with self._lock:
            return MappingProxyType(dict(self._begun))

    def rows(self, after: int | None, limit: int) -> tuple[Link, ...]:
        with self._lock:
            if after is None:
                return tuple(self._rows[-limit:])
            return tuple(row for row in self._rows if row.id > after)[:limit]

    def head(self) -> Head:
        return self._head

    def looked_through(self) -> int | None:
        return self._looked_through

    def look_through(self, entry_id: int) -> None:
        self._looked_through = entry_id

    def _link(self, record: Record) -> Link:
        row = link(self._head, record)
        self._rows.append(row)
        self._head = Head(row.id, row.hash)
        return row
