"""A plan: one wave of actions, each with its cause; what waits and why; and how every service stands. It never has two
actions on one subject."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from zpmd.model.action import Action, verb
from zpmd.model.cause import Cause
from zpmd.model.service import Group


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
    SCHEDULED = "scheduled"
    """A job that waits for its next run; the last one ended well, or there was none."""
    SUSPENDED = "suspended"
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
    dues: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """When each job's next run starts, of those that have one to come."""

    def __str__(self) -> str:
        lines = [f"{verb(a)} {a.subject}: {a.cause}" for a in self.actions]
        lines += [f"waiting {w.subject}: {w.cause}" for w in self.waiting]
        return "\n".join(lines)
