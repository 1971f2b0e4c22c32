"""The product's database on the simulated host: documents that other programs write, and the registry that reads them.

The documents are what MongoDB would give; they are understood by the real `sources.rows`. Nothing is read by itself: a
move has the registry look (`look`), when a look would tell something new (`due`).
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from zpmd.model.tenant import Away, IntegrationKey, PortLease, Reading
from zpmd.ports import Clock, Wake
from zpmd.sources import rows

Document = dict[str, object]
Collections = dict[str, dict[str, Document]]
"""By collection and `_id`."""


@dataclass(slots=True)
class Product:
    """`elsewhere`: it runs on another host, not in a service of this one. `gone` is why nothing answers, "" while
    something does; `emptied`: it answers, and every collection is empty (the wrong database, a restore under way).
    `version` grows with each change."""

    collections: Collections = field(default_factory=dict)
    elsewhere: bool = False
    gone: str = ""
    emptied: bool = False
    version: int = 0

    def rows(self, collection: str) -> dict[str, Document]:
        return self.collections.setdefault(collection, {})

    def put(self, collection: str, row: str, document: Document) -> None:
        self.rows(collection)[row] = {**document, "_id": row}
        self.version += 1

    def drop(self, collection: str, row: str) -> bool:
        found = self.rows(collection).pop(row, None)
        self.version += 1
        return found is not None

    def touch(self) -> None:
        """Something about how it answers has changed."""
        self.version += 1

    def answer(self) -> Collections:
        """What a look finds now."""
        return {} if self.emptied else copy.deepcopy(self.collections)


class ProductRegistry:
    """`ports.Registry` of one daemon. `seen` are the documents of the last look that succeeded."""

    name = "mongodb"

    def __init__(self, product: Product, answers: Callable[[], str], clock: Clock) -> None:
        """`answers` says why the database does not, "" where it does."""
        self._product = product
        self._answers = answers
        self._clock = clock
        self._reading: Reading | None = None
        self._away: Away | None = None
        self._version = -1
        self._to_record: dict[IntegrationKey, PortLease | None] = {}
        self.seen: Collections = {}

    def due(self) -> bool:
        """Whether a look would tell something new."""
        if self._answers():
            return self._away is None
        return self._away is not None or self._version != self._product.version or bool(self._to_record)

    def look(self) -> None:
        """What the registry's own thread does when something has changed."""
        why = self._answers()
        if why:
            self._away = self._away or Away(since=self._clock.now(), why=why)
            return
        self._record()
        self._away, self._version = None, self._product.version
        self.seen = self._product.answer()
        found, troubles = rows.read({name: tuple(documents.values()) for name, documents in self.seen.items()})
        known = self._reading
        if known is None or (known.rows, known.troubles) != (found, troubles):
            self._reading = Reading(rows=found, troubles=troubles, at=self._clock.now())

    def _record(self) -> None:
        for key, lease in self._to_record.items():
            row = f"port {key}"
            if lease is None:
                self._product.drop("integration_ports", row)
            else:
                document: Document = {
                    "tenantcode": key.tenantcode,
                    "integration_id": key.integration_id,
                    "port": lease.port,
                }
                self._product.put("integration_ports", row, document)
        self._to_record.clear()

    # ports.Registry

    def reading(self) -> Reading | None:
        return self._reading

    def away(self) -> Away | None:
        return self._away

    def watched(self) -> str:
        return "change stream"

    def watch(self, wake: Wake, stop: threading.Event) -> None:
        """Nothing to do: moves look, and wake the loop."""
        del wake
        stop.wait()

    def watching(self) -> bool:
        return True

    def record_ports(self, leases: Collection[PortLease], released: Collection[IntegrationKey]) -> None:
        self._to_record |= {lease.key: lease for lease in leases} | dict.fromkeys(released)
