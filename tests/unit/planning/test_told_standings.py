"""How services stand: the one word, the reason that comes first, and since when."""

from __future__ import annotations

from tests.unit.planning.build import (
    NOW,
    again,
    attempt,
    dead,
    memory,
    planned,
    replica,
    service,
    slot,
    start_first,
)
from tests.unit.planning.telling import text, told
from zpmd.model.container import Mount, MountKind
from zpmd.model.memory import Retry, Revision, Tried, Verdict
from zpmd.model.observed import Health, Observed, World
from zpmd.model.service import (
    Desired,
    RestartCondition,
    RestartPolicy,
    ServiceData,
    VolumeSpec,
)
from zpmd.model.spechash import spec_hash
from zpmd.planning.planner import plan

WEB = service("web", update=start_first(), stop_grace_seconds=42.0, tenant="acme")
NEW = again(WEB, image="web:2")
THREE = service("web", replicas=3, update=start_first())
ONCE = RestartPolicy(condition=RestartCondition.ON_FAILURE)
NOTHING: dict[str, frozenset[str]] = {"images": frozenset(), "volumes": frozenset(), "networks": frozenset()}
WHY = "it exited with 1"


def judged(new: ServiceData, verdict: Verdict, old: ServiceData = WEB) -> dict[str, Revision]:
    known = Revision(service=old.name, stable=old, judged=spec_hash(new.container), verdict=verdict, reason=WHY)
    return {old.name: known}


def test_a_one_shot_that_runs_is_not_done() -> None:
    once = service("once", restart=ONCE)
    answer = planned((once,), [replica(once, ago=5)])
    assert told(answer) == "once (core) is running: 1 of 1, image web:1, since -5"


def test_a_pair_of_which_one_is_done_and_one_failed_is_not_completed() -> None:
    pair = service("once", replicas=2, restart=ONCE)
    answer = planned((pair,), [dead(pair, 1, exit_code=0), dead(pair, 2, exit_code=1)])
    assert told(answer) == text("""
        start once/2: exited with 1
        died, replica=once-2-ae64, attempt=1, evidence=True
        once (core) is starting: 1 of 2, image web:1
        look again at +300
    """)


def test_the_worst_reason_is_told_first() -> None:
    pair = service("web", replicas=3)
    attempts = {slot(pair, 3): attempt(pair, 3), slot(pair, 2): attempt(pair, 1)}
    there = [replica(pair, 1, health=Health.STARTING), *(dead(pair, n, ago=2, ended_ago=0) for n in (2, 3))]
    answer = planned((pair,), there, memory(pair, attempts=attempts))
    assert told(answer) == text("""
        waiting web/1: runs, and its health check has not passed yet
        starting, of web
        waiting web/2: exited with 137; try 2 in a row comes after its backoff
        backoff, until +1, of web
        waiting web/3: exited with 137; try 4 in a row comes after its backoff
        crash-loop, until +4, of web
        web (core) is crash-loop: 0 of 3, 3 restarts, image web:1, since -3600
        because exited with 137; try 4 in a row comes after its backoff
        look again at +1
    """)


def test_the_youngest_running_replica_says_since_when() -> None:
    answer = planned((THREE,), [replica(THREE, 1, ago=50), replica(THREE, 2, ago=20), replica(THREE, 3, ago=90)])
    assert told(answer) == "web (core) is running: 3 of 3, image web:1, since -20"


def test_an_old_one_that_runs_says_since_when() -> None:
    answer = planned((NEW,), [replica(WEB, ago=77)], memory(WEB, revisions=judged(NEW, Verdict.PAUSED)))
    assert told(answer) == text("""
        waiting web/1: its update is paused: it exited with 1; `zpmctl restart` tries it anew
        rollout-paused, of web
        web (core) is paused: 1 of 1, image web:2, tenant acme, since -77
        because its update is paused: it exited with 1; `zpmctl restart` tries it anew
    """)


def test_a_refusal_without_words_is_told_as_a_refusal() -> None:
    refused = attempt(WEB, 0, ago=1, tried=Tried.RUN, failed=True)
    answer = planned((WEB,), (), memory(WEB, attempts={slot(WEB): refused}))
    assert told(answer) == text("""
        run web/1: could not be made:
        failed-start, image=web:1, attempt=1
        web (core) is blocked: 0 of 1, image web:1, tenant acme
        because the engine refuses it
        look again at +300
    """)


def test_an_update_that_waits_for_its_image_is_blocked_though_it_serves() -> None:
    refused = {"image:web:2": Retry(count=9, at=NOW, error="no such image")}
    answer = planned((NEW,), [replica(WEB)], memory(WEB, retries=refused), **NOTHING)
    assert told(answer) == text("""
        waiting web/1: waits for image web:2: no such image
        image-missing, until +60, of web
        web (core) is blocked: 1 of 1, image web:2, tenant acme, since -3600
        because waits for image web:2: no such image
        look again at +60
    """)


def test_an_update_that_waits_for_an_external_volume_is_blocked_though_it_serves() -> None:
    mounts = (Mount(kind=MountKind.VOLUME, source="data", target="/data"),)
    new = again(WEB, mounts=mounts)
    desired = Desired(services=(new,), volumes=(VolumeSpec(name="data", external=True),))
    seen = Observed(world=World(replicas=(replica(WEB),), images=frozenset({"web:1"})))
    answer = plan(desired, seen, memory(WEB), NOW)
    assert told(answer) == text("""
        waiting web/1: waits for external volume data: create it on this engine
        external-missing, of web
        web (core) is blocked: 1 of 1, image web:1, tenant acme, since -3600
        because waits for external volume data: create it on this engine
    """)


def test_a_replica_that_has_run_its_window_has_no_restarts_behind_it() -> None:
    answer = planned((WEB,), [replica(WEB, ago=600, attempt=4)])
    assert told(answer) == "web (core) is running: 1 of 1, image web:1, tenant acme, since -600"


def test_a_replica_that_has_not_run_its_window_shows_its_restarts() -> None:
    answer = planned((WEB,), [replica(WEB, ago=599, attempt=4)])
    assert told(answer) == "web (core) is running: 1 of 1, 4 restarts, image web:1, tenant acme, since -599"
