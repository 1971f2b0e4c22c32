"""What has no schedule and is not kept running, a migration, runs to its end once for each definition of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.planning.build import dead, memory, needs, planned, replica, service
from tests.unit.planning.telling import text, told
from zpmd.model.action import RemoveReplica, RunReplica, StartReplica
from zpmd.model.service import Condition, RestartCondition, RestartPolicy, ServiceData

EITHER = pytest.mark.parametrize("condition", [RestartCondition.NONE, RestartCondition.ON_FAILURE])
APP = service("app", depends_on=(needs("once", Condition.COMPLETED),))


def once(condition: RestartCondition = RestartCondition.NONE) -> ServiceData:
    return service("once", restart=RestartPolicy(condition=condition))


@EITHER
def test_it_is_run_and_who_waits_for_it_waits(condition: RestartCondition) -> None:
    migrate = once(condition)
    for there in ([], [replica(migrate)]):
        answer = planned((migrate, APP), there, memory(migrate, APP))
        assert [type(a) for a in answer.actions] == ([] if there else [RunReplica])
        assert [w.subject for w in answer.waiting] == ["app/1"]


@EITHER
def test_when_it_has_ended_well_it_does_not_run_again_and_who_waits_for_it_starts(condition: RestartCondition) -> None:
    migrate = once(condition)
    answer = planned((migrate, APP), [dead(migrate, exit_code=0)], memory(migrate, APP))
    assert [(type(a), a.subject) for a in answer.actions] == [(RunReplica, "app/1")]


@EITHER
@pytest.mark.parametrize("exit_code", [0, 3])
def test_under_another_definition_it_runs_once_more(condition: RestartCondition, exit_code: int) -> None:
    old = once(condition)
    new = replace(old, container=replace(old.container, image="web:2"))
    answer = planned((new, APP), [dead(old, exit_code=exit_code)], memory(new, APP))
    assert [(type(a), a.subject) for a in answer.actions] == [(RemoveReplica, "once/1")]
    assert [w.subject for w in answer.waiting] == ["app/1"], "it has not run by this definition"
    answer = planned((new, APP), [], memory(new, APP))
    assert [(type(a), a.subject) for a in answer.actions] == [(RunReplica, "once/1")]
    answer = planned((new, APP), [dead(new, exit_code=0)], memory(new, APP))
    assert [(type(a), a.subject) for a in answer.actions] == [(RunReplica, "app/1")]


def test_a_change_that_does_not_reach_the_container_does_not_run_it_again() -> None:
    old = once()
    new = replace(old, stop_grace_seconds=30.0)
    answer = planned((new,), [dead(old, exit_code=0)], memory(new))
    assert answer.actions == ()


def test_where_nothing_restarts_it_a_failure_is_final_and_says_what_to_do() -> None:
    migrate = once()
    assert told(planned((migrate,), [dead(migrate, exit_code=3)], memory(migrate))) == text("""
        waiting once/1: exited with 3, and its restart policy is none: `zpmctl restart` tries it anew
        gave-up, of once
        once (core) is failed: 0 of 1, image web:1
        because exited with 3, and its restart policy is none: `zpmctl restart` tries it anew
        look again at +300
    """)


def test_on_failure_it_is_tried_again() -> None:
    migrate = once(RestartCondition.ON_FAILURE)
    answer = planned((migrate,), [dead(migrate, exit_code=3)], memory(migrate))
    assert [type(a) for a in answer.actions] == [StartReplica]
