"""The audit in the database: a chain of rows (model/audit.py), its head, and the writes that were begun and not ended.

Rules:
1. Every call is one transaction, on the disk when it returns: the end of a write takes its beginning away with it.
2. The next row follows the head that was written down, not the last row that is found: where rows were taken away at
   the end, the gap stays to be seen.
3. More than `KEPT` and a `SEGMENT`: the oldest segment goes, with an anchor in the same transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from types import MappingProxyType

from zpmd.model.audit import Head, Kind, Link, Record, link, read, text
from zpmd.stores.database import Database

SEGMENT = 1000
KEPT = 50_000


class EmbeddedAudit:
    """ports.Audit. Thread-safe, as the database is."""

    def __init__(self, database: Database, kept: int = KEPT, segment: int = SEGMENT) -> None:
        self._database = database
        self._kept = kept
        self._segment = segment

    def begin(self, record: Record) -> int:
        with self._database.transaction(durable=True) as connection:
            return connection.execute("INSERT INTO audit_begun (body) VALUES (?)", (text(record),)).lastrowid or 0

    def end(self, begun: int, record: Record) -> Link:
        with self._database.transaction(durable=True) as connection:
            connection.execute("DELETE FROM audit_begun WHERE number = ?", (begun,))
            return self._append(connection, record)

    def add(self, record: Record) -> Link:
        with self._database.transaction(durable=True) as connection:
            return self._append(connection, record)

    def begun(self) -> Mapping[int, Record]:
        rows = self._database.rows("SELECT number, body FROM audit_begun ORDER BY number")
        return MappingProxyType({row["number"]: _record(row["body"]) for row in rows})

    def rows(self, after: int | None, limit: int) -> tuple[Link, ...]:
        if after is None:
            return _links(self._database.rows("SELECT * FROM audit ORDER BY id DESC LIMIT ?", limit))[::-1]
        return _links(self._database.rows("SELECT * FROM audit WHERE id > ? ORDER BY id LIMIT ?", after, limit))

    def head(self) -> Head:
        rows = self._database.rows("SELECT id, hash FROM audit_head")
        return Head(rows[0]["id"], rows[0]["hash"]) if rows else Head()

    def looked_through(self) -> int | None:
        rows = self._database.rows("SELECT value FROM fact WHERE name = 'audit-journal'")
        return int(rows[0]["value"]) if rows else None

    def look_through(self, entry_id: int) -> None:
        with self._database.transaction(durable=True) as connection:
            connection.execute("INSERT OR REPLACE INTO fact VALUES ('audit-journal', ?)", (str(entry_id),))

    def _append(self, connection: sqlite3.Connection, record: Record) -> Link:
        row = self._link(connection, record)
        (oldest,) = connection.execute("SELECT min(id) FROM audit").fetchone()
        if row.id - oldest >= self._kept + self._segment:
            upto = oldest + self._segment - 1
            (digest,) = connection.execute("SELECT hash FROM audit WHERE id = ?", (upto,)).fetchone() or ("",)
            connection.execute("DELETE FROM audit WHERE id <= ?", (upto,))
            anchor = Record(at=record.at, kind=Kind.ANCHOR, actor="zpmd", upto=upto, upto_hash=digest)
            self._link(connection, anchor)
        return row

    def _link(self, connection: sqlite3.Connection, record: Record) -> Link:
        row = link(self.head(), record)
        connection.execute("INSERT INTO audit VALUES (?, ?, ?, ?)", (row.id, row.previous, row.hash, row.body))
        connection.execute("INSERT OR REPLACE INTO audit_head VALUES (1, ?, ?)", (row.id, row.hash))
        return row


def _links(rows: list[sqlite3.Row]) -> tuple[Link, ...]:
    return tuple(Link(row["id"], row["previous"], row["hash"], row["body"]) for row in rows)


def _record(body: str) -> Record:
    """Somebody did something, also where it cannot be read what."""
    try:
        return read(body)
    except ValueError:
        return Record(at=0.0, kind=Kind.WRITE, actor="unreadable")
