"""A surface on a real socket, and zpmctl on it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.unit.interfaces.given import Surface

Ctl = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def surface(tmp_path: Path) -> Iterator[Surface]:
    made = Surface(tmp_path)
    made.server.start()
    yield made
    made.close()


@pytest.fixture
def api(surface: Surface) -> Iterator[httpx.Client]:
    with httpx.Client(
        transport=httpx.HTTPTransport(uds=str(surface.socket)), base_url="http://zpmd", timeout=20
    ) as client:
        yield client


@pytest.fixture
def ctl(tmp_path: Path) -> Ctl:
    """Runs zpmctl as people do: a process of its own, whose stdout is a pipe."""

    def run(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "zpmd.interfaces.ctl", *arguments],
            env={**os.environ, "ZPMD_SOCKET": str(tmp_path / "zpmd.sock"), "TZ": "UTC", "COLUMNS": "80"},
            input=stdin or "",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run
