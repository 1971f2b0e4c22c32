"""What a due instant finds that comes while an earlier run of its job has not ended (`concurrency`)."""

from __future__ import annotations

from collections.abc import Sequence

from zpmd.model.cause import Cause, Code
from zpmd.model.job import Concurrency, Ending, Run, Step
from zpmd.planning.jobs.job import Job

MOST_OPEN = 100
"""Runs of one job that have not ended, also of one that allows several: what nobody lets begin must not pile up."""


def skipped(job: Job, concurrency: Concurrency, open_runs: Sequence[Run]) -> str:
    """Why a run that comes due now is skipped, or ""."""
    if concurrency is Concurrency.FORBID and open_runs:
        return f"the run of {job.told(open_runs[0].due)} had not ended"
    if concurrency is Concurrency.ALLOW and len(open_runs) >= MOST_OPEN:
        return f"{len(open_runs)} runs of it had not ended, the oldest that of {job.told(open_runs[0].due)}"
    return ""


def replace(job: Job, open_runs: Sequence[Run], by: int) -> None:
    """Those that have not ended make room. One that has not begun never does; the next one waits for the others."""
    for run in open_runs:
        reason = f"replaced by the run of {job.told(by)}"
        if run.step is Step.RUNNING:
            job.change(run, stopping=Ending.STOPPED, reason=reason)
        elif run.step is Step.STARTING and (job.box(run) is not None or job.busy(run.due)):
            job.change(run, stopping=Ending.REPLACED, reason=reason)
        else:
            job.end(run, Ending.REPLACED if run.started_at is None else Ending.STOPPED, reason)


def waits(job: Job, concurrency: Concurrency, run: Run) -> Cause | None:
    """Why a run that is waiting has to wait on: another one is before it."""
    if concurrency is Concurrency.ALLOW:
        return None
    for other in job.open:
        if other.due != run.due and (other.step is not Step.WAITING or other.due < run.due):
            return Cause(Code.OVERLAP, f"waits for the run of {job.told(other.due)} to end")
    return None
