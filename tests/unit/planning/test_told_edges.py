"""Rollouts at their edges: who is in flux, whose count is whose, what condemns and what does not."""

from __future__ import annotations

import pytest

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
from zpmd.model.container import Container, Hook, Mount, MountKind, NetworkAttachment, PortBinding
from zpmd.model.memory import Down, Intent, Retry, Revision, Tried, Verdict
from zpmd.model.observed import InFlight, Phase
from zpmd.model.service import Condition, Group, RestartCondition, RestartPolicy, ServiceData
from zpmd.model.spechash import spec_hash

WEB = service("web", update=start_first())
NEW = again(WEB, image="web:2")
THREE = service("web", replicas=3, update=start_first())
THREE_NEW = again(THREE, image="web:2")
HOOKED = service("web", container=Container(image="web:1", post_start=(Hook(command=("init",)),)), update=start_first())
HOOKED_NEW = again(HOOKED, image="web:2")
ONCE = RestartPolicy(condition=RestartCondition.ON_FAILURE)


def paused(old: ServiceData, new: ServiceData) -> dict[str, Revision]:
    judged = spec_hash(new.container)
    return {old.name: Revision(service=old.name, stable=old, judged=judged, verdict=Verdict.PAUSED, reason="no")}


@pytest.mark.parametrize(
    ("fields", "because"),
    [
        ({"network_mode": "service:db"}, "the ports of network_mode service:db can be held once"),
        ({"network_mode": "container:db"}, "the ports of network_mode container:db can be held once"),
        ({"networks": (NetworkAttachment(network="n", ipv6_address="::2"),)}, "its fixed address can be held once"),
        ({"networks": (NetworkAttachment(network="n", mac_address="02::1"),)}, "its fixed address can be held once"),
        ({"mac_address": "02::1"}, "its fixed address can be held once"),
    ],
)
def test_start_first_gives_way_where_something_can_be_held_once(fields: dict[str, object], because: str) -> None:
    new, db = again(WEB, image="web:2", **fields), service("db")
    answer = planned((db, new), [replica(db, ago=7200), replica(WEB)], memory(db, WEB))
    why = f"its definition changed (image web:1 -> web:2); stop-first because {because}"
    assert told(answer).splitlines()[:2] == [
        f"stop web/1: {why}",
        f"drift, replica={replica(WEB).id}, grace_seconds=10.0",
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"network_mode": "bridge"},
        {"ports": (PortBinding(target=80),)},
        {"ports": (PortBinding(target=80, published="8000-8010"),)},
        {"networks": (NetworkAttachment(network="n"),)},
        {"mounts": (Mount(kind=MountKind.VOLUME, source="v", target="/v", read_only=True),)},
        {"mounts": (Mount(kind=MountKind.VOLUME, target="/v"),)},
        {"mounts": (Mount(kind=MountKind.BIND, source="/v", target="/v"),)},
        {"mounts": (Mount(kind=MountKind.TMPFS, target="/v"),)},
    ],
)
def test_start_first_holds_where_two_can_live_side_by_side(fields: dict[str, object]) -> None:
    new = again(WEB, image="web:2", **fields)
    assert str(planned((new,), [replica(WEB)], memory(WEB))).startswith("run web/1: ")


def test_a_slot_in_hand_takes_a_turn_from_the_others() -> None:
    flight = InFlight(subject="web/3", verb="run", since=NOW)
    answer = planned((THREE_NEW,), [replica(THREE, n) for n in (1, 2, 3)], memory(THREE), in_flight=(flight,))
    assert told(answer) == text("""
        waiting web/1: its turn comes: 1 at a time
        rolling, of web
        waiting web/2: its turn comes: 1 at a time
        rolling, of web
        waiting web/3: run is under way
        in-flight, of web
        web (core) is updating: 3 of 3, image web:2, since -3600
        because its turn comes: 1 at a time
    """)


