"""What is remembered beside the world: operator intent, attempts, verdicts on specs, last known good.

Losing all of it is allowed to cost patience, never correctness: counts start at zero, hooks run once more, a hold is
forgotten; no container is touched for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from zpmd.model.job import JobMemory
from zpmd.model.observed import Slot
from zpmd.model.patch import Patch
from zpmd.model.service import Group, ServiceData


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """The planner leaves `service` ("*": everything) alone until `until` (None: until it is released)."""

    service: str
    owner: str
    reason: str
    since: float
    until: float | None = None

    def __str__(self) -> str:
        return f"held by {self.owner}" + (f": {self.reason}" if self.reason else "")


class Down(StrEnum):
    """How far `zpmctl down` goes."""

    NO = "no"
    CONTAINERS = "containers"
    """Containers and networks."""
    VOLUMES = "volumes"
    """Also the volumes that zpmd made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What operators said, as levels. `generations`: a raised number replaces every replica with a lower label.

    `approved` names the services whose removal an operator has approved.
    """

    stopped: frozenset[str] = frozenset()
    scaled: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    generations: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    holds: tuple[Hold, ...] = ()
    approved: frozenset[str] = frozenset()
    suspended: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Jobs that are not to run when they are due, each with who said so."""
    down: Down = Down.NO

    def hold_on(self, service: str, now: float) -> Hold | None:
        """The hold that is in force on a service, the service's own before that on everything."""
        if not self.holds:
            return None  # as of nearly every service of every pass
        in_force = [h for h in self.holds if h.service in (service, "*") and (h.until is None or h.until > now)]
        return next((h for h in in_force if h.service == service), in_force[0] if in_force else None)


class Tried(StrEnum):
    """Which action an attempt was. STOP: it was stopped on purpose, or an operator asked for a new beginning, so what
    follows is a start and not a restart; `count` is 0."""

    STOP = "stop"
    RUN = "run"
    START = "start"
    RESTART = "restart"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The last try at a slot: the `count`-th restart in a row (0: not a restart), of this spec and generation.

    `failed` with `error` when the engine refused it. Written by the loop from the outcome of each action on a slot.
    """

    tried: Tried
    count: int
    at: float
    spec: str
    generation: int
    failed: bool = False
    error: str = ""


class Verdict(StrEnum):
    """What a rollout made of a spec. No verdict: not decided yet."""

    STABLE = "stable"
    FAILED = "failed"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """What is known of one service's specs: the last definition that proved stable, and the verdict on the newest.

    `judged` is the spec hash that `verdict` speaks of, at `generation`; a raised generation asks for a new trial.
    """

    service: str
    stable: ServiceData | None = None
    judged: str = ""
    verdict: Verdict | None = None
    generation: int = 0
    at: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Failures in a row of an action on a subject that is no slot."""

    count: int
    at: float
    error: str = ""
    lasting: bool = False
    """The engine said that the same request will be refused again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """What was measured of a service on this host the last few times, medians in seconds: how long a replica takes to
    stop, and from its start to being ready. None: never seen."""

    stop_seconds: float | None = None
    ready_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """All that a pass remembers. `hooked` holds (container id, started_at) of replicas whose post_start has run;
    `retries` maps a subject that is no slot (volume:x, network:x, image:x, hook) to its failures in a row and the last
    instant; `gates` maps a group to the instant since which it has kept the later ones waiting. `patches` are the
    rows of the ledger by number: all that have not ended or are applied, and the newest of the others."""

    intent: Intent = field(default_factory=Intent)
    attempts: Mapping[Slot, Attempt] = field(default_factory=lambda: MappingProxyType({}))
    revisions: Mapping[str, Revision] = field(default_factory=lambda: MappingProxyType({}))
    hooked: frozenset[tuple[str, float]] = frozenset()
    retries: Mapping[str, Retry] = field(default_factory=lambda: MappingProxyType({}))
    pulls: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    gates: Mapping[Group, float] = field(default_factory=lambda: MappingProxyType({}))
    patches: tuple[Patch, ...] = ()
    timings: Mapping[str, Timing] = field(default_factory=lambda: MappingProxyType({}))
    jobs: Mapping[str, JobMemory] = field(default_factory=lambda: MappingProxyType({}))
