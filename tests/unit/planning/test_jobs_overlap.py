"""What a due instant finds that comes while an earlier run goes on: forbid, allow, replace."""

from __future__ import annotations

import pytest

from tests.unit.planning.jobplay import JobPlay, Program, job
from zpmd.model.action import PullImage, RunReplica, StopReplica
from zpmd.model.job import Concurrency, Ending, Step
from zpmd.model.observed import InFlight
from zpmd.planning.jobs import overlap

LONG = Program(seconds=90 * 60)


def test_forbid_skips_what_is_due_while_a_run_goes_on_and_says_which() -> None:
    play = JobPlay(job(), report=LONG)
    play.until("03-02 03:10")
    assert play.ledger() == [
        "03-02 01:00 ok",
        "03-02 02:00 skipped-overlap: the run of 2026-03-02 01:00 UTC had not ended",
        "03-02 03:00 running",
    ]


def test_allow_runs_beside() -> None:
    play = JobPlay(job(concurrency=Concurrency.ALLOW), report=LONG)
    play.until("03-02 02:10")
    assert play.ledger() == ["03-02 01:00 running", "03-02 02:00 running"]
    play.until("03-02 03:40")
    assert play.ledger() == ["03-02 01:00 ok", "03-02 02:00 ok", "03-02 03:00 running"]


def test_allow_has_an_end_where_none_of_them_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlap, "MOST_OPEN", 2)
    play = JobPlay(job(concurrency=Concurrency.ALLOW), report=Program(seconds=1e6))
    play.until("03-02 03:10")
    assert play.ledger() == [
        "03-02 01:00 running",
        "03-02 02:00 running",
        "03-02 03:00 skipped-overlap: 2 runs of it had not ended, the oldest that of 2026-03-02 01:00 UTC",
    ]


def test_replace_stops_what_goes_on_and_begins_when_that_has_ended() -> None:
    play = JobPlay(job(concurrency=Concurrency.REPLACE), report=LONG)
    play.until("03-02 02:10")
    assert play.ledger() == ["03-02 01:00 stopped: replaced by the run of 2026-03-02 02:00 UTC", "03-02 02:00 running"]
    assert play.row("03-02 01:00").exit_code == 143
    assert [line for line in play.told if "keep" not in line] == [
        "run report/03-02 01:00: was due at 2026-03-02 01:00 UTC",
        "stop report/03-02 01:00: replaced by the run of 2026-03-02 02:00 UTC",
        "run report/03-02 02:00: was due at 2026-03-02 02:00 UTC",
    ]


def test_a_run_that_takes_too_long_is_not_tried_again_once_the_next_one_replaces_it() -> None:
    play = JobPlay(job(concurrency=Concurrency.REPLACE, timeout_seconds=3590, retries=3), report=LONG)
    play.lost = lambda action: isinstance(action, StopReplica)
    play.until("03-02 01:59")
    play.now += 55
    play.step()
    assert play.row("03-02 01:00").stopping is Ending.TIMED_OUT
    play.lost = lambda action: False
    play.now += 5
    play.settle()
    assert play.ledger() == ["03-02 01:00 stopped: replaced by the run of 2026-03-02 02:00 UTC", "03-02 02:00 running"]


def test_a_run_that_replaces_waits_until_the_old_one_has_ended() -> None:
    play = JobPlay(job(concurrency=Concurrency.REPLACE), report=LONG)
    play.lost = lambda action: isinstance(action, StopReplica)
    play.until("03-02 01:59")
    play.now += 60
    play.step()
    assert str(play.step()).splitlines() == [
        "stop report/1772413200: replaced by the run of 2026-03-02 02:00 UTC",
        "waiting report/1772416800: waits for the run of 2026-03-02 01:00 UTC to end",
    ], "and as long as it lives it is stopped again"
    play.lost = lambda action: False
    play.settle()
    assert play.ledger() == ["03-02 01:00 stopped: replaced by the run of 2026-03-02 02:00 UTC", "03-02 02:00 running"]


