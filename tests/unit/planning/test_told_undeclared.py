"""What has left the files is told whole: what goes, what is held back by whom and why, until when."""

from __future__ import annotations

from tests.unit.planning.build import NOW, dead, memory, planned, replica, service
from tests.unit.planning.telling import text, told
from zpmd.model.memory import Hold, Intent, Retry
from zpmd.model.observed import InFlight, Phase
from zpmd.model.policy import Limits
from zpmd.model.service import Group

WEB = service("web")
OLD = service("old", image="old:1", tenant="acme")
TEN = tuple(service(f"s{n}") for n in range(10))
THERE = [replica(s) for s in TEN]


def test_what_left_the_files_is_stopped_as_it_was_made() -> None:
    answer = planned((WEB,), [replica(WEB), replica(OLD, tenant="acme")])
    assert told(answer) == text("""
        stop old/1: is no longer declared
        undeclared, replica=old-1-fe3e
        old (core) is removing: 1 of 0, image old:1, tenant acme, since -3600
        because is no longer declared
        web (core) is running: 1 of 1, image web:1, since -3600
    """)


def test_what_left_the_files_and_has_ended_is_removed() -> None:
    answer = planned((WEB,), [replica(WEB), dead(OLD)])
    assert told(answer) == text("""
        remove old/1: is no longer declared
        undeclared, replica=old-1-fe3e
        old (core) is removing: 0 of 0, image old:1
        because is no longer declared
        web (core) is running: 1 of 1, image web:1, since -3600
    """)


def test_what_left_the_files_and_is_being_removed_by_the_engine_is_waited_for() -> None:
    answer = planned((WEB,), [replica(WEB), replica(OLD, phase=Phase.REMOVING, started_at=None)])
    assert told(answer) == text("""
        waiting old/1: the engine is removing it
        in-flight, of old
        old (core) is removing: 0 of 0, image old:1
        because the engine is removing it
        web (core) is running: 1 of 1, image web:1, since -3600
    """)


def test_all_that_left_the_files_goes_slot_by_slot_with_what_lives_first() -> None:
    there = [dead(OLD, 1, id="ended"), replica(OLD, 1, ago=60, id="lives"), replica(OLD, 2, id="second")]
    answer = planned((WEB,), [replica(WEB), *there])
    assert told(answer) == text("""
        stop old/1: is no longer declared
        undeclared, replica=lives
        stop old/2: is no longer declared
        undeclared, replica=second
        old (core) is removing: 2 of 0, image old:1, since -60
        because is no longer declared
        web (core) is running: 1 of 1, image web:1, since -3600
    """)


def test_the_engines_own_removal_is_let_be_while_something_else_of_the_slot_can_be_done() -> None:
    there = [replica(OLD, 1, ago=60, id="going", phase=Phase.REMOVING), dead(OLD, 1, id="ended")]
    answer = planned((WEB,), [replica(WEB), *there])
    assert told(answer) == text("""
        remove old/1: is no longer declared
        undeclared, replica=ended
        old (core) is removing: 0 of 0, image old:1
        because is no longer declared
        web (core) is running: 1 of 1, image web:1, since -3600
    """)


def test_what_left_the_files_stops_in_reverse_of_what_it_was_made_after() -> None:
    api = service("api", image="api:1")
    answer = planned((), [replica(OLD), replica(api, after=("old",))], limits=Limits(removal_count=9))
    assert told(answer) == text("""
        stop api/1: is no longer declared
        undeclared, replica=api-1-f05e
        waiting old/1: stops after api
        stop-order, of old
        api (core) is removing: 1 of 0, image api:1, since -3600
        because is no longer declared
        old (core) is removing: 1 of 0, image old:1, since -3600
        because stops after api
    """)


def test_a_later_group_leaves_before_an_earlier_one() -> None:
    last = service("last", group=Group.APP)
    answer = planned((), [replica(OLD), replica(last)], limits=Limits(removal_count=9))
    assert told(answer) == text("""
        stop last/1: is no longer declared
        undeclared, replica=last-1-ae64
        waiting old/1: stops after last
        stop-order, of old
        old (core) is removing: 1 of 0, image old:1, since -3600
        because stops after last
        last (app) is removing: 1 of 0, image web:1, since -3600
        because is no longer declared
    """)


def test_a_slot_in_hand_of_what_left_the_files_is_left_alone() -> None:
    flight = InFlight(subject="old/1", verb="stop", since=NOW)
    answer = planned((WEB,), [replica(WEB), replica(OLD)], in_flight=(flight,))
    assert told(answer) == text("""
        waiting old/1: stop is under way
        in-flight, of old
        old (core) is removing: 1 of 0, image old:1, since -3600
        because stop is under way
        web (core) is running: 1 of 1, image web:1, since -3600
    """)


