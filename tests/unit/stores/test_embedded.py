"""What is the SQLite file's own: damage, versions, death of the process, rights."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.full_disk import no_room
from zpmd.errors import StoreError
from zpmd.model.events import Entry, Result
from zpmd.model.memory import Attempt, Timing, Tried
from zpmd.model.observed import Slot
from zpmd.model.patch import Patch, Stage
from zpmd.model.service import Desired
from zpmd.stores.embedded import EmbeddedStore
from zpmd.stores.schema import SCHEMA, STEPS

SEEN = Patch(number=0, name="hotfix-1042.patch.yaml", stage=Stage.SEEN)


class FixedClock:
    def now(self) -> float:
        return 1_700_000_000.0

    def monotonic(self) -> float:
        return 0.0


def opened(path: Path) -> EmbeddedStore:
    return EmbeddedStore(path, journal_entries=1000, clock=FixedClock())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "zpmd.db"


def edit(path: Path, script: str) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()


def test_the_file_and_its_log_belong_to_their_owner_alone(path: Path) -> None:
    store = opened(path)
    store.set_stopped("redis", True)
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in path.parent.iterdir()}
    assert modes == {"zpmd.db": 0o600, "zpmd.db-wal": 0o600, "zpmd.db-shm": 0o600, "owner": 0o600, "key": 0o600}
    store.close()


@pytest.mark.parametrize("garbage", [b"not a database at all" * 400, b"SQLite format 3\x00" + b"\xff" * 8000])
def test_a_damaged_file_is_moved_aside_and_the_owner_survives(path: Path, garbage: bytes) -> None:
    store = opened(path)
    owner = store.owner()
    store.close()
    path.write_bytes(garbage)
    store = opened(path)
    assert store.owner() == owner, "everything that runs would be a stranger"
    assert path.with_name("zpmd.db.corrupt-20231114T221320Z").read_bytes() == garbage
    assert [e.text for e in store.journal()] == [
        "the database was damaged: it is kept as zpmd.db.corrupt-20231114T221320Z, and a new one was begun"
    ]
    store.close()


def test_damage_inside_the_file_is_found_on_opening(path: Path) -> None:
    store = opened(path)
    for number in range(400):
        store.begin(Entry(id=0, at=1.0, kind="note", verb="note", subject="x", text=f"{number}" * 40))
    store.close()
    content = bytearray(path.read_bytes())
    for page in range(4, len(content) // 4096):
        content[page * 4096 : page * 4096 + 64] = b"\xa5" * 64
    path.write_bytes(content)
    store = opened(path)
    assert len(store.journal()) == 1
    assert path.with_name("zpmd.db.corrupt-20231114T221320Z").exists()
    store.close()


def test_a_file_of_a_newer_zpmd_is_refused_and_left_alone(path: Path) -> None:
    opened(path).close()
    edit(path, f"PRAGMA user_version = {SCHEMA + 1}")
    before = path.read_bytes()
    with pytest.raises(StoreError, match=rf"written by a newer zpmd \(schema {SCHEMA + 1}, this one knows {SCHEMA}\)"):
        opened(path)
    assert path.read_bytes() == before


def test_the_owner_is_taken_from_the_database_when_its_file_is_gone(path: Path) -> None:
    store = opened(path)
    owner = store.owner()
    store.close()
    path.with_name("owner").unlink()
    store = opened(path)
    assert store.owner() == owner
    assert path.with_name("owner").read_text() == f"{owner}\n"
    store.close()


def test_an_owner_file_with_something_else_in_it_is_refused(path: Path) -> None:
    opened(path).close()
    path.with_name("owner").write_text("ours, I think")
    with pytest.raises(StoreError, match="12 hex digits"):
        opened(path)


def test_rows_that_cannot_be_read_are_left_out_and_told(path: Path) -> None:
    store = opened(path)
    attempt = Attempt(tried=Tried.RUN, count=1, at=1.0, spec="1:a", generation=0)
    store.attempt(Slot("good", 1), attempt)
    store.keep_good("files", Desired())
    store.close()
    edit(path, "INSERT INTO attempt VALUES ('bad', 1, '{\"tried\": \"sideways\"}'); UPDATE good SET body = '[';")
    store = opened(path)
    assert dict(store.memory().attempts) == {Slot("good", 1): attempt}
    assert store.last_good("files") is None
    assert [e.text for e in store.journal()] == ["1 rows of the database could not be read, and are forgotten"]
    store.close()


def test_patches_and_timings_that_cannot_be_read_are_left_out_and_told(path: Path) -> None:
    store = opened(path)
    numbers = [store.begin_patch(SEEN) for _ in range(3)]
    store.keep_timing("web", Timing(stop_seconds=1.0))
    store.close()
    edit(path, "UPDATE patch SET body = '{\"name\": 1e999}' WHERE number = 2; UPDATE timing SET body = '[';")
    store = opened(path)
    assert [patch.number for patch in store.memory().patches] == [numbers[0], numbers[2]]
    assert [patch.number for patch in store.ledger()] == [numbers[2], numbers[0]]
    assert dict(store.memory().timings) == {}
    assert [e.text for e in store.journal()] == ["2 rows of the database could not be read, and are forgotten"]
    store.close()


def test_a_file_from_before_there_were_patches_gets_a_ledger(path: Path) -> None:
    path.parent.mkdir()
    edit(
        path, f"{STEPS[0]} {STEPS[1]} INSERT INTO intent (service, stopped) VALUES ('web', 1); PRAGMA user_version = 2;"
    )
    store = opened(path)
    assert store.begin_patch(SEEN) == 1
    assert store.memory().intent.stopped == {"web"}
    store.close()


def test_a_journal_from_before_lives_were_measured_is_read_and_goes_on(path: Path) -> None:
    path.parent.mkdir()
    values = "7, 1.0, 'action', 'stop', 'web/1', 'web', 'drift', '', 0, 'zpmd', 'ok', '', 1.0, 'c'"
    old = f"INSERT INTO journal VALUES ({values})"
    edit(path, f"{STEPS[0]} {STEPS[1]} {STEPS[2]} {old}; PRAGMA user_version = 3;")
    store = opened(path)
    (entry,) = store.journal()
    assert (entry.id, entry.exit_code, entry.lived_seconds, entry.ready_seconds) == (7, None, None, None)
    number = store.begin(replace(entry, verb="run"))
    store.finish(number, Result.OK, "", 0.3, "c2")
    store.ready(number, 2.5)
    assert [e.ready_seconds for e in store.journal()] == [None, 2.5]
    store.close()


def test_on_a_full_disk_a_patch_goes_on_and_no_other_begins(path: Path) -> None:
    store = opened(path)
    number = store.begin_patch(SEEN)
    rolling = replace(SEEN, number=number, id="p", stage=Stage.ROLLING)
    with no_room():
        with pytest.raises(StoreError, match="cannot write"):
            store.keep_patch(rolling)
        refused: list[Callable[[], object]] = [
            lambda: store.begin_patch(SEEN),
            lambda: store.file_patch(number, "applied"),
            lambda: store.ask_revert([number], "me"),
        ]
        for write in refused:
            with pytest.raises(StoreError, match="cannot write"):
                write()
        assert store.memory().patches == store.ledger() == store.ledger(id="p") == (rolling,)
    store.hooked("c1", 1.0)
    store.close()
    store = opened(path)
    assert store.memory().patches == (rolling,), "what was owed is written"
    store.close()


def test_rows_of_an_older_and_of_a_newer_zpmd_are_read(path: Path) -> None:
    opened(path).close()
    edit(
        path,
        """INSERT INTO good VALUES ('older', '{"services":[{"name":"a","group":"core","container":{"image":"i"}}]}');
        INSERT INTO good VALUES ('newer', '{"services":[{"name":"a","group":"core","mood":"fine",
            "container":{"image":"i","gpus":"all"}}],"tides":[1]}');""",
    )
    store = opened(path)
    older, newer = store.last_good("older"), store.last_good("newer")
    assert older is not None
    assert older == newer
    assert older.services[0].replicas == 1
    store.close()


