"""A plan: one wave of actions, each with its cause; what waits and why; and how every service stands.

`Action` is a closed union: the type checker lists every `match` to extend when one is added. An action carries all that
the executor needs, and names the one subject that it concerns; a plan never has two actions on one subject.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from zpmd.model.container import Hook
from zpmd.model.memory import Verdict
from zpmd.model.observed import Replica, Slot
from zpmd.model.patch import CarriedImage, Patch
from zpmd.model.service import Group, NetworkSpec, ServiceData, VolumeSpec


class Code(StrEnum):
    """Why something is done or not done: stable words, for machines, journals and alerts."""

    # causes of actions
    MISSING = "missing"
    DIED = "died"
    UNHEALTHY = "unhealthy"
    FAILED_START = "failed-start"
    VANISHED = "vanished"
    DRIFT = "drift"
    FILE_CHANGED = "file-changed"
    ROLLBACK = "rollback"
    RESTART_ASKED = "restart-asked"
    STOP_ASKED = "stop-asked"
    DOWN_ASKED = "down-asked"
    SCALED_DOWN = "scaled-down"
    SURPLUS = "surplus"
    UNDECLARED = "undeclared"
    RETIRED = "retired"
    REPLACED = "replaced"
    NEEDED = "needed"
    STARTED = "started"
    ROLLOUT_OK = "rollout-ok"
    ROLLOUT_FAILED = "rollout-failed"
    STUCK = "stuck"
    PATCH = "patch"
    PATCH_VERIFIED = "patch-verified"
    PATCH_LOADED = "patch-loaded"
    PATCH_SWITCHED = "patch-switched"
    PATCH_STEP = "patch-step"
    PATCH_APPLIED = "patch-applied"
    PATCH_REFUSED = "patch-refused"
    PATCH_FAILED = "patch-failed"
    PATCH_REVERTING = "patch-reverting"
    PATCH_BACK = "patch-back"
    PATCH_STUCK = "patch-stuck"
    # causes of waiting
    BACKOFF = "backoff"
    CRASH_LOOP = "crash-loop"
    GAVE_UP = "gave-up"
    DEPENDENCY = "dependency"
    GROUP = "group"
    HELD = "held"
    STOPPED = "stopped"
    STOP_ORDER = "stop-order"
    ROLLING = "rolling"
    ROLLOUT_PAUSED = "rollout-paused"
    ROLLED_BACK = "rolled-back"
    MASS_REMOVAL = "mass-removal"
    NAME_TAKEN = "name-taken"
    IMAGE_MISSING = "image-missing"
    EXTERNAL_MISSING = "external-missing"
    PREREQUISITE = "prerequisite"
    RETRY = "retry"
    STARTING = "starting"
    IN_FLIGHT = "in-flight"
    ENGINE_UNKNOWN = "engine-unknown"
    SOURCE_UNKNOWN = "source-unknown"
    DEGRADED_GATE = "degraded-gate"
    PATCH_WAITS = "patch-waits"
    WATCH_SUSPENDED = "watch-suspended"
    WATCH_UNKNOWN = "watch-unknown"


@dataclass(frozen=True, slots=True)
class Cause:
    """`on` names what is waited for, for whoever follows it: services, or `image:`, `volume:`, `network:`, `patch:`
    with a name."""

    code: Code
    text: str
    on: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateVolume:
    volume: VolumeSpec
    cause: Cause

    @property
    def subject(self) -> str:
        return f"volume:{self.volume.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveVolume:
    """Only ever planned on `zpmctl down --volumes`, for a volume that zpmd made."""

    name: str
    cause: Cause

    @property
    def subject(self) -> str:
        return f"volume:{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateNetwork:
    network: NetworkSpec
    cause: Cause

    @property
    def subject(self) -> str:
        return f"network:{self.network.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveNetwork:
    name: str
    cause: Cause

    @property
    def subject(self) -> str:
        return f"network:{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PullImage:
    image: str
    cause: Cause
    platform: str = ""

    @property
    def subject(self) -> str:
        return f"image:{self.image}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadImages:
    """Load one archive of a patch's verified copy (`bundle`, a path; `member`, its name in the zip) into the engine.
    `images` are all that it holds, and nothing else may come of it."""

    bundle: str
    member: str
    images: tuple[CarriedImage, ...]
    cause: Cause

    @property
    def subject(self) -> str:
        return f"archive:{self.bundle}:{self.member}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReplica:
    """Create the container of a slot and start it. A name that is taken is an outcome, never a removal."""

    service: ServiceData
    slot: int
    cause: Cause
    attempt: int = 0
    generation: int = 0
    revision: str = ""
    pull: bool = False
    """Ask the registry for a newer image first; the local one serves if that fails."""

    @property
    def place(self) -> Slot:
        return Slot(self.service.name, self.slot)

    @property
    def subject(self) -> str:
        return str(self.place)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartReplica:
    """Start the container that is there, in place. `evidence`: it had failed, keep the dossier."""

    replica: Replica
    cause: Cause
    attempt: int = 0
    evidence: bool = False

    @property
    def place(self) -> Slot:
        return self.replica.place

    @property
    def subject(self) -> str:
        return str(self.place)


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartReplica:
    """Stop it with its signal and grace, then start it in place: the cure for an unhealthy replica."""

    replica: Replica
    cause: Cause
    attempt: int = 0
    grace_seconds: float | None = None
    pre_stop: tuple[Hook, ...] = ()

    @property
    def place(self) -> Slot:
        return self.replica.place

    @property
    def subject(self) -> str:
        return str(self.place)


@dataclass(frozen=True, slots=True, kw_only=True)
class StopReplica:
    """Run pre_stop, then stop with its signal; `grace_seconds` None means what the container was made with.

    `evidence`: it had failed (an unhealthy one that is being replaced), keep the dossier.
    """

    replica: Replica
    cause: Cause
    grace_seconds: float | None = None
    pre_stop: tuple[Hook, ...] = ()
    evidence: bool = False

    @property
    def place(self) -> Slot:
        return self.replica.place

    @property
    def subject(self) -> str:
        return str(self.place)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveReplica:
    """Remove a container that no longer runs. `attempt` is carried over to the replica that takes its place."""

    replica: Replica
    cause: Cause
    attempt: int = 0
    evidence: bool = False

    @property
    def place(self) -> Slot:
        return self.replica.place

    @property
    def subject(self) -> str:
        return str(self.place)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHook:
    """Run the post_start hooks of a replica, in order; it is not ready before they have succeeded."""

    replica: Replica
    hooks: tuple[Hook, ...]
    cause: Cause

    @property
    def place(self) -> Slot:
        return self.replica.place

    @property
    def subject(self) -> str:
        return str(self.place)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeSpec:
    """Remember a rollout's verdict on a spec. It touches the store only, not the engine."""

    service: ServiceData
    spec: str
    verdict: Verdict
    generation: int
    cause: Cause

    @property
    def subject(self) -> str:
        return f"revision:{self.service.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MovePatch:
    """Remember how far a patch has come: `patch` is the whole row as it is from now on. It touches the store only."""

    patch: Patch
    cause: Cause

    @property
    def subject(self) -> str:
        return f"patch:{self.patch.id or self.patch.number}"


