"""The adapter on a real engine, with what a test declares."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.lab.engine import LabEngine
from zpmd.engines.docker import DockerEngine
from zpmd.model.action import Action, RunReplica
from zpmd.model.cause import Cause, Code
from zpmd.model.container import Container
from zpmd.model.events import Outcome
from zpmd.model.observed import Replica
from zpmd.model.service import Desired, Group, ServiceData

CAUSE = Cause(Code.MISSING, "the test asks for it")
OWNER = "installation-1"


class RealTime:
    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


class Rig:
    """The adapter, and short words for what tests do with it."""

    def __init__(self, host: LabEngine, materials_dir: Path, timeout_seconds: float = 60.0) -> None:
        self.host = host
        self.materials_dir = materials_dir
        self.desired = Desired()
        self.engine = DockerEngine(
            url=host.url,
            owner=OWNER,
            project="zpmd",
            materials_dir=materials_dir,
            clock=RealTime(),
            declared=lambda: self.desired,
            timeout_seconds=timeout_seconds,
        )

    def apply(self, action: Action) -> Outcome:
        return self.engine.apply(action, lambda _: None)

    def run(self, service: ServiceData, slot: int = 1, **options: Any) -> Outcome:
        return self.apply(RunReplica(service=service, slot=slot, cause=CAUSE, **options))

    def running(self, service: ServiceData) -> Replica:
        """Run it, and see it."""
        outcome = self.run(service)
        assert outcome.ok, outcome.detail
        return self.seen(outcome.container_id)

    def seen(self, container_id: str) -> Replica:
        return next(r for r in self.engine.observe(()).replicas if r.id == container_id)


def service(name: str = "web", image: str = "appliance/pause:1.0", **options: Any) -> ServiceData:
    """`options` are fields of the container; on the host's network unless they say otherwise, because it is quick."""
    if "networks" not in options:
        options.setdefault("network_mode", "host")
    return ServiceData(name=name, group=Group.CORE, container=Container(image=image, **options))


@pytest.fixture
def rig(engine_host: LabEngine, tmp_path: Path) -> Rig:
    return Rig(engine_host, tmp_path)
