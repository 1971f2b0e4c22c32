"""What is told and handed over when one replica is tended: codes, attempts, evidence, grace, and when to look again."""

from __future__ import annotations

from tests.unit.planning.build import NOW, attempt, dead, memory, needs, planned, replica, service, sick, slot
from tests.unit.planning.telling import text, told
from zpmd.model.container import Container, Healthcheck, Hook
from zpmd.model.memory import Intent, Retry, Tried
from zpmd.model.observed import Health, InFlight, Phase
from zpmd.model.service import Condition, RestartCondition, RestartPolicy

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


def test_a_slot_in_hand_says_what_is_under_way() -> None:
    flight = InFlight(subject="web/1", verb="run", since=NOW, progress="pulling")
    answer = planned((WEB,), (), in_flight=(flight,))
    assert told(answer) == text("""
        waiting web/1: run is under way (pulling)
        in-flight, of web
        web (core) is starting: 0 of 1, image web:1, tenant acme
        because run is under way (pulling)
        look again at +300
    """)


def test_a_slot_in_hand_without_progress_says_just_what_is_under_way() -> None:
    flight = InFlight(subject="web/1", verb="start", since=NOW)
    answer = planned((WEB,), [dead(WEB)], in_flight=(flight,))
    assert told(answer) == text("""
        waiting web/1: start is under way
        in-flight, of web
        web (core) is starting: 0 of 1, image web:1, tenant acme
        because start is under way
        look again at +300
    """)


def test_a_slot_is_left_alone_only_for_itself() -> None:
    pair = service("web", replicas=2)
    flight = InFlight(subject="web/1", verb="start", since=NOW)
    answer = planned((pair,), [dead(pair, 1), dead(pair, 2)], in_flight=(flight,))
    assert told(answer) == text("""
        start web/2: exited with 137
        died, replica=web-2-ae64, attempt=1, evidence=True
        waiting web/1: start is under way
        in-flight, of web
        web (core) is starting: 0 of 2, image web:1
        because start is under way
        look again at +300
    """)


def test_an_action_that_the_engine_could_not_do_is_tried_again_after_its_delay() -> None:
    retries = {"web/1": Retry(count=3, at=NOW - 3, error="timed out")}
    answer = planned((WEB,), (), memory(WEB, retries=retries))
    assert told(answer) == text("""
        waiting web/1: the engine could not do it: timed out
        retry, until +1, of web
        web (core) is backoff: 0 of 1, image web:1, tenant acme
        because the engine could not do it: timed out
        look again at +1
    """)


def test_an_action_that_the_engine_could_not_do_is_due_at_the_very_end_of_its_delay() -> None:
    retries = {"web/1": Retry(count=2, at=NOW - 2, error="timed out")}
    answer = planned((WEB,), (), memory(WEB, retries=retries))
    assert told(answer) == text("""
        run web/1: is declared and not there
        missing, image=web:1
        web (core) is starting: 0 of 1, image web:1, tenant acme
        look again at +300
    """)


def test_the_delay_between_retries_ends_at_a_minute() -> None:
    retries = {"web/1": Retry(count=40, at=NOW, error="timed out")}
    answer = planned((WEB,), (), memory(WEB, retries=retries))
    assert told(answer) == text("""
        waiting web/1: the engine could not do it: timed out
        retry, until +60, of web
        web (core) is backoff: 0 of 1, image web:1, tenant acme
        because the engine could not do it: timed out
        look again at +60
    """)


def test_what_vanished_comes_back_with_a_count_that_its_window_ends() -> None:
    gone = memory(WEB, attempts={slot(WEB): attempt(WEB, 4, ago=601, tried=Tried.RUN)})
    answer = planned((WEB,), (), gone)
    assert told(answer) == text("""
        run web/1: was removed by somebody else
        vanished, image=web:1, attempt=1
        web (core) is crash-loop: 0 of 1, 4 restarts, image web:1, tenant acme
        look again at +300
    """)


def test_what_vanished_comes_back_at_once_the_first_time() -> None:
    gone = memory(WEB, attempts={slot(WEB): attempt(WEB, 0, ago=1, tried=Tried.RUN)})
    answer = planned((WEB,), (), gone)
    assert told(answer) == text("""
        run web/1: was removed by somebody else
        vanished, image=web:1, attempt=1
        web (core) is starting: 0 of 1, image web:1, tenant acme
        look again at +300
    """)


def test_what_was_removed_a_second_time_waits_and_then_proves_itself_by_time() -> None:
    quick = service("web", restart=RestartPolicy(delay_seconds=200, window_seconds=30))
    gone = memory(quick, attempts={slot(quick): attempt(quick, 3, ago=20, tried=Tried.RUN)})
    answer = planned((quick,), (), gone)
    assert told(answer) == text("""
        waiting web/1: was removed by somebody else; try 4 in a row comes after its backoff
        crash-loop, until +10, of web
        web (core) is crash-loop: 0 of 1, 3 restarts, image web:1
        because was removed by somebody else; try 4 in a row comes after its backoff
        look again at +10
    """)


