"""API keys, in the database and in memory: what was given out, without the keys.

Rules:
1. All of them are held in the process: telling whether a key is good never waits for the disk.
2. A revocation counts at once, also where it cannot be written: then StoreError says that it would not survive.
3. When it was last used is written at most once in `USED_EVERY_SECONDS`, and may be lost with the power.
4. At most `MOST` are kept: of those that are of no use any more the oldest go first; none that is good ever does.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from zpmd.errors import Refused
from zpmd.model.token import ApiToken
from zpmd.stores.codec import Unreadable, decode, encode
from zpmd.stores.database import Database

MOST = 1000
USELESS_MOST = 100
"""Those that are not good any more: they are kept so that whoever still uses one is told what became of it."""
USED_EVERY_SECONDS = 60.0
INSERT = "INSERT INTO token VALUES (?, ?, ?, ?)"
REVOKE = "UPDATE token SET revoked_at = ? WHERE id = ?"


class MemoryTokens:
    """ports.Tokens without a disk, and the part of it that all have in common."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: Mapping[str, ApiToken] = MappingProxyType({})
        """Replaced as a whole, so that whoever looks needs no lock."""
        self._written: dict[str, float] = {}
        """When the last use of a key was written last."""
        self._unwritten: set[str] = set()
        """Revoked, and not yet in the file."""

    def find(self, id: str) -> ApiToken | None:
        return self._held.get(id)

    def all(self) -> tuple[ApiToken, ...]:
        return tuple(sorted(self._held.values(), key=lambda token: (token.made_at, token.id)))

    def keep(self, token: ApiToken) -> None:
        with self._lock:
            if token.id in self._held:
                raise Refused(f"cannot make a token: the id {token.id} is taken; try again")
            gone = self._surplus(token.made_at)
            self._insert(token, gone)
            self._hold({**{id: one for id, one in self._held.items() if id not in gone}, token.id: token})

    def revoke(self, id: str, at: float) -> ApiToken | None:
        with self._lock:
            found = self._held.get(id)
            if found is None or (found.revoked_at is not None and id not in self._unwritten):
                return found
            revoked = replace(found, revoked_at=at)
            self._hold({**self._held, id: revoked})
            self._unwritten.add(id)
            self._write(REVOKE, (at, id), durable=True)
            self._unwritten.discard(id)
            return revoked

    def used(self, id: str, at: float) -> None:
        with self._lock:
            found = self._held.get(id)
            if found is None or at < self._written.get(id, 0.0) + USED_EVERY_SECONDS:
                return
            self._written[id] = at
            self._hold({**self._held, id: replace(found, used_at=at)})
            self._write("UPDATE token SET used_at = ? WHERE id = ?", (at, id), durable=False)

    def _surplus(self, now: float) -> frozenset[str]:
        """What has to go so that one more has room. Raises Refused where all are good."""
        useless = [token.id for token in self.all() if not token.good(now)]
        if len(self._held) - len(useless) >= MOST:
            raise Refused(f"cannot make a token: {MOST} are good already; revoke one that nobody needs")
        most = min(USELESS_MOST, MOST - 1 - (len(self._held) - len(useless)))
        return frozenset(useless[: max(0, len(useless) - most)])

    def _hold(self, held: dict[str, ApiToken]) -> None:
        self._held = MappingProxyType(held)
        self._written = {id: at for id, at in self._written.items() if id in held}

    def _insert(self, token: ApiToken, gone: frozenset[str]) -> None:
        """Durable, or StoreError."""

    def _write(self, statement: str, values: tuple[object, ...], durable: bool) -> None:
        """Raises StoreError."""


class EmbeddedTokens(MemoryTokens):
    """ports.Tokens in the table `token`."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database
        found = {}
        for row in database.rows("SELECT * FROM token"):
            try:
                found[row["id"]] = _read(row)
            except Unreadable:  # it is as good as revoked, and hides no other
                continue
        self._hold(found)

    def _insert(self, token: ApiToken, gone: frozenset[str]) -> None:
        with self._database.transaction(durable=True) as connection:
            connection.executemany("DELETE FROM token WHERE id = ?", [(id,) for id in gone])
            body = encode(replace(token, used_at=None, revoked_at=None))
            connection.execute(INSERT, (token.id, body, token.used_at, token.revoked_at))

    def _write(self, statement: str, values: tuple[object, ...], durable: bool) -> None:
        with self._database.transaction(durable) as connection:
            connection.execute(statement, values)


def _read(row: sqlite3.Row) -> ApiToken:
    """Raises Unreadable."""
    return replace(decode(ApiToken, row["body"]), used_at=row["used_at"], revoked_at=row["revoked_at"])