def test_a_stop_that_the_engine_could_not_do_is_tried_again_after_its_delay() -> None:
    retries = {"old/1": Retry(count=1, at=NOW, error="timed out")}
    answer = planned((WEB,), [replica(WEB), replica(OLD)], memory(WEB, retries=retries))
    assert told(answer) == text("""
        waiting old/1: the engine could not do it: timed out
        retry, until +1, of old
        old (core) is removing: 1 of 0, image old:1, since -3600
        because the engine could not do it: timed out
        web (core) is running: 1 of 1, image web:1, since -3600
        look again at +1
    """)


def test_three_of_ten_wait_for_an_operator() -> None:
    answer = planned(TEN[:7], THERE, memory(*TEN))
    assert told(answer) == text("""
        waiting s7: 3 of 10 services would be removed at once: `zpmctl approve` lets them go
        mass-removal, of s7
        waiting s8: 3 of 10 services would be removed at once: `zpmctl approve` lets them go
        mass-removal, of s8
        waiting s9: 3 of 10 services would be removed at once: `zpmctl approve` lets them go
        mass-removal, of s9
        s0 (core) is running: 1 of 1, image web:1, since -3600
        s1 (core) is running: 1 of 1, image web:1, since -3600
        s2 (core) is running: 1 of 1, image web:1, since -3600
        s3 (core) is running: 1 of 1, image web:1, since -3600
        s4 (core) is running: 1 of 1, image web:1, since -3600
        s5 (core) is running: 1 of 1, image web:1, since -3600
        s6 (core) is running: 1 of 1, image web:1, since -3600
        s7 (core) is held: 1 of 0, image web:1, since -3600
        because 3 of 10 services would be removed at once: `zpmctl approve` lets them go
        s8 (core) is held: 1 of 0, image web:1, since -3600
        because 3 of 10 services would be removed at once: `zpmctl approve` lets them go
        s9 (core) is held: 1 of 0, image web:1, since -3600
        because 3 of 10 services would be removed at once: `zpmctl approve` lets them go
    """)


def test_two_of_ten_are_never_a_large_part() -> None:
    answer = planned(TEN[:8], THERE, memory(*TEN))
    assert told(answer) == text("""
        stop s8/1: is no longer declared
        undeclared, replica=s8-1-ae64
        stop s9/1: is no longer declared
        undeclared, replica=s9-1-ae64
        s0 (core) is running: 1 of 1, image web:1, since -3600
        s1 (core) is running: 1 of 1, image web:1, since -3600
        s2 (core) is running: 1 of 1, image web:1, since -3600
        s3 (core) is running: 1 of 1, image web:1, since -3600
        s4 (core) is running: 1 of 1, image web:1, since -3600
        s5 (core) is running: 1 of 1, image web:1, since -3600
        s6 (core) is running: 1 of 1, image web:1, since -3600
        s7 (core) is running: 1 of 1, image web:1, since -3600
        s8 (core) is removing: 1 of 0, image web:1, since -3600
        because is no longer declared
        s9 (core) is removing: 1 of 0, image web:1, since -3600
        because is no longer declared
    """)


def test_three_of_fifteen_are_not_more_than_a_fifth() -> None:
    five = tuple(service(f"t{n}") for n in range(5))
    answer = planned((*TEN[:7], *five), [replica(s) for s in (*TEN, *five)], memory(*TEN, *five))
    assert told(answer) == text("""
        stop s7/1: is no longer declared
        undeclared, replica=s7-1-ae64
        stop s8/1: is no longer declared
        undeclared, replica=s8-1-ae64
        stop s9/1: is no longer declared
        undeclared, replica=s9-1-ae64
        s0 (core) is running: 1 of 1, image web:1, since -3600
        s1 (core) is running: 1 of 1, image web:1, since -3600
        s2 (core) is running: 1 of 1, image web:1, since -3600
        s3 (core) is running: 1 of 1, image web:1, since -3600
        s4 (core) is running: 1 of 1, image web:1, since -3600
        s5 (core) is running: 1 of 1, image web:1, since -3600
        s6 (core) is running: 1 of 1, image web:1, since -3600
        s7 (core) is removing: 1 of 0, image web:1, since -3600
        because is no longer declared
        s8 (core) is removing: 1 of 0, image web:1, since -3600
        because is no longer declared
        s9 (core) is removing: 1 of 0, image web:1, since -3600
        because is no longer declared
        t0 (core) is running: 1 of 1, image web:1, since -3600
        t1 (core) is running: 1 of 1, image web:1, since -3600
        t2 (core) is running: 1 of 1, image web:1, since -3600
        t3 (core) is running: 1 of 1, image web:1, since -3600
        t4 (core) is running: 1 of 1, image web:1, since -3600
    """)


