"""What is told and handed over when a replica fails: codes, attempts, evidence, grace, and when to look again."""

from __future__ import annotations

from tests.unit.planning.build import NOW, attempt, dead, memory, needs, planned, replica, service, sick, slot
from tests.unit.planning.telling import text, told
from zpmd.model.container import Container, Healthcheck, Hook
from zpmd.model.memory import Tried
from zpmd.model.observed import Health, Phase
from zpmd.model.service import Condition, RestartPolicy

WEB = service("web", tenant="acme")
HOOKED = service(
    "web",
    container=Container(image="web:1", post_start=(Hook(command=("init",)),), pre_stop=(Hook(command=("drain",)),)),
    stop_grace_seconds=42.0,
)
UP = frozenset({(replica(HOOKED, ago=60).id, NOW - 60), (replica(HOOKED).id, NOW - 3600)})
DB = service("db", container=Container(image="db:1", healthcheck=Healthcheck(test=("CMD", "true"))))
APP = service("app", depends_on=(needs("db", Condition.HEALTHY),), stop_grace_seconds=7.0)


def test_a_crash_is_started_again_with_its_evidence_kept() -> None:
    answer = planned((WEB,), [dead(WEB)])
    assert told(answer) == text("""
        start web/1: exited with 137
        died, replica=web-1-ae64, attempt=1, evidence=True
        web (core) is starting: 0 of 1, image web:1, tenant acme
        look again at +300
    """)


def test_a_second_crash_waits_for_its_backoff_and_is_no_loop_yet() -> None:
    answer = planned(
        (WEB,), [dead(WEB, ago=1, ended_ago=0)], memory(WEB, attempts={slot(WEB): attempt(WEB, 1, ago=0.5)})
    )
    assert told(answer) == text("""
        waiting web/1: exited with 137; try 2 in a row comes after its backoff
        backoff, until +0.5, of web
        web (core) is backoff: 0 of 1, 1 restarts, image web:1, tenant acme
        because exited with 137; try 2 in a row comes after its backoff
        look again at +0.5
    """)


def test_the_third_crash_in_a_row_is_a_loop() -> None:
    answer = planned((WEB,), [dead(WEB, ago=1, ended_ago=0)], memory(WEB, attempts={slot(WEB): attempt(WEB, 2, ago=1)}))
    assert told(answer) == text("""
        waiting web/1: exited with 137; try 3 in a row comes after its backoff
        crash-loop, until +1, of web
        web (core) is crash-loop: 0 of 1, 2 restarts, image web:1, tenant acme
        because exited with 137; try 3 in a row comes after its backoff
        look again at +1
    """)


def test_the_third_failure_makes_room_for_a_fresh_replica_that_carries_the_count_on() -> None:
    answer = planned((WEB,), [dead(WEB, ago=9)], memory(WEB, attempts={slot(WEB): attempt(WEB, 2, ago=5)}))
    assert told(answer) == text("""
        remove web/1: exited with 137, failure 3 in a row: a fresh one takes its place
        died, replica=web-1-ae64, attempt=3, evidence=True
        web (core) is starting: 0 of 1, 2 restarts, image web:1, tenant acme
        look again at +300
    """)


def test_a_sick_replica_is_restarted_with_its_grace_and_its_hooks() -> None:
    answer = planned((HOOKED,), [sick(HOOKED)], memory(HOOKED, hooked=UP))
    assert told(answer) == text("""
        restart web/1: is unhealthy
        unhealthy, replica=web-1-326b, attempt=1, grace_seconds=42.0, pre_stop=1
        web (core) is unhealthy: 0 of 1, image web:1, since -3600
        look again at +300
    """)


def test_a_sick_replica_waits_for_its_backoff_too() -> None:
    answer = planned((WEB,), [sick(WEB, ago=1)], memory(WEB, attempts={slot(WEB): attempt(WEB, 1, ago=0.5)}))
    assert told(answer) == text("""
        waiting web/1: is unhealthy; try 2 in a row comes after its backoff
        backoff, until +0.5, of web
        web (core) is backoff: 0 of 1, 1 restarts, image web:1, tenant acme, since -1
        because is unhealthy; try 2 in a row comes after its backoff
        look again at +0.5
    """)


