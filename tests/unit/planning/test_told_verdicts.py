"""Verdicts, rollbacks and pauses are told whole, and what becomes of the old replicas meanwhile."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.planning.build import (
    NOW,
    again,
    attempt,
    dead,
    memory,
    needs,
    planned,
    replica,
    service,
    sick,
    slot,
    start_first,
)
from tests.unit.planning.telling import text, told
from zpmd.model.memory import Retry, Revision, Tried, Verdict
from zpmd.model.observed import Health, InFlight
from zpmd.model.service import (
    FailureAction,
    RestartCondition,
    RestartPolicy,
    ServiceData,
    UpdateConfig,
)
from zpmd.model.spechash import spec_hash

WEB = service("web", update=start_first(), stop_grace_seconds=42.0, tenant="acme")
NEW = again(WEB, image="web:2")
THREE = service("web", replicas=3, update=start_first())
THREE_NEW = again(THREE, image="web:2")
STOP_FIRST = service("web", stop_grace_seconds=42.0)
ONCE = RestartPolicy(condition=RestartCondition.ON_FAILURE)
NOTHING: dict[str, frozenset[str]] = {"images": frozenset(), "volumes": frozenset(), "networks": frozenset()}
WHY = "it exited with 1"


def judged(new: ServiceData, verdict: Verdict, old: ServiceData = WEB) -> dict[str, Revision]:
    known = Revision(service=old.name, stable=old, judged=spec_hash(new.container), verdict=verdict, reason=WHY)
    return {old.name: known}


def test_a_verdict_of_failure_carries_spec_and_generation() -> None:
    answer = planned((NEW,), [replica(WEB), dead(NEW, ago=9, exit_code=1)], memory(WEB))
    assert told(answer) == text("""
        judge revision:web: its new replica exited with 1 (1 of 1 replicas)
        rollout-failed, image=web:2, spec=1:8b9c877ff8b6e8a70336a688, verdict=FAILED, generation=0
        web (core) is updating: 1 of 1, image web:2, tenant acme, since -3600
    """)


def test_a_verdict_of_pause_says_so() -> None:
    new = replace(NEW, update=start_first(failure_action=FailureAction.PAUSE))
    answer = planned((new,), [replica(WEB), dead(new, ago=9, exit_code=1)], memory(WEB))
    assert told(answer) == text("""
        judge revision:web: its new replica exited with 1 (1 of 1 replicas)
        rollout-failed, image=web:2, spec=1:8b9c877ff8b6e8a70336a688, verdict=PAUSED, generation=0
        web (core) is updating: 1 of 1, image web:2, tenant acme, since -3600
    """)


def test_two_of_three_failures_are_counted() -> None:
    there = [dead(THREE_NEW, 1, ago=9), dead(THREE_NEW, 2, ago=9), *(replica(THREE, n) for n in (1, 2, 3))]
    answer = planned((THREE_NEW,), there, memory(THREE))
    assert told(answer) == text("""
        judge revision:web: its new replica exited with 137 (2 of 3 replicas)
        rollout-failed, image=web:2, spec=1:8b9c877ff8b6e8a70336a688, verdict=FAILED, generation=0
        web (core) is updating: 3 of 3, image web:2, since -3600
    """)


def test_a_new_one_is_late_at_the_very_end_of_its_time() -> None:
    answer = planned((NEW,), [replica(WEB), replica(NEW, ago=600, health=Health.STARTING)], memory(WEB))
    assert told(answer) == text("""
        judge revision:web: its new replica was not ready within 600 s (1 of 1 replicas)
        rollout-failed, image=web:2, spec=1:8b9c877ff8b6e8a70336a688, verdict=FAILED, generation=0
        web (core) is updating: 1 of 1, image web:2, tenant acme, since -600
    """)


def test_a_new_one_is_not_late_a_second_before() -> None:
    answer = planned((NEW,), [replica(WEB), replica(NEW, ago=599, health=Health.STARTING)], memory(WEB))
    assert told(answer) == text("""
        waiting web/1: runs, and its health check has not passed yet
        starting, of web
        web (core) is updating: 1 of 1, image web:2, tenant acme, since -599
        because runs, and its health check has not passed yet
        look again at +1
    """)


def test_the_time_of_a_new_one_begins_when_its_dependency_is_up() -> None:
    db, app = service("db"), service("app", depends_on=(needs("db"),), update=start_first())
    new = again(app, image="app:2")
    there = [replica(db, ago=500), replica(app), replica(new, ago=700, health=Health.STARTING)]
    answer = planned((db, new), there, memory(db, app))
    assert told(answer) == text("""
        waiting app/1: runs, and its health check has not passed yet
        starting, of app
        app (core) is updating: 1 of 1, image app:2, since -700
        because runs, and its health check has not passed yet
        db (core) is running: 1 of 1, image web:1, since -500
        look again at +100
    """)


def test_nothing_is_judged_while_its_dependency_is_down() -> None:
    db, app = service("db"), service("app", depends_on=(needs("db"),), update=start_first())
    new = again(app, image="app:2")
    answer = planned((db, new), [dead(db), replica(app), dead(new, ago=9)], memory(db, app))
    assert told(answer) == text("""
        start db/1: exited with 137
        died, replica=db-1-ae64, attempt=1, evidence=True
        waiting app/1: waits for db to be started
        dependency, of app
        app (core) is updating: 1 of 1, image app:2, since -3600
        because waits for db to be started
        db (core) is starting: 0 of 1, image web:1
        look again at +300
    """)


def test_nothing_is_judged_while_one_of_its_slots_is_in_hand() -> None:
    flight = InFlight(subject="web/1", verb="start", since=NOW)
    answer = planned((NEW,), [replica(WEB), dead(NEW, ago=9)], memory(WEB), in_flight=(flight,))
    assert told(answer) == text("""
        waiting web/1: start is under way
        in-flight, of web
        web (core) is updating: 1 of 1, image web:2, tenant acme, since -3600
        because start is under way
    """)


def test_a_new_one_that_could_not_be_made_is_judged_by_the_engines_words() -> None:
    refused = attempt(NEW, 0, tried=Tried.RUN, failed=True, error="no such option")
    answer = planned((NEW,), [replica(WEB)], memory(WEB, attempts={slot(NEW): refused}))
    assert told(answer) == text("""
        judge revision:web: its new replica could not be made: no such option (1 of 1 replicas)
        rollout-failed, image=web:2, spec=1:8b9c877ff8b6e8a70336a688, verdict=FAILED, generation=0
        web (core) is updating: 1 of 1, image web:2, tenant acme, since -3600
    """)


def test_an_earlier_refusal_is_not_held_against_a_new_one_that_runs() -> None:
    refused = attempt(NEW, 0, ago=9, tried=Tried.RUN, failed=True, error="no such option")
    answer = planned((NEW,), [replica(WEB), replica(NEW, ago=3)], memory(WEB, attempts={slot(NEW): refused}))
    assert told(answer) == text("""
        waiting web/1: web-1-a688 is being watched before web-1-ae64 goes
        rolling, until +2, of web
        web (core) is updating: 1 of 1, image web:2, tenant acme, since -3
        because web-1-a688 is being watched before web-1-ae64 goes
        look again at +2
    """)


def test_all_three_are_stable_when_each_has_been_watched() -> None:
    answer = planned((THREE,), [replica(THREE, n, ago=5) for n in (1, 2, 3)], memory())
    assert told(answer) == text("""
        judge revision:web: every replica of it is up and has been watched
        rollout-ok, image=web:1, spec=1:00ec458011d2178e31f0ae64, verdict=STABLE, generation=0
        web (core) is running: 3 of 3, image web:1, since -5
    """)


def test_it_is_not_stable_while_an_old_one_stands_beside() -> None:
    there = [replica(NEW, ago=9), replica(WEB)]
    answer = planned((NEW,), there, memory())
    assert told(answer) == text("""
        stop web/1: web-1-a688 took its place
        replaced, replica=web-1-ae64, grace_seconds=42.0
        web (core) is updating: 1 of 1, image web:2, tenant acme, since -9
    """)


def test_it_is_not_stable_while_two_stand_in_a_slot() -> None:
    there = [replica(WEB, ago=9), replica(WEB, ago=8, id="second")]
    answer = planned((WEB,), there, memory())
    assert told(answer) == text("""
        stop web/1: web-1-ae64 already holds this place
        surplus, replica=second, grace_seconds=42.0
        web (core) is running: 1 of 1, image web:1, tenant acme, since -8
    """)


def test_a_stable_spec_is_looked_at_when_its_monitor_period_ends() -> None:
    answer = planned((WEB,), [replica(WEB, ago=3)], memory())
    assert told(answer) == text("""
        web (core) is running: 1 of 1, image web:1, tenant acme, since -3
        look again at +2
    """)


def test_a_completed_one_shot_is_stable() -> None:
    once = service("once", restart=ONCE)
    answer = planned((once,), [dead(once, exit_code=0)], memory())
    assert told(answer) == text("""
        judge revision:once: every replica of it is up and has been watched
        rollout-ok, image=web:1, spec=1:00ec458011d2178e31f0ae64, verdict=STABLE, generation=0
        once (core) is completed: 1 of 1, image web:1
    """)


def test_a_rolled_back_service_says_why() -> None:
    answer = planned((NEW,), [replica(WEB)], memory(revisions=judged(NEW, Verdict.FAILED)))
    assert told(answer) == text("""
        web (core) is rolled-back: 1 of 1, image web:1, tenant acme, since -3600
        because rolled back: it exited with 1
    """)


def test_a_rollback_brings_the_old_definition_back_under_the_rollback_policy() -> None:
    new = replace(NEW, rollback=UpdateConfig(parallelism=2))
    answer = planned((new,), [replica(new)], memory(revisions=judged(new, Verdict.FAILED)), images=frozenset({"web:1"}))
    assert told(answer) == text("""
        stop web/1: goes back to the last stable definition: it exited with 1
        rollback, replica=web-1-a688, grace_seconds=42.0
        web (core) is updating: 1 of 1, image web:1, tenant acme, since -3600
        because rolled back: it exited with 1
    """)


def test_the_failed_new_one_goes_with_its_evidence_after_a_rollback() -> None:
    answer = planned((NEW,), [replica(WEB), sick(NEW, ago=9)], memory(revisions=judged(NEW, Verdict.FAILED)))
    assert told(answer) == text("""
        stop web/1: web-1-ae64 took its place
        replaced, replica=web-1-a688, grace_seconds=42.0, evidence=True
        web (core) is updating: 1 of 1, image web:1, tenant acme, since -9
        because rolled back: it exited with 1
    """)


def test_a_paused_update_says_why_and_stays() -> None:
    answer = planned((NEW,), [replica(WEB)], memory(revisions=judged(NEW, Verdict.PAUSED)))
    assert told(answer) == text("""
        waiting web/1: its update is paused: it exited with 1; `zpmctl restart` tries it anew
        rollout-paused, of web
        web (core) is paused: 1 of 1, image web:2, tenant acme, since -3600
        because its update is paused: it exited with 1; `zpmctl restart` tries it anew
    """)


def test_a_paused_update_that_has_nothing_old_left_says_nothing() -> None:
    answer = planned((NEW,), [replica(NEW)], memory(revisions=judged(NEW, Verdict.PAUSED)))
    assert told(answer) == "web (core) is paused: 1 of 1, image web:2, tenant acme, since -3600"


def test_a_start_first_rollout_that_could_not_be_made_waits_and_tends_the_old_one() -> None:
    new = replace(NEW, update=start_first(failure_action=FailureAction.CONTINUE))
    refused = attempt(new, 1, tried=Tried.RUN, failed=True, error="no such option")
    answer = planned((new,), [sick(WEB, ago=60)], memory(WEB, attempts={slot(new): refused}))
    assert told(answer) == text("""
        restart web/1: is unhealthy
        unhealthy, replica=web-1-ae64, attempt=1, grace_seconds=42.0
        waiting web/1: could not be made: no such option; try 2 in a row comes after its backoff
        backoff, until +1, of web
        web (core) is backoff: 0 of 1, 1 restarts, image web:2, tenant acme, since -60
        because could not be made: no such option; try 2 in a row comes after its backoff
        look again at +1
    """)


def test_an_old_one_that_crashed_three_times_is_not_made_room_for() -> None:
    refused = {"image:web:2": Retry(count=9, at=NOW, error="no such image")}
    tried = memory(WEB, retries=refused, attempts={slot(WEB): attempt(WEB, 5, ago=60)})
    answer = planned((NEW,), [dead(WEB, ago=70)], tried, **NOTHING)
    assert told(answer) == text("""
        start web/1: exited with 137, failure 6 in a row
        died, replica=web-1-ae64, attempt=6, evidence=True
        waiting web/1: waits for image web:2: no such image
        image-missing, until +60, of web
        web (core) is blocked: 0 of 1, image web:2, tenant acme
        because waits for image web:2: no such image
        look again at +60
    """)


def test_a_sick_old_one_that_failed_three_times_is_not_made_room_for() -> None:
    refused = {"image:web:2": Retry(count=9, at=NOW, error="no such image")}
    tried = memory(WEB, retries=refused, attempts={slot(WEB): attempt(WEB, 5, ago=60)})
    answer = planned((NEW,), [sick(WEB, ago=70)], tried, **NOTHING)
    assert told(answer) == text("""
        restart web/1: is unhealthy, failure 6 in a row
        unhealthy, replica=web-1-ae64, attempt=6, grace_seconds=42.0
        waiting web/1: waits for image web:2: no such image
        image-missing, until +60, of web
        web (core) is blocked: 0 of 1, image web:2, tenant acme, since -70
        because waits for image web:2: no such image
        look again at +60
    """)


def test_of_two_old_ones_the_lesser_goes_with_its_evidence() -> None:
    third = again(WEB, image="web:3")
    answer = planned((third,), [replica(WEB), sick(NEW, ago=9)], memory(WEB))
    assert told(answer) == text("""
        stop web/1: its definition changed (image web:2 -> web:3)
        drift, replica=web-1-a688, grace_seconds=42.0, evidence=True
        web (core) is updating: 1 of 1, image web:3, tenant acme, since -9
    """)


def test_an_old_one_waits_for_its_dependency_before_it_is_replaced() -> None:
    app = service("app", depends_on=(needs("web"),))
    answer = planned((STOP_FIRST, again(app, image="app:2")), [dead(STOP_FIRST), replica(app)], memory(STOP_FIRST, app))
    assert told(answer) == text("""
        start web/1: exited with 137
        died, replica=web-1-ae64, attempt=1, evidence=True
        waiting app/1: waits for web to be started
        dependency, of app
        app (core) is updating: 1 of 1, image app:2, since -3600
        because waits for web to be started
        web (core) is starting: 0 of 1, image web:1
        look again at +300
    """)
