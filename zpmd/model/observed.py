"""What is: replicas and the rest of an engine's world at one instant, in a form that can say "unknown"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from zpmd.model.service import Group


class Phase(StrEnum):
    """A container's state, as the engine names it (`GET /containers/json` State)."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"


class Health(StrEnum):
    NONE = "none"
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """The place of one replica: service and number from 1. Its text, `service/number`, is a subject of actions.

    The number of a job's run is the instant that it is due at, in Unix seconds.
    """

    service: str
    number: int

    def __str__(self) -> str:
        return f"{self.service}/{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """One container of ours. `spec`, `attempt`, `generation`, `revision`, `after` are read back from its labels.

    `spec` is "" when the label cannot be read: such a replica counts as drifted. `after` are the services it depended
    on when it was made, so that what has left the files is still stopped in reverse order.
    """

    id: str
    name: str
    service: str
    group: Group
    slot: int
    spec: str
    phase: Phase
    due: int | None = None
    """It is a run of a job, due at this instant, which is its slot as well; `attempt` is then the number of the try."""
    health: Health = Health.NONE
    tenant: str = ""
    attempt: int = 0
    generation: int = 0
    revision: str = ""
    after: tuple[str, ...] = ()
    image: str = ""
    image_id: str = ""
    created_at: float = 0.0
    started_at: float | None = None
    finished_at: float | None = None
    exit_code: int | None = None
    oom_killed: bool = False
    error: str = ""
    """The engine's word on a start that failed."""

    @property
    def place(self) -> Slot:
        return Slot(self.service, self.slot)

    @property
    def running(self) -> bool:
        return self.phase is Phase.RUNNING

    @property
    def live(self) -> bool:
        """It runs or may run: it must be stopped before it can be removed."""
        return self.phase in (Phase.RUNNING, Phase.PAUSED, Phase.RESTARTING)

    @property
    def ended(self) -> bool:
        return self.phase in (Phase.EXITED, Phase.DEAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranger:
    """A container that is not ours: seen so that a name or port it holds can be reported, never acted on."""

    id: str
    name: str
    ports: tuple[str, ...] = ()
    """Published ports, `host_ip:port/protocol`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlight:
    """An action that a worker is applying: its subject is left alone until the outcome is in."""

    subject: str
    verb: str
    since: float
    progress: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One engine's answer to one observation. All of it is true at about the same instant, or none is given.

    `images` are references from the question (ports.Engine.observe) that are present; `volumes` and `networks` the
    names of all on the engine; `own_networks` and `own_volumes` those of them that carry our owner label.
    """

    replicas: tuple[Replica, ...] = ()
    strangers: tuple[Stranger, ...] = ()
    images: frozenset[str] = frozenset()
    volumes: frozenset[str] = frozenset()
    networks: frozenset[str] = frozenset()
    own_volumes: frozenset[str] = frozenset()
    own_networks: frozenset[str] = frozenset()
    image_ids: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Of each of `images` the id that the engine knows it by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What the planner is told: the world, or None where the engine is unknown; and what is under way."""

    world: World | None
    error: str = ""
    unknown_since: float | None = None
    in_flight: tuple[InFlight, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerLimits:
    """What a container was allowed; 0: as much as there is."""

    memory_bytes: int = 0
    cpus: float = 0.0
    pids: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """How a service that another one depends on stood at an instant: `state` is a word of plan.State."""

    service: str
    state: str
    ready: int
    desired: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What was done before a failure: a line of the journal. `actor` is who asked, "zpmd" for its own decisions;
    `service` is "" for what concerned the whole site."""

    at: float
    text: str
    actor: str = "zpmd"
    service: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """The evidence kept of a replica before it is restarted, replaced or removed after a failure.

    `stopped`: it ran until zpmd stopped it for its health, and `exit_code` is how it obeyed. `changes` are those of the
    hour before, oldest first; `dependencies` what it depends on, as that stood when the failure was seen. The engine
    gathers all but these two, the daemon adds them. `limits` is None where the engine did not tell.
    """

    service: str
    slot: int
    container_id: str
    at: float
    exit_code: int | None = None
    oom_killed: bool = False
    health_output: tuple[str, ...] = ()
    log_tail: tuple[str, ...] = ()
    error: str = ""
    started_at: float | None = None
    finished_at: float | None = None
    image: str = ""
    stopped: bool = False
    limits: ContainerLimits | None = None
    attempt: int = 0
    generation: int = 0
    spec: str = ""
    revision: str = ""
    changes: tuple[Change, ...] = ()
    dependencies: tuple[Neighbour, ...] = ()


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of a container's output, and when it was written."""

    at: float
    text: bytes
