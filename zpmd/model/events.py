"""What passes between threads: reasons to wake, outcomes of actions, journal entries, and the published snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from zpmd.model.action import Action
from zpmd.model.memory import Memory
from zpmd.model.observed import Dossier, InFlight, Observed
from zpmd.model.plan import Plan
from zpmd.model.service import Desired, Problem
from zpmd.model.tenant import Tenancy


class Reason(StrEnum):
    """Why the loop was woken. It never carries data to act on."""

    BOOT = "boot"
    RESYNC = "resync"
    ENGINE = "engine"
    FILES = "files"
    ROWS = "rows"
    PATCHES = "patches"
    RELOAD = "reload"
    OUTCOME = "outcome"
    OPERATOR = "operator"
    STREAM_LOST = "stream-lost"
    CLOCK = "clock"
    """The wall clock was set."""


class Result(StrEnum):
    """What became of an action. UNKNOWN: the answer was lost, only the next observation can tell."""

    OK = "ok"
    TRANSIENT = "transient"
    PERMANENT = "permanent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of one action. `detail` is the engine's reason where it failed; `dossier` the evidence, if any was kept.

    `container_id` and `started_at` are those of the replica that was run, started or hooked, where the engine told.
    `exit_code` and `finished_at` are how a replica that was stopped ended, where the engine told.
    """

    action: Action
    result: Result
    at: float
    detail: str = ""
    container_id: str = ""
    started_at: float | None = None
    dossier: Dossier | None = None
    seconds: float = 0.0
    exit_code: int | None = None
    finished_at: float | None = None

    @property
    def ok(self) -> bool:
        return self.result is Result.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the journal: a decision with its cause and, once it is known, its outcome.

    `kind` is "action" for actions and "note" for what was merely noticed or asked (an operator's verb, a reload, the
    engine lost and found). `actor` is who asked: "zpmd", or a user as the socket's peer credentials name him.

    `exit_code` and `lived_seconds` are of the replica that was stopped, removed or started again: how it had ended, and
    how long it had run. `ready_seconds` is how long the one that was run or started took to be ready. None: not known,
    or not yet, or written by a zpmd that did not measure it.
    """

    id: int
    at: float
    kind: str
    verb: str
    subject: str
    service: str = ""
    code: str = ""
    text: str = ""
    attempt: int = 0
    actor: str = "zpmd"
    result: Result | None = None
    detail: str = ""
    seconds: float | None = None
    container_id: str = ""
    exit_code: int | None = None
    lived_seconds: float | None = None
    ready_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Which lines of the journal: the newest `limit` that fit, or with `oldest` the oldest. None: any.

    `after` and `before` are ids, and not in it themselves; `since` and `until` are instants, `until` not in it.
    """

    after: int = 0
    before: int | None = None
    since: float | None = None
    until: float | None = None
    service: str | None = None
    kind: str | None = None
    code: str | None = None
    actor: str | None = None
    oldest: bool = False
    limit: int = 100

    def have(self, entry: Entry) -> bool:
        wanted = ((self.service, entry.service), (self.kind, entry.kind), (self.code, entry.code))
        return (
            entry.id > self.after
            and (self.before is None or entry.id < self.before)
            and (self.since is None or entry.at >= self.since)
            and (self.until is None or entry.at < self.until)
            and self.actor in (None, entry.actor)
            and all(asked in (None, found) for asked, found in wanted)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """How a source stands: good, or degraded since an instant, with problems or because it is `away`."""

    name: str
    ok: bool
    at: float
    problems: tuple[Problem, ...] = ()
    since: float | None = None
    away: str = ""


def away(sources: Iterable[SourceState]) -> str:
    """Why one of them cannot tell everything that it knows now; "" where all do."""
    return next((state.away or "its files are wrong" for state in sources if not state.ok), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unwritable:
    """The store takes nothing since an instant: supervision goes on, and is not recorded."""

    since: float
    error: str
    lost: int
    """Journal lines that could not be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All that one pass knew and decided, immutable, for readers in other threads."""

    number: int
    at: float
    version: str
    owner: str
    started_at: float
    desired: Desired
    observed: Observed
    memory: Memory
    plan: Plan
    sources: tuple[SourceState, ...] = ()
    in_flight: tuple[InFlight, ...] = ()
    reasons: frozenset[Reason] = frozenset()
    seconds: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Time of the parts of this pass: load, observe, plan, dispatch."""
    reacted_seconds: float | None = None
    """From the wake-up to the first action of this pass; None where nobody woke it, or nothing was to be done."""
    watchers: Mapping[str, bool] = field(default_factory=lambda: MappingProxyType({}))
    """Whether each watcher (engine events, files) is alive."""
    unwritable: Unwritable | None = None
    tenancy: Tenancy | None = None
    """None where there is neither a database nor a data file."""
    patches_trouble: str = ""
    """What is wrong with the directory that patches are dropped into."""

    @property
    def converged(self) -> bool:
        """Nothing to do, nothing under way, nothing waiting, no patch on its way, and all of it known."""
        return (
            self.observed.world is not None
            and not self.plan.actions
            and not self.plan.waiting
            and not self.in_flight
            and all(s.ok for s in self.sources)
            and self.unwritable is None
            and all(patch.ended for patch in self.memory.patches)
        )
