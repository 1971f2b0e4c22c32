"""How a run goes on from what is seen of its container: tries, timeouts, refusals, crashes, and what somebody did."""

from __future__ import annotations

import dataclasses

from tests.unit.planning.dues import instant
from tests.unit.planning.jobplay import START, JobPlay, Program, job
from zpmd.model.action import Action, KeepEvidence, KeepRuns, RunReplica, StartReplica
from zpmd.model.cause import Cause, Code
from zpmd.model.job import Ending, Step
from zpmd.model.memory import Retry
from zpmd.model.observed import InFlight, Phase
from zpmd.model.plan import State
from zpmd.planning.jobs.following import retry_at

FAILS = Program(seconds=10, code=3)


def test_a_run_that_fails_is_not_tried_again_unless_it_says_so() -> None:
    play = JobPlay(job(), report=FAILS)
    play.until("03-02 01:10")
    assert play.ledger() == ["03-02 01:00 failed: exited with 3"]
    assert play.row("03-02 01:00").exit_code == 3


def test_tries_follow_each_other_after_a_pause_that_doubles() -> None:
    play = JobPlay(job(retries=3), report=[FAILS, FAILS, FAILS, Program(seconds=10)])
    play.until("03-02 01:00:15")
    row = play.row("03-02 01:00")
    assert (row.step, row.tries, row.not_before) == (Step.STARTING, 2, row.due + 20)
    assert row.reason == "try 1 of 4 exited with 3"
    assert [str(w.cause) for w in play.plan.waiting] == [
        "try 1 of 4 exited with 3; try 2 of 4 comes after its pause",
    ]
    assert play.plan.standings[0].state is State.BACKOFF
    play.until("03-02 01:10")
    runs = [line for line in play.told if line.startswith("run ")]
    assert runs == [
        "run report/03-02 01:00: was due at 2026-03-02 01:00 UTC",
        "run report/03-02 01:00: try 2 of 4 of the run of 2026-03-02 01:00 UTC",
        "run report/03-02 01:00: try 3 of 4 of the run of 2026-03-02 01:00 UTC",
        "run report/03-02 01:00: try 4 of 4 of the run of 2026-03-02 01:00 UTC",
    ]
    assert play.ledger() == ["03-02 01:00 ok"]
    row = play.row("03-02 01:00")
    assert (row.tries, row.lasted_seconds) == (4, 4 * 10 + 10 + 20 + 40), "the pauses count"


def test_the_last_try_decides() -> None:
    play = JobPlay(job(retries=1), report=[FAILS, Program(seconds=10, code=4)])
    play.until("03-02 01:10")
    assert play.ledger() == ["03-02 01:00 failed: exited with 4"]


def test_the_pause_is_bounded_and_never_nothing() -> None:
    policy = job(retry_delay_seconds=0, retry_max_seconds=6).job
    assert policy is not None
    assert retry_at(policy, 1, 100.0) == 100.1
    policy = dataclasses.replace(policy, retry_delay_seconds=2)
    assert [retry_at(policy, tries, 0.0) for tries in (1, 2, 3, 4, 4000)] == [2, 4, 6, 6, 6]


def test_a_try_that_takes_too_long_is_stopped_and_counts_as_failed() -> None:
    play = JobPlay(job(timeout_seconds=120, retries=1), report=Program(seconds=None))
    play.until("03-02 01:01")
    assert play.plan.wake_at == instant("2026-03-02 01:02")
    play.until("03-02 01:20")
    assert [line for line in play.told if line.startswith(("run", "stop"))] == [
        "run report/03-02 01:00: was due at 2026-03-02 01:00 UTC",
        "stop report/03-02 01:00: took longer than 120 s",
        "run report/03-02 01:00: try 2 of 2 of the run of 2026-03-02 01:00 UTC",
        "stop report/03-02 01:00: took longer than 120 s",
    ]
    assert play.ledger() == ["03-02 01:00 timed-out: took longer than 120 s"]


def test_a_run_that_is_removed_by_hand_has_vanished_and_is_not_made_again() -> None:
    play = JobPlay(job(retries=5), report=Program(seconds=None))
    play.until("03-02 01:05")
    play.remove()
    play.until("03-02 01:59")
    assert play.ledger() == ["03-02 01:00 vanished: its container was removed while it ran"]
    assert play.row("03-02 01:00").finished_at == instant("2026-03-02 01:05")
    assert [line for line in play.told if line.startswith("run")] == [
        "run report/03-02 01:00: was due at 2026-03-02 01:00 UTC"
    ]


