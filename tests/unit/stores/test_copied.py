"""A copy of the store is one state of it, whatever is written meanwhile, and nobody can see that it was made."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from pathlib import Path

import pytest

from zpmd.errors import StoreError
from zpmd.stores import copied
from zpmd.stores.schema import SCHEMA

PAYLOAD = "x" * 3000
ROWS = 400


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """In WAL mode, with two tables that every transaction changes alike."""
    folder = tmp_path / "state"
    folder.mkdir()
    path = folder / "zpmd.db"
    with contextlib.closing(connected(path)) as connection:
        connection.executescript(f"CREATE TABLE one (n, t); CREATE TABLE two (n, t); PRAGMA user_version = {SCHEMA}")
    (folder / "owner").write_text("0123456789ab\n")
    return path


def connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA wal_autocheckpoint = 20")
    return connection


def sums(path: Path) -> tuple[tuple[int, int], tuple[int, int]]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        one, two = (connection.execute(f"SELECT count(*), sum(n) FROM {name}").fetchone() for name in ("one", "two"))
        return one, two


def write(connection: sqlite3.Connection, number: int) -> None:
    connection.execute("BEGIN")
    for table in ("one", "two"):
        connection.execute(f"INSERT INTO {table} VALUES (?, ?)", (number, PAYLOAD))
        connection.execute(f"DELETE FROM {table} WHERE n < ?", (number - ROWS,))
    connection.execute("COMMIT")


def state(folder: Path) -> dict[str, tuple[object, ...]]:
    return {
        path.name: (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_mode, path.stat().st_uid)
        for path in [folder, *folder.iterdir()]
        if path.is_file()
    }


def test_a_copy_that_is_made_while_somebody_writes_and_checkpoints_is_one_state(database: Path, tmp_path: Path) -> None:
    over, written = threading.Event(), list[int]()

    def writing() -> None:
        with contextlib.closing(connected(database)) as connection:
            while not over.is_set():
                write(connection, len(written))
                written.append(1)

    thread = threading.Thread(target=writing)
    thread.start()
    try:
        states = set()
        for number in range(40):
            folder = tmp_path / str(number)
            folder.mkdir()
            with contextlib.suppress(StoreError):  # written without a pause: then it says so, and makes no copy
                copied.copy(database, folder)
                one, two = sums(folder / "zpmd.db")
                assert one == two
                states.add(one)
    finally:
        over.set()
        thread.join()
    assert len(states) > 1, "nothing was written meanwhile, so nothing was proved"


@pytest.mark.parametrize("how", ["closed", "died", "open"])
def test_what_was_committed_is_in_it_and_the_folder_is_as_it_was(database: Path, tmp_path: Path, how: str) -> None:
    connection = connected(database)
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    for number in range(10):
        write(connection, number)
    if how == "closed":
        connection.close()
    before, folder = state(database.parent), tmp_path / "copy"
    folder.mkdir()
    if how == "died":  # its log is left behind, without anybody who has it open
        (database.parent / "zpmd.db-shm").unlink()
        before = state(database.parent)
    assert copied.copy(database, folder) == SCHEMA
    assert sums(folder / "zpmd.db") == ((10, 45), (10, 45))
    assert state(database.parent) == before
    assert os.readlink(folder / "owner") == str(database.parent / "owner")
    connection.close()


def test_one_that_is_written_without_a_pause_is_not_copied_in_part(database: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="written without a pause"):
        copied.copy(database, tmp_path / "copy", tries=0)


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "no zpmd has run here yet"), (b"garbage" * 1000, "cannot read")],
    ids=["none", "garbage"],
)
def test_what_cannot_be_copied_is_said(tmp_path: Path, content: bytes, says: str) -> None:
    path, folder = tmp_path / "zpmd.db", tmp_path / "copy"
    folder.mkdir()
    if content:
        path.write_bytes(content)
    with pytest.raises(StoreError, match=says):
        copied.copy(path, folder)


def test_the_store_of_a_newer_zpmd_is_no_upgrade(database: Path, tmp_path: Path) -> None:
    with contextlib.closing(connected(database)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    with pytest.raises(StoreError, match="this is no upgrade"):
        copied.copy(database, tmp_path)
