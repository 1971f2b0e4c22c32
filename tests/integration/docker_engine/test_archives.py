"""Archives as a real engine saves them are read, built into a bundle, and loaded from it again."""

from __future__ import annotations

import gzip
import shutil
import tarfile
from pathlib import Path

import pytest

from tests.lab.engine import LabEngine
from zpmd.model.patch import Change, Manifest
from zpmd.patching import building
from zpmd.patching.bundle import Bundle, open_member
from zpmd.patching.refusal import BadPatch

pytestmark = pytest.mark.engine

BASE = "appliance/pause:1.0"
ASKED = Manifest(id="hotfix-1", tag="v2", services=(Change(service="zona_user"),))


def save(host: LabEngine, path: Path, *references: str) -> Path:
    """`docker save --output`."""
    client = host.client()
    answer = client._get(client._url("/images/get"), params={"names": references}, stream=True)
    with path.open("wb") as target:
        shutil.copyfileobj(answer.raw, target)
    return path


def committed(host: LabEngine, base: str, tag: str) -> str:
    """A new image, which has one more layer than its base, and nothing in it; its id."""
    made: dict[str, str] = host.client().commit(host.run_stranger(f"made-{tag}", base), "zona/user", tag)
    return made["Id"]


def test_what_the_engine_saves_is_carried_and_loaded_by_its_id(engine_host: LabEngine, tmp_path: Path) -> None:
    """A layer that is there already, as an empty one is, becomes a link."""
    bases = {"v1": BASE, "v2": "zona/user:v1", "v3": BASE}
    ids = {f"zona/user:{tag}": committed(engine_host, base, tag) for tag, base in bases.items()}
    engine_host.remove_containers()
    two = save(engine_host, tmp_path / "two.tar", "zona/user:v1", "zona/user:v2")
    with tarfile.open(two) as tar:
        assert any(member.issym() for member in tar), "there is no link to be read"
    packed = tmp_path / "packed.tar.gz"
    packed.write_bytes(gzip.compress(save(engine_host, tmp_path / "one.tar", "zona/user:v3").read_bytes(), 1))

    filled = building.build(ASKED, [two, packed], tmp_path / "hotfix.zpatch")
    carried = {image.reference: image.ids for entry in filled.images for image in entry.images}
    assert carried == {reference: (image_id,) for reference, image_id in ids.items()}

    for reference in ids:
        engine_host.client().remove_image(reference)
    with Bundle(tmp_path / "hotfix.zpatch") as given:
        given.check(filled)
        given.check_canonical()
    for entry in filled.images:
        with open_member(tmp_path / "hotfix.zpatch", entry.file) as stream:
            list(engine_host.client().load_image(stream, quiet=True))
    assert {reference: engine_host.image_id(reference) for reference in ids} == ids


def test_what_is_saved_by_its_id_has_no_name_and_is_refused(engine_host: LabEngine, tmp_path: Path) -> None:
    path = save(engine_host, tmp_path / "pause.tar", engine_host.image_id(BASE))
    with pytest.raises(BadPatch, match=r"^pause\.tar: an image has no name: save it by NAME:TAG"):
        building.describe(path)
