"""The last known good definitions: a sealed row for each service and one for the rest, written where they changed.

Keeping them is on the way of every change that reaches the engine, and one row of a database changes one service of a
thousand. It is all or nothing when it is read: a definition that lacks one service would have it removed.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

from zpmd.model.service import Desired, ServiceData
from zpmd.stores.codec import Unreadable, decode, encode
from zpmd.stores.database import Database
from zpmd.stores.sealing import Seal


@dataclass(frozen=True, slots=True)
class Frame:
    """All but the services, and how many of them belong to it."""

    rest: Desired
    services: int


Kept = tuple[Frame, dict[str, ServiceData]]


class Good:
    """Thread-safe."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal
        self._lock = threading.Lock()
        self._kept: dict[str, Kept] = {}
        """What is known to lie in the file."""

    def last(self, source: str) -> Desired | None:
        """None where there is none, or a part of it cannot be read."""
        with self._lock:
            try:
                kept = self._of(source)
            except Unreadable:
                return None
        if kept is None:
            return None
        frame, services = kept
        ordered = sorted(services.values(), key=lambda s: (s.group.order, s.name))
        return replace(frame.rest, services=tuple(ordered))

    def keep(self, source: str, desired: Desired) -> None:
        """Durable; writes nothing where nothing changed. Raises StoreError."""
        frame = Frame(replace(desired, services=()), len(desired.services))
        services = {service.name: service for service in desired.services}
        with self._lock:
            try:
                kept = self._of(source)
            except Unreadable:
                kept = None
            before = kept[1] if kept else {}
            changed = [s for name, s in services.items() if name not in before or not _same(before[name], s)]
            gone = before.keys() - services.keys()
            if kept and not changed and not gone and kept[0] == frame:
                return
            self._kept.pop(source, None)
            self._write(source, None if kept and kept[0] == frame else frame, changed, gone if kept else None)
            self._kept[source] = (frame, services)

    def _write(self, source: str, frame: Frame | None, changed: list[ServiceData], gone: set[str] | None) -> None:
        """`gone` None: whatever lies there."""
        with self._database.transaction(durable=True) as connection:
            if gone is None:
                connection.execute("DELETE FROM good_service WHERE source = ?", (source,))
            else:
                connection.executemany(
                    "DELETE FROM good_service WHERE source = ? AND service = ?", [(source, name) for name in gone]
                )
            if frame is not None:
                body = self._seal.seal(("good", source), encode(frame))
                connection.execute("INSERT OR REPLACE INTO good VALUES (?, ?)", (source, body))
            connection.executemany(
                "INSERT OR REPLACE INTO good_service VALUES (?, ?, ?)",
                [(source, s.name, self._seal.seal(("good_service", source, s.name), encode(s))) for s in changed],
            )

    def _of(self, source: str) -> Kept | None:
        """Raises Unreadable, StoreError."""
        if source not in self._kept:
            found = self._read(source)
            if found is None:
                return None
            self._kept[source] = found
        return self._kept[source]

    def _read(self, source: str) -> Kept | None:
        rows = self._database.rows("SELECT body FROM good WHERE source = ?", source)
        if not rows:
            return None
        text = self._seal.open(("good", source), rows[0]["body"])
        try:
            frame = decode(Frame, text)
        except Unreadable:  # of an older zpmd: all in one, and not to be compared with in parts
            desired = decode(Desired, text)
            return Frame(desired, -1), {service.name: service for service in desired.services}
        services = {}
        for row in self._database.rows("SELECT service, body FROM good_service WHERE source = ?", source):
            name = row["service"]
            services[name] = decode(ServiceData, self._seal.open(("good_service", source, name), row["body"]))
        if len(services) != frame.services:
            raise Unreadable(f"{source} has {len(services)} services of {frame.services}")
        return frame, services


def _same(one: ServiceData, other: ServiceData) -> bool:
    return one is other or one == other
