"""What shares something with another service, and what follows it."""

from __future__ import annotations

from tests.unit.planning.build import (
    NOW,
    dead,
    needs,
    planned,
    replica,
    service,
    start_first,
)
from tests.unit.planning.telling import text, told
from zpmd.model.container import Container
from zpmd.model.memory import Revision, Verdict
from zpmd.model.observed import Phase
from zpmd.model.service import (
    ServiceData,
)
from zpmd.model.spechash import spec_hash

WEB = service("web", update=start_first(), stop_grace_seconds=42.0, tenant="acme")
WHY = "it exited with 1"


def judged(new: ServiceData, verdict: Verdict, old: ServiceData = WEB) -> dict[str, Revision]:
    known = Revision(service=old.name, stable=old, judged=spec_hash(new.container), verdict=verdict, reason=WHY)
    return {old.name: known}


def test_what_is_shared_is_waited_for() -> None:
    side = service("side", container=Container(image="side:1", volumes_from=("web:ro", "container:other")))
    answer = planned((WEB, side))
    assert told(answer) == text("""
        run web/1: is declared and not there
        missing, image=web:1
        waiting side/1: waits for web to be started
        dependency, of side
        side (core) is waiting: 0 of 1, image side:1
        because waits for web to be started
        web (core) is starting: 0 of 1, image web:1, tenant acme
        look again at +300
    """)


def test_what_is_shared_follows_a_replacement_after_a_crash_too() -> None:
    side = service("side", container=Container(image="side:1", volumes_from=("web:ro",)))
    answer = planned((WEB, side), [replica(WEB, ago=10, attempt=3), replica(side)])
    assert told(answer) == text("""
        stop side/1: web, which it follows, was replaced
        restart-asked, replica=side-1-6676, grace_seconds=10.0
        side (core) is updating: 1 of 1, image side:1, since -3600
        web (core) is running: 1 of 1, 3 restarts, image web:1, tenant acme, since -10
    """)


def test_what_shares_volumes_stays_when_their_owner_was_only_started_again() -> None:
    side = service("side", container=Container(image="side:1", volumes_from=("web:ro",)))
    answer = planned((WEB, side), [replica(WEB, started_at=NOW - 10), replica(side)])
    assert told(answer) == text("""
        side (core) is running: 1 of 1, image side:1, since -3600
        web (core) is running: 1 of 1, image web:1, tenant acme, since -10
    """)


def test_what_shares_a_namespace_is_replaced_when_its_owner_was_started_again() -> None:
    side = service("side", container=Container(image="side:1", ipc="service:web"))
    answer = planned((WEB, side), [replica(WEB, started_at=NOW - 10), replica(side)])
    assert told(answer) == text("""
        stop side/1: web, in whose namespace it lives, was started again
        restart-asked, replica=side-1-5483, grace_seconds=10.0
        side (core) is updating: 1 of 1, image side:1, since -3600
        web (core) is running: 1 of 1, image web:1, tenant acme, since -10
    """)


def test_what_shares_a_namespace_stays_when_it_was_started_after_its_owner() -> None:
    side = service("side", container=Container(image="side:1", pid="service:web"))
    answer = planned((WEB, side), [replica(WEB, started_at=NOW - 10), replica(side, started_at=NOW - 9)])
    assert told(answer) == text("""
        side (core) is running: 1 of 1, image side:1, since -9
        web (core) is running: 1 of 1, image web:1, tenant acme, since -10
    """)


def test_what_shares_a_namespace_and_was_started_in_the_same_moment_stays() -> None:
    side = service("side", container=Container(image="side:1", pid="service:web"))
    answer = planned((WEB, side), [replica(WEB, started_at=NOW - 10), replica(side, started_at=NOW - 10)])
    assert told(answer) == text("""
        side (core) is running: 1 of 1, image side:1, since -10
        web (core) is running: 1 of 1, image web:1, tenant acme, since -10
    """)


def test_what_shares_a_namespace_and_has_ended_is_started_and_not_replaced() -> None:
    side = service("side", container=Container(image="side:1", pid="service:web"))
    answer = planned((WEB, side), [replica(WEB, started_at=NOW - 10), dead(side)])
    assert told(answer) == text("""
        start side/1: exited with 137
        died, replica=side-1-46f7, attempt=1, evidence=True
        side (core) is starting: 0 of 1, image side:1
        web (core) is running: 1 of 1, image web:1, tenant acme, since -10
        look again at +300
    """)


def test_nothing_follows_what_is_not_running() -> None:
    side = service("side", container=Container(image="side:1", pid="service:web"))
    answer = planned((WEB, side), [replica(WEB, ago=10, phase=Phase.PAUSED), replica(side)])
    assert told(answer) == text("""
        waiting web/1: somebody paused it: `docker unpause web-1-ae64` lets it go on
        starting, of web
        side (core) is running: 1 of 1, image side:1, since -3600
        web (core) is starting: 0 of 1, image web:1, tenant acme
        because somebody paused it: `docker unpause web-1-ae64` lets it go on
        look again at +300
    """)


def test_the_second_of_two_that_are_followed_counts_as_well() -> None:
    db = service("db")
    side = service("side", depends_on=(needs("db", restart=True), needs("web", restart=True)))
    answer = planned((WEB, db, side), [dead(db), replica(WEB, ago=10), replica(side)])
    assert told(answer) == text("""
        start db/1: exited with 137
        died, replica=db-1-ae64, attempt=1, evidence=True
        waiting side/1: waits for db to be started
        dependency, of side
        db (core) is starting: 0 of 1, image web:1
        side (core) is updating: 1 of 1, image web:1, since -3600
        because waits for db to be started
        web (core) is running: 1 of 1, image web:1, tenant acme, since -10
        look again at +300
    """)
