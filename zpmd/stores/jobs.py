"""The rules of the ledger of jobs, which both stores keep to, and the part of it that is held in the process.

Rules:
1. The loop replaces rows. Who has asked for one, and the try whose logs were kept, are not the loop's to replace.
2. Held is what `Memory.jobs` gives: every row that has not ended, and of each kind of ending the newest `HELD`. By
   kind, because a container that is kept for its logs must find its row, however many of another kind came since; and
   a row that speaks of many due instants is found when the clock is set back into them.
3. Of ended rows the newest `KEPT` of a job stay, and `KEPT_IN_ALL` of all jobs, where whoever has most gives its
   oldest. They go a few at a time, when there are `SLACK` times as many; what is held never does.
4. The newest is what was written last, not what is due last: the clock may have been wrong.
5. Logs are in no row that is held.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from types import MappingProxyType

from zpmd.model.job import BAD, RAN, Ending, JobMemory, Mark, Run, RunsKept
from zpmd.stores import retention

HELD = 20
KEPT = 2_000
KEPT_IN_ALL = 100_000
SLACK = 1.05
LOG_LINES = 100
LOG_BYTES = 16 * 1024

JobRows = dict[str, dict[int, Run]]
"""By job and due instant, in the order in which they were written first."""


class Kind(StrEnum):
    OPEN = "open"
    OK = "ok"
    FAILED = "failed"
    """It ran, and did not end well."""
    REFUSED = "refused"
    """It was to run, and could not begin."""
    NONE = "none"
    """It was not to run."""
    LONG = "long"
    """It speaks of many due instants."""


def kind(run: Run) -> Kind:
    if run.ending is None:
        return Kind.OPEN
    if run.count > 1:
        return Kind.LONG
    if run.ending is Ending.OK:
        return Kind.OK
    if run.ending in RAN:
        return Kind.FAILED
    return Kind.REFUSED if run.ending in BAD else Kind.NONE


def in_place_of(before: Run | None, row: Run) -> Run:
    """The row as it counts when the loop has said it."""
    if before is None:
        return replace(row, log_tail=())
    return replace(row, asked=before.asked or row.asked, evidence=before.evidence, log_tail=before.log_tail)


def unsaid(run: Run, after: float) -> bool:
    """Whether the row goes: it is due after the instant, and never began. What somebody asks for is not forgotten."""
    return run.due > after and not run.began and not (run.open and run.asked)


def recalled(rows: Iterable[Run]) -> dict[int, Run]:
    """Of the rows of one job those that are held, in this order."""
    left: Counter[Kind] = Counter()
    found = []
    for row in reversed(list(rows)):
        left[of_kind := kind(row)] += 1
        if of_kind is Kind.OPEN or left[of_kind] <= HELD:
            found.append(row)
    return {row.due: row for row in reversed(found)}


def over(counts: Mapping[str, int]) -> dict[str, int]:
    """By how many rows each job has, those that have too many, with how many ended ones of them stay."""
    if sum(counts.values()) > KEPT_IN_ALL * SLACK:
        most = min(KEPT, retention.share(counts, KEPT_IN_ALL))
        return {job: most for job, rows in counts.items() if rows > most}
    return {job: KEPT for job, rows in counts.items() if rows > KEPT * SLACK}


def surplus(rows: Collection[Run], most: int) -> list[Run]:
    """Of the rows of one job those that go, so that `most` ended ones stay."""
    held = recalled(rows)
    ended = [row for row in rows if not row.open]
    return [row for row in ended[: max(0, len(ended) - most)] if row.due not in held]


def put(rows: JobRows, kept: RunsKept) -> None:
    for job, after in kept.unsaid.items():
        rows[job] = {due: row for due, row in rows.get(job, {}).items() if not unsaid(row, after)}
    for row in kept.rows:
        of_job = rows.setdefault(row.job, {})
        of_job[row.due] = in_place_of(of_job.get(row.due), row)


def bounded(log_tail: Sequence[str]) -> tuple[str, ...]:
    """The last lines of it, as many as a row may have."""
    found: list[str] = []
    room = LOG_BYTES
    for line in reversed(log_tail[-LOG_LINES:]):
        size = len(line.encode(errors="replace"))
        if size > room:
            if not found:
                found.append(line.encode(errors="replace")[:room].decode(errors="ignore"))
            break
        found.append(line)
        room -= size
    return tuple(reversed(found))


def order(row: Run) -> tuple[int, str]:
    """Of Store.runs."""
    return -row.due, row.job


def comes_after(row: Run, before: tuple[int, str] | None) -> bool:
    return before is None or order(row) > (-before[0], before[1])


class Held:
    """Mutable, and not thread-safe: the store calls it under its lock.

    `find` gives a row that is written, and may not be held; `newest` gives those of a job that are to be held; neither
    raises. Nothing goes before `trim`: until then all that was said is here, written or not.
    """

    def __init__(
        self,
        rows: JobRows,
        marks: Mapping[str, Mark],
        find: Callable[[str, int], Run | None],
        newest: Callable[[str], Iterable[Run]],
    ) -> None:
        self.rows = rows
        self._marks = dict(marks)
        self._find = find
        self._newest = newest
        self._jobs: dict[str, JobMemory] = {}
        self._given: Mapping[str, JobMemory] = MappingProxyType({})
        self._changed = {*rows, *marks}
        self._grown: set[str] = set()

    def jobs(self) -> Mapping[str, JobMemory]:
        """What `Memory.jobs` is; the same object until something changes."""
        if self._changed:
            for job in self._changed:
                self._jobs.pop(job, None)
                if job in self._marks or self.rows.get(job):
                    runs = tuple(recalled(self.rows.get(job, {}).values()).values())
                    self._jobs[job] = JobMemory(mark=self._marks.get(job), runs=runs)
            self._given = MappingProxyType(dict(self._jobs))
            self._changed.clear()
        return self._given

    def __iter__(self) -> Iterator[Run]:
        return (row for rows in self.rows.values() for row in rows.values())

    def get(self, job: str, due: int) -> Run | None:
        return self.rows.get(job, {}).get(due)

    def keep(self, kept: RunsKept) -> tuple[Run, ...]:
        """Which of the rows are new."""
        fresh = tuple(row for row in kept.rows if self._fetch(row.job, row.due) is None)
        for job in kept.unsaid:
            self._enter(job)
        put(self.rows, kept)
        self._marks.update(kept.marks)
        grown = {row.job for row in kept.rows}
        self._grown |= grown
        self._changed.update(kept.marks, kept.unsaid, grown)
        return fresh

    def drop(self, job: str, due: int) -> None:
        if self.rows.get(job, {}).pop(due, None):
            self._changed.add(job)

    def append(self, run: Run) -> None:
        self._enter(run.job)
        self.rows[run.job][run.due] = replace(run, log_tail=())
        self._grown.add(run.job)
        self._changed.add(run.job)

    def evidence(self, job: str, due: int, attempt: int) -> bool:
        """Whether that is news."""
        row = self._fetch(job, due)
        if row is None or row.evidence > attempt:
            return False
        self.rows[job][due] = replace(row, evidence=attempt)
        self._grown.add(job)
        self._changed.add(job)
        return True

    def leaving(self, services: Collection[str]) -> frozenset[str]:
        """Jobs that are none of these services, and need not be remembered."""
        gone = (self._marks.keys() | self.rows.keys()).difference(services)
        return frozenset(j for j in gone if j in self._marks or not self._has_open(j))

    def forget(self, services: Collection[str]) -> None:
        leaving = self.leaving(services)
        for job in leaving:
            self._marks.pop(job, None)
            if not self._has_open(job):
                self.rows.pop(job, None)
        self._changed.update(leaving)

    def trim(self) -> None:
        """All is written."""
        for job in self._grown & self.rows.keys():
            self.rows[job] = recalled(self.rows[job].values())
        self._grown.clear()

    def _has_open(self, job: str) -> bool:
        return any(row.open for row in self.rows.get(job, {}).values())

    def _fetch(self, job: str, due: int) -> Run | None:
        """A row that is about to be replaced is held from then on."""
        self._enter(job)
        row = self.rows[job].get(due)
        if row is None and (row := self._find(job, due)) is not None:
            self.rows[job][due] = row
        return row

    def _enter(self, job: str) -> None:
        if job not in self.rows:
            self.rows[job] = {row.due: row for row in self._newest(job)}
