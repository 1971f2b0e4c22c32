"""A surface on a real socket, and zpmctl on it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.unit.interfaces.given import Surface
from zpmd.interfaces.ctl import program


@dataclass(frozen=True)
class Said:
    """What a command left behind."""

    code: int
    out: str
    err: str


Ctl = Callable[..., Said]


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
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def ctl(tmp_path: Path, utc: None, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Ctl:
    """zpmctl in this process, its stdout a file: fast, and otherwise as people run it."""
    monkeypatch.setenv("ZPMD_SOCKET", str(tmp_path / "zpmd.sock"))

    def run(*arguments: str) -> Said:
        capfd.readouterr()
        code = program.run(arguments)
        out, err = capfd.readouterr()
        return Said(code, out, err)

    return run


@pytest.fixture
def spawn(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """zpmctl as a process of its own."""

    def run(*arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "zpmd.interfaces.ctl", *arguments],
            env={**os.environ, "ZPMD_SOCKET": str(tmp_path / "zpmd.sock"), "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return run
