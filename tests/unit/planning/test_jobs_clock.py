"""The clock on the wall is changed, or set: what is due then, and what the ledger says."""

from __future__ import annotations

import pytest

from tests.unit.planning.dues import instant
from tests.unit.planning.jobplay import JobPlay, Program, job
from zpmd.model.action import KeepRuns
from zpmd.model.job import CatchUp, Ending

HOUR = 3600.0
DAY = 24 * HOUR


def test_in_spring_a_run_stands_for_the_times_that_the_clock_skips() -> None:
    play = JobPlay(job("report", "30 2 * * *", zone="Europe/Berlin"), at=instant("2026-03-28 12:00"))
    play.go(2 * DAY)
    assert play.ledger() == ["03-29 01:00 ok", "03-30 00:30 ok"]
    assert play.row("03-29 01:00").instead_of == ("2026-03-29 02:30",)
    assert play.told[0] == "run report/03-29 01:00: was due at 2026-03-29 03:00 CEST"


def test_in_autumn_what_the_clock_shows_again_has_a_row_and_no_run() -> None:
    play = JobPlay(job("report", "30 2 * * *", zone="Europe/Berlin"), at=instant("2026-10-24 12:00"))
    play.until("10-25 00:45")
    assert play.plan.wake_at == instant("2026-10-25 01:30")
    assert play.plan.dues == {"report": instant("2026-10-26 01:30")}
    play.go(2 * DAY)
    assert play.ledger()[:3] == [
        "10-25 00:30 ok",
        "10-25 01:30 repeated: the clock was put back: it was due at this time before",
        "10-26 01:30 ok",
    ]


@pytest.mark.parametrize("seconds", [HOUR, DAY])
def test_a_clock_that_is_set_back_makes_nothing_due_again(seconds: float) -> None:
    play = JobPlay(job())
    play.until("03-03 06:10")
    before = play.ledger()
    play.now -= seconds
    play.go(seconds - 60)
    assert play.ledger() == before
    play.until("03-03 07:10")
    assert play.ledger() == [*before, "03-03 07:00 ok"]


def test_a_process_that_began_before_the_clock_was_set_back_has_looked_since() -> None:
    play = JobPlay(job(catch_up=CatchUp.NONE), at=instant("2026-03-02 06:10"))
    play.now = instant("2026-03-02 00:10")
    play.until("03-02 01:10")
    assert play.ledger() == ["03-02 01:00 ok"]


def test_a_clock_that_was_far_ahead_does_not_silence_a_job_for_years() -> None:
    play = JobPlay(job())
    play.until("03-02 00:30")
    play.away(400 * DAY)
    play.go(70)
    assert len(play.ledger()) == 101
    play.now = play.looked_since = instant("2026-03-02 00:40")
    action = play.step().actions[0]
    assert isinstance(action, KeepRuns)
    assert action.kept.unsaid == {"report": play.now}
    play.until("03-02 02:10")
    assert play.endings() == [Ending.OK, Ending.OK, Ending.OK], "of the time ahead what ran has its row"
    assert play.ledger()[:2] == ["03-02 01:00 ok", "03-02 02:00 ok"]


def test_a_row_that_speaks_of_many_is_cut_where_the_clock_was_set_back_into_it() -> None:
    play = JobPlay(job(catch_up=CatchUp.NONE))
    play.until("03-02 00:30")
    play.away(400 * DAY)
    play.settle()
    assert play.rows["report"][int(instant("2026-03-02 01:00"))].count == 400 * 24 - 100
    play.now = play.looked_since = instant("2026-03-12 00:40")
    play.settle()
    assert play.ledger()[0] == "03-02 01:00 to 03-12 00:00, 240 of them missed-down: zpmd was not there"
    play.until("03-12 01:10")
    assert play.ledger()[1] == "03-12 01:00 ok"


@pytest.mark.parametrize("now", ["03-02 01:00", "03-02 01:59"])
def test_a_row_that_speaks_of_many_always_speaks_of_its_first(now: str) -> None:
    play = JobPlay(job())
    play.until("03-02 00:30")
    play.away(400 * DAY)
    play.settle()
    play.now = play.looked_since = instant(f"2026-{now}")
    play.step()
    assert play.ledger()[0] == "03-02 01:00 to 03-02 01:00, 1 of them missed-down: zpmd was not there"
    assert play.row("03-02 01:00").until == instant("2026-03-02 01:00")


def test_a_row_that_had_ended_when_the_clock_was_set_back_to_stays_as_it_is() -> None:
    play = JobPlay(job())
    play.until("03-02 00:30")
    play.away(200 * HOUR)
    play.settle()
    told = play.ledger()[0]
    assert told.startswith("03-02 01:00 to 03-06 04:00, 100 of them missed-down")
    play.now = play.looked_since = instant("2026-03-06 04:00")
    play.settle()
    assert play.ledger()[0] == told


def test_under_another_timetable_of_which_it_has_none_it_is_the_first_alone() -> None:
    play = JobPlay(job())
    play.until("03-02 00:30")
    play.away(400 * DAY)
    play.settle()
    play.now = play.looked_since = instant("2026-03-02 03:30")
    play.declare(job("report", "59 23 31 12 *"))
    play.step()
    assert play.ledger()[0] == "03-02 01:00 to 03-02 01:00, 1 of them missed-down: zpmd was not there"


def test_a_retry_does_not_wait_for_a_clock_that_was_set_back() -> None:
    play = JobPlay(job(retries=1), report=[Program(seconds=1, code=1), Program(seconds=1)])
    play.until("03-02 01:00:02")
    assert play.row("03-02 01:00").tries == 2
    play.now -= HOUR / 2
    play.settle()
    assert len(play.running()) == 1
