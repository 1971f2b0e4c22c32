"""Which runs begin now: those whose time has come, that nothing keeps from it, and that there is a place for.

Of all jobs of the host those that are due first go first. What has no place waits for one: nothing is dropped but what
its own deadline drops.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zpmd.model import naming
from zpmd.model.action import RunReplica, StartReplica
from zpmd.model.cause import Cause, Code
from zpmd.model.job import Ending, JobPolicy, Run, Step
from zpmd.model.observed import Replica
from zpmd.planning import prerequisites
from zpmd.planning.case import withheld
from zpmd.planning.jobs import catchup, overlap, telling
from zpmd.planning.jobs.job import Job, began
from zpmd.planning.scene import Scene
from zpmd.planning.target import Target
from zpmd.planning.view import Draft


def start(jobs: Sequence[Job], scene: Scene, places: int) -> None:
    """Draft the start of every run that may begin. `places` is how many more there may be at the same time."""
    room = scene.view.limits.runs_at_once
    for job in jobs:
        for run in job.open:
            if not _not_to_run(job, run) and run.step is Step.STARTING and room > 0:
                room -= _go_on(job, run)
    for job, run in _in_turn(jobs):
        if _begin(job, run, min(places, room)):
            places, room = places - 1, room - 1


# --- runs that are not to begin ---------------------------------------------------------------------------------------


def _not_to_run(job: Job, run: Run) -> bool:
    """End what has not begun and will not: under a hold, a stop or a suspension, or undeclared. Whether it was ended.

    A hold leaves a container that was made as it is, and a try after the first waits for the hold's end."""
    box = job.box(run)
    if run.step is Step.RUNNING or job.busy(run.due) or (box is not None and (began(box) or job.hold)):
        return False
    why = _why_not(job, run)
    if why is None or (run.tries > 1 and job.hold and not job.gone):
        return False
    if run.tries > 1:
        ending = Ending.STOPPED if job.leaving else Ending.FAILED
        ending = ending if run.started_at is not None else Ending.FAILED_START
        job.end(run, ending, f"{run.reason}; no other follows: {why.reason}", finished_at=job.now)
    else:
        job.end(run, why.ending, why.reason)
    return True


def _why_not(job: Job, run: Run) -> telling.Fate | None:
    if job.policy is None:
        return telling.Fate(Ending.HELD, job.gone) if job.gone else None
    found = telling.fate(job, job.policy)
    suspended = found is not None and found.ending is Ending.SUSPENDED
    return None if suspended and (run.asked or run.step is not Step.WAITING) else found


# --- runs that have begun, and whose container is not there -----------------------------------------------------------


def _go_on(job: Job, run: Run) -> bool:
    """Make, or start, the container of a try that was decided on. Whether one is made."""
    if job.target is None or job.policy is None or job.hold or job.leaving or run.stopping:
        return False
    view, draft, place = job.scene.view, job.scene.draft, job.place(run.due)
    if withheld(view, place, draft):
        return False
    box = job.box(run)
    if box is not None:
        draft.act(_started(box, run))
        return False
    at = _pause_ends(job, job.policy, run)
    if at > job.now:
        text = f"{run.reason}; try {run.tries} of {job.policy.retries + 1} comes after its pause"
        draft.wait(place, Cause(Code.BACKOFF, text), until=at)
        return False
    found = Draft()
    cause = _gate(job, job.target, run, found)
    draft.take(found)
    if cause is not None:
        return False
    row = run if run.began_at is not None else job.change(run, began_at=job.now, not_before=None)
    draft.act(_made(job, job.target, job.policy, row))
    return True


def _started(box: Replica, run: Run) -> StartReplica:
    return StartReplica(replica=box, cause=Cause(Code.STUCK, "was made and never started"), attempt=run.tries)


def _pause_ends(job: Job, policy: JobPolicy, run: Run) -> float:
    """A pause that is longer than any: the clock was set back, and nobody waits for it to catch up."""
    at = run.not_before or 0.0
    return at if run.tries > 1 and at <= job.now + max(policy.retry_max_seconds, 1.0) else 0.0


# --- runs that wait ---------------------------------------------------------------------------------------------------


def _in_turn(jobs: Iterable[Job]) -> list[tuple[Job, Run]]:
    waiting = [(job, run) for job in jobs for run in job.open if run.step is Step.WAITING and job.policy]
    return sorted(waiting, key=lambda each: (each[1].not_before or each[1].due, each[1].due, each[1].job))


def _begin(job: Job, run: Run, places: int) -> bool:
    if job.policy is None or job.target is None:
        return False
    draft = job.scene.draft
    if run.not_before is not None and run.not_before > job.now:
        draft.wake(run.not_before)
        return False
    found = Draft()
    cause = _hindrance(job, job.target, job.policy, run, places, found)
    ends_at = None if job.policy.deadline_seconds is None else run.due + job.policy.deadline_seconds
    if catchup.too_late(job.policy, run.due, job.now) or (cause and ends_at is not None and job.now >= ends_at):
        why = f": {cause.text}" if cause else ""
        job.end(run, Ending.TOO_LATE, f"could not begin within {job.policy.deadline_seconds:.0f} s{why}")
        return False
    draft.take(found)
    if cause:
        if ends_at is not None:
            draft.wake(ends_at)
        return False
    row = job.change(run, step=Step.STARTING, tries=1, began_at=job.now, not_before=None)
    draft.act(_made(job, job.target, job.policy, row))
    return True


def _hindrance(job: Job, target: Target, policy: JobPolicy, run: Run, places: int, draft: Draft) -> Cause | None:
    """What keeps it from beginning now, drafted as well."""
    place = job.place(run.due)
    if before := overlap.waits(job, policy.concurrency, run):
        draft.wait(place, before)
        return before
    if shut := _gate(job, target, run, draft):
        return shut
    if places > 0:
        return None
    most = job.scene.view.limits.runs_at_once
    full = Cause(Code.RUNS_FULL, f"waits for a place: {most} runs of jobs are going on")
    draft.wait(place, full)
    return full


def _gate(job: Job, target: Target, run: Run, draft: Draft) -> Cause | None:
    """Its group, its dependencies, and what its container needs; `draft` has nothing else in it."""
    scene, place = job.scene, job.place(run.due)
    shut = scene.order.shut(target)
    if shut:
        draft.wait(place, shut, scene.order.opens_at(target.service.group) if shut.code is Code.GROUP else None)
        return shut
    name = naming.run_name(scene.view.desired.project, job.name, run.due, max(1, run.tries))
    met = prerequisites.met(scene.view, target.service, place, draft, name)
    return None if met else draft.waiting[0].cause


def _made(job: Job, target: Target, policy: JobPolicy, run: Run) -> RunReplica:
    service = target.service
    return RunReplica(
        service=service,
        slot=run.due,
        due=run.due,
        cause=_cause(job, policy, run),
        attempt=run.tries,
        revision=service.patched.patch if service.patched else "",
        pull=prerequisites.asks_registry(job.scene.view, service),
    )


def _cause(job: Job, policy: JobPolicy, run: Run) -> Cause:
    if run.tries > 1:
        return Cause(Code.RETRIED, f"try {run.tries} of {policy.retries + 1} of the run of {job.told(run.due)}")
    if run.asked:
        return Cause(Code.RUN_ASKED, f"{run.asked} asked for a run")
    late = ", while nobody looked" if run.caught_up else ""
    return Cause(Code.DUE, f"was due at {job.told(run.due)}{late}")