def test_a_slot_in_hand_of_another_service_takes_no_turn() -> None:
    db = service("db")
    flight = InFlight(subject="db/1", verb="run", since=NOW)
    there = [replica(db), *(replica(THREE, n) for n in (1, 2, 3))]
    answer = planned((db, THREE_NEW), there, memory(db, THREE), in_flight=(flight,))
    assert told(answer) == text("""
        run web/1: its definition changed (image web:1 -> web:2)
        drift, image=web:2
        waiting db/1: run is under way
        in-flight, of db
        waiting web/2: its turn comes: 1 at a time
        rolling, of web
        waiting web/3: its turn comes: 1 at a time
        rolling, of web
        db (core) is running: 1 of 1, image web:1, since -3600
        because run is under way
        web (core) is updating: 3 of 3, image web:2, since -3600
        because its turn comes: 1 at a time
    """)


def test_a_volume_with_several_writers_does_not_keep_start_first_from_several_replicas() -> None:
    volume = (Mount(kind=MountKind.VOLUME, source="v", target="/v"),)
    new = again(THREE, image="web:2", mounts=volume)
    answer = planned((new,), [replica(THREE, n) for n in (1, 2, 3)], memory(THREE))
    assert told(answer) == text("""
        run web/1: its definition changed (image web:1 -> web:2)
        drift, image=web:2
        waiting web/2: its turn comes: 1 at a time
        rolling, of web
        waiting web/3: its turn comes: 1 at a time
        rolling, of web
        web (core) is updating: 3 of 3, image web:2, since -3600
        because its turn comes: 1 at a time
    """)


def test_an_old_one_that_waits_for_its_turn_and_goes_on_crashing_is_not_made_room_for() -> None:
    tried = memory(revisions=paused(WEB, NEW), attempts={slot(WEB): attempt(WEB, 5, ago=60)})
    answer = planned((NEW,), [dead(WEB, ago=70)], tried)
    assert told(answer) == text("""
        start web/1: exited with 137, failure 6 in a row
        died, replica=web-1-ae64, attempt=6, evidence=True
        waiting web/1: its update is paused: no; `zpmctl restart` tries it anew
        rollout-paused, of web
        web (core) is paused: 0 of 1, image web:2
        because its update is paused: no; `zpmctl restart` tries it anew
        look again at +300
    """)


def test_an_old_one_beside_a_new_one_that_cannot_be_made_is_not_made_room_for() -> None:
    new = again(WEB, image="web:2")
    refused = {"image:web:2": Retry(count=9, at=NOW, error="no")}
    tried = memory(WEB, retries=refused, attempts={slot(WEB): attempt(WEB, 5, ago=60)})
    answer = planned((new,), [sick(WEB, ago=70)], tried, images=frozenset())
    assert told(answer) == text("""
        restart web/1: is unhealthy, failure 6 in a row
        unhealthy, replica=web-1-ae64, attempt=6, grace_seconds=10.0
        waiting web/1: waits for image web:2: no
        image-missing, until +60, of web
        web (core) is blocked: 0 of 1, image web:2, since -70
        because waits for image web:2: no
        look again at +60
    """)


def test_an_old_one_that_was_stopped_is_started_as_asked_while_its_update_is_paused() -> None:
    stopped = memory(revisions=paused(WEB, NEW), attempts={slot(WEB): attempt(WEB, 0, tried=Tried.STOP)})
    answer = planned((NEW,), [dead(WEB, ago=70)], stopped)
    assert told(answer) == text("""
        start web/1: is to run again
        started, replica=web-1-ae64
        waiting web/1: its update is paused: no; `zpmctl restart` tries it anew
        rollout-paused, of web
        web (core) is paused: 0 of 1, image web:2
        because its update is paused: no; `zpmctl restart` tries it anew
        look again at +300
    """)


def test_what_follows_a_replaced_dependency_does_not_inherit_the_count_of_the_one_before() -> None:
    app, db = service("app", depends_on=(needs("db", restart=True),), update=start_first()), service("db")
    tried = memory(app, db, attempts={slot(app): attempt(app, 2)})
    answer = planned((app, db), [replica(app), replica(db, ago=10)], tried)
    assert told(answer) == text("""
        run app/1: db, which it follows, was replaced
        restart-asked, image=web:1
        app (core) is updating: 1 of 1, 2 restarts, image web:1, since -3600
        db (core) is running: 1 of 1, image web:1, since -10
    """)


