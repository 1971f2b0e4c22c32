"""The laws of the planner hold with patches on their way: any rows of the ledger over any appliance in any state."""

from __future__ import annotations

import dataclasses
import random

from hypothesis import given
from hypothesis import strategies as st

from tests.properties.appliances import Scene
from tests.properties.patch_worlds import patched_scenes
from tests.properties.test_planner_laws import ask, many
from tests.unit.planning.build import NOW
from zpmd.model.action import MovePatch
from zpmd.model.observed import Observed
from zpmd.model.policy import Limits
from zpmd.planning import checks
from zpmd.planning.planner import plan


@many
@given(patched_scenes(), st.integers(0, 9))
def test_the_order_of_what_is_handed_in_does_not_matter(scene: Scene, seed: int) -> None:
    chance = random.Random(seed)
    world = scene.observed.world
    assert world is not None
    there, declared = list(world.replicas), list(scene.desired.services)
    ledger = list(scene.memory.patches)
    for each in (there, declared, ledger):
        chance.shuffle(each)
    shuffled = Scene(
        dataclasses.replace(scene.desired, services=tuple(declared)),
        dataclasses.replace(scene.observed, world=dataclasses.replace(world, replicas=tuple(there))),
        dataclasses.replace(scene.memory, patches=tuple(ledger)),
    )
    assert ask(shuffled) == ask(scene)


@many
@given(patched_scenes())
def test_a_plan_is_sane(scene: Scene) -> None:
    assert checks.problems(ask(scene), scene.desired, scene.observed, Limits()) == ()


@many
@given(patched_scenes(), st.floats(0.0, 1.0))
def test_until_it_asks_to_be_woken_nothing_would_change(scene: Scene, part: float) -> None:
    """But for the instants that a row is written with."""
    now = ask(scene)
    horizon = now.wake_at if now.wake_at is not None else NOW + 100_000.0
    later = NOW + (horizon - NOW) * part * 0.999
    if any(isinstance(action, MovePatch) for action in now.actions):
        return  # that counts from the next pass on, which comes at once
    assert ask(scene, later).actions == now.actions, f"at +{later - NOW:.3f} s, woken at +{horizon - NOW:.3f} s"


@many
@given(patched_scenes())
def test_an_unknown_engine_moves_no_patch(scene: Scene) -> None:
    assert plan(scene.desired, Observed(world=None, error="no answer"), scene.memory, NOW).actions == ()


@many
@given(patched_scenes())
def test_a_patch_has_one_action_a_pass_and_those_that_have_ended_have_none(scene: Scene) -> None:
    moved = [action.patch.number for action in ask(scene).actions if isinstance(action, MovePatch)]
    assert len(moved) == len(set(moved))
    assert not {row.number for row in scene.memory.patches if row.ended} & set(moved)
