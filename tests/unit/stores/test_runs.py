"""What is the SQLite file's own in the ledger of jobs: a full disk, older files, damage, death of the process, cost."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contracts.stores import FixedClock
from tests.unit.full_disk import no_room
from zpmd.errors import SecondTaken, StoreError
from zpmd.model.events import Entry
from zpmd.model.job import Ending, JobMemory, Mark, Run, RunsKept, Step
from zpmd.stores import runs
from zpmd.stores.embedded import EmbeddedStore
from zpmd.stores.schema import STEPS

NINE = 1_774_861_200
MARK = Mark("5f0a", NINE + 60.0)
WAITING = Run(job="report", due=NINE)
OK = replace(WAITING, step=Step.ENDED, ending=Ending.OK)


def opened(path: Path) -> EmbeddedStore:
    return EmbeddedStore(path, journal_entries=1000, clock=FixedClock())


def at(minute: int, row: Run = OK) -> Run:
    return replace(row, due=NINE + 60 * minute)


def minutes(rows: tuple[Run, ...]) -> list[int]:
    return [(row.due - NINE) // 60 for row in rows]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "zpmd.db"


@pytest.fixture
def store(path: Path) -> Iterator[EmbeddedStore]:
    store = opened(path)
    yield store
    store.close()


def edit(path: Path, script: str) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()


def asked(store: EmbeddedStore) -> dict[str, object]:
    """All that the store answers about jobs."""
    return {
        "memory": store.memory().jobs,
        "all": store.runs(None, limit=500),
        "of one": store.runs("report", limit=5),
        "behind": store.runs(None, before=(NINE + 60, "report")),
        "one": [store.run("report", NINE + 60 * n) for n in range(50)],
    }


def test_on_a_full_disk_the_loops_word_counts_and_is_written_when_there_is_room(
    path: Path, store: EmbeddedStore
) -> None:
    store.keep_runs(RunsKept(rows=(at(0, WAITING), at(1), at(7)), marks={"report": MARK}))
    store.keep_runs(RunsKept(rows=(replace(at(30), ending=Ending.HELD), replace(at(31), ending=Ending.HELD))))
    store.set_suspended("other", "me")
    started = replace(at(0, WAITING), step=Step.RUNNING, started_at=1.0)
    said: list[Callable[[], object]] = [
        lambda: store.keep_runs(RunsKept(rows=(started, *(at(n) for n in range(8, 40))), marks={"other": MARK})),
        lambda: store.keep_runs(
            RunsKept(rows=(replace(at(31), ending=Ending.HELD),), unsaid={"report": NINE + 2200.0})
        ),
        lambda: store.keep_run_evidence("report", NINE, 1, ["first"]),
        lambda: store.keep_run_evidence("report", NINE, 2, ["second"]),
        lambda: store.keep_run_evidence("report", NINE + 60 * 8, 1, ["of a row that is not written"]),
        lambda: store.keep_runs(RunsKept(rows=(replace(started, step=Step.ENDED, ending=Ending.OK),))),
    ]
    refused: list[Callable[[], object]] = [
        lambda: store.ask_run(at(2, WAITING)),
        lambda: store.set_suspended("other", None),
        lambda: store.forget(set(), set()),
    ]
    with no_room():
        for write in said + refused:
            with pytest.raises(StoreError, match="cannot write"):
                write()
        with pytest.raises(SecondTaken):
            store.ask_run(at(8, WAITING))
        meanwhile = asked(store)
    assert minutes(store.runs("report", limit=500)) == [*range(39, 6, -1), 1, 0]
    row = store.run("report", NINE)
    assert row is not None
    assert (row.ending, row.evidence, row.log_tail) == (Ending.OK, 2, ("second",))
    assert store.memory().intent.suspended == {"other": "me"}
    store.hooked("c1", 1.0)
    assert asked(store)["all"] == meanwhile["all"]
    store.close()
    again = opened(path)
    assert asked(again) == meanwhile
    again.close()


@pytest.mark.parametrize("ends", ["a line of the journal", "closing"])
def test_what_is_owed_is_written_with_the_next_line_and_at_the_end(path: Path, store: EmbeddedStore, ends: str) -> None:
    with no_room(), pytest.raises(StoreError):
        store.keep_runs(RunsKept(rows=(OK,)))
    if ends == "closing":
        store.close()
    else:
        store.begin(Entry(id=0, at=1.0, kind="note", verb="found", subject="store"))
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM run").fetchone() == (1,)
    connection.close()


@pytest.mark.parametrize("pay", ["ask", "forget"])
def test_what_is_owed_is_written_before_what_is_asked_next(path: Path, store: EmbeddedStore, pay: str) -> None:
    store.keep_runs(RunsKept(rows=(at(0),)))
    with no_room(), pytest.raises(StoreError):
        store.keep_runs(RunsKept(rows=(at(1),), marks={"report": MARK, "other": MARK}))
    if pay == "ask":
        store.ask_run(at(2, WAITING))
        expected = {"report": JobMemory(mark=MARK, runs=(at(0), at(1), at(2, WAITING))), "other": JobMemory(mark=MARK)}
    else:
        store.forget({"report"}, set())
        expected = {"report": JobMemory(mark=MARK, runs=(at(0), at(1)))}
    store.hooked("c1", 1.0)
    assert store.memory().jobs == expected
    store.close()
    again = opened(path)
    assert again.memory().jobs == expected
    again.close()


def test_what_was_unsaid_on_a_full_disk_can_be_said_again(path: Path, store: EmbeddedStore) -> None:
    missed = replace(OK, ending=Ending.MISSED_DOWN)
    store.keep_runs(RunsKept(rows=tuple(at(n, missed) for n in (50, 51, 52))))
    with no_room():
        for kept in (
            RunsKept(rows=(at(53, missed), at(51, missed))),
            RunsKept(unsaid={"report": float(NINE)}),
            RunsKept(rows=(at(51), at(53))),
        ):
            with pytest.raises(StoreError):
                store.keep_runs(kept)
        assert store.run("report", NINE + 60 * 50) is None
        assert store.runs("report") == (at(53), at(51))
        assert store.memory().jobs["report"].runs == (at(51), at(53))
    store.hooked("c1", 1.0)
    store.close()
    again = opened(path)
    assert again.runs("report") == (at(53), at(51))
    again.close()


def test_a_disk_that_stays_full_costs_the_oldest_that_ended(
    path: Path, store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "UNWRITTEN", 30)
    monkeypatch.setattr(runs, "LOGS", 5)
    with no_room():
        for n in range(100):
            row = at(n, WAITING if n == 3 else OK)
            with pytest.raises(StoreError):
                store.keep_runs(RunsKept(rows=(row,)))
            with pytest.raises(StoreError):
                store.keep_run_evidence("report", row.due, 1, [f"line {n}"])
        meanwhile = store.runs("report", limit=500)
        assert minutes(meanwhile) == [*range(99, 70, -1), 3]
    store.hooked("c1", 1.0)
    store.close()
    again = opened(path)
    assert again.runs("report", limit=500) == meanwhile
    kept = [again.run("report", NINE + 60 * n) for n in range(100)]
    assert [row.log_tail for row in kept if row and row.log_tail] == [(f"line {n}",) for n in range(95, 100)]
    again.close()
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM run_log").fetchone() == (5,)
    connection.close()


def test_logs_go_with_their_row_and_are_sealed(path: Path, store: EmbeddedStore) -> None:
    store.keep_runs(RunsKept(rows=(at(0), replace(at(90), ending=Ending.HELD), *(at(n) for n in range(1, 30)))))
    for n in (0, 90):
        store.keep_run_evidence("report", NINE + 60 * n, 1, ["password=hunter2"])
    store.keep_runs(RunsKept(rows=tuple(at(n) for n in range(100, 2300)), unsaid={"report": NINE + 60.0 * 80}))
    store.close()
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM run_log").fetchone() == (0,)
    connection.close()
    store = opened(path)
    store.keep_run_evidence("report", NINE + 60 * 2299, 1, ["password=hunter2"])
    store.close()
    assert all(b"hunter2" not in file.read_bytes() for file in path.parent.iterdir())
    path.with_name("key").unlink()
    again = opened(path)
    row = again.run("report", NINE + 60 * 2299)
    assert row is not None
    assert (row.evidence, row.log_tail) == (1, ())
    assert again.unreadable == 1
    again.close()


def test_a_new_key_seals_logs_anew(path: Path, store: EmbeddedStore) -> None:
    store.keep_runs(RunsKept(rows=(at(0),)))
    store.keep_run_evidence("report", NINE, 1, ["said"])
    store.close()
    key, old = path.with_name("key"), path.with_name("key.old")
    old.write_bytes(key.read_bytes())
    old.chmod(0o600)
    key.unlink()
    opened(path).close()
    old.unlink()
    again = opened(path)
    assert again.run("report", NINE) == replace(OK, evidence=1, log_tail=("said",))
    again.close()


def test_a_file_from_before_there_were_jobs_gets_their_ledger(path: Path) -> None:
    path.parent.mkdir()
    older = "".join(STEPS[:7])
    edit(path, f"{older} INSERT INTO intent (service, stopped) VALUES ('web', 1); PRAGMA user_version = 7;")
    store = opened(path)
    assert store.memory().intent.stopped == {"web"}
    assert (store.memory().intent.suspended, store.memory().jobs, store.runs(None)) == ({}, {}, ())
    store.set_suspended("web", "me")
    store.keep_runs(RunsKept(rows=(OK,)))
    store.close()
    store = opened(path)
    assert store.memory().intent.stopped == set(store.memory().intent.suspended) == {"web"}
    assert store.runs(None) == (OK,)
    store.close()


def test_rows_that_cannot_be_read_are_left_out_and_told(path: Path, store: EmbeddedStore) -> None:
    store.keep_runs(RunsKept(rows=(at(0), at(1), at(2))))
    store.keep_run_evidence("report", NINE, 1, ["said"])
    store.close()
    edit(path, f"UPDATE run SET body = '[' WHERE due = {NINE + 60}; UPDATE run_log SET body = '[';")
    store = opened(path)
    first = replace(OK, evidence=1)
    assert store.memory().jobs["report"].runs == (first, at(2))
    assert store.runs("report") == store.runs(None) == (at(2), first)
    assert store.run("report", NINE) == first
    assert store.run("report", NINE + 60) is None
    assert [e.text for e in store.journal()] == ["1 rows of the database could not be read, and are forgotten"]
    store.close()


def test_a_row_that_was_kept_survives_kill_9(path: Path) -> None:
    """Killed in the midst of it, every row that was said to be kept is there, each whole, and none twice."""
    program = textwrap.dedent("""
        import sys
        from pathlib import Path
        from tests.contracts.stores import FixedClock
        from zpmd.model.job import Mark, Run, RunsKept
        from zpmd.stores.embedded import EmbeddedStore

        store = EmbeddedStore(Path(sys.argv[1]), 100, FixedClock())
        number = len(store.runs("report", limit=5000))
        while True:
            number += 1
            rows = tuple(Run(job=job, due=number) for job in ("report", "other"))
            store.keep_runs(RunsKept(rows=rows, marks={"report": Mark("", number)}))
            print(number, flush=True)
    """)
    said = 0
    for _ in range(2):
        child = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        until = said + 30
        while said < until:
            said = int(child.stdout.readline())
        os.kill(child.pid, 9)
        said = max([said, *(int(line) for line in child.stdout if line.endswith("\n"))])
        child.wait()
        child.stdout.close()
        store = opened(path)
        dues = [row.due for row in store.runs("report", limit=5000)]
        assert dues == list(range(dues[0], 0, -1))
        assert dues[0] in (said, said + 1)
        assert [row.due for row in store.runs("other", limit=5000)] == dues, "all of a pass, or nothing"
        mark = store.memory().jobs["report"].mark
        assert mark is not None
        assert mark.until == dues[0]
        store.close()


def test_a_thousand_rows_are_one_transaction(store: EmbeddedStore) -> None:
    """A thousand waits for the disk would take seconds; the bound is loose for the sake of slow machines."""
    jobs = [f"tenant-{n:04}-report" for n in range(1000)]
    marks = dict.fromkeys(jobs, MARK)
    began = time.process_time()
    store.keep_runs(RunsKept(rows=tuple(replace(WAITING, job=job) for job in jobs), marks=marks))
    assert time.process_time() - began < 1.0
    assert len(store.memory().jobs) == 1000
