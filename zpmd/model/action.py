"""What can be done in a pass: one class a verb.

`Action` is a closed union: the type checker lists every `match` to extend when one is added. An action carries all that
the executor needs, and names the one subject that it concerns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from zpmd.model.cause import Cause
from zpmd.model.container import Hook
from zpmd.model.job import RunsKept
from zpmd.model.memory import Verdict
from zpmd.model.observed import Replica, Slot
from zpmd.model.patch import CarriedImage, Patch
from zpmd.model.service import NetworkSpec, ServiceData, VolumeSpec


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
    due: int | None = None
    """It is a run of a job, due at this instant, which is its slot as well; `attempt` is then the number of the try."""
    pull: bool = False
    """Ask the registry for a newer image first; the local one serves if that fails."""

    @property
    def place(self) -> Slot:
        return Slot(self.service.name, self.slot)

    @property
    def subject(self) -> str:
        return str(self.place)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnReplica:
    """What is done to a container that is there."""

    replica: Replica
    cause: Cause

    @property
    def place(self) -> Slot:
        return self.replica.place

    @property
    def subject(self) -> str:
        return str(self.place)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartReplica(OnReplica):
    """Start the container that is there, in place. `evidence`: it had failed, keep the dossier."""

    attempt: int = 0
    evidence: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartReplica(OnReplica):
    """Stop it with its signal and grace, then start it in place: the cure for an unhealthy replica."""

    attempt: int = 0
    grace_seconds: float | None = None
    pre_stop: tuple[Hook, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StopReplica(OnReplica):
    """Run pre_stop, then stop with its signal; `grace_seconds` None means what the container was made with.

    `evidence`: it had failed (an unhealthy one that is being replaced), keep the dossier.
    """

    grace_seconds: float | None = None
    pre_stop: tuple[Hook, ...] = ()
    evidence: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveReplica(OnReplica):
    """Remove a container that no longer runs. `attempt` is carried over to the replica that takes its place."""

    attempt: int = 0
    evidence: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHook(OnReplica):
    """Run the post_start hooks of a replica, in order; it is not ready before they have succeeded."""

    hooks: tuple[Hook, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepEvidence(OnReplica):
    """Gather the logs of a try of a run that has ended, and the rest of a dossier where it failed."""

    failed: bool


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


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepRuns:
    """Write into the ledger of jobs what this pass has found. It touches the store only."""

    kept: RunsKept
    cause: Cause

    @property
    def subject(self) -> str:
        return "runs"


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
    | KeepEvidence
    | JudgeSpec
    | MovePatch
    | KeepRuns
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
        KeepEvidence: "keep evidence",
        JudgeSpec: "judge",
        MovePatch: "patch",
        KeepRuns: "keep runs",
    }
)


def verb(action: Action) -> str:
    """The action's verb as people read it: "run", "start", "create volume", ..."""
    return VERBS[type(action)]


def retry_key(action: Action) -> str:
    """Under which name the failures of an action are counted that are not the fault of a replica."""
    match action:
        case RunHook():
            return f"hook:{action.subject}"
        case KeepEvidence():
            return evidence_key(action.place)
        case _:
            return action.subject


def evidence_key(place: Slot) -> str:
    """Of evidence that could not be kept: it says nothing of whether the run can be made, started or stopped."""
    return f"evidence:{place}"


def service_of(action: Action) -> str:
    """The service that an action concerns, or "" where it concerns a volume, network or image of several."""
    match action:
        case RunReplica() | JudgeSpec():
            return action.service.name
        case OnReplica():
            return action.replica.service
        case CreateVolume() | RemoveVolume() | CreateNetwork() | RemoveNetwork() | PullImage() | LoadImages():
            return ""
        case MovePatch() | KeepRuns():
            return ""