def test_a_container_that_had_vanished_and_is_seen_again_goes_on() -> None:
    play = JobPlay(job(), report=Program(seconds=600))
    play.until("03-02 01:05")
    boxes, play.boxes = play.boxes, []
    play.settle()
    assert play.endings() == [Ending.VANISHED]
    play.boxes = boxes
    play.until("03-02 01:20")
    assert play.ledger() == ["03-02 01:00 ok"]


def test_what_the_engine_refuses_for_good_has_failed_to_start() -> None:
    play = JobPlay(job(retries=1), report=FAILS)
    play.refuse = lambda action: "invalid option" if isinstance(action, RunReplica) else None
    play.until("03-02 01:10")
    assert play.ledger() == ["03-02 01:00 failed-start: could not start: invalid option"]
    row = play.row("03-02 01:00")
    assert (row.tries, row.started_at, row.finished_at) == (2, None, None)
    assert play.plan.standings[0].state is State.FAILED


def test_what_the_engine_refuses_for_now_is_asked_for_again() -> None:
    play = JobPlay(job())
    play.until("03-02 00:59")
    play.now += 60
    place = f"report/{int(play.now)}"
    play.lost = lambda action: isinstance(action, RunReplica)
    play.step()
    play.retries[place] = Retry(count=3, at=play.now, error="the engine is busy")
    assert str(play.step()) == f"waiting {place}: the engine could not do it: the engine is busy"
    assert play.plan.wake_at == play.now + 4
    assert play.plan.standings[0].state is State.BACKOFF
    play.lost = lambda action: False
    play.go(5)
    assert len(play.running()) == 1


def test_a_container_that_cannot_be_started_has_failed_to_start_and_goes() -> None:
    play = JobPlay(job())
    play.until("03-02 01:00")
    play.boxes = [dataclasses.replace(play.boxes[0], phase=Phase.CREATED, started_at=None, error="no such program")]
    play.rows["report"] = {due: dataclasses.replace(r, step=Step.STARTING) for due, r in play.rows["report"].items()}
    play.settle()
    assert play.ledger() == ["03-02 01:00 failed-start: could not start: no such program"]
    evidence = [line for line in play.told if line.startswith("keep")]
    assert evidence == ["keep evidence report/03-02 01:00: try 1 of the run of 2026-03-02 01:00 UTC has ended"]
    assert len(play.boxes) == 1, "the newest that failed is kept"


# --- zpmd is killed ---------------------------------------------------------------------------------------------------


def test_killed_between_the_row_and_the_container_it_makes_the_container() -> None:
    play = _killed_at(lambda action: not isinstance(action, KeepRuns))
    play.until("03-02 01:10")
    assert play.ledger() == ["03-02 01:00 ok"]
    assert len(play.boxes) == 1


def test_killed_before_the_row_it_makes_up_for_it() -> None:
    play = _killed_at(lambda action: True)
    play.until("03-02 01:10")
    assert play.ledger() == ["03-02 01:00 ok"]
    assert play.row("03-02 01:00").caught_up


def test_killed_between_creation_and_start_it_starts_the_container() -> None:
    play = JobPlay(job())
    play.until("03-02 01:00")
    play.boxes = [dataclasses.replace(play.boxes[0], phase=Phase.CREATED, started_at=None)]
    play.rows["report"] = {due: dataclasses.replace(r, step=Step.STARTING) for due, r in play.rows["report"].items()}
    play.ends.clear()
    (start,) = play.step().actions
    assert isinstance(start, StartReplica)
    assert start.cause == Cause(Code.STUCK, "was made and never started")
    assert start.attempt == 1
    play.until("03-02 01:10")
    assert play.ledger() == ["03-02 01:00 ok"]


def test_a_later_try_that_was_made_and_never_started_is_started_as_that() -> None:
    play = JobPlay(job(retries=1), report=[FAILS, Program()])
    play.until("03-02 01:00:05")
    play.lost = lambda action: isinstance(action, StartReplica)
    play.until("03-02 01:01")
    second = next(box for box in play.boxes if box.attempt == 2)
    play.boxes = [
        dataclasses.replace(b, phase=Phase.CREATED, started_at=None) if b.id == second.id else b for b in play.boxes
    ]
    play.rows["report"] = {due: dataclasses.replace(r, step=Step.STARTING) for due, r in play.rows["report"].items()}
    play.ends.clear()
    (start,) = [action for action in play.step().actions if isinstance(action, StartReplica)]
    assert (start.replica.id, start.attempt) == (second.id, 2)


