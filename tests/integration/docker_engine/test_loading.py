"""Archives of images on a real engine: what the contract cannot say, because it takes a hand or a measure."""

from __future__ import annotations

import random
import tracemalloc
from pathlib import Path

import pytest

from tests.integration.docker_engine.conftest import CAUSE, Rig, service
from tests.lab import archives
from zpmd.model.action import LoadImages
from zpmd.model.events import Result
from zpmd.model.patch import CarriedImage

MEMBER = "images/new.tar"
NEW, OTHER = "team/new:1", "team/other:1"


@pytest.fixture
def load(rig: Rig, tmp_path: Path) -> LoadImages:
    """An archive of NEW, which the engine has not."""
    content, ids = archives.archive(rig.host, "appliance/pause:1.0", [NEW])
    archives.bundle(tmp_path / "bundle.zpatch", MEMBER, content)
    images = (CarriedImage(reference=NEW, ids=tuple(ids)),)
    return LoadImages(bundle=str(tmp_path / "bundle.zpatch"), member=MEMBER, images=images, cause=CAUSE)


def test_an_engine_that_dies_meanwhile_can_be_given_it_again(rig: Rig, load: LoadImages) -> None:
    def die(_: str) -> None:
        rig.host.kill()

    assert rig.engine.apply(load, die).result in (Result.UNKNOWN, Result.TRANSIENT)
    rig.host.start()
    assert rig.engine.observe([NEW]).images == frozenset()
    outcome = rig.apply(load)
    assert outcome.ok, outcome.detail
    assert rig.run(service(image=NEW)).ok


@pytest.mark.parametrize(
    ("promised", "complaint"),
    [
        (CarriedImage(reference=OTHER), f"{OTHER} is not in it"),
        (CarriedImage(reference=NEW, ids=("sha256:" + "0" * 64,)), "it is not what the archive holds"),
    ],
)
def test_an_archive_that_is_not_what_was_promised_is_refused_for_good(
    rig: Rig, load: LoadImages, promised: CarriedImage, complaint: str
) -> None:
    outcome = rig.apply(LoadImages(bundle=load.bundle, member=MEMBER, images=(promised,), cause=CAUSE))
    assert (outcome.result, complaint in outcome.detail) == (Result.PERMANENT, True), outcome.detail


def test_an_archive_is_never_in_memory_as_a_whole(rig: Rig, tmp_path: Path) -> None:
    path = tmp_path / "large.zpatch"
    archives.bundle(path, MEMBER, random.Random(1042).randbytes(48 * 1024 * 1024))
    tracemalloc.start()
    try:
        outcome = rig.apply(LoadImages(bundle=str(path), member=MEMBER, images=(), cause=CAUSE))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (outcome.result, "invalid tar header" in outcome.detail) == (Result.PERMANENT, True), outcome.detail
    assert peak < 12 * 1024 * 1024
