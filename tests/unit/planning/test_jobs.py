"""A job is due, runs, ends, and is told: the rules of the ledger that hold in quiet times."""

from __future__ import annotations

import dataclasses

from tests.unit.planning.dues import instant
from tests.unit.planning.jobplay import START, JobPlay, Program, job
from zpmd.model.action import KeepRuns, RunReplica
from zpmd.model.cause import Code
from zpmd.model.job import Ending, Step
from zpmd.model.plan import State


def test_a_job_that_is_seen_for_the_first_time_owes_nothing() -> None:
    play = JobPlay(job(), at=START + 90)
    assert str(play.step()) == "keep runs runs: up to where jobs are told"
    assert play.settle().actions == ()
    assert play.ledger() == []
    assert play.plan.wake_at == instant("2026-03-02 01:00")
    assert play.plan.dues == {"report": instant("2026-03-02 01:00")}


def test_what_is_due_runs_in_the_pass_that_tells_it_and_its_row_comes_first() -> None:
    play = JobPlay(job())
    play.until("03-02 00:59")
    play.now = instant("2026-03-02 01:00")
    first, second = play.step().actions
    assert isinstance(first, KeepRuns)
    assert isinstance(second, RunReplica)
    (row,) = first.kept.rows
    assert (row.due, row.step, row.tries, row.began_at) == (int(play.now), Step.STARTING, 1, play.now)
    assert (second.due, second.slot, second.attempt, second.generation) == (row.due, row.due, 1, 0)
    assert second.cause.code is Code.DUE
    assert str(second.cause) == "was due at 2026-03-02 01:00 UTC"


def test_a_run_goes_from_its_row_to_its_end_and_its_logs_are_kept() -> None:
    play = JobPlay(job(), report=Program(seconds=30))
    play.until("03-02 01:10")
    assert play.ledger() == ["03-02 01:00 ok"]
    row = play.row("03-02 01:00")
    assert (row.started_at, row.finished_at, row.exit_code) == (row.due, row.due + 30, 0)
    assert (row.late_seconds, row.lasted_seconds, row.evidence) == (0, 30, 1)
    assert row.container_id == "zpmd-report-20260302T010000Z"
    assert play.told == [
        "run report/03-02 01:00: was due at 2026-03-02 01:00 UTC",
        "keep evidence report/03-02 01:00: try 1 of the run of 2026-03-02 01:00 UTC has ended",
    ]


def test_each_hour_has_its_run_and_as_many_containers_stay_as_it_says() -> None:
    play = JobPlay(job(keep_succeeded=2))
    play.until("03-02 06:30")
    assert play.ledger() == [f"03-02 0{hour}:00 ok" for hour in range(1, 7)]
    assert [box.due for box in play.boxes] == [instant(f"2026-03-02 0{hour}:00") for hour in (5, 6)]
    assert play.told[-1] == "remove report/03-02 04:00: of runs that ended well the newest 2 are kept"


def test_how_a_job_stands() -> None:
    play = JobPlay(job(), report=[Program(seconds=600), Program(seconds=600, code=3)])
    play.until("03-02 00:30")
    assert _stands(play) == (State.SCHEDULED, 0, 0, "next 2026-03-02 01:00 UTC")
    play.until("03-02 01:05")
    assert _stands(play) == (State.RUNNING, 1, 1, "the run of 2026-03-02 01:00 UTC goes on; next 2026-03-02 02:00 UTC")
    play.until("03-02 01:15")
    assert _stands(play) == (
        State.SCHEDULED,
        0,
        0,
        "last run 2026-03-02 01:00 UTC ended well; next 2026-03-02 02:00 UTC",
    )
    play.until("03-02 02:15")
    text = "last run 2026-03-02 02:00 UTC failed with exit 3; next 2026-03-02 03:00 UTC"
    assert _stands(play) == (State.FAILED, 0, 0, text)
    play.suspend()
    play.settle()
    assert _stands(play) == (State.FAILED, 0, 0, "last run 2026-03-02 02:00 UTC failed with exit 3; suspended by ann")