def test_what_could_not_be_made_long_ago_is_still_counted() -> None:
    refused = attempt(WEB, 3, ago=900, tried=Tried.RUN, failed=True, error="no such option")
    answer = planned((WEB,), (), memory(WEB, attempts={slot(WEB): refused}))
    assert told(answer) == text("""
        run web/1: could not be made: no such option
        failed-start, image=web:1, attempt=4
        web (core) is blocked: 0 of 1, 3 restarts, image web:1, tenant acme
        because no such option
        look again at +300
    """)


def test_what_was_removed_after_failures_is_made_with_their_count() -> None:
    answer = planned((WEB,), (), memory(WEB, attempts={slot(WEB): attempt(WEB, 3, tried=Tried.REMOVE)}))
    assert told(answer) == text("""
        run web/1: takes the place of one that failed 3 times in a row
        died, image=web:1, attempt=3
        web (core) is crash-loop: 0 of 1, 3 restarts, image web:1, tenant acme
        look again at +300
    """)


def test_what_was_removed_without_a_failure_is_made_without_a_count() -> None:
    answer = planned((WEB,), (), memory(WEB, attempts={slot(WEB): attempt(WEB, 0, tried=Tried.REMOVE)}))
    assert told(answer) == text("""
        run web/1: takes the place of one that was removed
        missing, image=web:1
        web (core) is starting: 0 of 1, image web:1, tenant acme
        look again at +300
    """)


def test_what_was_removed_under_another_definition_is_made_without_its_count() -> None:
    other = attempt(WEB, 3, tried=Tried.REMOVE, spec="1:old")
    answer = planned((WEB,), (), memory(WEB, attempts={slot(WEB): other}))
    assert told(answer) == text("""
        run web/1: takes the place of one that was removed
        missing, image=web:1
        web (core) is starting: 0 of 1, image web:1, tenant acme
        look again at +300
    """)


def test_what_is_empty_after_a_stop_is_declared_and_not_there() -> None:
    answer = planned((WEB,), (), memory(WEB, attempts={slot(WEB): attempt(WEB, 0, tried=Tried.STOP)}))
    assert told(answer) == text("""
        run web/1: is declared and not there
        missing, image=web:1
        web (core) is starting: 0 of 1, image web:1, tenant acme
        look again at +300
    """)


def test_what_could_not_be_made_once_is_tried_again_at_once() -> None:
    refused = attempt(WEB, 0, ago=1, tried=Tried.RUN, failed=True, error="no such option")
    answer = planned((WEB,), (), memory(WEB, attempts={slot(WEB): refused}))
    assert told(answer) == text("""
        run web/1: could not be made: no such option
        failed-start, image=web:1, attempt=1
        web (core) is blocked: 0 of 1, image web:1, tenant acme
        because no such option
        look again at +300
    """)


def test_a_raised_generation_forgets_what_could_not_be_made_before_it() -> None:
    refused = attempt(WEB, 9, ago=1, tried=Tried.RUN, failed=True, error="no such option")
    answer = planned((WEB,), (), memory(WEB, attempts={slot(WEB): refused}, intent=Intent(generations={"web": 2})))
    assert told(answer) == text("""
        run web/1: is declared and not there
        missing, image=web:1, generation=2
        web (core) is starting: 0 of 1, image web:1, tenant acme
        look again at +300
    """)


def test_out_of_memory_is_told() -> None:
    answer = planned((WEB,), [dead(WEB, oom_killed=True)])
    assert told(answer) == text("""
        start web/1: was killed for lack of memory
        died, replica=web-1-ae64, attempt=1, evidence=True
        web (core) is starting: 0 of 1, image web:1, tenant acme
        look again at +300
    """)


def test_an_end_without_a_code_is_told() -> None:
    answer = planned((WEB,), [dead(WEB, exit_code=None)])
    assert told(answer) == text("""
        start web/1: ended
        died, replica=web-1-ae64, attempt=1, evidence=True
        web (core) is starting: 0 of 1, image web:1, tenant acme
        look again at +300
    """)


def test_an_engines_error_of_an_end_is_told() -> None:
    answer = planned((WEB,), [dead(WEB, error="exec format error")])
    assert told(answer) == text("""
        start web/1: could not start: exec format error
        died, replica=web-1-ae64, attempt=1, evidence=True
        web (core) is starting: 0 of 1, image web:1, tenant acme
        look again at +300
    """)


def test_the_dead_to_the_engine_are_replaced_at_once_with_evidence() -> None:
    answer = planned((WEB,), [dead(WEB, phase=Phase.DEAD)])
    assert told(answer) == text("""
        remove web/1: is dead to the engine and cannot be started again: a fresh one takes its place
        died, replica=web-1-ae64, attempt=1, evidence=True
        web (core) is starting: 0 of 1, image web:1, tenant acme
        look again at +300
    """)
