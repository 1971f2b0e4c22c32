"""What is told of a replica that is tended: started as asked, done, spent, left to others, or hooked."""

from __future__ import annotations

from tests.unit.planning.build import NOW, attempt, dead, memory, planned, replica, service, sick, slot
from tests.unit.planning.telling import text, told
from zpmd.model.container import Container, Healthcheck, Hook
from zpmd.model.memory import Retry, Tried
from zpmd.model.observed import Health, Phase
from zpmd.model.service import RestartCondition, RestartPolicy

WEB = service("web", tenant="acme")
HOOKED = service(
    "web",
    container=Container(image="web:1", post_start=(Hook(command=("init",)),), pre_stop=(Hook(command=("drain",)),)),
    stop_grace_seconds=42.0,
)
DB = service("db", container=Container(image="db:1", healthcheck=Healthcheck(test=("CMD", "true"))))


def test_what_an_operator_stopped_is_started_without_an_attempt() -> None:
    stopped = memory(WEB, attempts={slot(WEB): attempt(WEB, 0, ago=1, tried=Tried.STOP)})
    answer = planned((WEB,), [dead(WEB, attempt=2, ended_ago=1)], stopped)
    assert told(answer) == text("""
        start web/1: is to run again
        started, replica=web-1-ae64
        web (core) is starting: 0 of 1, image web:1, tenant acme
        look again at +300
    """)


def test_what_ended_after_it_was_stopped_and_started_by_somebody_else_counts_as_a_failure() -> None:
    stopped = memory(WEB, attempts={slot(WEB): attempt(WEB, 0, ago=100, tried=Tried.STOP)})
    answer = planned((WEB,), [dead(WEB, ago=50, ended_ago=1)], stopped)
    assert told(answer) == text("""
        start web/1: exited with 137
        died, replica=web-1-ae64, attempt=1, evidence=True
        web (core) is starting: 0 of 1, image web:1, tenant acme
        look again at +300
    """)


def test_what_was_stopped_and_never_ran_is_started() -> None:
    stopped = memory(WEB, attempts={slot(WEB): attempt(WEB, 0, ago=1, tried=Tried.STOP)})
    made = replica(WEB, ago=5, phase=Phase.CREATED, started_at=None)
    answer = planned((WEB,), [made], stopped)
    assert told(answer) == text("""
        start web/1: is to run again
        started, replica=web-1-ae64
        web (core) is starting: 0 of 1, image web:1, tenant acme
        look again at +300
    """)


def test_a_one_shot_that_is_never_retried_says_so() -> None:
    once = service("once", restart=RestartPolicy(condition=RestartCondition.NONE))
    answer = planned((once,), [dead(once, exit_code=3)])
    assert told(answer) == text("""
        waiting once/1: exited with 3, and its restart policy is none: `zpmctl restart` tries it anew
        gave-up, of once
        once (core) is failed: 0 of 1, image web:1
        because exited with 3, and its restart policy is none: `zpmctl restart` tries it anew
        look again at +300
    """)


def test_the_last_of_its_attempts_is_still_made() -> None:
    web = service("web", restart=RestartPolicy(max_attempts=2))
    answer = planned((web,), [dead(web, ago=60)], memory(web, attempts={slot(web): attempt(web, 1, ago=60)}))
    assert told(answer) == text("""
        start web/1: exited with 137, failure 2 in a row
        died, replica=web-1-ae64, attempt=2, evidence=True
        web (core) is starting: 0 of 1, 1 restarts, image web:1
        look again at +300
    """)


def test_spent_attempts_of_a_replica_that_never_held_are_spent_for_ever() -> None:
    web = service("web", restart=RestartPolicy(max_attempts=2))
    answer = planned((web,), [dead(web, ago=60)], memory(web, attempts={slot(web): attempt(web, 2, ago=60)}))
    assert told(answer) == text("""
        waiting web/1: exited with 137, and its 2 attempts are spent: `zpmctl restart` tries it anew
        gave-up, of web
        web (core) is failed: 0 of 1, 2 restarts, image web:1
        because exited with 137, and its 2 attempts are spent: `zpmctl restart` tries it anew
        look again at +300
    """)