def test_another_timetable_owes_nothing_and_jitter_is_none() -> None:
    play = JobPlay(job())
    play.until("03-02 00:30")
    play.declare(job("report", "15 * * * *"))
    play.until("03-02 01:20")
    assert play.ledger() == ["03-02 01:15 ok"]
    play.declare(job("report", "15 * * * *", jitter=60))
    play.now = instant("2026-03-02 02:15")
    play.settle()
    assert [run.due for run in play.jobs()["report"].runs] == [
        instant("2026-03-02 01:15"),
        instant("2026-03-02 02:15"),
    ]


def test_jitter_spreads_the_starts_and_not_the_rows() -> None:
    play = JobPlay(job(jitter=600))
    play.until("03-02 01:00")
    row = play.row("03-02 01:00")
    assert row.step is Step.WAITING
    assert row.not_before is not None
    assert row.due < row.not_before <= row.due + 600
    assert play.plan.wake_at == row.not_before
    assert play.plan.dues == {"report": row.not_before}
    assert _stands(play)[0] is State.SCHEDULED
    play.until("03-02 01:30")
    assert play.row("03-02 01:00").started_at == row.not_before


def test_a_job_whose_zone_this_host_does_not_know_waits_and_says_so() -> None:
    play = JobPlay(job(zone="Nowhere/At_All"))
    assert str(play.settle()) == (
        "waiting report: its time zone Nowhere/At_All is not known on this host: is tzdata installed?"
    )
    assert _stands(play)[0] is State.BLOCKED
    assert play.plan.dues == {}


def test_a_run_that_is_asked_for_runs_now_and_beside_the_schedule() -> None:
    play = JobPlay(job())
    play.until("03-02 00:20")
    play.ask()
    play.suspend()
    play.until("03-02 01:10")
    assert play.ledger() == ["03-02 00:20 ok", "03-02 01:00 suspended: suspended by ann"]
    assert play.told[0] == "run report/03-02 00:20: ann asked for a run"
    assert play.row("03-02 01:00").asked == "ann"


def test_a_run_that_is_asked_for_at_the_second_at_which_it_is_due_is_one() -> None:
    play = JobPlay(job())
    play.until("03-02 00:59")
    play.now = instant("2026-03-02 01:00")
    play.ask()
    play.until("03-02 01:10")
    assert play.ledger() == ["03-02 01:00 ok"]
    assert len(play.boxes) == 1


def test_a_running_run_is_left_alone_by_a_change_of_its_file_and_the_next_one_has_it() -> None:
    play = JobPlay(job(), report=Program(seconds=600))
    play.until("03-02 01:05")
    play.declare(job(image="report:2"))
    play.until("03-02 02:05")
    assert [(box.image, box.exit_code) for box in play.boxes] == [("report:1", 0), ("report:2", None)]
    assert not any(line.startswith("stop") for line in play.told)


def test_a_service_that_becomes_a_job_loses_its_replicas_and_the_other_way_round() -> None:
    plain = dataclasses.replace(job(), job=None)
    play = JobPlay(plain)
    play.settle()
    assert [box.name for box in play.boxes] == ["report/1"]
    play.declare(job())
    play.until("03-02 01:00:30")
    assert [box.due for box in play.boxes] == [instant("2026-03-02 01:00")]
    play.declare(plain)
    play.until("03-02 01:10")
    assert [(box.name, box.due) for box in play.boxes] == [("report/1", None)]
    assert play.ledger() == ["03-02 01:00 ok"]
    play.declare(job())
    play.until("03-02 05:30")
    assert play.endings() == [Ending.OK] * 5, "it owes nothing for the time in which it was none"


def _stands(play: JobPlay) -> tuple[State, int, int, str]:
    standing = next(s for s in play.plan.standings if s.service == "report")
    return standing.state, standing.ready, standing.desired, standing.reason