def test_a_sick_replica_that_held_for_its_window_before_it_was_tried_is_at_the_start_of_a_row() -> None:
    answer = planned((WEB,), [sick(WEB, ago=600)], memory(WEB, attempts={slot(WEB): attempt(WEB, 7, ago=600)}))
    assert told(answer) == text("""
        restart web/1: is unhealthy
        unhealthy, replica=web-1-ae64, attempt=1, grace_seconds=10.0
        web (core) is unhealthy: 0 of 1, image web:1, tenant acme, since -600
        look again at +300
    """)


def test_a_sick_replica_may_prove_itself_before_its_delay_is_over() -> None:
    slow = service("web", restart=RestartPolicy(delay_seconds=200, window_seconds=30))
    answer = planned((slow,), [sick(slow, ago=20)], memory(slow, attempts={slot(slow): attempt(slow, 1, ago=20)}))
    assert told(answer) == text("""
        waiting web/1: is unhealthy; try 2 in a row comes after its backoff
        backoff, until +10, of web
        web (core) is backoff: 0 of 1, 1 restarts, image web:1, since -20
        because is unhealthy; try 2 in a row comes after its backoff
        look again at +10
    """)


def test_a_sick_replica_that_goes_on_failing_is_stopped_with_evidence_and_makes_room() -> None:
    tried = memory(HOOKED, hooked=UP, attempts={slot(HOOKED): attempt(HOOKED, 2, ago=60)})
    answer = planned((HOOKED,), [sick(HOOKED, ago=60)], tried)
    assert told(answer) == text("""
        stop web/1: is unhealthy, failure 3 in a row: a fresh one takes its place
        unhealthy, replica=web-1-326b, grace_seconds=42.0, pre_stop=1, evidence=True
        web (core) is unhealthy: 0 of 1, 2 restarts, image web:1, since -60
        look again at +300
    """)


def test_what_fell_ill_while_its_dependency_was_away_is_restarted_and_not_blamed() -> None:
    back = replica(DB, ago=10, health=Health.HEALTHY)
    tried = memory(DB, APP, attempts={slot(APP): attempt(APP, 2, ago=100)})
    answer = planned((DB, APP), [back, sick(APP, ago=100)], tried)
    assert told(answer) == text("""
        restart app/1: is unhealthy since db was down
        unhealthy, replica=app-1-ae64, attempt=2, grace_seconds=7.0
        app (core) is unhealthy: 0 of 1, 2 restarts, image web:1, since -100
        db (core) is running: 1 of 1, image db:1, since -10
        look again at +300
    """)


def test_what_is_sick_while_its_dependency_is_down_waits_and_says_for_whom() -> None:
    answer = planned((DB, APP), [replica(DB, health=Health.STARTING), sick(APP)])
    assert told(answer) == text("""
        waiting app/1: is unhealthy, and waits for db to be healthy
        dependency, of app
        waiting db/1: runs, and its health check has not passed yet
        starting, of db
        app (core) is waiting: 0 of 1, image web:1, since -3600
        because is unhealthy, and waits for db to be healthy
        db (core) is starting: 0 of 1, image db:1, since -3600
        because runs, and its health check has not passed yet
        look again at +300
    """)


def test_what_ended_before_its_dependency_came_back_is_started_whatever_its_count() -> None:
    back = replica(DB, ago=10, health=Health.HEALTHY)
    tried = memory(DB, APP, attempts={slot(APP): attempt(APP, 4, ago=100)})
    answer = planned((DB, APP), [back, dead(APP, ago=100, ended_ago=20)], tried)
    assert told(answer) == text("""
        start app/1: exited with 137 while db was down
        died, replica=app-1-ae64, attempt=4, evidence=True
        app (core) is crash-loop: 0 of 1, 4 restarts, image web:1
        db (core) is running: 1 of 1, image db:1, since -10
        look again at +300
    """)


def test_what_ended_after_its_dependency_came_back_is_to_blame_itself() -> None:
    back = replica(DB, ago=30, health=Health.HEALTHY)
    answer = planned((DB, APP), [back, dead(APP, ago=100, ended_ago=20)])
    assert told(answer) == text("""
        start app/1: exited with 137
        died, replica=app-1-ae64, attempt=1, evidence=True
        app (core) is starting: 0 of 1, image web:1
        db (core) is running: 1 of 1, image db:1, since -30
        look again at +300
    """)


