"""A copy of the store's file as it is at one instant, made without a trace in the folder that it comes from.

SQLite itself would leave one: to read a file in WAL mode it makes `-shm` and `-wal` where they are missing, and locks.
So bytes are copied, and it is proved that what came of it is one state: while the head of the write-ahead log stays the
same (its salts change whenever the log is begun anew), a checkpoint that runs beside the copying can only bring pages
into the file that are in the log as well, which is copied after it; and what is half appended to the log has no good
checksum, and is left out by SQLite when the copy is opened. Without a log nobody has the file open, and it must not
have changed at all.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import time
from pathlib import Path

from zpmd.errors import StoreError
from zpmd.stores.schema import SCHEMA

TRIES = 50
PAUSE_SECONDS = 0.1
HEAD_BYTES = 32
"""Of a write-ahead log: magic, version, page size, checkpoint number, two salts, checksum
(https://www.sqlite.org/fileformat2.html#the_write_ahead_log)."""
BESIDE = ("owner", "key", "key.old")

State = tuple[int, int, int, bytes]


def copy(database: Path, folder: Path, tries: int = TRIES) -> int:
    """Copy the file to the empty `folder`, under its own name, with the small files that lie beside it as links; the
    number of the schema that it has.

    Raises StoreError, with what to do, where there is none, it cannot be read, it is damaged, a newer zpmd has written
    it, or nobody lets it be copied in peace.
    """
    target = folder / database.name
    try:
        _settled(database, target, tries)
        for name in BESIDE:
            if (database.parent / name).exists():
                (folder / name).symlink_to(database.parent.resolve() / name)
    except FileNotFoundError:
        raise StoreError(f"there is no {database}: no zpmd has run here yet") from None
    except OSError as error:
        advice = "run it as root, or as the user that zpmd runs as"
        raise StoreError(f"cannot read {database}: {error.strerror}: {advice}") from error
    return _looked_over(target, database)


def _settled(database: Path, target: Path, tries: int) -> None:
    """Raises OSError, and StoreError where it never held still."""
    log, copied_log = (path.with_name(f"{path.name}-wal") for path in (database, target))
    for _ in range(tries):
        before = _state(database, log)
        shutil.copyfile(database, target)
        copied_log.unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(log, copied_log)
        if _state(database, log) == before:
            return
        time.sleep(PAUSE_SECONDS)
    raise StoreError(f"cannot copy {database}: it is written without a pause: try again")


def _state(database: Path, log: Path) -> State:
    """What must not change while it is copied: the log's head, or without one the file itself."""
    try:
        with log.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
    except FileNotFoundError:
        head = b""
    if head:
        return 0, 0, 0, head
    found = os.stat(database)
    return found.st_ino, found.st_mtime_ns, found.st_size, b""


def _looked_over(target: Path, original: Path) -> int:
    try:
        with contextlib.closing(sqlite3.connect(target)) as connection:
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as error:
        raise StoreError(f"cannot read {original}: {error}") from error
    if verdict != "ok":
        raise StoreError(f"cannot read {original}: it is damaged: {verdict}")
    if version > SCHEMA:
        raise StoreError(
            f"{original} was written by a newer zpmd (schema {version}, this one knows {SCHEMA}): this is no upgrade,"
            f" and this zpmd would not start on it"
        )
    return int(version)