def test_nobody_follows_a_dependency_that_is_not_there() -> None:
    app, db = service("app", depends_on=(needs("db", restart=True),)), service("db")
    answer = planned((app, db), [replica(app)])
    assert told(answer) == text("""
        run db/1: is declared and not there
        missing, image=web:1
        app (core) is running: 1 of 1, image web:1, since -3600
        db (core) is starting: 0 of 1, image web:1
        look again at +300
    """)


def test_a_new_one_that_somebody_paused_is_not_condemned() -> None:
    answer = planned((NEW,), [replica(WEB), replica(NEW, ago=9, phase=Phase.PAUSED)], memory(WEB))
    assert told(answer) == text("""
        waiting web/1: somebody paused it: `docker unpause web-1-a688` lets it go on
        starting, of web
        web (core) is updating: 1 of 1, image web:2, since -3600
        because somebody paused it: `docker unpause web-1-a688` lets it go on
    """)


def test_a_new_one_that_was_restarted_says_so_by_its_label_alone() -> None:
    answer = planned((NEW,), [replica(WEB), replica(NEW, ago=9, attempt=1)], memory(WEB))
    assert told(answer) == text("""
        judge revision:web: its new replica had to be restarted (1 of 1 replicas)
        rollout-failed, image=web:2, spec=1:8b9c877ff8b6e8a70336a688, verdict=FAILED, generation=0
        web (core) is updating: 1 of 1, 1 restarts, image web:2, since -9
        look again at +591
    """)


def test_a_new_one_shot_that_is_done_lets_the_old_one_go() -> None:
    once = service("once", restart=ONCE, update=start_first())
    new = again(once, image="once:2")
    answer = planned((new,), [replica(once), dead(new, ago=9, exit_code=0)], memory(once))
    assert told(answer) == text("""
        stop once/1: once-1-0f40 took its place
        replaced, replica=once-1-ae64, grace_seconds=10.0
        once (core) is updating: 1 of 1, image once:2, since -3600
    """)


def test_a_new_one_whose_hook_has_been_run_is_watched_and_then_stable() -> None:
    up = replica(HOOKED, ago=9)
    answer = planned((HOOKED,), [up], memory(hooked=frozenset({(up.id, NOW - 9)})))
    assert told(answer) == text("""
        judge revision:web: every replica of it is up and has been watched
        rollout-ok, image=web:1, spec=1:bdb0ce5e73bc920d3279564b, verdict=STABLE, generation=0
        web (core) is running: 1 of 1, image web:1, since -9
    """)


def test_a_slot_whose_hook_has_been_run_is_in_flux_no_more() -> None:
    new = again(HOOKED, image="web:2")
    three = service("web", container=new.container, replicas=3, update=start_first())
    up = replica(three, ago=9)
    there = [up, *(replica(HOOKED, n) for n in (2, 3))]
    answer = planned((three,), there, memory(HOOKED, hooked=frozenset({(up.id, NOW - 9)})))
    assert told(answer) == text("""
        run web/2: its definition changed (image web:1 -> web:2)
        drift, image=web:2
        run hook web/3: its post_start has not run since it was started
        started, replica=web-3-564b, hooks=1
        waiting web/3: its turn comes: 1 at a time
        rolling, of web
        web (core) is updating: 1 of 3, image web:2, since -9
        because its turn comes: 1 at a time
        look again at +300
    """)


def test_a_hook_that_is_not_done_in_its_time_condemns() -> None:
    failed = memory(HOOKED, retries={"hook:web/1": Retry(count=9, at=NOW, error="exit 2")})
    answer = planned((HOOKED_NEW,), [replica(HOOKED), replica(HOOKED_NEW, ago=600)], failed)
    assert told(answer) == text("""
        judge revision:web: its new replica was not ready within 600 s (1 of 1 replicas)
        rollout-failed, image=web:2, spec=1:de78e10bdcfa8d140c0391b8, verdict=FAILED, generation=0
        web (core) is updating: 0 of 1, image web:2, since -600
        look again at +300
    """)


