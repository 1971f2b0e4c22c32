"""The shapes of what people see: the keys of every `--json` and of `/v1/...`. Values, without behaviour.

They are documented in docs/zpmctl.md, may be added to, and are not renamed. Instants are Unix seconds, null where there
is none; durations are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from zpmd.interfaces.patch_views import PatchedView, PatchView
from zpmd.interfaces.row_views import RegistryView


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingView:
    """Something held back: `code` is stable, `text` is for people, `until` when it will be looked at again. `on` names
    what is waited for: services, or `image:`, `volume:`, `network:`, `patch:` with a name."""

    subject: str
    service: str
    code: str
    text: str
    until: float | None
    on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlightView:
    """An action under way; `subject` is a replica (`service/slot`) or `volume:`, `network:`, `image:` with a name."""

    subject: str
    verb: str
    since: float
    progress: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaView:
    """One container of ours. `due` is of a job's run the instant that it is due at, as RFC 3339; "" of any other."""

    slot: int
    name: str
    id: str
    phase: str
    health: str
    image: str
    attempt: int
    generation: int
    created_at: float
    started_at: float | None
    finished_at: float | None
    exit_code: int | None
    oom_killed: bool
    error: str
    due: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRunView:
    """How a run ended that was meant to run, in short; job_views.RunView has all of it."""

    due: str
    due_at: int
    ending: str
    bad: bool
    exit_code: int | None
    finished_at: float | None
    lasted_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobBriefView:
    """What makes a service a job: `schedule` as it is written, `next_at` when its next run starts, null where none is
    to come, `open` how many runs have not ended, `running` how many of them run."""

    schedule: str
    time_zone: str
    suspended_by: str
    next_at: float | None
    open: int
    running: int
    last: LastRunView | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldView:
    service: str
    owner: str
    reason: str
    since: float
    until: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceView:
    """One service. `outdated` counts replicas made before the last restart that an operator asked for; `patched` is
    null where no patch says what it is. `root` says of one that waits for another where the waiting ends, and why:
    "zookeeper is in a crash loop, exit 1"; "" for any other. `job` is null for a service that is none: of one that is,
    `ready` and `desired` count runs, those that run and those that have not ended."""

    name: str
    group: str
    state: str
    ready: int
    desired: int
    restarts: int
    since: float | None
    image: str
    tenant: str
    reason: str
    declared: bool
    stopped: bool
    scaled: int | None
    generation: int
    outdated: int
    hold: HoldView | None
    replicas: tuple[ReplicaView, ...]
    waiting: tuple[WaitingView, ...]
    in_flight: tuple[InFlightView, ...]
    patched: PatchedView | None = None
    root: str = ""
    job: JobBriefView | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    """`ready` and `desired` count replicas: jobs have none."""

    name: str
    ready: int
    desired: int
    services: tuple[ServiceView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DegradedView:
    """One reason why zpmd does not see, hear or remember everything: `what` is engine, registry, source, patches,
    store or watcher. Of a registry that is away, `text` goes without its name and the time."""

    what: str
    name: str
    since: float | None
    text: str
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusView:
    """Everything about everything, at one instant. `at` is when the pass was made, `now` when it was asked for.

    `registry` is null where there are no tenants to know of: neither a database nor a data file. `patches` are those
    that need attention, or did within a day, the first of them; `patches_untold` counts the others.
    """

    number: int
    at: float
    now: float
    version: str
    owner: str
    started_at: float
    state: str
    since: float | None
    down: str
    degraded: tuple[DegradedView, ...]
    troubled: tuple[str, ...]
    groups: tuple[GroupView, ...]
    waiting: tuple[WaitingView, ...]
    in_flight: tuple[InFlightView, ...]
    held_removals: tuple[str, ...]
    conflicts: tuple[WaitingView, ...]
    holds: tuple[HoldView, ...]
    containers: int
    registry: RegistryView | None = None
    patches: tuple[PatchView, ...] = ()
    patches_untold: int = 0

    def services(self) -> tuple[ServiceView, ...]:
        return tuple(service for group in self.groups for service in group.services)

    def service(self, name: str) -> ServiceView | None:
        return next((s for s in self.services() if s.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionView:
    subject: str
    verb: str
    service: str
    code: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanView:
    """What zpmd does next, what it is doing, and what it would do but for a reason. `patches` are on their way.

    `id` stays the same while nothing of it changes but the time: it is what `If-Match` takes.
    """

    id: str
    number: int
    at: float
    now: float
    would_change: bool
    actions: tuple[ActionView, ...]
    waiting: tuple[WaitingView, ...]
    in_flight: tuple[InFlightView, ...]
    patches: tuple[PatchView, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryView:
    """One line of the journal. `result` is null while it is not known: under way, or lost with a daemon that died.

    `exit_code` and `lived_seconds` are of the replica that was stopped, removed or started again, `ready_seconds` is
    what the one that was run or started took to be ready; null where that is not known.
    """

    id: int
    at: float
    kind: str
    verb: str
    subject: str
    service: str
    code: str
    text: str
    attempt: int
    actor: str
    result: str | None
    detail: str
    seconds: float | None
    container_id: str
    exit_code: int | None = None
    lived_seconds: float | None = None
    ready_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckView:
    """One line of `zpmctl doctor`: `level` is ok, warn or fail; `advice` says what to do, "" where it is ok."""

    name: str
    level: str
    text: str
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoneView:
    """The answer to a verb: it is durable. A snapshot with `at` above this `at` knows of it. `patches` are those that
    go back, the latest first; `run` is the due instant of the run that was asked for, as RFC 3339.

    Where it was to be waited for, `met` says whether it is true (false: it will not be by itself, null: not yet), and
    `outcome` what became of it, or what it waits for.
    """

    detail: str
    at: float
    services: tuple[str, ...] = ()
    patches: tuple[str, ...] = ()
    run: str = ""
    met: bool | None = None
    outcome: str = ""
