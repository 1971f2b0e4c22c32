"""zpmctl patch build with images of a real engine: what `docker save` writes is what a bundle may hold."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.engine import LabEngine

TAGS = ("zpmd-test/one:v2", "zpmd-test/other:v2")


@pytest.fixture
def image(engine_host: LabEngine) -> Iterator[str]:
    """The id of an image that has two names for as long as the test runs."""
    client = engine_host.client()
    found: str = client.images()[0]["Id"]
    for tag in TAGS:
        client.tag(found, *tag.split(":"))
    yield found
    for tag in TAGS:
        client.remove_image(tag)


def test_images_of_an_engine_become_a_bundle_that_verifies(engine_host: LabEngine, image: str, tmp_path: Path) -> None:
    (tmp_path / "hotfix.patch.yaml").write_text(f'id: hotfix-1\nservices: {{one: {{image: "{TAGS[0]}"}}}}\n')
    zpmctl(engine_host, tmp_path, "keygen", "--out", "vendor", "--no-password")
    asked = [word for tag in TAGS for word in ("--image", tag)]
    zpmctl(engine_host, tmp_path, "build", "hotfix.patch.yaml", *asked, "--key", "vendor.key", "-o", "hotfix.zpatch")
    (archive,) = zpmctl(engine_host, tmp_path, "verify", "hotfix.zpatch", "--keys", ".")["images"]
    assert sorted(archive["references"]) == sorted(TAGS)
    assert all(image in ids for ids in archive["references"].values())


def zpmctl(engine: LabEngine, folder: Path, *arguments: str) -> dict[str, Any]:
    """What it says as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "zpmd.interfaces.ctl", "patch", *arguments, "--json"],
        cwd=folder,
        env={**os.environ, "DOCKER_HOST": engine.url, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told
