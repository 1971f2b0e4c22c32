"""Once for each key: what lies in the database in plain text, or sealed with a former key, is sealed with the current.

Plain text would go on lying in pages that are free and in the write-ahead log, so the file is written anew afterwards
(VACUUM). The fact `sealed` names the key with which all of it was done; a crash or a full disk before that means that
it is done again at the next opening.
"""

from __future__ import annotations

import contextlib
import sqlite3

from zpmd.errors import StoreError
from zpmd.stores.codec import Unreadable
from zpmd.stores.database import Database
from zpmd.stores.sealing import Place, Seal

KEYS = {
    "revision": ("service",),
    "good": ("source",),
    "good_service": ("source", "service"),
    "rows": ("collection",),
    "sealed_fact": ("name",),
    "dossier": ("id",),
    "run_log": ("job", "due"),
}
"""Tables with a sealed `body`, and the columns of their keys."""


def place_of(table: str, row: sqlite3.Row) -> Place:
    """What the body of this row is sealed for. A dossier has its number from the engine of the database, after it was
    sealed, so its service stands for it."""
    columns = ("service",) if table == "dossier" else KEYS[table]
    return (table, *(str(row[column]) for column in columns))


def reseal(database: Database, seal: Seal) -> None:
    """Leaves all as it is where the file cannot be written now."""
    done = database.rows("SELECT value FROM fact WHERE name = 'sealed'")
    if done and done[0]["value"] == seal.mark.hex():
        return
    with contextlib.suppress(StoreError):
        if _reseal(database, seal):
            database.write_anew()
        with database.transaction(durable=True) as connection:
            connection.execute("INSERT OR REPLACE INTO fact VALUES ('sealed', ?)", (seal.mark.hex(),))


def _reseal(database: Database, seal: Seal) -> bool:
    """Whether there was anything to seal."""
    found = False
    with database.transaction(durable=True) as connection:
        for table, columns in KEYS.items():
            where = " AND ".join(f"{column} = ?" for column in columns)
            for row in connection.execute(f"SELECT * FROM {table}").fetchall():  # nosec B608 # tables and columns of ours
                if isinstance(row["body"], bytes) and row["body"].startswith(seal.mark):
                    continue
                place = place_of(table, row)
                try:
                    fresh = seal.seal(place, seal.open(place, row["body"]))
                except Unreadable:
                    continue
                key = [row[column] for column in columns]
                connection.execute(f"UPDATE {table} SET body = ? WHERE {where}", (fresh, *key))  # nosec B608 # tables and columns of ours
                found = True
    return found


def unreadable(database: Database, seal: Seal) -> int:
    """How many bodies are sealed with a key that is not at hand; without verdicts, which are counted where they are
    read."""
    count = 0
    for table in KEYS.keys() - {"revision"}:
        marks = ", ".join("?" * len(seal.marks))
        query = f"SELECT count(*) AS n FROM {table} WHERE typeof(body) = 'blob' AND substr(body, 1, ?) NOT IN ({marks})"  # nosec B608 # a table of ours
        count += database.rows(query, len(seal.mark), *seal.marks)[0]["n"]
    return count


def salt(database: Database, seal: Seal) -> bytes:
    """The salt of what is named by its content (materials.py): it outlives a change of the key, for with another salt
    every service with a secret would be replaced. It begins as what follows from the key."""
    known = database.rows("SELECT body FROM sealed_fact WHERE name = 'salt'")
    with contextlib.suppress(Unreadable, ValueError):
        if known:
            return bytes.fromhex(seal.open(("sealed_fact", "salt"), known[0]["body"]))
    body = seal.seal(("sealed_fact", "salt"), seal.salt.hex())
    # where there is no room, it follows from the key again next time
    with contextlib.suppress(StoreError), database.transaction(durable=True) as connection:
        connection.execute("INSERT OR REPLACE INTO sealed_fact VALUES ('salt', ?)", (body,))
    return seal.salt