def test_of_two_in_a_slot_the_one_whose_hook_has_been_run_stays() -> None:
    done, other = replica(HOOKED, ago=50, id="done", name="done"), replica(HOOKED, ago=60, id="other")
    answer = planned((HOOKED,), [other, done], memory(HOOKED, hooked=frozenset({("done", NOW - 50)})))
    assert told(answer) == text("""
        stop web/1: done already holds this place
        surplus, replica=other, grace_seconds=10.0
        web (core) is running: 1 of 1, image web:1, since -50
    """)


def test_a_dependency_is_healthy_when_its_hook_has_been_run() -> None:
    app, up = service("app", depends_on=(needs("web", Condition.HEALTHY),)), replica(HOOKED)
    answer = planned((HOOKED, app), [up], memory(HOOKED, hooked=frozenset({(up.id, NOW - 3600)})))
    assert told(answer) == text("""
        run app/1: is declared and not there
        missing, image=web:1
        app (core) is starting: 0 of 1, image web:1
        web (core) is running: 1 of 1, image web:1, since -3600
        look again at +300
    """)


def test_a_dependency_is_not_healthy_before_its_hook_has_been_run() -> None:
    app = service("app", depends_on=(needs("web", Condition.HEALTHY),))
    answer = planned((HOOKED, app), [replica(HOOKED)])
    assert told(answer) == text("""
        run hook web/1: its post_start has not run since it was started
        started, replica=web-1-564b, hooks=1
        waiting app/1: waits for web to be healthy
        dependency, of app
        app (core) is waiting: 0 of 1, image web:1
        because waits for web to be healthy
        web (core) is starting: 0 of 1, image web:1, since -3600
        look again at +300
    """)


def test_a_one_shot_that_is_done_has_been_started() -> None:
    once, app = service("once", restart=ONCE), service("app", depends_on=(needs("once"),))
    answer = planned((once, app), [dead(once, exit_code=0)])
    assert told(answer) == text("""
        run app/1: is declared and not there
        missing, image=web:1
        app (core) is starting: 0 of 1, image web:1
        once (core) is completed: 1 of 1, image web:1
        look again at +300
    """)


def test_a_chain_stops_from_its_end() -> None:
    api, ui = service("api", depends_on=(needs("web"),)), service("ui", depends_on=(needs("api"),))
    down = memory(intent=Intent(down=Down.CONTAINERS))
    answer = planned((WEB, api, ui), [replica(s) for s in (WEB, api, ui)], down)
    assert told(answer) == text("""
        stop ui/1: an operator took the appliance down
        down-asked, replica=ui-1-ae64, grace_seconds=10.0
        waiting api/1: stops after ui
        stop-order, of api
        waiting web/1: stops after ui
        stop-order, of web
        api (core) is removing: 0 of 0, image web:1
        because an operator took the appliance down
        ui (core) is removing: 0 of 0, image web:1
        because an operator took the appliance down
        web (core) is removing: 0 of 0, image web:1
        because an operator took the appliance down
    """)


def test_a_declared_group_counts_and_not_that_of_a_label() -> None:
    jobs = service("jobs", group=Group.BATCH)
    down = memory(intent=Intent(down=Down.CONTAINERS))
    answer = planned((WEB, jobs), [replica(WEB, group=Group.APP), replica(jobs)], down)
    assert told(answer) == text("""
        stop jobs/1: an operator took the appliance down
        down-asked, replica=jobs-1-ae64, grace_seconds=10.0
        waiting web/1: stops after jobs
        stop-order, of web
        web (core) is removing: 0 of 0, image web:1
        because an operator took the appliance down
        jobs (batch) is removing: 0 of 0, image web:1
        because an operator took the appliance down
    """)


def test_what_waits_for_a_dependency_in_a_group_that_runs_already_does_not_say_until_when() -> None:
    db = service("db", group=Group.SYSTEM)
    app = service("app", depends_on=(needs("db"),))
    answer = planned((db, WEB, app), [replica(WEB)], memory(db, WEB, app, gates={Group.SYSTEM: NOW - 100}))
    assert told(answer) == text("""
        run db/1: is declared and not there
        missing, image=web:1
        waiting app/1: waits for db to be started
        dependency, of app
        db (system) is starting: 0 of 1, image web:1
        app (core) is waiting: 0 of 1, image web:1
        because waits for db to be started
        web (core) is running: 1 of 1, image web:1, since -3600
        look again at +200
    """)
