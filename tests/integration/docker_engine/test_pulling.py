"""Images come from a real registry, on the loopback of the engine."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.docker_engine.conftest import CAUSE, Rig, service
from tests.lab.engine import LabEngine
from tests.lab.eventually import eventually
from zpmd.model.action import PullImage
from zpmd.model.events import Result

REGISTRY = "127.0.0.1:5000"
CONFIG = """
version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}/registry}}}}
http: {{addr: {address}}}
"""


@pytest.fixture
def registry(engine_host: LabEngine, tmp_path: Path) -> Iterator[str]:
    """A registry with `team/app:1` in it, which the engine has not."""
    config = tmp_path / "registry.yml"
    config.write_text(CONFIG.format(folder=tmp_path, address=REGISTRY))
    with (tmp_path / "registry.log").open("wb") as log:
        process = subprocess.Popen(
            [*engine_host.enter, "docker-registry", "serve", str(config)],
            stdout=log,
            stderr=log,
            env={"PATH": "/usr/bin"},
        )
    client = engine_host.client()
    name = f"{REGISTRY}/team/app"
    client.tag("appliance/pause:1.0", name, "1")

    def pushed() -> bool:
        assert process.poll() is None, (tmp_path / "registry.log").read_text()
        return '"Digest":' in client.push(name, "1")

    try:
        eventually(pushed, 20, "an image in the registry", 0.2)
        client.remove_image(f"{name}:1")
        yield name
    finally:
        process.terminate()
        process.wait(10)


def test_a_pulled_image_is_there_by_tag_and_by_digest(rig: Rig, registry: str) -> None:
    image = f"{registry}:1"
    assert rig.engine.observe([image]).images == frozenset()
    outcome = rig.run(service(image=image))
    assert (outcome.result, outcome.detail) == (Result.PERMANENT, f"no such image: {image}")
    assert rig.apply(PullImage(image=image, cause=CAUSE)).ok
    digest = rig.host.client().inspect_image(image)["RepoDigests"][0]
    assert rig.engine.observe([image, digest, registry]).images == {image, digest}
    assert rig.run(service(image=image)).ok
    assert rig.apply(PullImage(image=digest, cause=CAUSE)).ok


@pytest.mark.parametrize(
    ("reference", "result"),
    [
        ("{registry}:2", Result.PERMANENT),
        ("{registry}/none:1", Result.PERMANENT),
        ("127.0.0.1:1/x:1", Result.TRANSIENT),
    ],
)
def test_a_pull_that_cannot_succeed_is_told_apart_from_one_that_may_later(
    rig: Rig, registry: str, reference: str, result: Result
) -> None:
    image = reference.format(registry=registry)
    outcome = rig.apply(PullImage(image=image, cause=CAUSE))
    assert (outcome.result, outcome.detail.startswith(f"cannot pull {image}: ")) == (result, True), outcome.detail
