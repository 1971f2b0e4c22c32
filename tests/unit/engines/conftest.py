"""What the adapter's tests share: a scripted engine, and real time as the port wants it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.engines.scripted_engine import ScriptedEngine
from zpmd.engines.docker import DockerEngine


class RealTime:
    """The process's own clock, which a test may set ahead."""

    def __init__(self) -> None:
        self.ahead_seconds = 0.0

    def now(self) -> float:
        return time.time() + self.ahead_seconds

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead_seconds


@pytest.fixture
def clock() -> RealTime:
    return RealTime()


@pytest.fixture
def scripted(tmp_path: Path) -> Iterator[ScriptedEngine]:
    engine = ScriptedEngine(tmp_path / "engine.sock")
    yield engine
    engine.close()


@pytest.fixture
def make_engine(tmp_path: Path, clock: RealTime) -> Callable[..., DockerEngine]:
    """An adapter with short timeouts, for the url that is given."""

    def make(url: str, timeout_seconds: float = 0.5) -> DockerEngine:
        return DockerEngine(
            url=url, owner="me", project="zpmd", materials_dir=tmp_path, clock=clock, timeout_seconds=timeout_seconds
        )

    return make


@pytest.fixture
def engine(scripted: ScriptedEngine, make_engine: Callable[..., DockerEngine]) -> DockerEngine:
    return make_engine(scripted.url)
