"""The ledger of patches in the database: one row a drop, and beside its body what others than the loop write into it.

Rules:
1. The loop replaces a body; who asked to take a patch back, and where its file has gone, are columns of their own, so
   that neither ever undoes the other.
2. Held in the process are the rows that `memory()` gives: those that still matter, and the newest of the others. The
   rest is read from the file when somebody asks.
3. A patch that is applied is a layer over the service files, and is never dropped for its age; of the others that
   ended the newest `OVER_KEPT` stay.
4. A row that cannot be read is left out.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from dataclasses import replace

from zpmd.errors import StoreError
from zpmd.model.patch import ENDS, Patch, Stage
from zpmd.stores.codec import Unreadable, decode, encode
from zpmd.stores.database import Database, Statement

OVER = ENDS - {Stage.APPLIED}
"""Stages of rows that are history, and nothing else."""
OVER_HELD = 200
OVER_KEPT = 1000

_STAGES = ", ".join(f"'{stage}'" for stage in sorted(OVER))
IS_OVER = f"stage IN ({_STAGES})"
NEWEST_OVER = f"SELECT number FROM patch WHERE {IS_OVER} ORDER BY number DESC LIMIT ?"  # nosec B608 # of words that stand here


def recalled(rows: Collection[Patch]) -> dict[int, Patch]:
    """Those that `Memory.patches` has, by number, in this order."""
    ordered = sorted(rows, key=lambda patch: patch.number)
    over = [patch.number for patch in ordered if patch.stage in OVER]
    left_out = set(over[:-OVER_HELD])
    return {patch.number: patch for patch in ordered if patch.number not in left_out}


class Ledger:
    """Mutable, and not thread-safe: the store calls it under its lock."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.unreadable = 0
        """Rows that would be held, and cannot be read."""
        self._held: dict[int, Patch] = {}
        for row in database.rows(f"SELECT * FROM patch WHERE NOT {IS_OVER} OR number IN ({NEWEST_OVER})", OVER_HELD):  # nosec B608 # of words above
            try:
                self._held[row["number"]] = _read(row)
            except Unreadable:
                self.unreadable += 1

    def patches(self) -> tuple[Patch, ...]:
        """What `Memory.patches` is."""
        self._held = recalled(self._held.values())
        return tuple(self._held.values())

    def begin(self, patch: Patch) -> int:
        """Raises StoreError."""
        row = (patch.id, patch.stage, _body(patch), patch.asked, patch.filed)
        with self._database.transaction(durable=True) as connection:
            insert = "INSERT INTO patch (id, stage, body, asked, filed) VALUES (?, ?, ?, ?, ?)"
            number = connection.execute(insert, row).lastrowid or 0
            connection.execute(f"DELETE FROM patch WHERE {IS_OVER} AND number NOT IN ({NEWEST_OVER})", (OVER_KEPT,))  # nosec B608 # of words above
        self._held[number] = replace(patch, number=number)
        return number

    def keep(self, patch: Patch) -> Statement:
        """It counts here from now on; what remains to be written."""
        known = self._held.get(patch.number)
        if known is not None:
            self._held[patch.number] = replace(patch, asked=known.asked, filed=known.filed)
        row = (patch.id, patch.stage, _body(patch), patch.number)
        return Statement("UPDATE patch SET id = ?, stage = ?, body = ? WHERE number = ?", row, durable=True)

    def file(self, number: int, filed: str) -> None:
        """Raises StoreError."""
        with self._database.transaction(durable=True) as connection:
            connection.execute("UPDATE patch SET filed = ? WHERE number = ?", (filed, number))
        if number in self._held:
            self._held[number] = replace(self._held[number], filed=filed)

    def ask(self, numbers: Collection[int], actor: str) -> None:
        """Raises StoreError, also for a number that no row has: then none of them is asked for."""
        with self._database.transaction(durable=True) as connection:
            for number in numbers:
                if not connection.execute("UPDATE patch SET asked = ? WHERE number = ?", (actor, number)).rowcount:
                    raise StoreError(f"cannot revert drop {number}: the ledger has no such row")
        self._held.update((n, replace(self._held[n], asked=actor)) for n in numbers if n in self._held)

    def newest(self, limit: int, id: str | None) -> tuple[Patch, ...]:
        """Raises StoreError."""
        held = {patch.number: patch for patch in self.patches() if id in (None, patch.id)}
        rows = self._database.rows(
            "SELECT * FROM patch WHERE ? IS NULL OR id = ? ORDER BY number DESC LIMIT ?", id, id, limit
        )
        found = held | {patch.number: patch for patch in _readable(rows) if patch.number not in self._held}
        return tuple(found[number] for number in sorted(found, reverse=True)[:limit])


def _body(patch: Patch) -> str:
    return encode(replace(patch, number=0, asked="", filed=""))


def _read(row: sqlite3.Row) -> Patch:
    """Raises Unreadable."""
    return replace(decode(Patch, row["body"]), number=row["number"], asked=row["asked"], filed=row["filed"])


def _readable(rows: list[sqlite3.Row]) -> Iterator[Patch]:
    for row in rows:
        try:
            yield _read(row)
        except Unreadable:  # one bad row never hides the others
            continue
