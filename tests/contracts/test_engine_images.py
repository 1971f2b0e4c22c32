"""What every engine does with images that come from an archive, and which ids images have: one suite for all."""

from __future__ import annotations

import pytest

from tests.contracts.harness import ABSENT, PAUSE, SERVICE, SERVICE_NEXT, Harness, service
from zpmd.model.events import Result

NEW, ALSO_NEW = "zona/user:v2.3.1", "zona/siem:v2.3.1"


def test_an_image_that_is_asked_for_has_the_id_that_its_containers_have(world: Harness) -> None:
    replica = world.run(service())
    seen = world.observe(PAUSE, f"docker.io/{PAUSE}", SERVICE, ABSENT)
    assert seen.image_ids.keys() == {PAUSE, f"docker.io/{PAUSE}", SERVICE}
    assert seen.image_ids[PAUSE] == seen.image_ids[f"docker.io/{PAUSE}"] == replica.image_id
    assert world.observe(replica.image_id).image_ids == {replica.image_id: replica.image_id}


def test_images_of_different_content_have_different_ids(world: Harness) -> None:
    ids = world.observe(SERVICE, SERVICE_NEXT).image_ids
    assert ids[SERVICE] != ids[SERVICE_NEXT]


def test_a_loaded_archive_makes_its_images_present_and_a_replica_can_be_of_them(world: Harness) -> None:
    load = world.archive(NEW, ALSO_NEW)
    assert world.observe(NEW, ALSO_NEW).images == frozenset()
    outcome = world.apply(load)
    assert outcome.ok, outcome.detail
    carried = {image.reference: image.ids[0] for image in load.images}
    assert world.observe(NEW, ALSO_NEW).image_ids == carried
    replica = world.run(service(image=NEW))
    assert replica.running
    assert replica.image_id == carried[NEW]


def test_loading_twice_is_fine(world: Harness) -> None:
    load = world.archive(NEW)
    assert world.apply(load).ok
    before = world.observe(NEW)
    assert world.apply(load).ok
    assert world.observe(NEW) == before


def test_an_image_that_is_loaded_takes_the_name_of_the_one_before(world: Harness) -> None:
    first, second = world.archive(NEW), world.archive(NEW)
    assert world.apply(first).ok
    replica = world.run(service(image=NEW))
    assert world.apply(second).ok
    assert world.observe(NEW).image_ids == {NEW: second.images[0].ids[0]}
    assert world.seen("web").image_id == replica.image_id == first.images[0].ids[0]


@pytest.mark.parametrize("spoil", ["break_archive", "lose_archive"])
def test_an_archive_that_is_broken_or_gone_is_refused_for_good_and_changes_nothing(world: Harness, spoil: str) -> None:
    load = world.archive(NEW)
    before = world.observe(NEW, PAUSE)
    getattr(world, spoil)(load)
    outcome = world.apply(load)
    assert (outcome.result, load.member in outcome.detail) == (Result.PERMANENT, True), outcome.detail
    assert world.observe(NEW, PAUSE) == before
    whole = world.archive(NEW)
    assert world.apply(whole).ok, "an engine that was told nonsense goes on"


def test_nothing_is_loaded_while_the_engine_is_down(world: Harness) -> None:
    load = world.archive(NEW)
    world.engine_dies()
    assert world.apply(load).result is Result.TRANSIENT
    world.engine_returns()
    assert world.observe(NEW).images == frozenset()
    assert world.apply(load).ok