def test_a_store_that_is_lost_between_creation_and_start_has_the_row_of_that_try() -> None:
    play = JobPlay(job(retries=3), report=Program())
    play.until("03-02 01:00")
    created = dataclasses.replace(play.boxes[0], phase=Phase.CREATED, started_at=None, tenant="acme", attempt=2)
    play.boxes = [created]
    play.ends.clear()
    play.rows.clear()
    play.marks.clear()
    (start,) = [action for action in play.step().actions if isinstance(action, StartReplica)]
    assert start.attempt == 2
    row = play.row("03-02 01:00")
    assert (row.step, row.tries, row.tenant, row.began_at) == (Step.STARTING, 2, "acme", created.created_at)
    play.until("03-02 01:10")
    assert play.ledger() == ["03-02 01:00 ok"]


def test_a_store_that_is_lost_after_a_try_that_failed_does_not_have_it_tried_again() -> None:
    play = JobPlay(job(retries=3), report=[FAILS, Program()])
    play.until("03-02 01:00:05")
    play.away(600)
    play.rows.clear()
    play.marks.clear()
    play.until("03-02 01:30")
    assert play.ledger() == ["03-02 01:00 failed: exited with 3"]
    assert play.tried == {"report": 1}


def test_killed_while_it_runs_it_reads_the_end_from_the_container() -> None:
    play = JobPlay(job(), report=Program(seconds=600, code=7))
    play.until("03-02 01:05")
    play.away(1800)
    play.settle()
    assert play.ledger() == ["03-02 01:00 failed: exited with 7"]
    assert play.row("03-02 01:00").finished_at == instant("2026-03-02 01:10")


def test_a_store_that_is_lost_finds_the_rows_of_what_is_there() -> None:
    play = JobPlay(job(retries=3, keep_failed=3), report=[Program(), FAILS, FAILS, FAILS, FAILS, Program(seconds=600)])
    play.until("03-02 03:05")
    assert play.endings() == [Ending.OK, Ending.FAILED, None]
    play.rows.clear()
    play.marks.clear()
    play.settle()
    assert play.ledger() == [
        "03-02 01:00 ok",
        "03-02 02:00 failed: exited with 3",
        "03-02 03:00 running: its row was lost, and it was found",
    ]
    assert play.row("03-02 03:00").container_id == "zpmd-report-20260302T030000Z"
    before = len(play.boxes)
    play.until("03-02 03:20")
    assert play.endings() == [Ending.OK, Ending.FAILED, Ending.OK]
    assert len(play.boxes) == before, "and what had failed long ago is not tried again"


def test_a_container_that_is_older_than_every_row_has_had_one() -> None:
    play = JobPlay(job(keep_succeeded=5))
    play.until("03-02 05:30")
    for hour in (1, 2):
        del play.rows["report"][int(instant(f"2026-03-02 0{hour}:00"))]
    assert play.settle().actions == ()
    assert play.ledger() == [f"03-02 0{hour}:00 ok" for hour in (3, 4, 5)]
    play.until("03-02 06:30")
    assert [box.due for box in play.boxes] == [instant(f"2026-03-02 0{hour}:00") for hour in (2, 3, 4, 5, 6)]


def test_a_container_that_was_made_under_a_row_that_says_it_never_was_counts() -> None:
    play = JobPlay(job(), report=Program(seconds=600))
    play.until("03-02 01:01")
    row = play.row("03-02 01:00")
    for ending in (Ending.HELD, Ending.TOO_LATE, Ending.FAILED_START):
        changed = dataclasses.replace(row, step=Step.ENDED, ending=ending, started_at=None, reason="gone")
        play.rows["report"] = {row.due: changed}
        play.settle()
        assert play.ledger() == ["03-02 01:00 running"]


def test_what_is_in_hand_is_left_alone() -> None:
    play = JobPlay(job())
    play.until("03-02 00:59")
    play.now += 60
    play.lost = lambda action: isinstance(action, RunReplica)
    play.step()
    place = f"report/{int(play.now)}"
    play.in_flight = (InFlight(subject=place, verb="run", since=play.now),)
    assert str(play.step()) == f"waiting {place}: run is under way"
    play.intend(stopped=frozenset({"report"}))
    play.step()
    assert play.endings() == [None]


