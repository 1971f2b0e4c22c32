"""What is kept of tenants and integrations: the rows that counted last (sealed), port leases, probed connections.

Rows are a sealed body for each collection, written where the collection changed. Leases are the truth about ports: they
are durable before a container is started with one.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from dataclasses import fields, replace
from types import MappingProxyType

from zpmd.model.tenant import Connection, IntegrationKey, PortLease, Rows
from zpmd.stores.codec import Unreadable, decode, encode
from zpmd.stores.database import Database
from zpmd.stores.sealing import Seal

COLLECTIONS = tuple(field.name for field in fields(Rows))
NONE = Rows()


class Registered:
    """Thread-safe. Leases and connections are read once; nobody else writes the file while the daemon runs."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal
        self._lock = threading.Lock()
        self._rows: Rows | None = None
        """What is known to lie in the file."""
        self._leases = MappingProxyType(_leases(database))
        self._connections = MappingProxyType(_connections(database))

    def last_rows(self) -> Rows | None:
        with self._lock:
            if self._rows is None:
                self._rows = self._read()
            return self._rows

    def keep_rows(self, rows: Rows) -> None:
        """Raises StoreError."""
        with self._lock:
            if self._rows is None:
                self._rows = self._read()
            before = self._rows
            changed = [c for c in COLLECTIONS if before is None or getattr(before, c) != getattr(rows, c)]
            if not changed:
                return
            self._rows = None
            bodies = [(c, self._seal.seal(("rows", c), encode(_only(rows, c)))) for c in changed]
            with self._database.transaction(durable=True) as connection:
                connection.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?)", bodies)
            self._rows = rows

    def _read(self) -> Rows | None:
        """All collections or nothing: one that is missing would look like a loss of all its rows."""
        rows = NONE
        bodies = {r["collection"]: r["body"] for r in self._database.rows("SELECT collection, body FROM rows")}
        try:
            for name in COLLECTIONS:
                part = decode(Rows, self._seal.open(("rows", name), bodies[name]))
                rows = replace(rows, **{name: getattr(part, name)})
        except (Unreadable, KeyError):
            return None
        return rows

    def leases(self) -> Mapping[IntegrationKey, PortLease]:
        return self._leases

    def keep_leases(self, leases: Collection[PortLease], forgotten: Collection[IntegrationKey]) -> None:
        """Raises StoreError."""
        with self._lock:
            after = {key: lease for key, lease in self._leases.items() if key not in set(forgotten)}
            after.update((lease.key, lease) for lease in leases)
            if after == self._leases:
                return
            with self._database.transaction(durable=True) as connection:
                connection.executemany("DELETE FROM lease WHERE tenantcode = ? AND integration_id = ?", list(forgotten))
                connection.executemany(
                    "INSERT OR REPLACE INTO lease VALUES (?, ?, ?, ?, ?)",
                    [(*lease.key, lease.port, lease.leased_at, lease.released_at) for lease in leases],
                )
            self._leases = MappingProxyType(after)

    def connections(self) -> Mapping[str, Connection]:
        return self._connections

    def keep_connection(self, subject: str, connection: Connection) -> None:
        """Raises StoreError."""
        with self._lock:
            if self._connections.get(subject) is connection:
                return
            with self._database.transaction(durable=True) as file:
                file.execute("INSERT OR REPLACE INTO connection VALUES (?, ?)", (subject, connection))
            self._connections = MappingProxyType({**self._connections, subject: connection})


def _only(rows: Rows, collection: str) -> Rows:
    return replace(NONE, **{collection: getattr(rows, collection)})


def _leases(database: Database) -> dict[IntegrationKey, PortLease]:
    found = {}
    for row in database.rows("SELECT * FROM lease"):
        key = IntegrationKey(row["tenantcode"], row["integration_id"])
        found[key] = PortLease(key=key, port=row["port"], leased_at=row["leased_at"], released_at=row["released_at"])
    return found


def _connections(database: Database) -> dict[str, Connection]:
    words = frozenset(Connection)
    rows = database.rows("SELECT subject, status FROM connection")
    return {row["subject"]: Connection(row["status"]) for row in rows if row["status"] in words}