def test_spent_attempts_of_a_sick_replica_are_counted_anew_when_it_has_run_its_window() -> None:
    web = service("web", restart=RestartPolicy(max_attempts=2))
    answer = planned((web,), [sick(web, ago=60)], memory(web, attempts={slot(web): attempt(web, 2, ago=60)}))
    assert told(answer) == text("""
        waiting web/1: is unhealthy, and its 2 attempts are spent: `zpmctl restart` tries it anew
        gave-up, until +540, of web
        web (core) is failed: 0 of 1, 2 restarts, image web:1, since -60
        because is unhealthy, and its 2 attempts are spent: `zpmctl restart` tries it anew
        look again at +300
    """)


def test_a_replica_that_runs_and_starts_is_waited_for() -> None:
    answer = planned((DB,), [replica(DB, ago=5, health=Health.STARTING)])
    assert told(answer) == text("""
        waiting db/1: runs, and its health check has not passed yet
        starting, of db
        db (core) is starting: 0 of 1, image db:1, since -5
        because runs, and its health check has not passed yet
        look again at +300
    """)


def test_a_paused_replica_is_left_to_who_paused_it() -> None:
    answer = planned((WEB,), [replica(WEB, phase=Phase.PAUSED, name="web-1-abc")])
    assert told(answer) == text("""
        waiting web/1: somebody paused it: `docker unpause web-1-abc` lets it go on
        starting, of web
        web (core) is starting: 0 of 1, image web:1, tenant acme
        because somebody paused it: `docker unpause web-1-abc` lets it go on
        look again at +300
    """)


def test_what_the_engine_is_restarting_or_removing_is_left_to_the_engine() -> None:
    pair = service("web", replicas=2)
    there = [replica(pair, 1, phase=Phase.RESTARTING), replica(pair, 2, phase=Phase.REMOVING)]
    answer = planned((pair,), there)
    assert told(answer) == text("""
        waiting web/1: the engine is restarting it
        in-flight, of web
        waiting web/2: the engine is removing it
        in-flight, of web
        web (core) is starting: 0 of 2, image web:1
        because the engine is restarting it
        look again at +300
    """)


def test_a_post_start_hook_is_run_with_its_commands() -> None:
    answer = planned((HOOKED,), [replica(HOOKED, ago=5)])
    assert told(answer) == text("""
        run hook web/1: its post_start has not run since it was started
        started, replica=web-1-326b, hooks=1
        web (core) is starting: 0 of 1, image web:1, since -5
        look again at +300
    """)


def test_a_post_start_hook_that_failed_is_tried_again_after_its_delay() -> None:
    failed = memory(HOOKED, retries={"hook:web/1": Retry(count=3, at=NOW - 1, error="exit 2")})
    answer = planned((HOOKED,), [replica(HOOKED, ago=5)], failed)
    assert told(answer) == text("""
        waiting web/1: its post_start failed: exit 2
        retry, until +3, of web
        web (core) is backoff: 0 of 1, image web:1, since -5
        because its post_start failed: exit 2
        look again at +3
    """)


def test_a_post_start_hook_is_tried_at_the_very_end_of_its_delay() -> None:
    failed = memory(HOOKED, retries={"hook:web/1": Retry(count=1, at=NOW - 1, error="exit 2")})
    answer = planned((HOOKED,), [replica(HOOKED, ago=5)], failed)
    assert told(answer) == text("""
        run hook web/1: its post_start has not run since it was started
        started, replica=web-1-326b, hooks=1
        web (core) is starting: 0 of 1, image web:1, since -5
        look again at +300
    """)


def test_an_unhealthy_replica_is_cured_before_its_hook_is_run() -> None:
    answer = planned((HOOKED,), [sick(HOOKED, ago=5)])
    assert told(answer) == text("""
        restart web/1: is unhealthy
        unhealthy, replica=web-1-326b, attempt=1, grace_seconds=42.0, pre_stop=1
        web (core) is unhealthy: 0 of 1, image web:1, since -5
        look again at +300
    """)
