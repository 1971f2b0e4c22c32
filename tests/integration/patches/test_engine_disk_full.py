"""A bundle that the disk of the engine has no room for: tried again for a while, then refused, and nothing harmed."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import FAILED
from tests.integration.conftest import keep
from tests.integration.daemon import Daemon
from tests.integration.patches import crashing
from tests.integration.patches.drops import appliance, ended, images, refusal, row
from tests.lab import archives
from tests.lab.engine import LabEngine
from zpmd.model.patch import Change, Manifest
from zpmd.patching import building

MIB = 1 << 20
DISK_MIB = 96
"""Room for the sample images, several containers, and not for the bundle."""
BUNDLE_MIB = 128
LARGE = "appliance/large:1.0"


@pytest.fixture
def cramped(tmp_path: Path, artifacts: Path, request: pytest.FixtureRequest) -> Iterator[Daemon]:
    """A zpmd on an engine of its own, which keeps its images and containers on a small file system."""
    engine = LabEngine()
    data = engine.folder / "data"
    data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(data)], check=True)
    daemon = Daemon(engine, tmp_path / "zpmd")
    try:
        engine.start()
        engine.load_images()
        yield daemon
        if request.node.stash.get(FAILED, False):
            keep(daemon, artifacts)
            engine.keep_artifacts(artifacts)
    finally:
        daemon.close()
        engine.close()


def large(engine: LabEngine, path: Path) -> None:
    """A bundle that moves user to an image with a layer that is larger than the disk."""
    tar = path.with_name("large.tar")
    tar.write_bytes(archives.of_one_layer(LARGE, ballast(BUNDLE_MIB * MIB)))
    building.build(Manifest(id=path.stem, services=(Change(service="user", image=LARGE),)), [tar], path)


def ballast(size: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as layer:
        entry = tarfile.TarInfo("ballast")
        entry.size = size
        layer.addfile(entry, io.BytesIO(bytes(size)))
    return buffer.getvalue()


def test_a_bundle_for_which_the_engine_has_no_room_is_tried_again_and_then_refused(cramped: Daemon) -> None:
    daemon = cramped
    daemon.settings = {"limits": {"patch_prepare_seconds": 20}}
    appliance(daemon)
    before, lifetimes = images(daemon), crashing.lifetimes(daemon, "db", "user", "siem", "mail")
    large(daemon.engine, daemon.folder / "hotfix-1.zpatch")
    crashing.drop(daemon, daemon.folder / "hotfix-1.zpatch")
    assert ended(daemon, "hotfix-1", 180) == "quarantined"
    reason = row(daemon, "hotfix-1")["reason"]
    assert "its images did not come within 20 s" in reason
    assert "no space left on device" in reason
    crashing.has_one_end(daemon, "hotfix-1", "quarantined")
    assert "no space left on device" in refusal(daemon)
    entries = daemon.journal()
    tries = [entry for entry in entries if entry["verb"] == "load"]
    assert len(tries) > 1, "it is tried again"
    assert all("no space left on device" in entry["detail"] for entry in tries if entry["detail"])
    assert any(entry["code"] == "patch-refused" and "no space left" in entry["text"] for entry in entries)
    assert images(daemon) == before
    assert crashing.lifetimes(daemon, "db", "user", "siem", "mail") == lifetimes
    daemon.converged()
