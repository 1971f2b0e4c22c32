"""How a job stands: the run that goes on, or the last one and the next."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from zpmd.model.cause import Code
from zpmd.model.job import BAD, Ending, Run, Step
from zpmd.model.plan import Standing, State, Waiting
from zpmd.planning.jobs.job import Job
from zpmd.planning.target import Target

NEEDS_A_PERSON = frozenset({Code.NAME_TAKEN, Code.EXTERNAL_MISSING})
WORDS = {
    Ending.OK: "ended well",
    Ending.TIMED_OUT: "took too long",
    Ending.STOPPED: "was stopped",
    Ending.VANISHED: "vanished",
    Ending.FAILED_START: "could not start",
    Ending.TOO_LATE: "could not begin in time",
}


def standing(job: Job, target: Target, waiting: Collection[Waiting], next_at: float | None) -> Standing:
    """`waiting` is what this pass found to wait for in this job."""
    service, runs = target.service, job.open
    last = job.book.last(job.name)
    started = [run.started_at for run in runs if run.step is Step.RUNNING and run.started_at is not None]
    return Standing(
        service=job.name,
        group=service.group,
        state=_state(job, runs, waiting, last),
        ready=len([run for run in runs if run.step is Step.RUNNING]),
        desired=len(runs),
        restarts=max((run.tries - 1 for run in runs if run.tries), default=0),
        image=service.container.image,
        tenant=service.tenant,
        since=max(started, default=None),
        reason=_reason(job, runs, waiting, last, next_at),
    )


def _state(job: Job, runs: Sequence[Run], waiting: Collection[Waiting], last: Run | None) -> State:
    if job.hold:
        return State.HELD
    if job.leaving:
        going = job.target is not None and job.target.remove and job.boxes
        return State.REMOVING if going or any(box.live for box in job.boxes) else State.STOPPED
    codes = {w.cause.code for w in waiting}
    if job.zone is None or (codes & NEEDS_A_PERSON):
        return State.BLOCKED
    if any(run.step is Step.RUNNING for run in runs):
        return State.RUNNING
    if codes & {Code.BACKOFF, Code.RETRY}:
        return State.BACKOFF
    if waiting and runs and Code.IN_FLIGHT not in codes:
        return State.WAITING
    if any(run.step is Step.STARTING for run in runs):
        return State.STARTING
    if last is not None and last.ending in BAD:
        return State.FAILED
    return State.SUSPENDED if _suspended(job) else State.SCHEDULED


def _suspended(job: Job) -> str:
    if job.policy is not None and job.policy.suspend:
        return "suspended by its service file"
    by = job.scene.view.memory.intent.suspended.get(job.name)
    return "" if by is None else f"suspended by {by}"


def _reason(
    job: Job, runs: Sequence[Run], waiting: Collection[Waiting], last: Run | None, next_at: float | None
) -> str:
    if job.hold:
        return str(job.hold)
    if job.leaving:
        return str(job.leaving)
    parts = [f"last run {job.told(last.due)} {_ended(last)}"] if last is not None else []
    if waiting:
        parts.insert(0, next(iter(waiting)).cause.text)
    elif runs:
        parts.insert(0, f"the run of {job.told(runs[0].due)} {_goes_on(runs[0])}")
    if suspended := _suspended(job):
        parts.append(suspended)
    elif next_at is not None:
        parts.append(f"next {job.told(int(next_at))}")
    return "; ".join(parts)


def _goes_on(run: Run) -> str:
    match run.step:
        case Step.RUNNING:
            return f"goes on, try {run.tries}" if run.tries > 1 else "goes on"
        case Step.STARTING:
            return "begins"
        case _:
            return "is to begin"


def _ended(run: Run) -> str:
    if run.ending is Ending.FAILED:
        return f"failed with exit {run.exit_code}" if run.exit_code is not None else "failed"
    return WORDS.get(run.ending, str(run.ending)) if run.ending else ""