Action = (
    CreateVolume
    | RemoveVolume
    | CreateNetwork
    | RemoveNetwork
    | PullImage
    | LoadImages
    | RunReplica
    | StartReplica
    | RestartReplica
    | StopReplica
    | RemoveReplica
    | RunHook
    | JudgeSpec
    | MovePatch
)

VERBS: Mapping[type, str] = MappingProxyType(
    {
        CreateVolume: "create volume",
        RemoveVolume: "remove volume",
        CreateNetwork: "create network",
        RemoveNetwork: "remove network",
        PullImage: "pull",
        LoadImages: "load",
        RunReplica: "run",
        StartReplica: "start",
        RestartReplica: "restart",
        StopReplica: "stop",
        RemoveReplica: "remove",
        RunHook: "run hook",
        JudgeSpec: "judge",
        MovePatch: "patch",
    }
)


def verb(action: Action) -> str:
    """The action's verb as people read it: "run", "start", "create volume", ..."""
    return VERBS[type(action)]


def retry_key(action: Action) -> str:
    """Under which name the failures of an action are counted that are not the fault of a replica."""
    return f"hook:{action.subject}" if isinstance(action, RunHook) else action.subject


def service_of(action: Action) -> str:
    """The service that an action concerns, or "" where it concerns a volume, network or image of several."""
    match action:
        case RunReplica() | JudgeSpec():
            return action.service.name
        case StartReplica() | RestartReplica() | StopReplica() | RemoveReplica() | RunHook():
            return action.replica.service
        case CreateVolume() | RemoveVolume() | CreateNetwork() | RemoveNetwork() | PullImage() | LoadImages():
            return ""
        case MovePatch():
            return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Something that was wanted and held back. `until` is when it will be looked at again, where that is known."""

    subject: str
    cause: Cause
    until: float | None = None
    service: str = ""

    @property
    def on(self) -> tuple[str, ...]:
        return self.cause.on


class State(StrEnum):
    """How a service stands, worst last to be shown first: the one word of `zpmctl status`."""

    RUNNING = "running"
    COMPLETED = "completed"
    STOPPED = "stopped"
    STARTING = "starting"
    UPDATING = "updating"
    WAITING = "waiting"
    HELD = "held"
    REMOVING = "removing"
    BACKOFF = "backoff"
    UNHEALTHY = "unhealthy"
    PAUSED = "paused"
    ROLLED_BACK = "rolled-back"
    BLOCKED = "blocked"
    CRASH_LOOP = "crash-loop"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One service in one pass. `ready` and `desired` count replicas; `restarts` is the highest attempt of a slot."""

    service: str
    group: Group
    state: State
    ready: int
    desired: int
    restarts: int = 0
    image: str = ""
    tenant: str = ""
    since: float | None = None
    """When the youngest running replica was started."""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The answer to one comparison. Same arguments, same plan; an empty `actions` with an empty `waiting` is converged.

    `wake_at` is the instant at which the same comparison may give another answer. `gates` go back into the next pass's
    memory: since when each group has kept the later ones waiting.
    """

    actions: tuple[Action, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    wake_at: float | None = None
    standings: tuple[Standing, ...] = ()
    gates: Mapping[Group, float] = field(default_factory=lambda: MappingProxyType({}))

    def __str__(self) -> str:
        lines = [f"{verb(a)} {a.subject}: {a.cause}" for a in self.actions]
        lines += [f"waiting {w.subject}: {w.cause}" for w in self.waiting]
        return "\n".join(lines)
