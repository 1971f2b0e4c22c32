"""The audit over deaths and full disks: what was begun has its row, whatever came between."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from loguru import logger

from tests.contracts.stores import FixedClock
from zpmd.daemon.recorder import REFUSED_AT_ONCE, Recorder, every_row, faults, settle, stored
from zpmd.errors import StoreError
from zpmd.model.audit import Kind, Link, Record
from zpmd.model.events import Entry
from zpmd.model.memory import Down, Hold, Intent, Memory
from zpmd.model.patch import Patch, Stage
from zpmd.stores.audit_memory import MemoryAudit
from zpmd.stores.embedded import EmbeddedStore
from zpmd.stores.memory import MemoryStore, Tablet

STOP = Record(at=0.0, kind=Kind.WRITE, actor="root", method="POST", route="/v1/services/{name}/stop", subject="redis")
ASKED = Entry(id=0, at=5.0, kind="note", verb="stop", subject="redis", service="redis", actor="root")
NOON = 1_700_000_000.0


def opened(folder: Path) -> EmbeddedStore:
    return EmbeddedStore(folder / "zpmd.db", journal_entries=1000, clock=FixedClock())


def recorded(store: EmbeddedStore | MemoryStore) -> list[Record]:
    return [row.record for row in every_row(store.audit)]


def test_a_write_that_was_killed_before_its_row_has_one_at_the_next_start(tmp_path: Path) -> None:
    """`kill -9` between what was done and what was to be written about it."""
    program = f"""