def test_of_three_of_which_one_is_approved_two_are_no_large_part() -> None:
    approved = memory(*TEN, intent=Intent(approved=frozenset({"s8"})))
    answer = planned(TEN[:7], THERE, approved)
    assert told(answer) == text("""
        stop s7/1: is no longer declared
        undeclared, replica=s7-1-ae64
        stop s8/1: is no longer declared
        undeclared, replica=s8-1-ae64
        stop s9/1: is no longer declared
        undeclared, replica=s9-1-ae64
        s0 (core) is running: 1 of 1, image web:1, since -3600
        s1 (core) is running: 1 of 1, image web:1, since -3600
        s2 (core) is running: 1 of 1, image web:1, since -3600
        s3 (core) is running: 1 of 1, image web:1, since -3600
        s4 (core) is running: 1 of 1, image web:1, since -3600
        s5 (core) is running: 1 of 1, image web:1, since -3600
        s6 (core) is running: 1 of 1, image web:1, since -3600
        s7 (core) is removing: 1 of 0, image web:1, since -3600
        because is no longer declared
        s8 (core) is removing: 1 of 0, image web:1, since -3600
        because is no longer declared
        s9 (core) is removing: 1 of 0, image web:1, since -3600
        because is no longer declared
    """)


def test_of_four_of_which_one_is_approved_that_one_may_go() -> None:
    approved = memory(*TEN, intent=Intent(approved=frozenset({"s8"})))
    answer = planned(TEN[:6], THERE, approved)
    assert told(answer) == text("""
        stop s8/1: is no longer declared
        undeclared, replica=s8-1-ae64
        waiting s6: 3 of 10 services would be removed at once: `zpmctl approve` lets them go
        mass-removal, of s6
        waiting s7: 3 of 10 services would be removed at once: `zpmctl approve` lets them go
        mass-removal, of s7
        waiting s9: 3 of 10 services would be removed at once: `zpmctl approve` lets them go
        mass-removal, of s9
        s0 (core) is running: 1 of 1, image web:1, since -3600
        s1 (core) is running: 1 of 1, image web:1, since -3600
        s2 (core) is running: 1 of 1, image web:1, since -3600
        s3 (core) is running: 1 of 1, image web:1, since -3600
        s4 (core) is running: 1 of 1, image web:1, since -3600
        s5 (core) is running: 1 of 1, image web:1, since -3600
        s6 (core) is held: 1 of 0, image web:1, since -3600
        because 3 of 10 services would be removed at once: `zpmctl approve` lets them go
        s7 (core) is held: 1 of 0, image web:1, since -3600
        because 3 of 10 services would be removed at once: `zpmctl approve` lets them go
        s8 (core) is removing: 1 of 0, image web:1, since -3600
        because is no longer declared
        s9 (core) is held: 1 of 0, image web:1, since -3600
        because 3 of 10 services would be removed at once: `zpmctl approve` lets them go
    """)


def test_what_is_not_declared_stays_while_a_source_has_never_answered() -> None:
    answer = planned((WEB,), [replica(WEB), replica(OLD), dead(service("older"))], complete=False)
    assert told(answer) == text("""
        waiting old: is not declared, but a source has never answered
        source-unknown, of old
        waiting older: is not declared, but a source has never answered
        source-unknown, of older
        old (core) is held: 1 of 0, image old:1, since -3600
        because is not declared, but a source has never answered
        older (core) is held: 0 of 0, image web:1
        because is not declared, but a source has never answered
        web (core) is running: 1 of 1, image web:1, since -3600
    """)


def test_what_left_the_files_and_is_held_stays_and_says_who_holds_it() -> None:
    hold = Hold(service="old", owner="ann", reason="looks", since=NOW, until=NOW + 60)
    answer = planned((WEB,), [replica(WEB), replica(OLD)], memory(WEB, intent=Intent(holds=(hold,))))
    assert told(answer) == text("""
        waiting old: is no longer declared, and held by ann: looks
        held, until +60, of old
        old (core) is held: 1 of 0, image old:1, since -3600
        because is no longer declared, and held by ann: looks
        web (core) is running: 1 of 1, image web:1, since -3600
        look again at +60
    """)


def test_a_hold_on_one_thing_keeps_nothing_else_that_left_the_files() -> None:
    hold = Hold(service="old", owner="ann", reason="looks", since=NOW)
    there = [replica(WEB), replica(OLD), replica(service("older"))]
    answer = planned((WEB,), there, memory(WEB, intent=Intent(holds=(hold,))))
    assert told(answer) == text("""
        stop older/1: is no longer declared
        undeclared, replica=older-1-ae64
        waiting old: is no longer declared, and held by ann: looks
        held, of old
        old (core) is held: 1 of 0, image old:1, since -3600
        because is no longer declared, and held by ann: looks
        older (core) is removing: 1 of 0, image web:1, since -3600
        because is no longer declared
        web (core) is running: 1 of 1, image web:1, since -3600
    """)
