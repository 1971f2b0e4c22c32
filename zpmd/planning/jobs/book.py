"""The ledger of jobs as one pass has it: what it was given, and what it has found since. It lives for one call."""

from __future__ import annotations

from collections.abc import Mapping

from zpmd.model.job import JobMemory, Mark, Run, RunsKept, Step

NOTHING = JobMemory()


class Book:
    """A row that is put counts at once. What was given and is as before is written by nobody."""

    def __init__(self, given: Mapping[str, JobMemory]) -> None:
        self._given = given
        self._put: dict[str, dict[int, Run]] = {}
        self._marks: dict[str, Mark] = {}
        self._unsaid: dict[str, float] = {}
        self._open: dict[str, tuple[Run, ...]] = {}  # as long as nothing is put; of a hundred runs each asks for all

    @property
    def jobs(self) -> frozenset[str]:
        """All of which it has something."""
        return frozenset(self._given)

    @property
    def kept(self) -> RunsKept:
        rows = tuple(run for job in sorted(self._put) for _, run in sorted(self._put[job].items()))
        return RunsKept(rows=rows, marks=self._marks, unsaid=self._unsaid)

    def memory(self, job: str) -> JobMemory:
        """What was given of it."""
        return self._given.get(job, NOTHING)

    def mark(self, job: str) -> Mark | None:
        return self._marks.get(job) or self.memory(job).mark

    def run(self, job: str, due: int) -> Run | None:
        return self._put.get(job, {}).get(due) or self.memory(job).by_due.get(due)

    def open(self, job: str) -> tuple[Run, ...]:
        """Its runs that have not ended, by when they are due."""
        known = self._open.get(job)
        if known is None:
            given, put = self._given.get(job, NOTHING).open, self._put.get(job, {})
            found = {**{run.due: run for run in given}, **put}
            known = self._open[job] = tuple(sorted((run for run in found.values() if run.open), key=_due))
        return known

    def last(self, job: str) -> Run | None:
        """The newest that was meant to run and has ended, of this pass or before."""
        put = self._put.get(job)
        if put is None:
            return self.memory(job).last
        found = {**self.memory(job).by_due, **put}
        return JobMemory(runs=tuple(found.values())).last

    def newest(self, job: str) -> Run | None:
        """The row that was written last."""
        put = self._put.get(job)
        runs = self.memory(job).runs
        return max(put.values(), key=_due) if put else runs[-1] if runs else None

    def put(self, run: Run) -> None:
        self._open.pop(run.job, None)
        of_job = self._put.setdefault(run.job, {})
        if self.memory(run.job).by_due.get(run.due) == run:
            of_job.pop(run.due, None)
        else:
            of_job[run.due] = run

    def tell_until(self, job: str, mark: Mark) -> None:
        """Every due instant up to there has its row."""
        self._marks[job] = mark

    def unsay(self, job: str, after: float) -> None:
        """What is due after this instant, and has not begun, has no row any more; what somebody asked for has."""
        self._open.pop(job, None)
        memory = self.memory(job)
        left = tuple(run for run in memory.runs if run.due <= after or run.began or (run.open and run.asked))
        self._given = {**self._given, job: JobMemory(mark=memory.mark, runs=left)}
        self._unsaid[job] = after

    def busy_places(self) -> int:
        """How many runs of the host are beginning or going on."""
        jobs = {job for job, memory in self._given.items() if memory.open} | self._put.keys()
        return sum(run.step in (Step.STARTING, Step.RUNNING) for job in jobs for run in self.open(job))


def _due(run: Run) -> int:
    return run.due