# --- evidence and history ---------------------------------------------------------------------------------------------


def test_the_logs_of_every_try_are_kept_before_its_container_goes() -> None:
    play = JobPlay(job(retries=2), report=FAILS)
    play.until("03-02 01:30")
    assert [line.split(":", 2)[0] + ":" + line.split(":", 2)[2] for line in play.told] == [
        "run report/03-02 01: was due at 2026-03-02 01:00 UTC",
        "keep evidence report/03-02 01: try 1 of the run of 2026-03-02 01:00 UTC has ended",
        "run report/03-02 01: try 2 of 3 of the run of 2026-03-02 01:00 UTC",
        "remove report/03-02 01: its logs are kept, and another try of the run of 2026-03-02 01:00 UTC came",
        "keep evidence report/03-02 01: try 2 of the run of 2026-03-02 01:00 UTC has ended",
        "run report/03-02 01: try 3 of 3 of the run of 2026-03-02 01:00 UTC",
        "remove report/03-02 01: its logs are kept, and another try of the run of 2026-03-02 01:00 UTC came",
        "keep evidence report/03-02 01: try 3 of the run of 2026-03-02 01:00 UTC has ended",
    ]
    assert [box.attempt for box in play.boxes] == [3]


def test_evidence_says_whether_the_try_failed() -> None:
    found: list[tuple[int, bool]] = []
    play = JobPlay(job(retries=1), report=[FAILS, Program(seconds=10)])

    def seen(action: Action) -> bool:
        if isinstance(action, KeepEvidence):
            found.append((action.replica.attempt, action.failed))
        return False

    play.lost = seen
    play.until("03-02 01:30")
    assert found == [(1, True), (2, False)]


def test_what_cannot_be_kept_is_given_up_after_three_times_and_keeps_nothing_else_from_going() -> None:
    play = JobPlay(job(keep_succeeded=0))
    play.lost = lambda action: isinstance(action, KeepEvidence)
    play.until("03-02 00:59")
    play.now += 60
    play.settle()
    play.now += 60
    place = f"evidence:report/{int(play.now - 60)}"
    for count in (1, 2):
        play.retries[place] = Retry(count=count, at=play.now, error="no")
        assert play.step().actions == () or isinstance(play.plan.actions[0], KeepRuns)
        assert play.plan.wake_at == play.now + count, "after a pause"
        play.now += count
        assert [type(action) for action in play.step().actions] == [KeepEvidence]
    assert len(play.boxes) == 1
    play.retries[place] = Retry(count=3, at=play.now, error="no")
    play.settle()
    assert play.boxes == []
    assert play.told[-1] == "remove report/03-02 01:00: runs that ended well are not kept"


def test_runs_that_failed_are_counted_for_themselves() -> None:
    play = JobPlay(job(keep_succeeded=1, keep_failed=2), report=[FAILS, FAILS, FAILS, Program(), Program()])
    play.until("03-02 05:30")
    assert play.endings() == [Ending.FAILED] * 3 + [Ending.OK] * 2
    kept = [instant(f"2026-03-02 0{hour}:00") for hour in (2, 3, 5)]
    assert [box.due for box in play.boxes] == kept
    assert "remove report/03-02 01:00: of runs that did not the newest 2 are kept" in play.told


def test_a_run_that_somebody_starts_again_by_hand_is_left_alone() -> None:
    play = JobPlay(job(keep_succeeded=0))
    play.lost = lambda action: isinstance(action, KeepEvidence)
    play.until("03-02 00:59")
    play.now = instant("2026-03-02 01:00")
    play.settle()
    play.now += 61
    play.step()
    play.boxes = [dataclasses.replace(box, phase=Phase.RUNNING, finished_at=None) for box in play.boxes]
    assert play.settle().actions == ()
    assert play.ledger() == ["03-02 01:00 ok"]


def _killed_at(lost: object) -> JobPlay:
    """zpmd is killed in the pass of 01:00, before what `lost` says is done, and is back a minute later."""
    play = JobPlay(job())
    play.until("03-02 00:59")
    play.now = START + 3600
    play.lost = lost  # type: ignore[assignment]
    play.step()
    play.lost = lambda action: False
    play.away(60)
    return play