def test_what_has_not_begun_is_replaced_without_a_container() -> None:
    play = JobPlay(job(concurrency=Concurrency.REPLACE))
    play.images.clear()
    play.refuse = lambda action: "no such image" if isinstance(action, PullImage) else None
    play.until("03-02 02:00")
    assert play.ledger() == ["03-02 01:00 replaced: replaced by the run of 2026-03-02 02:00 UTC", "03-02 02:00 waiting"]


def test_a_retry_that_waits_for_its_pause_is_open() -> None:
    fails = job(retries=3, retry_delay_seconds=4000, retry_max_seconds=4000)
    play = JobPlay(fails, report=Program(seconds=1, code=1))
    play.until("03-02 02:00")
    assert play.endings() == [None, Ending.SKIPPED_OVERLAP]
    assert play.row("03-02 01:00").tries == 2
    play = JobPlay(job(retries=3, retry_delay_seconds=4000, retry_max_seconds=4000, concurrency=Concurrency.REPLACE))
    play.programs = {"report": [Program(seconds=1, code=1), Program()]}
    play.until("03-02 02:10")
    assert play.ledger() == ["03-02 01:00 stopped: replaced by the run of 2026-03-02 02:00 UTC", "03-02 02:00 ok"]


@pytest.mark.parametrize("concurrency", [Concurrency.FORBID, Concurrency.REPLACE])
def test_runs_that_were_asked_for_wait_for_each_other_in_their_order(concurrency: Concurrency) -> None:
    play = JobPlay(job(concurrency=concurrency), report=Program(seconds=100))
    play.until("03-02 00:10")
    play.ask()
    play.go(1)
    play.ask()
    play.go(1)
    play.ask()
    play.settle()
    steps = [run.step for run in play.jobs()["report"].runs]
    assert steps == [Step.RUNNING, Step.WAITING, Step.WAITING]
    assert [str(w.cause) for w in play.plan.waiting] == ["waits for the run of 2026-03-02 00:10 UTC to end"] * 2
    play.go(150)
    assert [run.step for run in play.jobs()["report"].runs] == [Step.ENDED, Step.RUNNING, Step.WAITING]
    play.until("03-02 00:30")
    assert play.endings() == [Ending.OK] * 3


def test_a_run_that_was_asked_for_keeps_the_schedule_from_overlapping() -> None:
    play = JobPlay(job(), report=LONG)
    play.until("03-02 00:30")
    play.ask()
    play.until("03-02 01:10")
    assert play.endings() == [None, Ending.SKIPPED_OVERLAP]


def test_several_that_are_due_in_one_pass_are_taken_in_their_order() -> None:
    for concurrency, expected in (
        (Concurrency.FORBID, [None, Ending.SKIPPED_OVERLAP, Ending.SKIPPED_OVERLAP]),
        (Concurrency.REPLACE, [Ending.REPLACED, Ending.REPLACED, None]),
        (Concurrency.ALLOW, [None, None, None]),
    ):
        play = JobPlay(job("report", "every 10s", concurrency=concurrency), report=LONG)
        play.settle()
        play.now += 30
        play.settle()
        assert play.endings() == expected, concurrency


def test_a_run_that_is_being_made_is_stopped_when_it_is_there_or_was_replaced_when_it_is_not() -> None:
    for lost, ending in ((True, Ending.REPLACED), (False, Ending.STOPPED)):
        play = JobPlay(job("report", "every 10s", concurrency=Concurrency.REPLACE), report=LONG)
        play.settle()
        play.now += 10
        play.lost = lambda action: isinstance(action, RunReplica)
        (make,) = [action for action in play.step().actions if isinstance(action, RunReplica)]
        play.in_flight = (InFlight(subject=make.subject, verb="run", since=play.now),)
        play.now += 10
        play.step()
        first = play.jobs()["report"].runs[0]
        assert (first.step, first.stopping) == (Step.STARTING, Ending.REPLACED)
        play.in_flight, play.lost = (), lambda action: False
        if not lost:
            play._do(make)
        play.settle()
        assert play.endings() == [ending, None]
        assert len(play.running()) == 1
