"""What the contract suite needs of a world beside its engine: a hand that changes it, and a way to let time pass.

One text serves both worlds: in the simulated one time is virtual, and `eventually` jumps to the next instant at which
something changes; in the real one it polls.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeVar

from zpmd.model.action import (
    Action,
    LoadImages,
    RemoveReplica,
    RestartReplica,
    RunHook,
    RunReplica,
    StartReplica,
    StopReplica,
)
from zpmd.model.cause import Cause, Code
from zpmd.model.container import Container, Healthcheck, Hook
from zpmd.model.events import Outcome, Reason
from zpmd.model.observed import Replica, World
from zpmd.model.service import Desired, Group, NetworkSpec, ServiceData, VolumeSpec
from zpmd.ports import Engine

T = TypeVar("T")

OWNER = "11111111-2222-3333-4444-555555555555"
PROJECT = "appliance"
CAUSE = Cause(Code.MISSING, "the contract asks for it")

SERVICE, SERVICE_NEXT = "appliance/service:1.0", "appliance/service:1.1"
WORKER, PAUSE = "appliance/worker:1.0", "appliance/pause:1.0"
SICK, STUBBORN = "appliance/sick:1.0", "appliance/stubborn:1.0"
ONESHOT, FLAKY = "appliance/oneshot:1.0", "appliance/flaky:1.0"
ABSENT = "appliance/absent:1.0"
SAMPLES = frozenset({SERVICE, SERVICE_NEXT, WORKER, PAUSE, SICK, STUBBORN, ONESHOT, FLAKY})

VOLUME = VolumeSpec(name="appliance_data")
NETWORK = NetworkSpec(name="appliance_front")
DECLARED = Desired(volumes=(VOLUME,), networks=(NETWORK,))
CHECK = Healthcheck(test=("CMD", "healthy"), interval_seconds=1.0, timeout_seconds=5.0, retries=2)


class Harness(ABC):
    """One world and one engine on it. Declared are VOLUME and NETWORK."""

    engine: Engine

    # time

    @abstractmethod
    def now(self) -> float:
        """This world's wall time."""

    @abstractmethod
    def apply(self, action: Action) -> Outcome:
        """Apply it, and let the time that it takes pass."""

    @abstractmethod
    def eventually(self, predicate: Callable[[], T], timeout_seconds: float, what: str) -> T:
        """The first true value of the predicate. Raises AssertionError at the timeout."""

    @abstractmethod
    def listen(self, wake: Callable[[Reason], None]) -> None:
        """Watch the engine until the test ends."""

    @abstractmethod
    def another(self, owner: str = OWNER) -> Engine:
        """A second engine on the same world: a daemon that starts again, or another installation."""

    # a hand

    @abstractmethod
    def stranger(self, name: str, labels: dict[str, str] | None = None, port: int = 0) -> str:
        """A running container that zpmd did not make; its id. `port`: one of the host's that it publishes."""

    @abstractmethod
    def runs(self, container_id: str) -> bool: ...

    @abstractmethod
    def exists(self, container_id: str) -> bool: ...

    @abstractmethod
    def crash(self, container_id: str) -> None:
        """Its process is killed from outside."""

    @abstractmethod
    def remove(self, container_id: str) -> None: ...

    @abstractmethod
    def pause(self, container_id: str) -> None: ...

    @abstractmethod
    def sicken(self, container_id: str) -> None:
        """Its health probes fail from now on."""

    @abstractmethod
    def heal(self, container_id: str) -> None: ...

    @abstractmethod
    def make_volume(self, name: str) -> None: ...

    @abstractmethod
    def make_network(self, name: str) -> None: ...

    @abstractmethod
    def archive(self, *references: str) -> LoadImages:
        """The loading of an archive in which they are, each an image that there was not before."""

    @abstractmethod
    def break_archive(self, load: LoadImages) -> None:
        """It ends in the midst of it."""

    @abstractmethod
    def lose_archive(self, load: LoadImages) -> None:
        """The bundle is deleted."""

    @abstractmethod
    def engine_dies(self) -> None:
        """kill -9 of the engine."""

    @abstractmethod
    def engine_returns(self) -> None:
        """It is started again, and answers."""

    @abstractmethod
    def engine_hangs(self) -> None:
        """It accepts connections and never answers, until `engine_returns`."""

    # shorthands

    def observe(self, *images: str) -> World:
        return self.engine.observe(images)

    def replica(self, service: str, slot: int = 1) -> Replica | None:
        """The one replica in a slot, None where there is none."""
        found = [r for r in self.observe().replicas if r.service == service and r.slot == slot]
        assert len(found) <= 1, f"{service}/{slot} is there {len(found)} times"
        return found[0] if found else None

    def seen(self, service: str, slot: int = 1) -> Replica:
        """The one replica in a slot, which must be there."""
        replica = self.replica(service, slot)
        assert replica is not None, f"{service}/{slot} is not there"
        return replica

    def run(self, data: ServiceData, slot: int = 1, attempt: int = 0, generation: int = 0) -> Replica:
        """Run a replica, which must succeed."""
        outcome = self.apply(run_action(data, slot, attempt, generation))
        assert outcome.ok, outcome.detail
        return self.seen(data.name, slot)

    def ended(self, data: ServiceData) -> Replica:
        """Run a replica that ends by itself, and wait for its end."""
        self.run(data)
        self.eventually(lambda: self.seen(data.name).ended, 30, f"{data.name} has ended")
        return self.seen(data.name)


def service(name: str = "web", image: str = PAUSE, grace_seconds: float = 10.0, **container: object) -> ServiceData:
    """A service of one replica; `container` are further fields of its Container."""
    made = Container(image=image, **container)  # type: ignore[arg-type]
    return ServiceData(name=name, group=Group.CORE, container=made, stop_grace_seconds=grace_seconds)


def run_action(data: ServiceData, slot: int = 1, attempt: int = 0, generation: int = 0) -> RunReplica:
    return RunReplica(service=data, slot=slot, cause=CAUSE, attempt=attempt, generation=generation)


def start(replica: Replica, evidence: bool = False) -> StartReplica:
    return StartReplica(replica=replica, cause=CAUSE, evidence=evidence)


def stop(replica: Replica, grace_seconds: float | None = None) -> StopReplica:
    return StopReplica(replica=replica, cause=CAUSE, grace_seconds=grace_seconds)


def restart(replica: Replica) -> RestartReplica:
    return RestartReplica(replica=replica, cause=CAUSE)


def remove(replica: Replica, evidence: bool = False) -> RemoveReplica:
    return RemoveReplica(replica=replica, cause=CAUSE, evidence=evidence)


def hook(replica: Replica, *commands: tuple[str, ...]) -> RunHook:
    return RunHook(replica=replica, hooks=tuple(Hook(command=command) for command in commands), cause=CAUSE)
