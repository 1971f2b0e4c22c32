"""Deadlines of patches count anew after zpmd, or the engine, was away."""

from __future__ import annotations

from zpmd.model.patch import Patch, Stage, Step
from zpmd.planning.trial import begun_anew

PREPARED = Patch(
    number=1, name="a", stage=Stage.VERIFIED, times=((Stage.SEEN, 1.0), (Stage.COPIED, 2.0), (Stage.VERIFIED, 3.0))
)


def test_the_time_for_images_counts_anew_and_its_row_does_not_grow_with_every_start() -> None:
    patch = PREPARED
    for start in range(10, 1000, 10):
        patch = begun_anew(patch, float(start))
    assert patch.since(Stage.VERIFIED) == 990.0
    assert patch.times == (*PREPARED.times, (Stage.VERIFIED, 990.0))


def test_a_step_that_is_held_has_no_deadline_that_could_count_anew() -> None:
    steps = (Step(service="user", at=5.0, generation=1, clock=5.0), Step(service="siem", at=5.0, generation=1))
    patch = Patch(number=1, name="a", stage=Stage.ROLLING, steps=steps)
    assert [step.clock for step in begun_anew(patch, 50.0).steps] == [50.0, None]


def test_what_waits_for_nothing_is_the_same_row() -> None:
    patch = Patch(
        number=1, name="a", stage=Stage.APPLIED, steps=(Step(service="user", at=5.0, generation=1, clock=5.0),)
    )
    assert begun_anew(patch, 50.0) is patch
