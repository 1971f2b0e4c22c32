"""What is kept of runs that have ended: the logs of every try in the ledger, the newest containers on the engine.

A container goes only after its evidence is kept, or could not be, `TRIES` times. Of the tries of one run all containers
but the last one's go then; of runs the newest stay, as many as the job says.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from zpmd.model.action import KeepEvidence, RemoveReplica, evidence_key
from zpmd.model.cause import Cause, Code
from zpmd.model.job import RAN, Ending, Run, Step
from zpmd.model.observed import Phase, Replica
from zpmd.planning import backoff
from zpmd.planning.case import withheld
from zpmd.planning.jobs.job import Job, began, try_of

TRIES = 3


def settled(job: Job) -> bool:
    """Whether nothing can be left to do about its containers, as a first look says that spares nearly every job in
    nearly every pass the others: each is that of the last try of a run that has ended, and is one of those kept."""
    if job.policy is None or job.leaving is not None:
        return not job.boxes
    left, rows = {True: job.policy.keep_succeeded, False: job.policy.keep_failed}, job.book.memory(job.name).by_due
    for box in job.boxes:
        run = rows.get(box.slot)
        if run is None or run.ending not in RAN or box.attempt != run.tries or box.attempt > run.evidence:
            return False
        left[run.ending is Ending.OK] -= 1
        if box.live:
            return False
    return left[True] >= 0 and left[False] >= 0


def keep(job: Job) -> None:
    """Draft the next piece of evidence of every run, the oldest try of a run first."""
    for due, boxes in _by_due(job):
        run = job.book.run(job.name, due)
        if run is None or job.busy(due) or _given_up(job, due):
            continue
        box = next((box for box in boxes if _wanted(run, box)), None)
        if box is None:
            continue
        again_at = backoff.retry_due(job.scene.view, evidence_key(job.place(due)))
        if again_at > job.now:
            job.scene.draft.wake(again_at)
        else:
            text = f"try {try_of(box)} of the run of {job.told(due)} has ended"
            failed = _failed(run, box)
            job.scene.draft.act(KeepEvidence(replica=box, failed=failed, cause=Cause(Code.RUN_ENDED, text)))


def clear(job: Job, going: Cause | None) -> None:
    """Draft the removal of what is not to be kept, the oldest first. `going`: all of it may go, for this reason."""
    if job.hold:
        return
    for box, cause in _beyond(job, going):
        place = job.place(box.slot)
        if not withheld(job.scene.view, place, job.scene.draft):
            job.scene.draft.act(RemoveReplica(replica=box, cause=cause))


def _by_due(job: Job) -> Iterator[tuple[int, list[Replica]]]:
    for due, boxes in groupby(job.boxes, key=lambda box: box.due or 0):
        yield due, list(boxes)


def _wanted(run: Run, box: Replica) -> bool:
    """It has ended, or could not be started, and nothing is kept of it yet."""
    over = try_of(box) < run.tries or not run.open
    return over and try_of(box) > run.evidence and not box.live and (began(box) or bool(box.error))


def _failed(run: Run, box: Replica) -> bool:
    if try_of(box) < run.tries:
        return True
    return run.ending in (Ending.FAILED, Ending.TIMED_OUT, Ending.FAILED_START)


def _given_up(job: Job, due: int) -> bool:
    retry = job.scene.view.memory.retries.get(evidence_key(job.place(due)))
    return retry is not None and retry.count >= TRIES


# --- history ----------------------------------------------------------------------------------------------------------


def _beyond(job: Job, going: Cause | None) -> Iterator[tuple[Replica, Cause]]:
    last: list[tuple[Run | None, Replica]] = []
    for due, boxes in _by_due(job):
        run = job.book.run(job.name, due)
        over = [box for box in boxes if not box.live and box.phase is not Phase.REMOVING]
        latest = boxes[-1]
        for box in over:
            if box is not latest and (run is None or run.step is not Step.STARTING) and _is_kept(job, run, box):
                yield box, Cause(Code.HISTORY, f"its logs are kept, and another try of the run of {job.told(due)} came")
        if latest in over and (run is None or not run.open):
            last.append((run, latest))
    yield from _by_number(job, last, going)


def _by_number(
    job: Job, last: list[tuple[Run | None, Replica]], going: Cause | None
) -> Iterator[tuple[Replica, Cause]]:
    """Beyond the number of each kind that is kept, with the reason."""
    kept = {True: 0, False: 0}
    if going is None and job.policy is not None:
        kept = {True: job.policy.keep_succeeded, False: job.policy.keep_failed}
    found: list[tuple[Replica, Cause]] = []
    for run, box in reversed(last):
        good = run.ending is Ending.OK if run is not None else box.exit_code == 0
        never = not began(box) and run is not None and run.ending is not Ending.FAILED_START
        most = kept[good]
        kept[good] -= not never
        if (never or most <= 0) and _is_kept(job, run, box):
            found.append((box, going or _why(good, never, job)))
    yield from reversed(found)


def _is_kept(job: Job, run: Run | None, box: Replica) -> bool:
    """Nothing of it is lost with its container. A row that is not held any more has long had its evidence."""
    return run is None or not _wanted(run, box) or _given_up(job, box.slot)


def _why(good: bool, never: bool, job: Job) -> Cause:
    if never:
        return Cause(Code.HISTORY, "its run never began")
    kind = "ended well" if good else "did not"
    number = 0 if job.policy is None else job.policy.keep_succeeded if good else job.policy.keep_failed
    return Cause(
        Code.HISTORY,
        f"of runs that {kind} the newest {number} are kept" if number else f"runs that {kind} are not kept",
    )