def test_what_ended_in_the_very_moment_its_dependency_came_up_is_to_blame_itself() -> None:
    back = replica(DB, ago=20, health=Health.HEALTHY)
    answer = planned((DB, APP), [back, dead(APP, ago=100, ended_ago=20)])
    assert told(answer) == text("""
        start app/1: exited with 137
        died, replica=app-1-ae64, attempt=1, evidence=True
        app (core) is starting: 0 of 1, image web:1
        db (core) is running: 1 of 1, image db:1, since -20
        look again at +300
    """)


def test_what_was_made_for_an_attempt_and_never_started_keeps_the_attempt() -> None:
    made = replica(WEB, ago=5, phase=Phase.CREATED, started_at=None, attempt=2)
    answer = planned((WEB,), [made])
    assert told(answer) == text("""
        start web/1: was made and never started
        stuck, replica=web-1-ae64, attempt=2
        web (core) is starting: 0 of 1, 2 restarts, image web:1, tenant acme
        look again at +300
    """)


def test_what_was_made_by_a_try_that_did_not_fail_is_started() -> None:
    made = replica(WEB, ago=5, phase=Phase.CREATED, started_at=None, attempt=2)
    answer = planned((WEB,), [made], memory(WEB, attempts={slot(WEB): attempt(WEB, 2, ago=5, tried=Tried.RUN)}))
    assert told(answer) == text("""
        start web/1: was made and never started
        stuck, replica=web-1-ae64, attempt=2
        web (core) is starting: 0 of 1, 2 restarts, image web:1, tenant acme
        look again at +300
    """)


def test_what_the_engine_refused_to_start_is_tried_again_and_says_why() -> None:
    made = replica(WEB, ago=5, phase=Phase.CREATED, started_at=None)
    refused = attempt(WEB, 0, ago=5, tried=Tried.RUN, failed=True, error="port 80 is taken")
    answer = planned((WEB,), [made], memory(WEB, attempts={slot(WEB): refused}))
    assert told(answer) == text("""
        start web/1: could not start: port 80 is taken
        failed-start, replica=web-1-ae64, attempt=1, evidence=True
        web (core) is blocked: 0 of 1, image web:1, tenant acme
        because port 80 is taken
        look again at +300
    """)


def test_what_the_engine_refused_to_start_three_times_makes_room() -> None:
    made = replica(WEB, ago=50, phase=Phase.CREATED, started_at=None)
    refused = attempt(WEB, 2, ago=5, tried=Tried.START, failed=True, error="no such device")
    answer = planned((WEB,), [made], memory(WEB, attempts={slot(WEB): refused}))
    assert told(answer) == text("""
        remove web/1: could not start: no such device, failure 3 in a row: a fresh one takes its place
        failed-start, replica=web-1-ae64, attempt=3, evidence=True
        web (core) is blocked: 0 of 1, 2 restarts, image web:1, tenant acme
        because no such device
        look again at +300
    """)


def test_what_carries_the_engines_error_on_its_own_is_not_taken_for_never_started() -> None:
    made = replica(WEB, ago=5, phase=Phase.CREATED, started_at=None, error="no such device")
    answer = planned((WEB,), [made])
    assert told(answer) == text("""
        start web/1: could not start: no such device
        failed-start, replica=web-1-ae64, attempt=1, evidence=True
        web (core) is starting: 0 of 1, image web:1, tenant acme
        look again at +300
    """)


def test_a_start_that_was_refused_after_an_end_is_told_by_the_end() -> None:
    refused = attempt(WEB, 1, ago=5, failed=True, error="port 80 is taken")
    answer = planned((WEB,), [dead(WEB, ago=60, ended_ago=9)], memory(WEB, attempts={slot(WEB): refused}))
    assert told(answer) == text("""
        start web/1: exited with 137, failure 2 in a row
        died, replica=web-1-ae64, attempt=2, evidence=True
        web (core) is blocked: 0 of 1, 1 restarts, image web:1, tenant acme
        because port 80 is taken
        look again at +300
    """)


def test_a_first_try_that_was_refused_is_looked_at_by_the_time_of_its_creation() -> None:
    made = replica(WEB, ago=0.5, phase=Phase.CREATED, started_at=None, attempt=1, error="no such device")
    answer = planned((WEB,), [made])
    assert told(answer) == text("""
        waiting web/1: could not start: no such device; try 2 in a row comes after its backoff
        backoff, until +0.5, of web
        web (core) is backoff: 0 of 1, 1 restarts, image web:1, tenant acme
        because could not start: no such device; try 2 in a row comes after its backoff
        look again at +0.5
    """)
