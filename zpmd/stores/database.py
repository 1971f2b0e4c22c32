"""The SQLite file under the embedded store: opened whole or not at all, one transaction at a time.

Rules:
1. A commit survives the death of this process at once: the write-ahead log is in the kernel's hands. What an operator
   was told is done must survive a power cut as well, so those transactions are `durable` and wait for the disk. A
   journal line does not: it is on the way of every restart, and waiting makes it 14 times as slow on a fast disk
   (0.02 against 0.26 ms, p99 0.1 against 2.4 ms) and far worse on a spinning one. The next durable commit, or the next
   checkpoint, takes it along.
2. A file that is damaged is moved aside, never repaired and never deleted, and a new one begun: a supervisor that does
   not start because of its diary is worse than one without its diary. A file of a newer zpmd is left alone and refused.
3. A disk that is full where the file has to be opened costs what is written, not what is known: the file is read as it
   lies, and opened for writing as soon as there is room.
4. The file belongs to its owner alone; bodies that may have a secret in them are sealed as well (sealing.py).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from zpmd.errors import StoreError
from zpmd.stores.schema import SCHEMA, STEPS

BUSY_SECONDS = 5.0
"""How long to wait for somebody who looks into the file with another program."""

DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class Statement(NamedTuple):
    text: str
    values: tuple[object, ...]
    durable: bool = False


class Database:
    """One connection, guarded by one lock. `moved_to` names the damaged file that was set aside on opening, if any.
    `before_writing` is called before each transaction, and refuses it by raising StoreError."""

    def __init__(self, path: Path, now: float, before_writing: Callable[[], None] = lambda: None) -> None:
        self.path = path
        self._before_writing = before_writing
        self.moved_to: Path | None = None
        self._lock = threading.RLock()
        self._as_it_lies = False
        try:
            self._connection = _open(path)
        except sqlite3.Error as error:
            if not _damaged(error):
                self._connection = _as_it_lies(path, error)
                self._as_it_lies = True
                return
            self.moved_to = _set_aside(path, now)
            try:
                self._connection = _open(path)
            except sqlite3.Error as again:
                raise StoreError(f"cannot begin {path} anew: {again}") from again
        except OSError as error:
            raise StoreError(f"cannot open {path}: {error.strerror}") from error

    @contextlib.contextmanager
    def transaction(self, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """All of it or nothing; on return it is committed. Raises StoreError, also for what `close` has ended."""
        with self._lock:
            try:
                self._before_writing()
                if self._as_it_lies:
                    fresh = _open(self.path)
                    self._connection.close()
                    self._connection, self._as_it_lies = fresh, False
                # Outside a transaction, where alone SQLite lets it be changed.
                self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield self._connection
                except BaseException:
                    self._connection.execute("ROLLBACK")
                    raise
                self._commit()
            except (sqlite3.Error, OSError) as error:
                raise StoreError(f"cannot write {self.path}: {error}") from error

    def _commit(self) -> None:
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            if self._connection.in_transaction:  # a full disk leaves it open, and every later one would fail
                self._connection.execute("ROLLBACK")
            raise

    def rows(self, query: str, *arguments: object) -> list[sqlite3.Row]:
        """Raises StoreError."""
        with self._lock:
            try:
                return self._connection.execute(query, arguments).fetchall()
            except sqlite3.Error as error:
                raise StoreError(f"cannot read {self.path}: {error}") from error

    def write_anew(self) -> None:
        """The whole file, so that nothing is left of what was overwritten, and an empty log. Raises StoreError."""
        with self._lock:
            try:
                self._connection.execute("VACUUM")
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            except sqlite3.Error as error:
                raise StoreError(f"cannot write {self.path}: {error}") from error

    def close(self) -> None:
        with self._lock, contextlib.suppress(sqlite3.Error):
            self._connection.close()


def _open(path: Path) -> sqlite3.Connection:
    """Raises sqlite3.Error, OSError, and StoreError for a file of a newer zpmd."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    path.chmod(0o600)
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise _damage(str(verdict))
        _migrate(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _as_it_lies(path: Path, why: sqlite3.Error) -> sqlite3.Connection:
    """Read-only, without its log, which there is no room for; the file of an older zpmd as a copy in memory with the
    tables of this one, of which nothing is written. Raises StoreError where that gives nothing either."""
    try:
        connection = sqlite3.connect(f"file:{quote(str(path))}?immutable=1", uri=True, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error:
        version = 0
    if not 0 < version <= SCHEMA:
        raise StoreError(f"cannot open {path}: {why}") from why
    if version == SCHEMA:
        return connection
    newer = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    newer.row_factory = sqlite3.Row
    try:
        connection.backup(newer)
        _migrate(newer, path)
    except sqlite3.Error:
        raise StoreError(f"cannot open {path}: {why}") from why
    finally:
        connection.close()
    return newer


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA:
        raise StoreError(
            f"cannot open {path}: it was written by a newer zpmd (schema {version}, this one knows {SCHEMA});"
            f" install that zpmd again, or move the file away to begin without what it remembers"
        )
    for number in range(version, SCHEMA):
        connection.executescript(f"BEGIN IMMEDIATE; {STEPS[number]}; PRAGMA user_version = {number + 1}; COMMIT;")


def _damage(text: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(text)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _damaged(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in DAMAGED


def _set_aside(path: Path, now: float) -> Path:
    """Move the file with its log away; the new name ends with the UTC instant, and a number where that is taken."""
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    target = path.with_name(f"{path.name}.corrupt-{stamp}")
    number = 1
    while target.exists():
        number += 1
        target = path.with_name(f"{path.name}.corrupt-{stamp}-{number}")
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.replace(f"{path}{suffix}", f"{target}{suffix}")
    return target
