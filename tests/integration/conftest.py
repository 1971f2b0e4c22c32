"""A clean engine and a zpmd on it, for every test; what explains a failure is kept."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import FAILED
from tests.integration.daemon import Daemon
from tests.lab.engine import LabEngine


@pytest.fixture
def daemon(engine_host: LabEngine, tmp_path: Path, artifacts: Path, request: pytest.FixtureRequest) -> Iterator[Daemon]:
    """Not started yet. Ended before the engine is cleaned."""
    one = Daemon(engine_host, tmp_path / "zpmd")
    yield one
    if request.node.stash.get(FAILED, False):
        keep(one, artifacts)
    one.close()


def keep(one: Daemon, artifacts: Path) -> None:
    """What zpmd says of itself, where it does, and its log."""
    artifacts.mkdir(parents=True, exist_ok=True)
    if one.process is not None and one.process.poll() is None:
        (artifacts / "status.txt").write_text(one.ctl("status").out)
        (artifacts / "journal.txt").write_text(one.ctl("events").out)
    if (one.folder / "zpmd.log").exists():
        shutil.copy(one.folder / "zpmd.log", artifacts)
