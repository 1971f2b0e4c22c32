"""A rollout is told whole: whose turn it is, what is watched, until when."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.planning.build import (
    NOW,
    again,
    dead,
    memory,
    planned,
    replica,
    service,
    sick,
    start_first,
)
from tests.unit.planning.telling import text, told
from zpmd.model.memory import Intent, Revision, Verdict
from zpmd.model.observed import Health, InFlight
from zpmd.model.service import (
    FailureAction,
    ServiceData,
)
from zpmd.model.spechash import spec_hash

WEB = service("web", update=start_first(), stop_grace_seconds=42.0, tenant="acme")
NEW = again(WEB, image="web:2")
THREE = service("web", replicas=3, update=start_first())
THREE_NEW = again(THREE, image="web:2")
STOP_FIRST = service("web", stop_grace_seconds=42.0)
WHY = "it exited with 1"


def judged(new: ServiceData, verdict: Verdict, old: ServiceData = WEB) -> dict[str, Revision]:
    known = Revision(service=old.name, stable=old, judged=spec_hash(new.container), verdict=verdict, reason=WHY)
    return {old.name: known}


def test_start_first_runs_the_new_one_beside_the_old_one() -> None:
    answer = planned((NEW,), [replica(WEB)], memory(WEB))
    assert told(answer) == text("""
        run web/1: its definition changed (image web:1 -> web:2)
        drift, image=web:2
        web (core) is updating: 1 of 1, image web:2, tenant acme, since -3600
    """)


def test_start_first_follows_an_operators_restart_with_its_generation() -> None:
    answer = planned((WEB,), [replica(WEB)], memory(WEB, intent=Intent(generations={"web": 3})))
    assert told(answer) == text("""
        run web/1: an operator asked for a restart
        restart-asked, image=web:1, generation=3
        web (core) is updating: 1 of 1, image web:1, tenant acme, since -3600
    """)


def test_stop_first_stops_with_the_grace_of_the_service() -> None:
    answer = planned((again(STOP_FIRST, image="web:2"),), [replica(STOP_FIRST)], memory(STOP_FIRST))
    assert told(answer) == text("""
        stop web/1: its definition changed (image web:1 -> web:2)
        drift, replica=web-1-ae64, grace_seconds=42.0
        web (core) is updating: 1 of 1, image web:2, since -3600
    """)


def test_stop_first_stops_a_sick_one_with_evidence() -> None:
    answer = planned((again(STOP_FIRST, image="web:2"),), [sick(STOP_FIRST)], memory(STOP_FIRST))
    assert told(answer) == text("""
        stop web/1: its definition changed (image web:1 -> web:2)
        drift, replica=web-1-ae64, grace_seconds=42.0, evidence=True
        web (core) is updating: 0 of 1, image web:2, since -3600
        look again at +300
    """)


def test_stop_first_removes_what_has_ended_with_evidence() -> None:
    answer = planned((again(STOP_FIRST, image="web:2"),), [dead(STOP_FIRST)], memory(STOP_FIRST))
    assert told(answer) == text("""
        remove web/1: its definition changed (image web:1 -> web:2)
        drift, replica=web-1-ae64, evidence=True
        web (core) is updating: 0 of 1, image web:2
        look again at +300
    """)


def test_the_new_one_is_watched_for_its_monitor_period() -> None:
    answer = planned((NEW,), [replica(WEB), replica(NEW, ago=4)], memory(WEB))
    assert told(answer) == text("""
        waiting web/1: web-1-a688 is being watched before web-1-ae64 goes
        rolling, until +1, of web
        web (core) is updating: 1 of 1, image web:2, tenant acme, since -4
        because web-1-a688 is being watched before web-1-ae64 goes
        look again at +1
    """)


def test_the_old_one_goes_when_the_new_one_has_been_watched() -> None:
    answer = planned((NEW,), [replica(WEB), replica(NEW, ago=5)], memory(WEB))
    assert told(answer) == text("""
        stop web/1: web-1-a688 took its place
        replaced, replica=web-1-ae64, grace_seconds=42.0
        web (core) is updating: 1 of 1, image web:2, tenant acme, since -5
    """)


def test_the_longest_watched_new_one_is_not_waited_for_twice() -> None:
    config = start_first(monitor_seconds=60)
    new = replace(NEW, update=config)
    answer = planned((new,), [replica(WEB), replica(new, ago=59)], memory(WEB))
    assert told(answer) == text("""
        waiting web/1: web-1-a688 is being watched before web-1-ae64 goes
        rolling, until +1, of web
        web (core) is updating: 1 of 1, image web:2, tenant acme, since -59
        because web-1-a688 is being watched before web-1-ae64 goes
        look again at +1
    """)


def test_a_label_that_cannot_be_read_is_a_definition_that_changed() -> None:
    answer = planned((STOP_FIRST,), [replica(STOP_FIRST, spec="")])
    assert told(answer) == text("""
        stop web/1: its definition changed (spec unreadable -> 1:00ec458011d2178e31f0ae64)
        drift, replica=web-1-ae64, grace_seconds=42.0
        web (core) is updating: 1 of 1, image web:1, since -3600
    """)


def test_slots_take_their_turns_one_at_a_time() -> None:
    answer = planned((THREE_NEW,), [replica(THREE, n) for n in (1, 2, 3)], memory(THREE))
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


def test_what_does_not_serve_has_the_first_turn() -> None:
    there = [replica(THREE, 1), sick(THREE, 2), replica(THREE, 3)]
    answer = planned((THREE_NEW,), there, memory(THREE))
    assert told(answer) == text("""
        run web/2: its definition changed (image web:1 -> web:2)
        drift, image=web:2
        waiting web/1: its turn comes: 1 at a time
        rolling, of web
        waiting web/3: its turn comes: 1 at a time
        rolling, of web
        web (core) is updating: 2 of 3, image web:2, since -3600
        because its turn comes: 1 at a time
        look again at +300
    """)


def test_a_slot_whose_old_one_has_ended_is_in_flux_and_takes_a_turn() -> None:
    there = [replica(THREE, 1), dead(THREE, 2), replica(THREE, 3)]
    answer = planned((THREE_NEW,), there, memory(THREE))
    assert told(answer) == text("""
        remove web/2: its definition changed (image web:1 -> web:2)
        drift, replica=web-2-ae64, evidence=True
        waiting web/1: its turn comes: 1 at a time
        rolling, of web
        waiting web/3: its turn comes: 1 at a time
        rolling, of web
        web (core) is updating: 2 of 3, image web:2, since -3600
        because its turn comes: 1 at a time
        look again at +300
    """)


def test_a_slot_in_hand_takes_a_turn() -> None:
    flight = InFlight(subject="web/1", verb="run", since=NOW)
    answer = planned((THREE_NEW,), [replica(THREE, n) for n in (1, 2, 3)], memory(THREE), in_flight=(flight,))
    assert told(answer) == text("""
        waiting web/1: run is under way
        in-flight, of web
        waiting web/2: its turn comes: 1 at a time
        rolling, of web
        waiting web/3: its turn comes: 1 at a time
        rolling, of web
        web (core) is updating: 3 of 3, image web:2, since -3600
        because run is under way
    """)


def test_two_at_a_time_leave_one_to_wait_while_one_is_in_hand() -> None:
    new = replace(THREE_NEW, update=start_first(parallelism=2))
    flight = InFlight(subject="web/1", verb="run", since=NOW)
    answer = planned((new,), [replica(THREE, n) for n in (1, 2, 3)], memory(THREE), in_flight=(flight,))
    assert told(answer) == text("""
        run web/2: its definition changed (image web:1 -> web:2)
        drift, image=web:2
        waiting web/1: run is under way
        in-flight, of web
        waiting web/3: its turn comes: 2 at a time
        rolling, of web
        web (core) is updating: 3 of 3, image web:2, since -3600
        because run is under way
    """)


def test_the_delay_begins_when_the_last_one_has_settled() -> None:
    new = replace(THREE_NEW, update=start_first(delay_seconds=30))
    there = [replica(new, 1, ago=20), replica(new, 2, ago=10), replica(THREE, 3)]
    answer = planned((new,), there, memory(THREE))
    assert told(answer) == text("""
        waiting web/3: its turn comes after the delay between updates
        rolling, of web
        web (core) is updating: 3 of 3, image web:2, since -10
        because its turn comes after the delay between updates
        look again at +25
    """)


def test_the_delay_is_over_at_its_very_end() -> None:
    new = replace(THREE_NEW, update=start_first(delay_seconds=30))
    there = [replica(new, 1, ago=35), replica(THREE, 2), replica(THREE, 3)]
    answer = planned((new,), there, memory(THREE))
    assert told(answer) == text("""
        run web/2: its definition changed (image web:1 -> web:2)
        drift, image=web:2
        waiting web/3: its turn comes: 1 at a time
        rolling, of web
        web (core) is updating: 3 of 3, image web:2, since -35
        because its turn comes: 1 at a time
    """)


def test_the_delay_does_not_keep_what_does_not_serve() -> None:
    new = replace(THREE_NEW, update=start_first(delay_seconds=30))
    there = [replica(new, 1, ago=20), sick(THREE, 2), replica(THREE, 3)]
    answer = planned((new,), there, memory(THREE))
    assert told(answer) == text("""
        run web/2: its definition changed (image web:1 -> web:2)
        drift, image=web:2
        waiting web/3: its turn comes: 1 at a time
        rolling, of web
        web (core) is updating: 2 of 3, image web:2, since -20
        because its turn comes: 1 at a time
        look again at +300
    """)


def test_a_failed_new_one_is_not_waited_for_when_the_rollout_is_to_continue() -> None:
    new = replace(THREE_NEW, update=start_first(failure_action=FailureAction.CONTINUE))
    there = [sick(new, 1, ago=9), replica(THREE, 2), replica(THREE, 3)]
    answer = planned((new,), there, memory(THREE))
    assert told(answer) == text("""
        restart web/1: is unhealthy
        unhealthy, replica=web-1-a688, attempt=1, grace_seconds=10.0
        run web/2: its definition changed (image web:1 -> web:2)
        drift, image=web:2
        waiting web/3: its turn comes: 1 at a time
        rolling, of web
        web (core) is unhealthy: 2 of 3, image web:2, since -9
        because its turn comes: 1 at a time
        look again at +300
    """)


def test_a_new_one_that_is_only_starting_is_waited_for_although_the_rollout_is_to_continue() -> None:
    new = replace(THREE_NEW, update=start_first(failure_action=FailureAction.CONTINUE))
    there = [replica(new, 1, ago=9, health=Health.STARTING), replica(THREE, 2), replica(THREE, 3)]
    answer = planned((new,), there, memory(THREE))
    assert told(answer) == text("""
        waiting web/1: runs, and its health check has not passed yet
        starting, of web
        waiting web/2: its turn comes: 1 at a time
        rolling, of web
        waiting web/3: its turn comes: 1 at a time
        rolling, of web
        web (core) is updating: 2 of 3, image web:2, since -9
        because runs, and its health check has not passed yet
        look again at +300
    """)
