"""What dies, falls ill, vanishes or cannot be made: tried again, ever more slowly, and explained."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.planning.build import NOW, attempt, dead, memory, needs, planned, replica, service, sick, slot
from zpmd.model.action import RestartReplica, StartReplica, verb
from zpmd.model.cause import Code
from zpmd.model.container import Container, Healthcheck, Hook
from zpmd.model.memory import Intent, Retry, Tried
from zpmd.model.naming import container_name
from zpmd.model.observed import Health, InFlight, Phase, Replica, Stranger
from zpmd.model.plan import State
from zpmd.model.service import Condition, RestartCondition, RestartPolicy
from zpmd.planning import backoff

WEB = service("web")
BRIEF = service("web", restart=RestartPolicy(window_seconds=60))
DB = service("db", container=Container(image="db:1", healthcheck=Healthcheck(test=("CMD", "true"))))
APP = service("app", depends_on=(needs("db", Condition.HEALTHY),))
ONCE = service("once", restart=RestartPolicy(condition=RestartCondition.ON_FAILURE))
NEVER = service("once", restart=RestartPolicy(condition=RestartCondition.NONE))


def test_the_delay_doubles_from_one_second_to_five_minutes() -> None:
    delays = [backoff.delay_seconds(RestartPolicy(), n) for n in range(1, 13)]
    assert delays == [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_a_policy_of_zeros_is_no_hot_loop() -> None:
    zeros = service("web", restart=RestartPolicy(delay_seconds=0, window_seconds=0))
    assert [round(backoff.delay_seconds(zeros.restart, n), 1) for n in range(1, 5)] == [0, 0.1, 0.2, 0.4]
    crashed = dead(zeros, ago=9, ended_ago=0)
    tried = memory(zeros, attempts={slot(zeros): attempt(zeros, 7, ago=1)})
    assert str(planned((zeros,), [crashed], tried)) == (
        "waiting web/1: exited with 137; try 8 in a row comes after its backoff"
    )


@pytest.mark.parametrize(
    ("count", "ago", "expected", "wake"),
    [
        (0, 5, "start web/1: exited with 137", None),
        (1, 0.5, "waiting web/1: exited with 137; try 2 in a row comes after its backoff", 0.5),
        (1, 1, "start web/1: exited with 137, failure 2 in a row", None),
        (2, 1.5, "waiting web/1: exited with 137; try 3 in a row comes after its backoff", 0.5),
        (2, 2, "remove web/1: exited with 137, failure 3 in a row: a fresh one takes its place", None),
        (9, 255, "waiting web/1: exited with 137; try 10 in a row comes after its backoff", 1),
        (9, 256, "remove web/1: exited with 137, failure 10 in a row: a fresh one takes its place", None),
    ],
)
def test_a_crashed_replica_waits_for_its_backoff(count: int, ago: float, expected: str, wake: float | None) -> None:
    tried = memory(WEB, attempts={slot(WEB): attempt(WEB, count, ago=ago)})
    answer = planned((WEB,), [dead(WEB, ago=ago, ended_ago=0)], tried)
    assert str(answer) == expected
    assert wake is None or answer.wake_at == NOW + wake


def test_a_run_of_ten_minutes_ends_the_row() -> None:
    tried = memory(WEB, attempts={slot(WEB): attempt(WEB, 9, ago=601)})
    assert str(planned((WEB,), [dead(WEB, ago=601, ended_ago=1)], tried)) == "start web/1: exited with 137"


def test_without_a_memory_the_label_counts() -> None:
    assert str(planned((WEB,), [dead(WEB, ago=3, attempt=3)])) == (
        "waiting web/1: exited with 137; try 4 in a row comes after its backoff"
    )


def test_a_fresh_replica_carries_the_count_on() -> None:
    tried = memory(WEB, attempts={slot(WEB): attempt(WEB, 3, tried=Tried.REMOVE)})
    answer = planned((WEB,), [], tried)
    assert str(answer) == "run web/1: takes the place of one that failed 3 times in a row"
    assert answer.actions[0].attempt == 3  # type: ignore[union-attr]


def test_a_crash_loop_is_a_state_that_can_be_seen() -> None:
    tried = memory(WEB, attempts={slot(WEB): attempt(WEB, 4)})
    standing = planned((WEB,), [dead(WEB, ago=1, ended_ago=0)], tried).standings[0]
    assert (standing.state, standing.restarts) == (State.CRASH_LOOP, 4)
    assert standing.reason == "exited with 137; try 5 in a row comes after its backoff"


def test_a_clock_that_was_set_back_does_not_keep_a_service_down() -> None:
    tried = memory(WEB, attempts={slot(WEB): attempt(WEB, 5, ago=-7200)})
    assert planned((WEB,), [dead(WEB)], tried).actions


def test_unhealthy_is_treated_like_dead() -> None:
    answer = planned((WEB,), [sick(WEB)])
    assert str(answer) == "restart web/1: is unhealthy"
    assert isinstance(answer.actions[0], RestartReplica)
    third = memory(WEB, attempts={slot(WEB): attempt(WEB, 2, ago=60)})
    assert str(planned((WEB,), [sick(WEB, ago=60)], third)) == (
        "stop web/1: is unhealthy, failure 3 in a row: a fresh one takes its place"
    )


def test_what_its_dependency_took_down_waits_and_spends_nothing() -> None:
    down = dead(DB, ago=100, ended_ago=1)
    tried = memory(DB, APP, attempts={slot(DB): attempt(DB, 5), slot(APP): attempt(APP, 1, ago=100)})
    for there in (dead(APP, ago=100), sick(APP, ago=100)):
        answer = planned((DB, APP), [down, there], tried)
        assert not answer.actions
        assert "waits for db to be healthy" in next(str(w.cause) for w in answer.waiting if w.service == "app")


def test_when_its_dependency_is_back_it_restarts_with_its_count_unchanged() -> None:
    back = replica(DB, ago=10, health=Health.HEALTHY)
    tried = memory(DB, APP, attempts={slot(APP): attempt(APP, 1, ago=100)})
    answer = planned((DB, APP), [back, dead(APP, ago=100, ended_ago=20)], tried)
    assert str(answer) == "start app/1: exited with 137 while db was down"
    assert isinstance(answer.actions[0], StartReplica)
    assert answer.actions[0].attempt == 1


def test_a_dependency_whose_start_lies_ahead_excuses_nothing() -> None:
    """The clock was set back by an hour, and every crash would be tried again at once until it has caught up."""
    ahead = replica(DB, ago=-3600, health=Health.HEALTHY)
    tried = memory(DB, APP, attempts={slot(APP): attempt(APP, 3, ago=1)})
    answer = planned((DB, APP), [ahead, dead(APP, ago=1, ended_ago=0)], tried)
    assert answer.actions == ()
    assert [w.cause.code for w in answer.waiting] == [Code.CRASH_LOOP]


def test_what_the_engine_refuses_to_start_is_not_excused_by_a_dependency_that_was_down() -> None:
    db, app = service("db"), service("app", depends_on=(needs("db"),))
    there = [replica(db, ago=10), dead(app, ago=60, ended_ago=30)]
    refused = attempt(app, 2, ago=0.1, failed=True, error="task already exists")
    answer = planned((db, app), there, memory(db, app, attempts={slot(app): refused}))
    assert answer.actions == ()
    assert [w.cause.code for w in answer.waiting] == [Code.CRASH_LOOP]
    later = planned((db, app), there, memory(db, app, attempts={slot(app): refused}), now=NOW + 10)
    assert [verb(a) for a in later.actions] == ["remove"], "a fresh one takes its place"


@pytest.mark.parametrize(
    ("count", "ago", "expected"),
    [
        (1, 0.5, "waiting web/1: could not start: task already exists; try 2 in a row comes after its backoff"),
        (1, 1, "start web/1: could not start: task already exists, failure 2 in a row"),
        (2, 2, "remove web/1: could not start: task already exists, failure 3 in a row: a fresh one takes its place"),
    ],
)
def test_a_long_life_does_not_excuse_the_refusals_since(count: int, ago: float, expected: str) -> None:
    """It would be tried again without a pause, and never be replaced."""
    ran_for_an_hour = replace(dead(WEB, ago=3700, ended_ago=100), error="task already exists")
    refused = attempt(WEB, count, ago=ago, failed=True, error="task already exists")
    assert str(planned((WEB,), [ran_for_an_hour], memory(WEB, attempts={slot(WEB): refused}))) == expected


def test_a_long_life_in_bad_health_does_not_excuse_the_refusals_since() -> None:
    refused = attempt(DB, 3, ago=1, tried=Tried.RESTART, failed=True, error="task already exists")
    answer = planned((DB,), [sick(DB, ago=3700)], memory(DB, attempts={slot(DB): refused}))
    assert answer.actions == ()
    assert [w.cause.code for w in answer.waiting] == [Code.CRASH_LOOP]


def test_a_cure_that_the_engine_refused_is_not_excused_either() -> None:
    back = replica(DB, ago=10, health=Health.HEALTHY)
    refused = attempt(APP, 2, ago=1, tried=Tried.RESTART, failed=True, error="task already exists")
    answer = planned((DB, APP), [back, sick(APP, ago=100)], memory(DB, APP, attempts={slot(APP): refused}))
    assert answer.actions == ()
    assert [w.cause.code for w in answer.waiting] == [Code.CRASH_LOOP]


@pytest.mark.parametrize(
    ("once", "code", "expected"),
    [
        (ONCE, 0, ""),
        (ONCE, 1, "start once/1: exited with 1"),
        (NEVER, 0, ""),
        (NEVER, 1, "waiting once/1: exited with 1, and its restart policy is none: `zpmctl restart` tries it anew"),
    ],
)
def test_a_one_shot_is_done_when_it_ends_well(once, code: int, expected: str) -> None:  # type: ignore[no-untyped-def]
    answer = planned((once,), [dead(once, exit_code=code)])
    assert str(answer) == expected
    if not expected:
        assert answer.standings[0].state is State.COMPLETED


def test_a_one_shot_of_another_definition_runs_again() -> None:
    assert str(planned((ONCE,), [dead(ONCE, exit_code=0, spec="1:old")])).startswith("remove once/1: its definition")


def test_attempts_that_are_spent_are_told_and_a_restart_tries_anew() -> None:
    web = service("web", restart=RestartPolicy(max_attempts=2))
    attempts = {slot(web): attempt(web, 2, ago=60)}
    answer = planned((web,), [dead(web, ago=60)], memory(web, attempts=attempts))
    assert str(answer) == (
        "waiting web/1: exited with 137, and its 2 attempts are spent: `zpmctl restart` tries it anew"
    )
    assert answer.standings[0].state is State.FAILED
    again = memory(web, attempts=attempts, intent=Intent(generations={"web": 1}))
    assert str(planned((web,), [dead(web, ago=60)], again)) == "remove web/1: an operator asked for a restart"


def test_a_refused_creation_is_tried_again_within_a_minute_and_shown_with_the_engines_words() -> None:
    refused = attempt(WEB, 12, ago=59, tried=Tried.RUN, failed=True, error="port 80 is taken")
    answer = planned((WEB,), [], memory(WEB, attempts={slot(WEB): refused}))
    assert str(answer) == (
        "waiting web/1: could not be made: port 80 is taken; try 13 in a row comes after its backoff"
    )
    assert answer.wake_at == NOW + 1
    assert (answer.standings[0].state, answer.standings[0].reason) == (State.BLOCKED, "port 80 is taken")


def test_a_name_that_a_stranger_holds_is_reported_and_nothing_is_tried() -> None:
    name = container_name("zpmd", WEB, 1)
    answer = planned((WEB,), [], strangers=(Stranger(id="0123456789abcdef", name=name),))
    assert str(answer) == (
        f"waiting web/1: waits for the name {name}, which container 0123456789ab has, and that is not ours: "
        "rename or remove it"
    )
    assert answer.waiting[0].cause.code is Code.NAME_TAKEN
    assert answer.standings[0].state is State.BLOCKED


def test_a_busy_engine_is_asked_again_after_a_moment() -> None:
    retries = {"web/1": Retry(count=3, at=NOW - 3, error="timed out")}
    answer = planned((WEB,), [], memory(WEB, retries=retries))
    assert str(answer) == "waiting web/1: the engine could not do it: timed out"
    assert answer.wake_at == NOW + 1


def test_a_slot_in_hand_is_left_alone() -> None:
    flight = InFlight(subject="web/1", verb="run", since=NOW, progress="pulling")
    assert str(planned((WEB,), [], in_flight=(flight,))) == "waiting web/1: run is under way (pulling)"


def test_what_somebody_removed_comes_back_and_a_fight_slows_down() -> None:
    gone = memory(WEB, attempts={slot(WEB): attempt(WEB, 2, ago=1, tried=Tried.RUN)})
    assert str(planned((WEB,), [], gone)) == (
        "waiting web/1: was removed by somebody else; try 3 in a row comes after its backoff"
    )


@pytest.mark.parametrize(("there", "since"), [((), 4), ((sick(BRIEF, ago=3),), 3)])
def test_a_try_that_is_due_and_was_not_made_is_planned_anew_when_its_row_is_over(
    there: tuple[Replica, ...], since: float
) -> None:
    tried = memory(BRIEF, attempts={slot(BRIEF): attempt(BRIEF, 1, ago=4, tried=Tried.RUN)})
    plan, over = planned((BRIEF,), there, tried), NOW - since + 60
    later = planned((BRIEF,), there, tried, now=over)
    assert [a.attempt for a in plan.actions] == [2]  # type: ignore[union-attr]
    assert plan.wake_at == over
    assert [a.attempt for a in later.actions] == [1]  # type: ignore[union-attr]


def test_what_was_made_and_never_started_is_started_once_and_then_counts_as_failed() -> None:
    made = replica(WEB, ago=5, phase=Phase.CREATED, started_at=None)
    assert str(planned((WEB,), [made])) == "start web/1: was made and never started"
    started = memory(WEB, attempts={slot(WEB): attempt(WEB, 1, tried=Tried.START)})
    assert str(planned((WEB,), [made], started)) == (
        "waiting web/1: was made and did not start; try 2 in a row comes after its backoff"
    )


@pytest.mark.parametrize(
    ("tried", "ago"),
    [(Tried.REMOVE, 6), (Tried.REMOVE, 4), (Tried.START, 60), (Tried.RESTART, 60), (Tried.RUN, 60)],
)
def test_a_fresh_one_that_was_never_started_is_not_blamed_for_the_one_before_it(tried: Tried, ago: float) -> None:
    """zpmd died between making it and starting it: the row of failures goes on where it was, and nothing is removed."""
    made = replica(WEB, ago=5, phase=Phase.CREATED, started_at=None, attempt=5)
    before = memory(WEB, attempts={slot(WEB): attempt(WEB, 5, ago=ago, tried=tried)})
    answer = planned((WEB,), [made], before)
    assert str(answer) == "start web/1: was made and never started"
    assert [getattr(action, "attempt", None) for action in answer.actions] == [5]


def test_the_dead_are_replaced_with_their_count() -> None:
    answer = planned((WEB,), [dead(WEB, phase=Phase.DEAD, attempt=4, ago=60)])
    assert str(answer) == (
        "remove web/1: is dead to the engine and cannot be started again, failure 5 in a row:"
        " a fresh one takes its place"
    )


def test_a_lost_memory_does_not_make_a_crash_loop_fast() -> None:
    """Generations of labels outlive those of a store that was lost."""
    crashed = dead(WEB, ago=5, ended_ago=0, generation=3)
    tried = {slot(WEB): attempt(WEB, 6, ago=5, generation=3)}
    assert not planned((WEB,), [crashed], memory(WEB, attempts=tried)).actions


def test_post_start_runs_after_every_start_and_its_failure_is_told() -> None:
    web = service("web", container=Container(image="web:1", post_start=(Hook(command=("init",)),)))
    up = replica(web)
    assert str(planned((web,), [up])) == "run hook web/1: its post_start has not run since it was started"
    assert str(planned((web,), [up], memory(web, hooked=frozenset({(up.id, up.started_at or 0.0)})))) == ""
    failed = memory(web, retries={"hook:web/1": Retry(count=1, at=NOW, error="exit 2")})
    assert str(planned((web,), [up], failed)) == "waiting web/1: its post_start failed: exit 2"
