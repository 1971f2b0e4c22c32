"""A one-shot is done when it has come to its good end, and not when it was stopped on the way or is wanted again."""

from __future__ import annotations

from tests.unit.planning.build import attempt, dead, memory, needs, planned, service, slot
from tests.unit.planning.telling import text, told
from zpmd.model.memory import Tried
from zpmd.model.service import Condition, RestartCondition, RestartPolicy

ONCE = service("once", restart=RestartPolicy(condition=RestartCondition.ON_FAILURE))
APP = service("app", depends_on=(needs("once", Condition.COMPLETED),))


def test_a_one_shot_that_an_operator_starts_anew_runs_again_although_it_ended_well() -> None:
    anew = memory(ONCE, attempts={slot(ONCE): attempt(ONCE, 0, tried=Tried.STOP)})
    answer = planned((ONCE,), [dead(ONCE, exit_code=0)], anew)
    assert told(answer) == text("""
        start once/1: is to run again
        started, replica=once-1-ae64
        once (core) is starting: 0 of 1, image web:1
        look again at +300
    """)


def test_a_one_shot_that_was_stopped_on_the_way_is_not_done_for_those_that_wait_for_it() -> None:
    stopped = memory(ONCE, APP, attempts={slot(ONCE): attempt(ONCE, 0, tried=Tried.STOP)})
    answer = planned((ONCE, APP), [dead(ONCE, exit_code=0)], stopped)
    assert told(answer) == text("""
        start once/1: is to run again
        started, replica=once-1-ae64
        waiting app/1: waits for once to be completed
        dependency, of app
        app (core) is waiting: 0 of 1, image web:1
        because waits for once to be completed
        once (core) is starting: 0 of 1, image web:1
        look again at +300
    """)


def test_a_one_shot_of_two_of_which_one_was_stopped_on_the_way_runs_that_one_again() -> None:
    pair = service("once", replicas=2, restart=RestartPolicy(condition=RestartCondition.ON_FAILURE))
    stopped = memory(pair, attempts={slot(pair, 2): attempt(pair, 0, tried=Tried.STOP)})
    answer = planned((pair,), [dead(pair, 1, exit_code=0), dead(pair, 2, exit_code=0)], stopped)
    assert told(answer) == text("""
        start once/2: is to run again
        started, replica=once-2-ae64
        once (core) is starting: 1 of 2, image web:1
        look again at +300
    """)


def test_a_one_shot_that_ended_well_after_it_was_started_anew_is_done() -> None:
    anew = memory(ONCE, APP, attempts={slot(ONCE): attempt(ONCE, 0, ago=30, tried=Tried.STOP)})
    answer = planned((ONCE, APP), [dead(ONCE, exit_code=0, ended_ago=10)], anew)
    assert told(answer) == text("""
        run app/1: is declared and not there
        missing, image=web:1
        app (core) is starting: 0 of 1, image web:1
        once (core) is completed: 1 of 1, image web:1
        look again at +300
    """)


def test_a_one_shot_that_stands_beside_another_of_its_kind_is_done_with_either() -> None:
    there = [dead(ONCE, exit_code=0), dead(ONCE, exit_code=1, id="second")]
    answer = planned((ONCE, APP), there, memory(ONCE, APP))
    assert told(answer) == text("""
        run app/1: is declared and not there
        missing, image=web:1
        remove once/1: once-1-ae64 already holds this place
        surplus, replica=second
        app (core) is starting: 0 of 1, image web:1
        once (core) is completed: 1 of 1, image web:1
        look again at +300
    """)


def test_a_one_shot_whose_end_has_no_time_runs_again_when_it_is_started_anew() -> None:
    anew = memory(ONCE, attempts={slot(ONCE): attempt(ONCE, 0, tried=Tried.STOP)})
    answer = planned((ONCE,), [dead(ONCE, exit_code=0, finished_at=None)], anew)
    assert told(answer) == text("""
        start once/1: is to run again
        started, replica=once-1-ae64
        once (core) is starting: 0 of 1, image web:1
        look again at +300
    """)