import os, signal, sys
sys.path.insert(0, {os.getcwd()!r})
from pathlib import Path
from tests.unit.daemon.test_recorder import ASKED, STOP, opened
from zpmd.daemon.recorder import Recorder
store = opened(Path({str(tmp_path)!r}))
Recorder(store.audit, store, lambda: 7.0).begin(STOP)
store.begin(ASKED)
store.set_stopped("redis", True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    died = subprocess.run([sys.executable, "-c", program], check=False, timeout=60)
    assert died.returncode == -signal.SIGKILL
    store = opened(tmp_path)
    settle(store.audit, store, NOON)
    (row,) = recorded(store)
    assert (row.kind, row.actor, row.subject, row.at, row.status) == (Kind.INTERRUPTED, "root", "redis", 7.0, 0)
    assert (row.before, row.after, row.journal) == ({}, {"stopped": True}, (1,))
    settle(store.audit, store, NOON)
    assert len(recorded(store)) == 1, "once"
    assert faults(store.audit) == ()


def test_a_verb_in_the_journal_that_no_row_claims_gets_a_row_at_the_next_start(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.begin(ASKED)
    settle(store.audit, store, NOON)
    assert recorded(store) == [], "what was before the audit is none of its business"
    entry = store.begin(ASKED)
    store.begin(Entry(id=0, at=6.0, kind="note", verb="boot", subject="zpmd"))
    settle(store.audit, store, NOON)
    (row,) = recorded(store)
    assert (row.kind, row.actor, row.route, row.subject) == (Kind.UNATTRIBUTED, "root", "stop", "redis")
    assert row.journal == (entry,)
    settle(store.audit, store, NOON)
    assert len(recorded(store)) == 1


def test_a_row_claims_the_entries_of_its_own_request() -> None:
    store = MemoryStore(Tablet(), journal_entries=100)
    settle(store.audit, store, NOON)
    recorder = Recorder(store.audit, store, lambda: NOON)
    store.begin(ASKED)
    begun = recorder.begin(STOP)
    mine = store.begin(ASKED)
    store.begin(Entry(id=0, at=5.0, kind="note", verb="stop", subject="kafka", service="kafka", actor="somebody else"))
    recorder.end(begun, 202)
    assert recorded(store)[-1].journal == (mine,)


def test_a_request_that_names_its_subject_in_its_body_alone_is_about_what_the_journal_says() -> None:
    store = MemoryStore(Tablet(), journal_entries=100)
    recorder = Recorder(store.audit, store, lambda: NOON)
    store.set_scale("redis", 3)
    begun = recorder.begin(Record(at=0.0, kind=Kind.WRITE, actor="root", route="/service/stop"))
    store.begin(ASKED)
    store.set_stopped("redis", True)
    recorder.end(begun, 200)
    (row,) = recorded(store)
    assert (row.subject, row.before, row.after) == ("redis", {"scale": 3}, {"scale": 3, "stopped": True})


class FullAudit(MemoryAudit):
    full = False

    def begin(self, record: Record) -> int:
        self._room()
        return super().begin(record)

    def end(self, begun: int, record: Record) -> Link:
        self._room()
        return super().end(begun, record)

    def add(self, record: Record) -> Link:
        self._room()
        return super().add(record)

    def _room(self) -> None:
        if self.full:
            raise StoreError("cannot write: database or disk is full")


def test_where_the_disk_is_full_nothing_is_begun_and_an_end_is_owed_until_there_is_room() -> None:
    audit, store = FullAudit(), MemoryStore(Tablet(), journal_entries=100)
    recorder = Recorder(audit, store, lambda: NOON)
    begun = recorder.begin(STOP)
    audit.full = True
    with pytest.raises(StoreError):
        recorder.end(begun, 202)
    with pytest.raises(StoreError):
        recorder.begin(STOP)
    recorder.refused(STOP)
    audit.full = False
    later = recorder.begin(STOP)
    assert [row.record.status for row in audit.rows(0, 10)] == [202]
    recorder.end(later, 409, "refused")
    assert [row.record.status for row in audit.rows(0, 10)] == [202, 409]


def test_an_audit_that_cannot_be_written_is_told_once_and_so_is_its_end() -> None:
    audit, lines = FullAudit(), list[tuple[str, str]]()
    recorder = Recorder(audit, MemoryStore(Tablet(), journal_entries=100), lambda: NOON)
    logger.enable("zpmd")
    sink = logger.add(lambda m: lines.append((m.record["level"].name, m.record["message"])), format="{message}")
    try:
        audit.full = True
        for _ in range(5):
            recorder.refused(STOP)
            with pytest.raises(StoreError):
                recorder.begin(STOP)
        audit.full = False
        recorder.end(recorder.begin(STOP), 202)
    finally:
        logger.remove(sink)
    audited = [line for line in lines if "audit 1:" not in line[1]]
    assert audited == [
        (
            "ERROR",
            "cannot write: database or disk is full: no row can be added to the audit,"
            " so what is asked through the API is refused",
        ),
        ("NOTICE", "rows are added to the audit again"),
    ]


def test_a_flood_of_refused_requests_is_a_few_rows_that_have_counted_all() -> None:
    store, now = MemoryStore(Tablet(), journal_entries=100), [NOON]
    recorder = Recorder(store.audit, store, lambda: now[0])
    for _ in range(1000):
        recorder.refused(Record(at=0.0, kind=Kind.REFUSED, actor="", address="10.0.0.9", status=401))
    assert len(recorded(store)) == REFUSED_AT_ONCE
    now[0] += 60
    recorder.refused(Record(at=0.0, kind=Kind.REFUSED, actor="", address="10.0.0.9", status=401))
    rows = recorded(store)
    assert len(rows) == REFUSED_AT_ONCE + 1
    assert sum(row.count for row in rows) == 1001


def test_no_secret_and_no_control_character_comes_into_a_row() -> None:
    store = MemoryStore(Tablet(), journal_entries=100)
    recorder = Recorder(store.audit, store, lambda: NOON)
    subject = "redis\npassword=hunter2 " + "x" * 5000
    recorder.end(recorder.begin(Record(at=0.0, kind=Kind.WRITE, actor="root\x1b[2J", subject=subject)), 404)
    (row,) = store.audit.rows(0, 10)
    assert "hunter2" not in row.body
    assert "\x1b" not in row.record.actor
    assert len(row.record.subject) <= 255


def test_what_is_stored_of_a_subject_is_said_without_defaults() -> None:
    hold = Hold(service="redis", owner="root", reason="token=abcdef", since=1.0, until=9.0)
    intent = Intent(
        stopped=frozenset({"redis", "kafka"}),
        scaled={"redis": 2},
        generations={"redis": 7},
        holds=(hold,),
        approved=frozenset({"gone"}),
        down=Down.VOLUMES,
    )
    patch = Patch(number=3, name="h.patch.yaml", stage=Stage.APPLIED, id="h", asked="root")
    memory = Memory(intent=intent, patches=(patch,))
    held = {"owner": "root", "reason": "token=***", "until": 9.0}
    assert stored(memory, "redis") == {"stopped": True, "scale": 2, "generation": 7, "hold": held}
    assert stored(memory, "gone") == {"approved": True}
    assert stored(memory, "*") == {"down": "volumes", "stopped": ["kafka", "redis"], "approved": ["gone"]}
    assert stored(memory, "patch:h") == {"drops": [{"number": 3, "stage": "applied", "asked": "root"}]}
    assert (stored(memory, "patch:other"), stored(memory, "nobody"), stored(Memory(), "*")) == ({}, {}, {})


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE audit SET body = replace(body, 'root', 'toor') WHERE id = 2", "row 2 was changed"),
        ("DELETE FROM audit WHERE id = 2", "row 3 follows row 1"),
        ("DELETE FROM audit WHERE id = 4", "the last row is 3, and should be 4"),
        ("DELETE FROM audit WHERE id = 1", "rows before 2 are gone"),
        ("INSERT INTO audit SELECT 5, previous, hash, body FROM audit WHERE id = 4", "row 5 lies beyond"),
    ],
)
def test_whoever_writes_into_the_database_is_found(tmp_path: Path, statement: str, said: str) -> None:
    store = opened(tmp_path)
    for _ in range(4):
        store.audit.add(STOP)
    assert faults(store.audit) == ()
    with sqlite3.connect(tmp_path / "zpmd.db") as other:
        other.execute(statement)
    found = faults(store.audit)
    assert found
    assert said in "; ".join(found)


def test_rows_that_are_missing_at_the_end_stay_missed_when_zpmd_goes_on(tmp_path: Path) -> None:
    store = opened(tmp_path)
    for _ in range(4):
        store.audit.add(STOP)
    with sqlite3.connect(tmp_path / "zpmd.db") as other:
        other.execute("DELETE FROM audit WHERE id = 4")
    assert store.audit.add(STOP).id == 5
    assert "row 5 follows row 3: rows between them are missing, or in another order" in faults(store.audit)
