"""Which runs have to stop: they take longer than they may, an operator says so, or the next one replaces them.

A reload or a patch is no reason, and neither is a service file that is gone: a run goes on to its end. While a hold is
on its job, a run is left alone whatever the reason is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zpmd.model.cause import Cause, Code
from zpmd.model.job import Ending, Run, Step
from zpmd.model.observed import Replica
from zpmd.planning import leave
from zpmd.planning.case import withheld
from zpmd.planning.jobs.job import Job
from zpmd.planning.view import names


def stop(job: Job, turn: Sequence[str], ranks: Mapping[str, object]) -> None:
    """`turn` are the services whose turn it is, of those of `ranks`, which leave in order."""
    if job.hold:
        return
    for run in job.open:
        box = job.box(run)
        if run.step is not Step.RUNNING or box is None or not box.live:
            continue
        if job.leaving and job.name in ranks and job.name not in turn:
            on = tuple(turn)
            job.scene.draft.wait(job.place(run.due), Cause(Code.STOP_ORDER, f"stops after {names(turn)}", on))
            continue
        marked = _marked(job, run, box)
        if marked.stopping and not withheld(job.scene.view, job.place(run.due), job.scene.draft):
            job.scene.draft.act(leave.stop(job.target, box, _cause(job, marked)))


def _marked(job: Job, run: Run, box: Replica) -> Run:
    """The row with why it is being stopped, if it is."""
    if run.stopping:
        return run
    if job.leaving:
        return job.change(run, stopping=Ending.STOPPED, reason=job.leaving.text)
    if job.policy is not None and job.policy.timeout_seconds != run.timeout_seconds:
        run = job.change(run, timeout_seconds=job.policy.timeout_seconds)
    if run.timeout_seconds is None or box.started_at is None:
        return run
    until = box.started_at + run.timeout_seconds
    job.scene.draft.wake(until)
    if job.now < until:
        return run
    return job.change(run, stopping=Ending.TIMED_OUT, reason=f"took longer than {run.timeout_seconds:.0f} s")


def _cause(job: Job, run: Run) -> Cause:
    if run.stopping is Ending.TIMED_OUT:
        return Cause(Code.TIMED_OUT, run.reason)
    return job.leaving or Cause(Code.REPLACED, run.reason)
