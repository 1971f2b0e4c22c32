"""When a verb is true: truth tables."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.interfaces.given import NOON, replica, service, snapshot, standing
from zpmd.interfaces import until
from zpmd.interfaces.status import status
from zpmd.interfaces.until import Goal, Met
from zpmd.model.events import Snapshot
from zpmd.model.memory import Down, Hold, Intent, Memory
from zpmd.model.observed import InFlight, Observed, Phase, World
from zpmd.model.plan import Plan, State
from zpmd.model.service import Desired

ONE = World(replicas=(replica("a"),))
TWO = World(replicas=(replica("a"), replica("a", 2)))
HELD = Memory(intent=Intent(holds=(Hold(service="a", owner="root", reason="disk", since=NOON),)))
STOPPED = Memory(intent=Intent(stopped=frozenset({"a"})))
GONE = World(replicas=(replica("a", phase=Phase.EXITED),))


def of(goal: Goal, made: Snapshot) -> Met:
    return goal(status(made, NOON))


@pytest.mark.parametrize(
    ("state", "ready", "more", "met"),
    [
        (State.RUNNING, 1, {}, Met(True, "a is running: 1 of 1 replica ready")),
        (State.COMPLETED, 0, {}, Met(True, "a is completed: 0 of 1 replica ready")),
        (State.STARTING, 0, {}, Met(None, "a is starting, 0 of 1 ready")),
        (State.UNHEALTHY, 0, {}, Met(None, "a is unhealthy, 0 of 1 ready")),
        (State.UNKNOWN, 0, {}, Met(None, "a is unknown, 0 of 1 ready")),
        (State.CRASH_LOOP, 0, {}, Met(False, "a is crash-loop, 0 of 1 ready")),
        (State.ROLLED_BACK, 1, {}, Met(False, "a is rolled-back, 1 of 1 ready")),
        (State.BLOCKED, 0, {}, Met(False, "a is blocked, 0 of 1 ready")),
        (State.RUNNING, 1, {"world": TWO}, Met(None, "a is running, 1 of 1 ready")),
        (State.RUNNING, 1, {"memory": HELD}, Met(False, "a is held by root: disk")),
        (
            State.RUNNING,
            1,
            {"memory": Memory(intent=Intent(generations={"a": 1}))},
            Met(None, "a is running, 1 of 1 ready"),
        ),
        (
            State.RUNNING,
            1,
            {"in_flight": (InFlight(subject="a/1", verb="stop", since=NOON),)},
            Met(None, "a is running, 1 of 1 ready"),
        ),
    ],
)
def test_a_service_runs(state: State, ready: int, more: dict[str, Any], met: Met) -> None:
    made = snapshot(standing("a", state=state, ready=ready), **{"world": ONE, **more})
    assert of(until.runs("a"), made) == met


def test_a_service_that_left_never_runs() -> None:
    assert of(until.runs("b"), snapshot()) == Met(False, "b is not declared any more")


def test_a_scale_waits_for_its_number() -> None:
    made = snapshot(standing("a"), world=ONE)
    assert of(until.runs("a", 2), made) == Met(None, "a is wanted 1 times, not yet 2")


@pytest.mark.parametrize(
    ("world", "memory", "met"),
    [
        (ONE, STOPPED, Met(None, "1 replica of a still running")),
        (GONE, STOPPED, Met(True, "a is stopped")),
        (GONE, Memory(), Met(False, "somebody has started a again")),
        (ONE, HELD, Met(False, "a is held by root: disk")),
    ],
)
def test_a_service_is_stopped(world: World, memory: Memory, met: Met) -> None:
    assert of(until.stopped("a"), snapshot(standing("a"), world=world, memory=memory)) == met


def test_what_was_approved_is_gone() -> None:
    left = snapshot(standing("a"), standing("b"), world=ONE, desired=Desired())
    assert of(until.removed(("a", "b")), left) == Met(None, "still there: a")
    back = snapshot(standing("a"), world=ONE, desired=Desired(services=(service("a"),)))
    assert of(until.removed(("a", "b")), back) == Met(False, "declared again: a")
    assert of(until.removed(("c",)), left) == Met(True, "removed: c")


@pytest.mark.parametrize(
    ("more", "down", "met"),
    [
        ({"world": ONE}, Down.CONTAINERS, Met(None, "1 container left")),
        ({"observed": Observed(world=World())}, Down.CONTAINERS, Met(True, "everything is removed")),
        ({"observed": Observed(world=None)}, Down.CONTAINERS, Met(None, "the engine does not answer")),
        ({"world": ONE}, Down.NO, Met(False, "somebody has ended `down`")),
    ],
)
def test_everything_is_removed(more: dict[str, Any], down: Down, met: Met) -> None:
    made = snapshot(memory=Memory(intent=Intent(down=down)), plan=Plan(), **more)
    assert of(until.all_removed, made) == met


@pytest.mark.parametrize(
    ("states", "met"),
    [
        ([State.RUNNING, State.COMPLETED], Met(True, "2 services running")),
        ([State.CRASH_LOOP, State.STARTING], Met(None, "s1 is starting, 1 of 1 ready")),
        ([State.CRASH_LOOP, State.RUNNING], Met(False, "s0 is crash-loop, 1 of 1 ready")),
        ([State.STARTING] * 5, Met(None, "; ".join(f"s{n} is starting, 1 of 1 ready" for n in range(3)) + " ...")),
    ],
)
def test_everything_runs(states: list[State], met: Met) -> None:
    made = snapshot(*(standing(f"s{n}", state=state) for n, state in enumerate(states)))
    assert of(until.all_run, made) == met
