"""Holds, waves and groups are told whole."""

from __future__ import annotations

from tests.unit.planning.build import (
    NOW,
    dead,
    memory,
    needs,
    planned,
    replica,
    service,
    start_first,
)
from tests.unit.planning.telling import text, told
from zpmd.model.memory import Hold, Intent, Revision, Verdict
from zpmd.model.observed import Health
from zpmd.model.policy import Limits
from zpmd.model.service import (
    Condition,
    Group,
    ServiceData,
)
from zpmd.model.spechash import spec_hash

WEB = service("web", update=start_first(), stop_grace_seconds=42.0, tenant="acme")
THREE = service("web", replicas=3, update=start_first())
WHY = "it exited with 1"


def judged(new: ServiceData, verdict: Verdict, old: ServiceData = WEB) -> dict[str, Revision]:
    known = Revision(service=old.name, stable=old, judged=spec_hash(new.container), verdict=verdict, reason=WHY)
    return {old.name: known}


def test_a_held_service_says_until_when() -> None:
    hold = Hold(service="*", owner="ann", reason="looks", since=NOW, until=NOW + 60)
    answer = planned((WEB,), [dead(WEB)], memory(WEB, intent=Intent(holds=(hold,))))
    assert told(answer) == text("""
        waiting web: held by ann: looks
        held, until +60, of web
        web (core) is held: 0 of 1, image web:1, tenant acme
        because held by ann: looks
        look again at +60
    """)


def test_the_services_own_hold_is_told_before_that_on_everything() -> None:
    holds = (
        Hold(service="*", owner="bob", reason="sleeps", since=NOW),
        Hold(service="web", owner="ann", reason="looks", since=NOW),
    )
    answer = planned((WEB,), [dead(WEB)], memory(WEB, intent=Intent(holds=holds)))
    assert told(answer) == text("""
        waiting web: held by ann: looks
        held, of web
        web (core) is held: 0 of 1, image web:1, tenant acme
        because held by ann: looks
    """)


def test_a_hold_on_another_service_holds_nothing() -> None:
    holds = (Hold(service="db", owner="bob", reason="sleeps", since=NOW),)
    answer = planned((WEB,), [replica(WEB)], memory(WEB, intent=Intent(holds=holds)))
    assert told(answer) == "web (core) is running: 1 of 1, image web:1, tenant acme, since -3600"


def test_a_wave_is_cut_and_goes_on_at_once() -> None:
    answer = planned((THREE,), limits=Limits(actions_per_pass=2))
    assert told(answer) == text("""
        run web/1: is declared and not there
        missing, image=web:1
        run web/2: is declared and not there
        missing, image=web:1
        web (core) is starting: 0 of 3, image web:1
        look again at +0
    """)


def test_a_wave_of_just_so_many_is_not_cut() -> None:
    answer = planned((THREE,), limits=Limits(actions_per_pass=3))
    assert told(answer) == text("""
        run web/1: is declared and not there
        missing, image=web:1
        run web/2: is declared and not there
        missing, image=web:1
        run web/3: is declared and not there
        missing, image=web:1
        web (core) is starting: 0 of 3, image web:1
        look again at +300
    """)


def test_groups_wait_and_say_until_when() -> None:
    db, jobs = service("db", group=Group.SYSTEM), service("jobs", group=Group.BATCH)
    answer = planned((db, WEB, jobs), [dead(db)], memory(db, WEB, jobs, gates={Group.SYSTEM: NOW - 100}))
    assert told(answer) == text("""
        start db/1: exited with 137
        died, replica=db-1-ae64, attempt=1, evidence=True
        waiting web/1: waits for db (group core starts after)
        group, until +200, of web
        waiting jobs/1: waits for db, web (group batch starts after)
        group, of jobs
        db (system) is starting: 0 of 1, image web:1
        web (core) is waiting: 0 of 1, image web:1, tenant acme
        because waits for db (group core starts after)
        jobs (batch) is waiting: 0 of 1, image web:1
        because waits for db, web (group batch starts after)
        look again at +200
    """)


def test_what_waits_for_a_dependency_does_not_say_until_when() -> None:
    db = service("db", group=Group.SYSTEM)
    app = service("app", group=Group.SYSTEM, depends_on=(needs("db", Condition.HEALTHY),))
    answer = planned((db, app), [replica(db, health=Health.STARTING)], memory(db, app, gates={Group.SYSTEM: NOW - 100}))
    assert told(answer) == text("""
        waiting app/1: waits for db to be healthy
        dependency, of app
        waiting db/1: runs, and its health check has not passed yet
        starting, of db
        app (system) is waiting: 0 of 1, image web:1
        because waits for db to be healthy
        db (system) is starting: 0 of 1, image web:1, since -3600
        because runs, and its health check has not passed yet
        look again at +200
    """)


def test_a_group_goes_on_without_those_that_had_their_time() -> None:
    db, kv, q, z = (service(n, group=Group.SYSTEM) for n in ("db", "kv", "q", "z"))
    there = [replica(s, health=Health.STARTING, ago=400) for s in (db, kv, q, z)]
    answer = planned((db, kv, q, z, WEB), there, memory(gates={Group.SYSTEM: NOW - 300}))
    assert told(answer) == text("""
        run web/1: is declared and not there
        missing, image=web:1
        waiting group:core: group core goes on without db, kv, q and 1 more
        degraded-gate
        waiting db/1: runs, and its health check has not passed yet
        starting, of db
        waiting kv/1: runs, and its health check has not passed yet
        starting, of kv
        waiting q/1: runs, and its health check has not passed yet
        starting, of q
        waiting z/1: runs, and its health check has not passed yet
        starting, of z
        db (system) is starting: 0 of 1, image web:1, since -400
        because runs, and its health check has not passed yet
        kv (system) is starting: 0 of 1, image web:1, since -400
        because runs, and its health check has not passed yet
        q (system) is starting: 0 of 1, image web:1, since -400
        because runs, and its health check has not passed yet
        z (system) is starting: 0 of 1, image web:1, since -400
        because runs, and its health check has not passed yet
        web (core) is starting: 0 of 1, image web:1, tenant acme
        look again at +300
    """)
