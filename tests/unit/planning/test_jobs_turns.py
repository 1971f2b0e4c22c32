"""Which runs begin now: their time, their order, their places, and what they need first."""

from __future__ import annotations

import dataclasses

import pytest

from tests.unit.planning.build import world
from tests.unit.planning.dues import instant
from tests.unit.planning.jobplay import JobPlay, Program, job
from zpmd.model.action import PullImage, RunReplica
from zpmd.model.cause import Code
from zpmd.model.job import CatchUp, Concurrency, Ending, Step
from zpmd.model.memory import Retry
from zpmd.model.observed import Stranger
from zpmd.model.plan import State
from zpmd.model.policy import Limits
from zpmd.model.service import PullPolicy, PullWhen


def _crowd(number: int, **fields: object) -> JobPlay:
    return JobPlay(*(job(f"job{n:03}", **fields) for n in range(number)))  # type: ignore[arg-type]


def test_a_crowd_that_is_due_in_the_same_second_begins_a_few_at_a_time_and_none_is_dropped() -> None:
    play = _crowd(100)
    play.limits = Limits(runs_at_once=10)
    most = 0
    play.until("03-02 00:59")
    end = instant("2026-03-02 01:59")
    while play.now < end:
        play.settle()
        most = max(most, sum(box.live for box in play.boxes))
        play.now = min([end, *(at for at in play.ends.values() if at > play.now), play.plan.wake_at or end])
    assert most == 10
    assert all(play.endings(f"job{n:03}") == [Ending.OK] for n in range(100))
    starts = [play.rows[f"job{n:03}"][int(end - 3540)].started_at for n in range(100)]
    assert starts == sorted(starts, key=lambda at: at or 0.0), "in the order of their names, where all else is alike"


def test_who_has_no_place_says_so_and_those_that_are_due_first_go_first() -> None:
    play = JobPlay(job("late", "2 1 * * *"), job("first", "1 1 * * *"), job("long", "0 1 * * *"))
    play.programs = {"long": [Program(seconds=600)]}
    play.limits = Limits(runs_at_once=1)
    play.until("03-02 01:05")
    assert [(w.service, w.cause.code) for w in play.plan.waiting] == [
        ("first", Code.RUNS_FULL),
        ("late", Code.RUNS_FULL),
    ]
    assert play.plan.waiting[0].cause.text == "waits for a place: 1 runs of jobs are going on"
    assert {s.service: s.state for s in play.plan.standings}["late"] is State.WAITING
    play.until("03-02 01:20")
    assert play.row("03-02 01:01", "first").started_at == instant("2026-03-02 01:10")
    assert play.row("03-02 01:02", "late").started_at == instant("2026-03-02 01:11")


def test_a_retry_that_waits_for_its_pause_keeps_its_place() -> None:
    play = JobPlay(job("a", "0 1 * * *", retries=1, retry_delay_seconds=300), job("b", "1 1 * * *"))
    play.programs = {"a": [Program(seconds=1, code=1)]}
    play.limits = Limits(runs_at_once=1)
    play.until("03-02 01:03")
    assert play.row("03-02 01:01", "b").step is Step.WAITING
    play.until("03-02 01:20")
    assert play.row("03-02 01:01", "b").started_at == instant("2026-03-02 01:05:02")


def test_fewer_places_than_before_stop_nothing_and_begin_no_more_than_they_are() -> None:
    play = _crowd(6, retries=1, retry_delay_seconds=10, retry_max_seconds=10)
    play.programs = {f"job{n:03}": [Program(seconds=5, code=1), Program()] for n in range(6)}
    play.until("03-02 01:00:06")
    assert play.running("job000") == []
    play.limits = Limits(runs_at_once=2)
    play.now = instant("2026-03-02 01:00:15")
    assert sum(isinstance(action, RunReplica) for action in play.step().actions) == 2


def test_a_run_that_cannot_begin_within_its_deadline_is_too_late_and_says_what_it_waited_for() -> None:
    play = JobPlay(job(deadline_seconds=300))
    play.images.clear()
    play.refuse = lambda action: "no such image" if isinstance(action, PullImage) else None
    play.until("03-02 01:04")
    assert play.ledger() == ["03-02 01:00 waiting"]
    standing = play.plan.standings[0]
    assert (standing.state, standing.reason) == (
        State.WAITING,
        "waits for image report:1: no such image; next 2026-03-02 02:00 UTC",
    )
    play.until("03-02 01:06")
    assert play.ledger() == [
        "03-02 01:00 too-late: could not begin within 300 s: waits for image report:1: no such image"
    ]
    assert play.plan.standings[0].state is State.FAILED


def test_a_pass_that_comes_after_the_deadline_is_too_late() -> None:
    for late, ending in ((300, None), (301, Ending.TOO_LATE)):
        play = JobPlay(job(deadline_seconds=300, catch_up=CatchUp.NONE))
        play.until("03-02 00:59")
        play.now = instant("2026-03-02 01:00") + late
        play.settle()
        assert play.endings() == [ending]


def test_a_deadline_is_an_instant_to_look_again_at() -> None:
    play = JobPlay(job(deadline_seconds=300), job("long", concurrency=Concurrency.ALLOW))
    play.programs = {"long": [Program(seconds=None)]}
    play.limits = Limits(runs_at_once=1)
    play.until("03-02 01:01")
    assert play.plan.wake_at == instant("2026-03-02 01:05")
    play.until("03-02 01:05")
    assert play.endings() == [Ending.TOO_LATE]


def test_an_image_is_pulled_and_a_network_made_before_a_run_begins() -> None:
    play = JobPlay(job())
    play.images.clear()
    play.until("03-02 01:10")
    assert play.told[:2] == [
        "pull image:report:1: report needs it",
        "run report/03-02 01:00: was due at 2026-03-02 01:00 UTC",
    ]


def test_a_run_asks_the_registry_where_its_policy_says_so() -> None:
    play = JobPlay(job(pull=PullPolicy(when=PullWhen.ALWAYS)))
    play.until("03-02 00:59")
    play.now += 60
    (make,) = [action for action in play.step().actions if isinstance(action, RunReplica)]
    assert make.pull


def test_a_name_that_somebody_else_has_needs_a_person() -> None:
    play = JobPlay(job())
    theirs = Stranger(id="0123456789abcdef", name="zpmd-report-20260302T010000Z")
    seen = play.world
    play.world = lambda: dataclasses.replace(seen(), strangers=(theirs,))  # type: ignore[method-assign]
    play.until("03-02 01:00")
    assert [str(w.cause) for w in play.plan.waiting] == [
        "waits for the name zpmd-report-20260302T010000Z, which container 0123456789ab has, and that is not ours: "
        "rename or remove it"
    ]
    assert play.plan.standings[0].state is State.BLOCKED
    assert world(()).strangers == ()


@pytest.mark.parametrize("seconds", [0.0, 5.0])
def test_a_try_waits_again_for_what_its_container_needs(seconds: float) -> None:
    play = JobPlay(job(retries=1), report=[Program(seconds=1, code=1), Program()])
    play.until("03-02 01:00:05")
    play.images.clear()
    play.retries["image:report:1"] = Retry(count=9, at=instant("2026-03-02 01:00:05"), error="no")
    play.go(30 + seconds)
    assert play.row("03-02 01:00").step is Step.STARTING
    assert play.plan.waiting[0].cause.code is Code.IMAGE_MISSING
    play.until("03-02 01:10")
    assert play.endings() == [Ending.OK]