def test_on_a_full_disk_the_loop_is_remembered_and_operators_are_refused(path: Path) -> None:
    store = opened(path)
    attempt = Attempt(tried=Tried.START, count=3, at=1.0, spec="1:a", generation=0)
    other = Attempt(tried=Tried.RUN, count=0, at=2.0, spec="1:a", generation=0)
    with no_room():
        for slot in (1, 2):
            with pytest.raises(StoreError, match="cannot write"):
                store.attempt(Slot("web", slot), attempt)
        with pytest.raises(StoreError, match="cannot write"):
            store.hooked("c1", 5.0)
        with pytest.raises(StoreError, match="cannot write"):
            store.set_stopped("web", True)
        assert store.memory().attempts[Slot("web", 1)] == attempt, "its backoff counts all the same"
    store.attempt(Slot("web", 2), other)
    store.close()
    store = opened(path)
    memory = store.memory()
    assert dict(memory.attempts) == {Slot("web", 1): attempt, Slot("web", 2): other}, "what was owed is written"
    assert memory.hooked == {("c1", 5.0)}
    assert memory.intent.stopped == frozenset()
    store.close()


def test_a_store_opens_on_a_full_disk_and_is_written_again_when_there_is_room(path: Path) -> None:
    store = opened(path)
    owner = store.owner()
    store.set_stopped("redis", True)
    store.close()
    with no_room():
        store = opened(path)
        assert store.owner() == owner
        assert store.memory().intent.stopped == {"redis"}
        with pytest.raises(StoreError, match="cannot write"):
            store.begin(Entry(id=0, at=1.0, kind="note", verb="note", subject="x"))
    store.set_stopped("redis", False)
    assert store.memory().intent.stopped == frozenset()
    store.close()


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot open .*/file/zpmd.db: "):
        opened(tmp_path / "file" / "zpmd.db")


def test_a_closed_store_answers_with_an_error_of_ours(path: Path) -> None:
    store = opened(path)
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.set_stopped("redis", True)
    with pytest.raises(StoreError, match="closed"):
        store.journal()


def test_what_was_acknowledged_survives_kill_9(path: Path) -> None:
    """A process says each number after its write; killed in the midst of it, every number it said is there."""
    program = textwrap.dedent("""
        import sys
        from pathlib import Path
        from zpmd.model.events import Entry
        from zpmd.stores.embedded import EmbeddedStore

        class Clock:
            def now(self): return 0.0
            def monotonic(self): return 0.0

        store = EmbeddedStore(Path(sys.argv[1]), 100_000, Clock())
        number = 0
        while True:
            number += 1
            store.begin(Entry(id=0, at=0.0, kind="note", verb="note", subject="s", text=str(number)))
            store.set_scale("redis", number)
            print(number, flush=True)
    """)
    for _ in range(3):
        child = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        said = 0
        while said < 200:
            said = int(child.stdout.readline())
        os.kill(child.pid, 9)
        said = max([said, *(int(line) for line in child.stdout if line.endswith("\n"))])
        child.wait()
        child.stdout.close()
        store = opened(path)
        assert store.memory().intent.scaled["redis"] in (said, said + 1)
        assert store.journal(limit=1)[0].text in (str(said), str(said + 1))
        store.close()
