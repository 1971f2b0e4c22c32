"""Hooks and holds where they meet rollouts and an engine that does not answer."""

from __future__ import annotations

from tests.unit.planning.build import NOW, again, memory, planned, replica, service, start_first
from tests.unit.planning.telling import text, told
from zpmd.model.container import Container, Hook
from zpmd.model.memory import Hold, Intent
from zpmd.model.observed import Observed
from zpmd.model.service import Desired, Group
from zpmd.planning.planner import plan

HOOKED = service("web", container=Container(image="web:1", post_start=(Hook(command=("init",)),)), update=start_first())
NEW = again(HOOKED, image="web:2")


def test_a_new_replica_is_watched_from_its_start_and_not_from_its_hook() -> None:
    new = replica(NEW, ago=4)
    answer = planned((NEW,), [replica(HOOKED), new], memory(HOOKED, hooked=frozenset({(new.id, NOW - 4)})))
    assert told(answer) == text("""
        waiting web/1: web-1-91b8 is being watched before web-1-564b goes
        rolling, until +1, of web
        web (core) is updating: 1 of 1, image web:2, since -4
        because web-1-91b8 is being watched before web-1-564b goes
        look again at +1
    """)


def test_a_new_replica_whose_hook_has_not_run_does_not_take_the_place_of_the_old_one() -> None:
    answer = planned((NEW,), [replica(HOOKED), replica(NEW, ago=60)], memory(HOOKED))
    assert told(answer) == text("""
        run hook web/1: its post_start has not run since it was started
        started, replica=web-1-91b8, hooks=1
        web (core) is updating: 0 of 1, image web:2, since -60
        look again at +300
    """)


def test_a_hold_that_has_ended_is_not_told_while_the_engine_is_unknown() -> None:
    hold = Hold(service="web", owner="ann", reason="looks", since=NOW - 60, until=NOW)
    held = memory(HOOKED, intent=Intent(holds=(hold,)))
    answer = plan(Desired(services=(HOOKED,)), Observed(world=None, error="no answer"), held, NOW)
    assert told(answer) == text("""
        waiting engine: the engine is unknown: no answer
        engine-unknown
        web (core) is unknown: 0 of 1, image web:1
        because the engine does not answer
    """)


def test_the_patience_with_a_group_is_not_forgotten_while_the_engine_is_unknown() -> None:
    waited = memory(HOOKED, gates={Group.CORE: NOW - 5})
    assert plan(Desired(services=(HOOKED,)), Observed(world=None), waited, NOW).gates == {Group.CORE: NOW - 5}
