"""The ledger as one pass has it: what it was given, and what it has found since."""

from __future__ import annotations

import pytest

from zpmd.model.job import Ending, JobMemory, Mark, Run, Step
from zpmd.planning.jobs.book import Book

MARK = Mark("hourly", 300.0)


def run(due: int, ending: Ending | None = Ending.OK, **more: object) -> Run:
    step = Step.WAITING if ending is None else Step.ENDED
    return Run(**{"job": "report", "due": due, "step": step, "ending": ending, **more})  # type: ignore[arg-type]


def book(*runs: Run) -> Book:
    return Book({"report": JobMemory(mark=MARK, runs=runs)})


def test_the_newest_row_is_the_one_that_was_written_last() -> None:
    made = book(run(300), run(100))  # the clock was ahead when the first of them was written
    newest = made.newest("report")
    assert newest is not None
    assert newest.due == 100
    assert made.newest("other") is None
    made.put(run(200))
    made.put(run(150))
    newest = made.newest("report")
    assert newest is not None
    assert newest.due == 200, "of what one pass has found the last due one"


@pytest.mark.parametrize(
    ("row", "stays"),
    [
        (run(99), True),
        (run(100), True),
        (run(101, Ending.MISSED_DOWN), False),
        (run(101, None), False),
        (run(101, None, asked="ann"), True),
        (run(101, Ending.SUSPENDED, asked="ann"), False),
        (run(101), True),
        (run(101, Ending.FAILED, started_at=101.0), True),
    ],
    ids=["before", "now", "later", "later, waits", "asked for", "not to run, by ann", "ran", "ran and failed"],
)
def test_what_is_still_to_come_is_unsaid_unless_it_ran_or_somebody_waits_for_it(row: Run, stays: bool) -> None:
    made = book(row)
    assert made.open("report") == ((row,) if row.open else ())
    made.unsay("report", 100.0)
    assert made.memory("report").runs == ((row,) if stays else ())
    assert made.open("report") == ((row,) if stays and row.open else ())
    assert made.mark("report") == MARK
    assert made.kept.unsaid == {"report": 100.0}


def test_a_row_that_is_put_counts_at_once_and_one_that_is_as_before_is_written_by_nobody() -> None:
    given = run(100, None)
    made = book(given)
    changed = run(100, Ending.HELD)
    made.put(changed)
    assert made.run("report", 100) == changed
    assert made.open("report") == ()
    assert made.kept.rows == (changed,)
    made.put(given)
    assert made.kept.rows == ()
    assert made.open("report") == (given,)
