"""The journal in the database: lines that are appended, get their outcome, and go as retention.py says.

The number of lines is counted in the process, so that a look at whether some have to go costs nothing while none has.
"""

from __future__ import annotations

import sqlite3

from zpmd.model.events import Entry, Lines, Result
from zpmd.stores import retention
from zpmd.stores.database import Database

APPEND = """
    INSERT INTO journal
        (at, kind, verb, subject, service, code, text, attempt, actor, result, detail, seconds, container_id,
         exit_code, lived_seconds, ready_seconds)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
FINISH = """
    UPDATE journal
    SET result = ?, detail = ?, seconds = ?, container_id = ?, exit_code = ?, lived_seconds = ?
    WHERE id = ?
"""
OLDEST_OF_ALL = "DELETE FROM journal WHERE id IN (SELECT id FROM journal WHERE at < ? ORDER BY at LIMIT ?)"
OLDEST_OF_ONE = """
    DELETE FROM journal
    WHERE service = ? AND id <= (SELECT id FROM journal WHERE service = ? ORDER BY id DESC LIMIT 1 OFFSET ?)
"""


class Journal:
    """At most `entries` lines, none older than so many weeks."""

    def __init__(self, database: Database, entries: int, weeks: float) -> None:
        self._database = database
        self._entries = entries
        self._weeks = weeks
        self._lines = database.rows("SELECT count(*) AS lines FROM journal")[0]["lines"]

    def begin(self, entry: Entry) -> int:
        """Raises StoreError."""
        row = (
            *(entry.at, entry.kind, entry.verb, entry.subject, entry.service, entry.code, entry.text, entry.attempt),
            *(entry.actor, entry.result, entry.detail, entry.seconds, entry.container_id),
            *(entry.exit_code, entry.lived_seconds, entry.ready_seconds),
        )
        gone = 0
        with self._database.transaction() as connection:
            entry_id = connection.execute(APPEND, row).lastrowid or 0
            if entry_id % retention.EVERY == 0:
                gone = self._trim(connection, entry.at)
        self._lines += 1 - gone
        return entry_id

    def finish(
        self,
        entry_id: int,
        result: Result,
        detail: str,
        seconds: float,
        container_id: str,
        exit_code: int | None,
        lived_seconds: float | None,
    ) -> None:
        """Raises StoreError."""
        with self._database.transaction() as connection:
            connection.execute(FINISH, (result, detail, seconds, container_id, exit_code, lived_seconds, entry_id))

    def ready(self, entry_id: int, seconds: float) -> None:
        """Raises StoreError."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE journal SET ready_seconds = ? WHERE id = ?", (seconds, entry_id))

    def lines(self, asked: Lines) -> tuple[Entry, ...]:
        """The oldest first. Raises StoreError."""
        bounds = {
            "id > ?": asked.after,
            "id < ?": asked.before,
            "at >= ?": asked.since,
            "at < ?": asked.until,
            "service = ?": asked.service,
            "kind = ?": asked.kind,
            "code = ?": asked.code,
            "actor = ?": asked.actor,
        }
        given = {condition: value for condition, value in bounds.items() if value is not None}
        order = "ASC" if asked.oldest else "DESC"
        query = f"SELECT * FROM journal WHERE {' AND '.join(given)} ORDER BY id {order} LIMIT ?"  # nosec B608 # of words that stand here; values are bound
        rows = self._database.rows(query, *given.values(), asked.limit)
        return tuple(
            Entry(**{**dict(row), "result": Result(row["result"]) if row["result"] else None})
            for row in (rows if asked.oldest else reversed(rows))
        )

    def _trim(self, connection: sqlite3.Connection, now: float) -> int:
        """How many lines have gone."""
        before = now - self._weeks * retention.WEEK_SECONDS
        gone = connection.execute(OLDEST_OF_ALL, (before, retention.AT_ONCE)).rowcount
        if self._lines + 1 - gone <= self._entries:
            return gone
        rows = connection.execute("SELECT service, count(*) AS lines FROM journal GROUP BY service")
        counts = {row["service"]: row["lines"] for row in rows}
        most = retention.share(counts, self._entries)
        for service, lines in counts.items():
            if lines > most:
                gone += connection.execute(OLDEST_OF_ONE, (service, service, most)).rowcount
        return gone
