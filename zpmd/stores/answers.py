"""Answers to writes that came with an Idempotency-Key, in the database: for a day, and no more than `MOST`."""

from __future__ import annotations

from zpmd.model.answer import Answer
from zpmd.stores.database import Database

DAY_SECONDS = 86_400.0
MOST = 10_000
COLUMNS = "actor, key, asked, at, status, body"
FIND = f"SELECT {COLUMNS} FROM answer WHERE actor = ? AND key = ? AND at > ?"  # nosec B608 # all of it stands here
KEEP = f"INSERT OR REPLACE INTO answer ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)"


class EmbeddedAnswers:
    """ports.Answers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, actor: str, key: str, now: float) -> Answer | None:
        rows = self._database.rows(FIND, actor, key, now - DAY_SECONDS)
        return Answer(**dict(rows[0])) if rows else None

    def keep(self, answer: Answer) -> None:
        row = (answer.actor, answer.key, answer.asked, answer.at, answer.status, answer.body)
        with self._database.transaction(durable=True) as connection:
            newest = connection.execute(KEEP, row).lastrowid or 0
            connection.execute("DELETE FROM answer WHERE number <= ?", (newest - MOST,))
            connection.execute(
                "DELETE FROM answer WHERE number IN (SELECT number FROM answer WHERE at <= ? LIMIT 100)",
                (answer.at - DAY_SECONDS,),
            )
