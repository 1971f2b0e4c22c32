"""More than two in a slot, more than one slot in flux, and a restart that is no trial of a new definition."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.planning.build import NOW, again, dead, memory, planned, replica, service, start_first
from tests.unit.planning.telling import text, told
from zpmd.model.memory import Intent
from zpmd.model.observed import Health, InFlight

WEB = service("web", update=start_first())
NEW = again(WEB, image="web:2")
THREE = service("web", replicas=3, update=start_first())
THREE_NEW = again(THREE, image="web:2")


def test_of_three_in_a_slot_the_youngest_goes_first() -> None:
    there = [replica(WEB, ago=ago, id=f"{ago}", name=f"{ago}") for ago in (60, 50, 40)]
    answer = planned((WEB,), there)
    assert told(answer) == text("""
        stop web/1: 60 already holds this place
        surplus, replica=40, grace_seconds=10.0
        web (core) is running: 1 of 1, image web:1, since -40
    """)


def test_of_three_old_ones_in_a_slot_the_youngest_goes_first() -> None:
    there = [replica(WEB, ago=ago, id=f"{ago}", name=f"{ago}") for ago in (60, 50, 40)]
    answer = planned((NEW,), there, memory(WEB))
    assert told(answer) == text("""
        stop web/1: its definition changed (image web:1 -> web:2)
        drift, replica=40, grace_seconds=10.0
        web (core) is updating: 1 of 1, image web:2, since -40
    """)


def test_two_in_hand_leave_no_room_for_a_third() -> None:
    new = replace(THREE_NEW, update=start_first(parallelism=2))
    hands = tuple(InFlight(subject=f"web/{n}", verb="run", since=NOW) for n in (1, 2))
    answer = planned((new,), [replica(THREE, n) for n in (1, 2, 3)], memory(THREE), in_flight=hands)
    assert told(answer) == text("""
        waiting web/1: run is under way
        in-flight, of web
        waiting web/2: run is under way
        in-flight, of web
        waiting web/3: its turn comes: 2 at a time
        rolling, of web
        web (core) is updating: 3 of 3, image web:2, since -3600
        because run is under way
    """)


def test_one_in_flux_stays_in_flux_whatever_has_settled_after_it() -> None:
    there = [dead(THREE, 1), replica(THREE_NEW, 2), replica(THREE, 3)]
    answer = planned((THREE_NEW,), there, memory(THREE))
    assert told(answer) == text("""
        remove web/1: its definition changed (image web:1 -> web:2)
        drift, replica=web-1-ae64, evidence=True
        waiting web/3: its turn comes: 1 at a time
        rolling, of web
        web (core) is updating: 2 of 3, image web:2, since -3600
        because its turn comes: 1 at a time
        look again at +300
    """)


def test_what_is_started_beside_an_old_one_says_nothing_more_of_the_old_one() -> None:
    answer = planned((NEW,), [replica(WEB, ago=9, health=Health.STARTING)], memory(WEB))
    assert told(answer) == text("""
        run web/1: its definition changed (image web:1 -> web:2)
        drift, image=web:2
        web (core) is updating: 0 of 1, image web:2, since -9
        look again at +300
    """)


def test_a_restart_of_the_stable_definition_that_fails_is_no_failed_rollout() -> None:
    there = [replica(WEB), dead(WEB, ago=9, generation=1, id="new", name="new")]
    answer = planned((WEB,), there, memory(WEB, intent=Intent(generations={"web": 1})))
    assert told(answer) == text("""
        start web/1: exited with 137
        died, replica=new, attempt=1, evidence=True
        web (core) is updating: 1 of 1, image web:1, since -3600
    """)
