"""When a job is due, as values: what its file asks for, and the instants that come of it.

A due instant is the name of a slot: the run of a job that is due at 02:00 is `(job, that instant)`, whenever it starts.
So nothing here depends on when zpmd was started, or on when anybody looked.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """Minutes at which the clock on the wall has one of `minutes` and `hours` on a day that matches. All are ascending.

    Weekdays count from Sunday, 0, to 6. `any_day` and `any_weekday` say that the field is `*`: then a day matches by
    the other one, and where neither is `*`, by either of both (crontab(5)).

    `fixed`: neither minute nor hour begins with `*`. Such a job means certain times of a day, so it runs once for each
    of them on every day, also on one on which the clock is changed. The others mean a rhythm, which a change of the
    clock does not interrupt (Debian's cron(8), "Notes").
    """

    text: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    any_day: bool
    any_weekday: bool
    fixed: bool

    def __hash__(self) -> int:
        """As good as one of all fields, and far cheaper: a pass asks for it once a job."""
        return self.text.__hash__()


@dataclass(frozen=True, slots=True)
class Every:
    """Each whole multiple of `seconds` since 1970-01-01 00:00 UTC, in any time zone.

    Anchored there, so that neither a restart of zpmd nor the end of the last run moves it, and two hosts agree:
    `1h` is due on the hour in UTC, `1d` at 00:00 UTC, `7h` at another hour each day.
    """

    seconds: int


Schedule = Cron | Every


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """All schedules of one job: it is due when any of them is, and once where several are at the same instant.

    `zone` is an IANA name. Each run starts up to `jitter_seconds` after it is due.
    """

    schedules: tuple[Schedule, ...]
    zone: str = "UTC"
    jitter_seconds: float = 0.0


class Mark(StrEnum):
    """What a change of the clock makes of a due instant."""

    ORDINARY = "ordinary"
    MOVED = "moved"
    """The clock was put forward over the times that were asked for: it is due at the end of that gap, once."""
    REPEATED = "repeated"
    """The clock was put back and shows this time again: the run was due the first time, and is not made twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """One due instant: a slot of the ledger. `at` is without jitter, and always a whole second.

    `instead_of` are the local times (`2026-03-29 02:30`) that the clock skipped and that this run stands for; an
    ordinary one has them too, where it would have been due at the end of the gap anyway.
    """

    at: float
    mark: Mark = Mark.ORDINARY
    instead_of: tuple[str, ...] = ()

    @property
    def runs(self) -> bool:
        """Whether there is to be a run. One that is repeated has its row in the ledger, and no run."""
        return self.mark is not Mark.REPEATED
