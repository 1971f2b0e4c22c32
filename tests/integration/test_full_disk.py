"""A full disk below zpmd: what dies is restarted all the same, and status says what is not recorded."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.appliance import worker
from tests.integration.daemon import Daemon
from tests.lab.eventually import eventually


@pytest.fixture
def small_disk(daemon: Daemon) -> Iterator[Path]:
    """A file system of 1 MiB in the place of the state folder."""
    state = daemon.folder / "state"
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(state)], check=True)
    yield state
    daemon.close()
    subprocess.run(["umount", str(state)], check=True)


def fill(folder: Path) -> Path:
    path = folder / "filler"
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(512))
        except OSError:
            return path


def restarted(daemon: Daemon, victim: str) -> None:
    """Kill the first process of a container, and wait until it runs again."""
    before = daemon.engine.inspect(victim)["State"]["StartedAt"]
    daemon.engine.kill_container_process(victim)
    eventually(
        lambda: (state := daemon.engine.inspect(victim)["State"])["Running"] and state["StartedAt"] != before,
        15,
        "a replica that runs again",
        0.1,
    )


def test_a_full_disk_stops_no_supervision_also_of_a_zpmd_that_starts_on_it(daemon: Daemon, small_disk: Path) -> None:
    daemon.settings = {"resync_seconds": 2}
    daemon.file("a.yaml", worker("web", "core"))
    daemon.start()
    daemon.converged()
    (victim,) = daemon.running()
    filler = fill(small_disk)
    restarted(daemon, victim)
    (reason,) = eventually(lambda: daemon.status()["degraded"], 10, "a degraded status", 0.1)
    assert reason["what"] == "store"
    assert "full" in reason["text"]
    refused = daemon.ctl("stop", "web")
    assert refused.code == 1
    assert "full" in refused.err
    filler.unlink()
    daemon.converged()
    assert "it can be written again" in daemon.ctl("events").out
    assert daemon.stop() == 0
    filler = fill(small_disk)
    daemon.start()
    restarted(daemon, victim)
    assert daemon.running() == [victim], "it knows what is its own"
    filler.unlink()
    daemon.converged()
