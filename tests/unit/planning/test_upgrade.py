"""What a new zpmd would change of what a former one made: all of it, whether at once or when something lets it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.planning.build import NOW, again, memory, needs, planned, replica, service, world
from zpmd.model.container import Container
from zpmd.model.memory import Hold, Intent, Memory
from zpmd.model.observed import Observed, Replica
from zpmd.model.policy import Limits
from zpmd.model.service import Desired, ServiceData
from zpmd.model.spechash import spec_hash
from zpmd.planning.upgrade import differences

WEB, DB = service("web", replicas=3), service("db")


def found(
    services: tuple[ServiceData, ...],
    replicas: tuple[Replica, ...],
    remembered: Memory | None = None,
    known: tuple[ServiceData, ...] = (),
    complete: bool = True,
) -> list[str]:
    """Each as "place fields cause"."""
    former: dict[tuple[str, str], Container] = {(s.name, spec_hash(s.container)): s.container for s in known}
    told = differences(
        Desired(services=services, complete=complete),
        Observed(world=world(services, replicas)),
        remembered or memory(),
        NOW,
        Limits(),
        former,
    )
    return [f"{one.replica.place} {one.fields} {one.cause.code}" for one in told]


def test_what_means_the_same_differs_in_nothing() -> None:
    assert found((WEB, DB), (replica(WEB, 1), replica(WEB, 2), replica(DB))) == []


def test_every_replica_is_told_though_a_rollout_begins_with_one() -> None:
    new = again(WEB, working_dir="/srv")
    replicas = tuple(replica(WEB, number) for number in (1, 2, 3))
    told = found((new,), replicas, known=(WEB,))
    assert told == [f"web/{number} ('working_dir',) drift" for number in (1, 2, 3)]
    begun = planned((new,), replicas, memory(WEB)).actions
    assert [action.subject for action in begun] == ["web/1"]


def test_a_definition_of_which_nothing_is_known_any_more_says_so() -> None:
    assert found((again(WEB, init=True),), (replica(WEB),)) == ["web/1 None drift"]


def test_a_restart_that_was_asked_for_differs_in_no_field() -> None:
    asked = memory(WEB, intent=Intent(generations={"web": 2}))
    assert found((WEB,), (replica(WEB, generation=1),), asked) == ["web/1 () restart-asked"]


@pytest.mark.parametrize(
    ("intent", "told"),
    [
        (Intent(holds=(Hold(service="web", owner="root", reason="", since=NOW),)), ["web/1 ('init',) drift"]),
        (Intent(stopped=frozenset({"web"})), []),
    ],
    ids=["held", "stopped"],
)
def test_a_hold_puts_it_off_and_a_stop_leaves_nothing_to_be_touched(intent: Intent, told: list[str]) -> None:
    assert found((again(WEB, init=True),), (replica(WEB),), memory(intent=intent), known=(WEB,)) == told


def test_services_that_would_go_are_told_whether_or_not_the_guard_holds_them() -> None:
    many = tuple(service(f"s{number}") for number in range(6))
    replicas = tuple(replica(one) for one in many)
    assert found(many[1:], replicas) == ["s0/1 () undeclared"]
    assert found(many[4:], replicas) == [f"s{number}/1 () mass-removal" for number in range(4)]
    assert found(many[4:], replicas, complete=False) == []


def test_of_an_unknown_world_nothing_is_told() -> None:
    assert differences(Desired(services=(WEB,)), Observed(world=None), memory(), NOW, Limits(), {}) == ()


def test_what_follows_a_dependency_that_was_replaced_would_be_replaced_with_it() -> None:
    app = service("app", depends_on=(needs("db", restart=True),))
    made_before = (replica(app, ago=3600.0), replica(DB, ago=60.0))
    assert found((app, DB), made_before) == ["app/1 () restart-asked"]


def test_a_hold_that_is_over_holds_nothing_that_leaves() -> None:
    hold = Hold(service="gone", owner="root", reason="", since=NOW - 60.0, until=NOW - 1.0)
    gone = replica(service("gone"))
    many = tuple(service(f"s{number}") for number in range(9))
    there = (gone, *(replica(one) for one in many))
    assert found(many, there, memory(intent=Intent(holds=(hold,)))) == ["gone/1 () undeclared"]
    assert found(many, there, memory(intent=Intent(holds=(replace(hold, until=NOW + 1.0),)))) == ["gone/1 () held"]
