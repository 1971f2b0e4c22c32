"""How every store keeps the ledger of jobs. One suite for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tests.contracts.stores import Open
from zpmd.errors import SecondTaken
from zpmd.model.job import Ending, JobMemory, Mark, Run, RunsKept, Step
from zpmd.ports import Store

NINE = 1_774_861_200
"""An instant; runs are due at so many minutes after it."""
MARK = Mark("5f0a", NINE + 60.0)
FULL = Run(
    job="report",
    due=NINE,
    step=Step.ENDED,
    ending=Ending.TIMED_OUT,
    reason="it ran for longer than 10 m",
    tries=3,
    not_before=NINE + 4.25,
    began_at=NINE + 5.0,
    started_at=NINE + 5.5,
    finished_at=NINE + 605.5,
    exit_code=137,
    stopping=Ending.TIMED_OUT,
    container_id="c" * 64,
    spec="1:abc",
    tenant="acme",
    asked="uid:0(root)",
    caught_up=True,
    instead_of=("2026-03-29 02:00", "2026-03-29 02:30"),
    until=NINE + 120,
    count=3,
)


def run(minute: int, job: str = "report", ending: Ending | None = Ending.OK, **more: object) -> Run:
    """One that has ended; `ending` None: one that waits."""
    waiting = Run(job=job, due=NINE + 60 * minute)
    return replace(waiting, step=Step.ENDED if ending else Step.WAITING, ending=ending, **more)  # type: ignore[arg-type]


def kept(*rows: Run, **more: object) -> RunsKept:
    return RunsKept(rows=rows, **more)  # type: ignore[arg-type]


def at_once_and_later(store: Store, reopen: Open) -> Iterator[Store]:
    """A store that was written to, and what a restart makes of it."""
    yield store
    yield reopen()


def minutes(rows: tuple[Run, ...]) -> list[int]:
    return [(row.due - NINE) // 60 for row in rows]


def test_a_row_comes_back_as_it_was_kept_last(reopen: Open) -> None:
    store = reopen()
    store.keep_runs(kept(run(0, ending=None), marks={"report": MARK}))
    for again in at_once_and_later(store, reopen):
        assert again.memory().jobs == {"report": JobMemory(mark=MARK, runs=(run(0, ending=None),))}
    store = reopen()
    store.keep_runs(kept(FULL, marks={"report": Mark("77", 1.5)}))
    for again in at_once_and_later(store, reopen):
        assert again.memory().jobs == {"report": JobMemory(mark=Mark("77", 1.5), runs=(FULL,))}
        assert again.runs("report") == again.runs(None) == (FULL,)
        assert again.run("report", NINE) == FULL
        assert again.run("report", NINE + 1) is again.run("other", NINE) is None


def test_a_job_without_a_run_has_its_mark(reopen: Open) -> None:
    store = reopen()
    store.keep_runs(kept(marks={"report": MARK}))
    for again in at_once_and_later(store, reopen):
        assert again.memory().jobs == {"report": JobMemory(mark=MARK)}


def test_the_loops_word_leaves_alone_who_asked_and_what_was_kept_of_logs(reopen: Open) -> None:
    store = reopen()
    store.ask_run(run(0, ending=None, asked="uid:0(root)"))
    store.keep_run_evidence("report", NINE, 1, ["one", "two"])
    store.keep_runs(kept(run(0, ending=Ending.FAILED, asked="somebody else", evidence=7, log_tail=("not these",))))
    expected = run(0, ending=Ending.FAILED, asked="uid:0(root)", evidence=1, log_tail=("one", "two"))
    for again in at_once_and_later(store, reopen):
        assert again.run("report", NINE) == expected
        assert again.memory().jobs["report"].runs == again.runs("report") == (replace(expected, log_tail=()),)


def test_who_has_suspended_a_job_stands_in_a_row_that_was_due(reopen: Open) -> None:
    store = reopen()
    store.keep_runs(kept(run(0, ending=None), run(1, ending=Ending.SUSPENDED, asked="me")))
    store.keep_runs(kept(run(0, ending=Ending.SUSPENDED, asked="me")))
    for again in at_once_and_later(store, reopen):
        assert [row.asked for row in again.runs("report")] == ["me", "me"]


def test_the_logs_of_the_last_try_stay(reopen: Open) -> None:
    store = reopen()
    store.keep_runs(kept(run(0, ending=None)))
    store.keep_run_evidence("report", NINE, 2, ["second"])
    store.keep_run_evidence("report", NINE, 1, ["first"])
    store.keep_run_evidence("report", NINE + 60, 1, ["of no row"])
    store.keep_run_evidence("other", NINE, 1, ["of no job"])
    for again in at_once_and_later(store, reopen):
        row = again.run("report", NINE)
        assert row is not None
        assert (row.evidence, row.log_tail) == (2, ("second",))
        assert again.runs(None) == (replace(row, log_tail=()),)
    store = reopen()
    store.keep_run_evidence("report", NINE, 2, ["again"])
    store.keep_run_evidence("report", NINE, 3, [])
    for again in at_once_and_later(store, reopen):
        assert again.run("report", NINE) == run(0, ending=None, evidence=3)


def test_of_logs_the_end_is_kept(reopen: Open) -> None:
    store = reopen()
    store.keep_runs(kept(*(run(n) for n in range(4))))
    store.keep_run_evidence("report", NINE, 1, [f"line {n}" for n in range(250)])
    store.keep_run_evidence("report", NINE + 60, 1, ["x" * 6000] * 5)
    store.keep_run_evidence("report", NINE + 120, 1, ["first", "é" * 10_000])
    for again in at_once_and_later(store, reopen):
        tails = [found.log_tail for n in range(3) if (found := again.run("report", NINE + 60 * n))]
        assert tails[0] == tuple(f"line {n}" for n in range(150, 250))
        assert tails[1] == ("x" * 6000, "x" * 6000), "16 KiB"
        assert tails[2] == ("é" * 8192,)


def test_a_run_is_asked_for_once(reopen: Open) -> None:
    store = reopen()
    asked = run(0, ending=None, asked="uid:0(root)")
    store.ask_run(asked)
    for again in at_once_and_later(store, reopen):
        with pytest.raises(SecondTaken, match="cannot run report: the ledger has a run of it"):
            again.ask_run(replace(asked, asked="another"))
        assert again.memory().jobs == {"report": JobMemory(runs=(asked,))}
    store = reopen()
    store.keep_runs(kept(*(run(n) for n in range(1, 60))))
    for again in at_once_and_later(store, reopen):
        with pytest.raises(SecondTaken):
            again.ask_run(run(1, ending=None))
    reopen().ask_run(replace(asked, job="other"))


def test_the_ledger_is_asked_by_job_in_pages(reopen: Open) -> None:
    store = reopen()
    store.keep_runs(kept(*(run(n, job) for n in (3, 1, 2) for job in ("b", "a", "c"))))
    for again in at_once_and_later(store, reopen):
        assert minutes(again.runs("a")) == [3, 2, 1]
        assert minutes(again.runs("a", limit=2)) == [3, 2]
        assert minutes(again.runs("a", before=(NINE + 120, "a"))) == [1]
        assert again.runs("nobody") == ()
        everything = [(row.due, row.job) for row in again.runs(None)]
        assert everything == [(NINE + 60 * n, job) for n in (3, 2, 1) for job in ("a", "b", "c")]
        pages, before = [], None
        while page := again.runs(None, limit=2, before=before):
            before = page[-1].due, page[-1].job
            pages += [(row.due, row.job) for row in page]
        assert pages == everything


def test_what_has_not_ended_stays_and_of_the_others_the_newest_of_each_kind(reopen: Open) -> None:
    """A container of the one run that failed is kept for its logs: it must find its row."""
    store = reopen()
    kinds = [Ending.FAILED, Ending.TOO_LATE, Ending.SUSPENDED, None]
    store.keep_runs(kept(*(run(n, ending=ending) for n, ending in enumerate(kinds))))
    store.keep_runs(kept(*(run(n) for n in range(10, 40))))
    store.keep_runs(kept(run(5, ending=Ending.STOPPED)))
    for again in at_once_and_later(store, reopen):
        assert minutes(again.memory().jobs["report"].runs) == [0, 1, 2, 3, *range(20, 40), 5]
        assert len(again.runs("report")) == 35
    store = reopen()
    store.keep_runs(kept(*(run(n, ending=Ending.SKIPPED_OVERLAP) for n in range(40, 90))))
    for again in at_once_and_later(store, reopen):
        assert minutes(again.memory().jobs["report"].runs) == [0, 1, 3, *range(20, 40), 5, *range(70, 90)]


def test_history_is_bounded_for_each_job(reopen: Open) -> None:
    store = reopen()
    first = [run(0, ending=None), run(1, ending=Ending.FAILED), run(2, "other")]
    store.keep_runs(kept(*first))
    store.keep_run_evidence("report", NINE + 600, 1, ["of nothing yet"])
    store.keep_runs(kept(*(run(n) for n in range(10, 2200))))
    store.keep_run_evidence("report", NINE + 60 * 10, 1, ["of a row that has gone"])
    for again in at_once_and_later(store, reopen):
        assert minutes(again.runs("report", limit=5000)) == [*range(2199, 199, -1), 1, 0]
        assert minutes(again.runs("other")) == [2]
        assert again.run("report", NINE + 60 * 10) is None


def test_history_is_bounded_in_all_and_whoever_has_most_gives_most(
    reopen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zpmd.stores.jobs.KEPT_IN_ALL", 100)
    store = reopen()
    store.keep_runs(kept(*(run(n, "small") for n in range(30))))
    store.keep_runs(kept(*(run(n, "large") for n in range(90))))
    for again in at_once_and_later(store, reopen):
        assert minutes(again.runs("large", limit=500)) == [*range(89, 19, -1)]
        assert len(again.runs("small")) == 30
    store = reopen()
    store.keep_runs(kept(*(run(n, f"job {m}") for m in range(10) for n in range(15))))
    for again in at_once_and_later(store, reopen):
        assert len(again.runs(None, limit=500)) == 20 + 20 + 150, "what is held stays"


def test_what_a_wrong_clock_has_said_is_unsaid(reopen: Open) -> None:
    store = reopen()
    far = [
        run(100, ending=Ending.MISSED_DOWN),
        run(101, ending=None),
        run(102, ending=None, asked="uid:0(root)"),
        run(103, ending=Ending.SUSPENDED, asked="uid:0(root)"),
        replace(run(104, ending=None), step=Step.STARTING),
        replace(run(105, ending=None), step=Step.RUNNING, started_at=1.0),
        run(106, ending=Ending.VANISHED),
        run(107, ending=Ending.FAILED_START),
    ]
    store.keep_runs(kept(run(0), *far, *(replace(row, job="other") for row in far)))
    store.keep_runs(kept(*(run(n, ending=Ending.REPEATED) for n in range(200, 250)), marks={"report": MARK}))
    store.keep_runs(kept(unsaid={"report": NINE + 60.0 * 10}, marks={"report": Mark("5f0a", NINE + 600.0)}))
    for again in at_once_and_later(store, reopen):
        assert minutes(again.runs("report")) == [106, 105, 104, 102, 0], "and no asking is lost"
        assert minutes(again.memory().jobs["report"].runs) == [0, 102, 104, 105, 106]
        assert len(again.runs("other")) == len(far)
    store = reopen()
    store.keep_runs(kept(run(101, reason="its time has come"), unsaid={"report": NINE + 60.0 * 10}))
    for again in at_once_and_later(store, reopen):
        assert minutes(again.runs("report")) == [106, 105, 104, 102, 101, 0]
        assert [row.reason for row in again.runs("report")] == ["", "", "", "", "its time has come", ""]


def test_a_job_that_has_left_owes_nothing_and_its_rows_are_history(reopen: Open) -> None:
    store = reopen()
    marks = dict.fromkeys(("stays", "leaves", "runs", "idle"), MARK)
    rows = [run(0, "stays"), run(0, "leaves"), run(0, "runs"), run(1, "runs", ending=None), run(2, "unknown")]
    store.keep_runs(kept(*rows, marks=marks))
    store.set_suspended("leaves", "me")
    store.forget({"stays"}, set())
    for again in at_once_and_later(store, reopen):
        again.forget({"stays"}, set())
        assert dict(again.memory().jobs) == {
            "stays": JobMemory(mark=MARK, runs=(rows[0],)),
            "runs": JobMemory(runs=(rows[2], rows[3])),
        }
        assert again.memory().intent.suspended == {}
        assert set(again.runs(None)) == set(rows)
        assert again.run("leaves", NINE) == rows[1]
    store = reopen()
    store.keep_runs(kept(marks={"leaves": Mark("5f0a", NINE + 3600.0)}))
    store.ask_run(run(9, "unknown", ending=None))
    for again in at_once_and_later(store, reopen):
        assert again.memory().jobs["leaves"].mark == Mark("5f0a", NINE + 3600.0)
        assert minutes(again.memory().jobs["unknown"].runs) == [2, 9], "its rows are known again"


def test_a_job_that_comes_back_knows_its_last_runs(reopen: Open) -> None:
    store = reopen()
    store.keep_runs(kept(*(run(n) for n in range(30)), marks={"report": MARK}))
    store.forget(set(), set())
    assert store.memory().jobs == {}
    store.keep_runs(kept(run(30, ending=None), marks={"report": MARK}))
    for again in at_once_and_later(store, reopen):
        assert minutes(again.memory().jobs["report"].runs) == [*range(10, 30), 30]


def test_a_job_is_suspended_until_it_is_resumed(reopen: Open) -> None:
    store = reopen()
    store.set_suspended("report", "uid:0(root)")
    store.set_suspended("other", "me")
    store.set_suspended("other", None)
    store.set_suspended("third", None)
    for again in at_once_and_later(store, reopen):
        assert again.memory().intent.suspended == {"report": "uid:0(root)"}
        assert again.memory().intent.stopped == frozenset()


def test_runs_once_given_do_not_change(store: Store) -> None:
    writes: list[Callable[[], object]] = [
        lambda: store.keep_runs(kept(run(0))),
        lambda: store.keep_runs(kept(run(0, ending=Ending.FAILED))),
        lambda: store.keep_runs(kept(marks={"report": MARK})),
        lambda: store.keep_run_evidence("report", NINE, 1, ["said"]),
        lambda: store.ask_run(run(1, ending=None)),
        lambda: store.keep_runs(kept(run(2, ending=Ending.HELD))),
        lambda: store.keep_runs(kept(unsaid={"report": NINE - 1.0})),
        lambda: store.set_suspended("report", "me"),
        lambda: store.forget(set(), set()),
    ]
    for write in writes:
        before = store.memory()
        jobs, runs = before.jobs, {job: known.runs for job, known in before.jobs.items()}
        assert store.memory() is before, "an unchanged memory costs nothing"
        write()
        assert before.jobs is jobs
        assert {job: known.runs for job, known in jobs.items()} == runs
        assert store.memory() != before
