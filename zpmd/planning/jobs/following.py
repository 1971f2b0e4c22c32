"""How a run goes on, from what is seen of its container. The row follows the world; nothing is asked for here.

Rules:
1. What is seen counts before what is written: a container without a row gets one, and a run that was said never to have
   begun is going on, or has ended, when its container says so.
2. A run whose container has gone is never made again: how far it came is not known.
3. A try that failed is followed by the next one, as long as the job is declared, is not told to stop, and has one left.
"""

from __future__ import annotations

from zpmd.model.job import RAN, Ending, JobPolicy, Run, Step
from zpmd.model.observed import Phase, Replica
from zpmd.planning import readiness
from zpmd.planning.jobs.job import Job, began, try_of

SHORTEST_DELAY_SECONDS = 0.1
"""Of the pause after a failure: one of 0 would ask for tries without end and without a pause."""


def follow(job: Job) -> None:
    if job.boxes:
        _find(job)
    for run in job.open:
        match run.step:
            case Step.STARTING:
                _starting(job, run)
            case Step.RUNNING:
                _running(job, run)
            case _:
                pass


def retry_at(policy: JobPolicy, tries: int, ended_at: float) -> float:
    """When the next try begins after so many."""
    delay = policy.retry_delay_seconds * 2.0 ** min(tries - 1, 32)
    return ended_at + max(SHORTEST_DELAY_SECONDS, min(delay, policy.retry_max_seconds))


# --- containers whose row is not, or says something else --------------------------------------------------------------


def _find(job: Job) -> None:
    newest = {box.due: box for box in job.boxes if box.due is not None}
    for due, box in newest.items():
        known = job.book.run(job.name, due)
        if known is None:
            if box.live or not _from_before(job, due):
                _adopt(job, due, box)
        elif began(box) and try_of(box) >= known.tries and _contradicts(known, box):
            row = job.change(known, **_as_seen(known, box), ending=None, finished_at=None, exit_code=None, reason="")
            _ended_unseen(job, row, box)


def _from_before(job: Job, due: int) -> bool:
    """It is older than all rows that are known: its own one has long been written, and is not held any more."""
    runs = job.book.memory(job.name).runs
    return bool(runs) and due < min(run.due for run in runs)


def _adopt(job: Job, due: int, box: Replica) -> None:
    """Its row was lost with the store."""
    run = Run(job=job.name, due=due, tenant=box.tenant, began_at=box.created_at, tries=try_of(box))
    if not began(box):
        job.change(run, step=Step.STARTING)
        return
    row = job.change(run, **_as_seen(run, box), reason="its row was lost, and it was found")
    _ended_unseen(job, row, box)


def _ended_unseen(job: Job, run: Run, box: Replica) -> None:
    """How long ago its try failed is any time: another one is not made for it."""
    if box.ended:
        _ended(job, run, box, again=False)


def _contradicts(known: Run, box: Replica) -> bool:
    if known.ending is Ending.VANISHED:
        return box.live
    return known.step is Step.WAITING or (known.step is Step.ENDED and known.ending not in RAN)


def _as_seen(run: Run, box: Replica) -> dict[str, object]:
    return {
        "step": Step.RUNNING,
        "tries": try_of(box),
        "container_id": box.id,
        "started_at": run.started_at or box.started_at or box.created_at,
        "spec": box.spec,
        "not_before": None,
    }


# --- runs -------------------------------------------------------------------------------------------------------------


def _starting(job: Job, run: Run) -> None:
    box = job.box(run)
    if box is not None and began(box):
        stopping = Ending.STOPPED if run.stopping else None
        _running(job, job.change(run, **_as_seen(run, box), stopping=stopping))
    elif job.busy(run.due):
        return
    elif run.stopping:
        job.end(run, run.stopping, run.reason)
    elif refused := _refused(job, run, box):
        _tried(job, run, Ending.FAILED_START, f"could not start: {refused}", job.now)


def _refused(job: Job, run: Run, box: Replica | None) -> str:
    """The engine's words where it will not make or start the container of this try."""
    if box is not None and box.error:
        return box.error
    retry = job.scene.view.memory.retries.get(str(job.place(run.due)))
    since = run.began_at
    if retry is None or not retry.lasting or since is None or retry.at < since:
        return ""
    return retry.error or "the engine refuses it"


def _running(job: Job, run: Run) -> None:
    box = job.box(run)
    if box is not None and box.ended:
        _ended(job, run, box)
    elif (box is None or box.phase is Phase.CREATED) and not job.busy(run.due):
        reason = run.reason if run.stopping else "its container was removed while it ran"
        job.end(run, run.stopping or Ending.VANISHED, reason, finished_at=job.now)


def _ended(job: Job, run: Run, box: Replica, again: bool = True) -> None:
    finished_at = min(box.finished_at or job.now, job.now)
    if run.stopping is not None and run.stopping is not Ending.TIMED_OUT:
        job.end(run, run.stopping, run.reason, finished_at=finished_at, exit_code=box.exit_code)
    elif run.stopping is Ending.TIMED_OUT:
        _tried(job, run, Ending.TIMED_OUT, run.reason, finished_at, box.exit_code, again)
    elif box.exit_code == 0 and box.phase is Phase.EXITED:
        job.end(run, Ending.OK, "", finished_at=finished_at, exit_code=0)
    else:
        _tried(job, run, Ending.FAILED, readiness.ending(box), finished_at, box.exit_code, again)


def _tried(
    job: Job, run: Run, ending: Ending, how: str, at: float, exit_code: int | None = None, again: bool = True
) -> None:
    """The try has failed: the next one follows, or that was the last."""
    policy = job.policy
    if policy is None or job.leaving or not again or run.tries > policy.retries:
        started = run.started_at is not None
        job.end(run, ending, how, finished_at=at if started else None, exit_code=exit_code)
        return
    job.change(
        run,
        step=Step.STARTING,
        tries=run.tries + 1,
        not_before=retry_at(policy, run.tries, at),
        began_at=None,
        exit_code=exit_code,
        stopping=None,
        container_id="",
        reason=f"try {run.tries} of {policy.retries + 1} {how}",
    )
