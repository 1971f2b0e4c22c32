"""What is worth a line of the journal and of the log about runs of jobs: how each has ended, and what was due and did
not run. That one begins is said by the action that begins it.

Rules:
1. A run that began has a line of its own when it has ended. What ended without one has a line for each job and each way
   to end, however many it was: a long absence is one line.
2. What goes wrong is as loud as its name says once in six hours in the same words, and at most eight times in all of
   them; the rest is for `debug`. A job that fails every minute must not push everything else out of sight.
3. The first run that ends well after a failure that was told is told too, and then the same words are news again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from zpmd.daemon.news import LINES
from zpmd.daemon.standingnews import AGAIN_SECONDS, lasted
from zpmd.messages import DEBUG, INFO, NOTICE, WARNING, Message
from zpmd.model.job import BAD, RAN, Ending, JobMemory, Run, RunsKept
from zpmd.model.naming import rfc3339
from zpmd.model.observed import Slot

Told = Callable[[str, float], str]
"""An instant of a job, as people read it."""
MOST = 8
"""Lines of one job above INFO within `AGAIN_SECONDS`."""
BEGUN = RAN | {Ending.FAILED_START}
NAMED: Mapping[Ending, Message] = MappingProxyType(
    {
        **dict.fromkeys((Ending.FAILED, Ending.TIMED_OUT, Ending.VANISHED, Ending.FAILED_START), Message.JOB_FAILED),
        Ending.TOO_LATE: Message.JOB_TOO_LATE,
        Ending.MISSED_DOWN: Message.JOB_MISSED,
        Ending.SKIPPED_OVERLAP: Message.JOB_SKIPPED,
    }
)
MEANT = frozenset({Ending.HELD, Ending.SUSPENDED})
"""An operator wants it so, for as long as it takes."""
WORDS: Mapping[Ending, str] = MappingProxyType(
    {
        Ending.OK: "ended well",
        Ending.FAILED: "failed",
        Ending.TIMED_OUT: "timed out",
        Ending.STOPPED: "was stopped",
        Ending.VANISHED: "vanished",
        Ending.FAILED_START: "could not be started",
        Ending.SKIPPED_OVERLAP: "was skipped",
        Ending.MISSED_DOWN: "was missed",
        Ending.TOO_LATE: "came too late",
        Ending.HELD: "was held",
        Ending.SUSPENDED: "was suspended",
        Ending.REPEATED: "was not repeated",
        Ending.REPLACED: "was replaced",
    }
)


def utc(_: str, at: float) -> str:
    return rfc3339(at)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunNews:
    """One line. `message` is its name, where it has one and is loud enough for it; `code` is how the run has ended."""

    text: str
    subject: str
    service: str = ""
    tenant: str = ""
    code: str = ""
    level: str = INFO
    message: Message | None = None


@dataclass(slots=True)
class _Heard:
    """Of one job: what the log has of it, since when."""

    since: float
    words: set[str] = field(default_factory=set)
    count: int = 0
    bad: bool = False
    """It has failed, and has not run well since."""


class JobNews:
    """Remembers what it has told, for the life of the process. Used by the loop's thread alone."""

    def __init__(self) -> None:
        self._told: dict[str, _Heard] = {}

    def of(self, kept: RunsKept, before: Mapping[str, JobMemory], now: float, told: Told = utc) -> list[RunNews]:
        """What is new in these rows; `before` is what was known of their jobs."""
        fresh = [row for row in kept.rows if not row.open and not _had_ended(before.get(row.job), row.due)]
        return list(_bounded(self._line(rows, now, told) for rows in _together(fresh)))

    def forget(self, services: Collection[str]) -> None:
        """What was told of others than these."""
        for job in self._told.keys() - set(services):
            del self._told[job]

    def loud(self, job: str, words: str, now: float) -> bool:
        """Whether this is to be told of the job, and not for `debug` alone. It counts as told."""
        told = self._told.get(job)
        if told is None or not 0 <= now - told.since < AGAIN_SECONDS:
            told = self._told[job] = _Heard(since=now, bad=told is not None and told.bad)
        if words in told.words or told.count >= MOST:
            return False
        told.words.add(words)
        told.count += 1
        return True

    def _line(self, rows: list[Run], now: float, told: Told) -> RunNews:
        row, ending = rows[0], rows[0].ending
        assert ending is not None  # nosec B101 # a row that has ended says how
        line = RunNews(
            text=_of_one(row, ending, told) if len(rows) == 1 and row.count == 1 else _of_many(rows, ending, told),
            subject=str(Slot(row.job, row.due)) if len(rows) == 1 else row.job,
            service=row.job,
            tenant=row.tenant,
            code=ending.value,
        )
        if ending is Ending.OK:
            return self._well(line)
        message = NAMED.get(ending)
        if message is None and ending not in MEANT:
            return line
        if not self.loud(row.job, f"{ending} {row.exit_code}", now):
            return replace(line, level=DEBUG)
        if ending in BAD:
            self._told[row.job].bad = True
        return replace(line, level=message.level, message=message) if message else line

    def _well(self, line: RunNews) -> RunNews:
        told = self._told.get(line.service)
        if told is None or not told.bad:
            return line
        told.bad = False
        told.words.clear()
        text = f"{line.text}; it is well again"
        return replace(line, text=text, level=NOTICE, message=Message.WELL_AGAIN)


def _had_ended(known: JobMemory | None, due: int) -> bool:
    row = known.by_due.get(due) if known is not None else None
    return row is not None and not row.open


def _together(rows: Iterable[Run]) -> list[list[Run]]:
    """Those that make one line, in the order of the first of each."""
    found: dict[tuple[str, Ending | None, int], list[Run]] = {}
    for row in rows:
        found.setdefault((row.job, row.ending, row.due if row.ending in BEGUN else 0), []).append(row)
    return list(found.values())


def _bounded(lines: Iterable[RunNews]) -> Iterator[RunNews]:
    """After a night in which nobody looked, a thousand jobs are one event."""
    loud = 0
    for line in lines:
        loud += line.level == WARNING
        yield replace(line, level=DEBUG, message=None) if line.level == WARNING and loud > LINES else line
    if loud > LINES:
        yield RunNews(text=f"{loud - LINES} more jobs like these", subject="jobs", level=WARNING)


def _of_one(row: Run, ending: Ending, told: Told) -> str:
    parts = [f"its run of {told(row.job, row.due)} {WORDS[ending]}"]
    if row.exit_code is not None:
        parts.append(f"exit {row.exit_code}")
    if row.lasted_seconds is not None:
        parts.append(f"after {lasted(row.lasted_seconds)}")
    if row.tries > 1:
        parts.append(f"on try {row.tries}")
    return ", ".join(parts) + (f": {row.reason}" if row.reason else "")


def _of_many(rows: list[Run], ending: Ending, told: Told) -> str:
    job, count = rows[0].job, sum(row.count for row in rows)
    first, last = min(row.due for row in rows), max(row.until or row.due for row in rows)
    word = WORDS[ending].replace("was ", "were ")
    reason = rows[-1].reason
    return f"{count} runs of {told(job, first)} to {told(job, last)} {word}" + (f": {reason}" if reason else "")
