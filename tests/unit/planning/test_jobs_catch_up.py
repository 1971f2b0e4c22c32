"""What becomes of due instants that passed while nobody looked: missed, or made up for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.planning.dues import instant
from tests.unit.planning.jobplay import JobPlay, Program, job
from zpmd.model.job import CatchUp, Concurrency, Ending
from zpmd.model.schedule import Due, Mark
from zpmd.planning.jobs import telling
from zpmd.planning.jobs.catchup import made_up

HOUR = 3600.0


def _after_a_night(**policy: Any) -> JobPlay:
    """zpmd is away from half past midnight to half past four."""
    play = JobPlay(job(**policy))
    play.until("03-02 00:30")
    play.away(4 * HOUR)
    return play


def test_none_is_made_up_for() -> None:
    play = _after_a_night(catch_up=CatchUp.NONE)
    play.until("03-02 05:10")
    missed = [f"03-02 0{hour}:00 missed-down: zpmd was not there" for hour in (1, 2, 3, 4)]
    assert play.ledger() == [*missed, "03-02 05:00 ok"]


def test_the_latest_is_made_up_for_at_once() -> None:
    play = _after_a_night(catch_up=CatchUp.LATEST)
    play.until("03-02 04:40")
    missed = [f"03-02 0{hour}:00 missed-down: zpmd was not there" for hour in (1, 2, 3)]
    assert play.ledger() == [*missed, "03-02 04:00 ok"]
    row = play.row("03-02 04:00")
    assert row.caught_up
    assert row.late_seconds == HOUR / 2
    assert play.told[0] == "run report/03-02 04:00: was due at 2026-03-02 04:00 UTC, while nobody looked"


def test_all_are_made_up_for_one_after_the_other_and_none_is_skipped() -> None:
    play = _after_a_night(catch_up=CatchUp.ALL)
    play.until("03-02 04:40")
    assert play.endings() == [Ending.OK] * 4
    assert [play.row(f"03-02 0{hour}:00").started_at for hour in (1, 2, 3, 4)] == [
        instant("2026-03-02 04:30") + 60 * n for n in range(4)
    ]
    beside = _after_a_night(catch_up=CatchUp.ALL, concurrency=Concurrency.ALLOW)
    beside.settle()
    assert len(beside.running()) == 4


def test_only_what_is_within_its_deadline_is_made_up_for() -> None:
    play = _after_a_night(catch_up=CatchUp.ALL, deadline_seconds=2 * HOUR)
    play.until("03-02 04:40")
    assert play.ledger() == [
        "03-02 01:00 missed-down: zpmd was not there, and its deadline of 7200 s is over",
        "03-02 02:00 missed-down: zpmd was not there, and its deadline of 7200 s is over",
        "03-02 03:00 ok",
        "03-02 04:00 ok",
    ]
    assert _after_a_night(deadline_seconds=HOUR / 4).settle().actions == ()


def test_what_is_due_after_somebody_looks_again_is_no_catching_up() -> None:
    play = _after_a_night(catch_up=CatchUp.NONE)
    play.now = instant("2026-03-02 05:00")
    play.settle()
    assert play.endings() == [Ending.MISSED_DOWN] * 4 + [None]


def test_a_run_that_went_on_all_the_time_is_waited_for() -> None:
    play = JobPlay(job(), report=[Program(seconds=3 * HOUR), Program()])
    play.until("03-02 01:10")
    play.away(HOUR)
    play.settle()
    assert play.ledger() == ["03-02 01:00 running", "03-02 02:00 waiting"]
    play.until("03-02 04:10")
    assert play.ledger() == [
        "03-02 01:00 ok",
        "03-02 02:00 ok",
        "03-02 03:00 skipped-overlap: the run of 2026-03-02 01:00 UTC had not ended",
        "03-02 04:00 skipped-overlap: the run of 2026-03-02 02:00 UTC had not ended",
    ]


def test_of_a_long_absence_the_newest_have_rows_of_their_own_and_the_others_one() -> None:
    play = JobPlay(job("report", "* * * * *"))
    play.settle()
    play.away(24 * HOUR)
    play.settle()
    ledger = play.ledger()
    assert len(ledger) == 101
    assert ledger[0] == "03-02 00:01 to 03-02 22:20, 1340 of them missed-down: zpmd was not there"
    assert ledger[1] == "03-02 22:21 missed-down: zpmd was not there"
    assert ledger[-1] == "03-03 00:00 running"


def test_a_year_of_minutes_is_told_in_passes_of_which_none_does_more_than_it_may() -> None:
    play = JobPlay(job("report", "* * * * *"))
    play.until("03-02 00:00:30")
    play.away(365 * 24 * HOUR)
    before = play.now
    plan = play.step()
    assert plan.wake_at == before
    (first,) = play.jobs()["report"].runs
    assert first.count == telling.MOST
    play.settle()
    rows = play.jobs()["report"].runs
    assert len(rows) == 101
    assert rows[0].count == 365 * 24 * 60 - 100
    assert rows[0].until == rows[1].due - 60
    assert sum(row.count for row in rows) == 365 * 24 * 60


def test_what_was_asked_for_at_an_instant_that_was_missed_keeps_its_row_and_the_others_have_theirs() -> None:
    play = JobPlay(job("report", "* * * * *", catch_up=CatchUp.NONE))
    play.settle()
    play.away(60)
    play.ask()
    play.away(24 * HOUR - 60)
    play.settle()
    first, second, *others = play.jobs()["report"].runs
    assert (first.asked, first.count) == ("ann", 1)
    assert (second.due, second.count, len(others)) == (first.due + 60, 1339, 100)


@pytest.mark.parametrize("word", ["held", "suspended"])
def test_what_was_missed_under_a_hold_or_a_suspension_is_told_so(word: str) -> None:
    play = JobPlay(job())
    play.until("03-02 00:30")
    if word == "held":
        play.hold()
    else:
        play.suspend()
    play.away(200 * HOUR)
    play.settle()
    assert set(play.endings()) == {Ending(word)}
    first, *others = play.jobs()["report"].runs
    assert (first.count, len(others)) == (100, 100)


def test_a_clock_that_jumps_forward_is_an_absence() -> None:
    play = JobPlay(job(catch_up=CatchUp.NONE))
    play.until("03-02 00:30")
    play.now += HOUR
    play.looked_since = play.now  # as the loop says
    play.settle()
    assert play.endings() == [Ending.MISSED_DOWN]


def test_a_time_that_the_clock_repeats_is_never_made_up_for() -> None:
    policy = job(catch_up=CatchUp.LATEST).job
    assert policy is not None
    dues = [Due(at=60.0), Due(at=120.0, mark=Mark.REPEATED)]
    assert made_up(policy, dues, 180.0) == {60.0}
    assert made_up(policy, [], 180.0) == frozenset()
