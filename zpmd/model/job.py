"""Jobs: services that run when they are due, and the ledger of their runs: one row for every due instant, none silent.

A run is named by its job and the instant that it is due at, in whole Unix seconds. That name is the row's key, part of
the container's name and the number of its slot, so a second run of the same due instant collides wherever it is tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType

from zpmd.model.schedule import Timetable


class Concurrency(StrEnum):
    """What a due instant finds that comes while an earlier run has not ended (Kubernetes' `concurrencyPolicy`)."""

    FORBID = "forbid"
    ALLOW = "allow"
    REPLACE = "replace"


class CatchUp(StrEnum):
    """Which of the due instants are made up for that passed while nobody looked: zpmd or the engine was not there."""

    NONE = "none"
    LATEST = "latest"
    """The last of them, as anacron and systemd's `Persistent=` do."""
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPolicy:
    """`x-zpmd.schedule` of a service.

    `deadline_seconds`: how long after it is due a run may still begin; None: until it can. `timeout_seconds`: how long
    a try may take. A try that failed is followed by up to `retries` more, after `retry_delay_seconds` doubling up to
    `retry_max_seconds` (10 s to 6 min, as Kubernetes' Jobs). `keep_succeeded` and `keep_failed` are how many containers
    of ended runs stay, for their logs (3 and 1, as its CronJobs); the ledger has bounds of its own.
    """

    timetable: Timetable
    concurrency: Concurrency = Concurrency.FORBID
    catch_up: CatchUp = CatchUp.LATEST
    deadline_seconds: float | None = None
    timeout_seconds: float | None = None
    retries: int = 0
    retry_delay_seconds: float = 10.0
    retry_max_seconds: float = 360.0
    suspend: bool = False
    keep_succeeded: int = 3
    keep_failed: int = 1


class Step(StrEnum):
    """How far a run has come."""

    WAITING = "waiting"
    """It is due, or was asked for, and has not begun."""
    STARTING = "starting"
    """Its container may be made: it is, or it is made again under the same name."""
    RUNNING = "running"
    ENDED = "ended"


class Ending(StrEnum):
    """How a due instant has come to its end: the first five of a run, the others without one."""

    OK = "ok"
    FAILED = "failed"
    TIMED_OUT = "timed-out"
    STOPPED = "stopped"
    """While it ran: replaced by the next one, or stopped by an operator."""
    VANISHED = "vanished"
    """Its container was removed while it ran. It is not run again: how far it came is not known."""
    FAILED_START = "failed-start"
    """The engine refuses to make or start it."""
    SKIPPED_OVERLAP = "skipped-overlap"
    MISSED_DOWN = "missed-down"
    """It passed while nobody looked, and is not made up for."""
    TOO_LATE = "too-late"
    """It could not begin within its deadline."""
    HELD = "held"
    """A hold, or an operator's stop, was on the job."""
    SUSPENDED = "suspended"
    REPEATED = "repeated"
    """The clock was put back and shows a time again at which the job has been due before."""
    REPLACED = "replaced"
    """It had not begun when the next one was due, which replaces it."""


RAN = frozenset({Ending.OK, Ending.FAILED, Ending.TIMED_OUT, Ending.STOPPED, Ending.VANISHED})
"""Endings of runs that began."""
MEANT = RAN | {Ending.FAILED_START, Ending.TOO_LATE}
"""Endings of runs that were meant to begin: by the last of them a job is judged."""
BAD = frozenset({Ending.FAILED, Ending.TIMED_OUT, Ending.VANISHED, Ending.FAILED_START, Ending.TOO_LATE})
"""Endings that somebody has to look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One row of the ledger. `due` and `until` are Unix seconds, the others instants; all that is not known is None.

    `step` and `ending` go together: `ending` is set exactly when it is ENDED. `tries` is the number of the try that is
    made now, from 1, and `not_before` the instant before which it does not begin (jitter, or the pause after a
    failure); `began_at` is when this try was decided on, `started_at` when the first container of the run was started.
    `stopping` is why its container is being stopped, and becomes its ending. `timeout_seconds` is how long a try may
    take by what was declared last, while it went on: it counts once the job is declared no more.

    `asked` is who asked for a run out of turn, or suspended what is then SUSPENDED; "" where the schedule did.
    `caught_up`: it passed while nobody looked, and is made up for. `instead_of` are the times that the clock skipped
    and that it stands for. A row with `count` above 1 speaks of so many due instants from `due` to `until`, all of
    which ended alike: what was missed in a long absence.

    `evidence` is the number of the try whose logs were kept last, and `log_tail` are they: written when they are there,
    by whom the loop has sent for them, and never replaced by a row that does not know of them.
    """

    job: str
    due: int
    step: Step = Step.WAITING
    ending: Ending | None = None
    reason: str = ""
    tries: int = 0
    not_before: float | None = None
    began_at: float | None = None
    started_at: float | None = None
    finished_at: float | None = None
    exit_code: int | None = None
    stopping: Ending | None = None
    timeout_seconds: float | None = None
    container_id: str = ""
    spec: str = ""
    tenant: str = ""
    asked: str = ""
    caught_up: bool = False
    instead_of: tuple[str, ...] = ()
    until: int | None = None
    count: int = 1
    evidence: int = 0
    log_tail: tuple[str, ...] = ()

    @property
    def open(self) -> bool:
        return self.step is not Step.ENDED

    @property
    def began(self) -> bool:
        """Whether there may be, or may have been, a container of it."""
        going = self.step in (Step.STARTING, Step.RUNNING)
        return going or self.started_at is not None or self.ending in RAN

    @property
    def late_seconds(self) -> float | None:
        """How long after it was due it began; None where it never did."""
        return None if self.started_at is None else max(0.0, self.started_at - self.due)

    @property
    def lasted_seconds(self) -> float | None:
        """From the start of its first try to the end of its last one."""
        if self.started_at is None or self.finished_at is None:
            return None
        return max(0.0, self.finished_at - self.started_at)


@dataclass(frozen=True, slots=True)
class Mark:
    """Up to which instant a job has a row for every due one. `timetable` is the digest of that by which it was due:
    under another one it owes nothing from before."""

    timetable: str
    until: float


@dataclass(frozen=True, kw_only=True)
class JobMemory:
    """What a pass knows of a job. `runs` are all that have not ended, and of each kind of the others the newest 20, in
    the order in which they were written first, without their logs. Kinds are those that ended well, that ran and ended
    otherwise, that could not begin, that were not to run, and that speak of many due instants.

    What is worked out of them is kept as long as the object is: nearly every job of nearly every pass is as before.
    """

    mark: Mark | None = None
    runs: tuple[Run, ...] = ()

    @cached_property
    def open(self) -> tuple[Run, ...]:
        return tuple(run for run in self.runs if run.open)

    @cached_property
    def by_due(self) -> Mapping[int, Run]:
        return {run.due: run for run in self.runs}

    @cached_property
    def last(self) -> Run | None:
        """The newest of those that were meant to run and have ended."""
        return next((run for run in reversed(self.runs) if run.ending in MEANT), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsKept:
    """What one pass writes into the ledger, in one transaction.

    `rows` take the place of those of the same (job, due), but for `asked`, where it says something, `evidence` and
    `log_tail`. `unsaid`: of these jobs the rows go that are due after the instant and whose run never began: the clock
    was far ahead when they were written, and their time is still to come. A run that somebody waits for is not theirs.
    """

    rows: tuple[Run, ...] = ()
    marks: Mapping[str, Mark] = field(default_factory=lambda: MappingProxyType({}))
    unsaid: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    def __bool__(self) -> bool:
        return bool(self.rows or self.marks or self.unsaid)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upcoming:
    """A due instant that is still to come, and when its run starts. `mark` is a word of schedule.Mark."""

    due: int
    starts_at: float
    mark: str
    instead_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """What a pass needs to know of time beside its own instant.

    `zones` are those of the jobs by their IANA names, without those that this host does not know. `looked_since` is the
    instant from which on somebody has looked without a gap: what was due before it passed unseen.
    """

    zones: Mapping[str, tzinfo] = field(default_factory=lambda: MappingProxyType({}))
    looked_since: float = 0.0
