"""Every due instant that has passed gets its row, once: what its mark says is told, and what is after it is told now.

Rules:
1. A job that is seen for the first time, or under another timetable, owes nothing.
2. What was due while nobody looked is missed, and made up for as its policy says; all else runs now, late or not.
3. Of what was missed the newest `OWN_ROWS` have rows of their own. Those before share one, which says how many they
   are: a year of minutes is told in a few passes, of which each does `MOST` at the most.
4. A clock that is set back makes nothing due again. Where it had been so far ahead that a job would be silent for
   days, or the job has another timetable now, what was told of that time is forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import NamedTuple

from zpmd.model.job import Concurrency, Ending, JobPolicy, Mark, Run, Step
from zpmd.model.schedule import Due
from zpmd.planning.jobs import catchup, dues, overlap
from zpmd.planning.jobs.job import Job
from zpmd.planning.schedules import starts_at

OWN_ROWS = 100
MOST = 10_000
LIVE = 1_000
FAR_AHEAD_SECONDS = 2 * 86_400.0


def tell(job: Job, policy: JobPolicy, zone: tzinfo) -> bool:
    """Whether all is told; if not, the next pass goes on."""
    mark, digest = job.book.mark(job.name), dues.digest(policy.timetable)
    if mark is None or mark.timetable != digest or mark.until > job.now + FAR_AHEAD_SECONDS:
        if mark is not None and mark.until > job.now:
            _unsay(job, policy, zone)
        job.book.tell_until(job.name, Mark(digest, job.now))
        return True
    coming = dues.upcoming(job.name, policy.timetable, zone, mark.until)
    if coming is None or coming.at > job.now:
        return True
    until, all_told = _tell(job, policy, zone, mark.until)
    job.book.tell_until(job.name, Mark(digest, until))
    return all_told


def fate(job: Job, policy: JobPolicy) -> Fate | None:
    """What becomes of whatever is due now and is not to run at all; None: it may run."""
    if job.hold:
        return Fate(Ending.HELD, str(job.hold))
    if job.leaving:
        return Fate(Ending.HELD, job.leaving.text)
    if policy.suspend:
        return Fate(Ending.SUSPENDED, "its service file suspends it")
    by = job.scene.view.memory.intent.suspended.get(job.name)
    return None if by is None else Fate(Ending.SUSPENDED, f"suspended by {by}", by)


class Fate(NamedTuple):
    ending: Ending
    reason: str
    asked: str = ""


def _tell(job: Job, policy: JobPolicy, zone: tzinfo, after: float) -> tuple[float, bool]:
    """(up to where, whether that is all)."""
    looked_since = job.scene.calendar.looked_since
    if looked_since > job.now:  # it lies ahead: the clock was set back, and somebody has looked at it since
        looked_since = after
    missed = dues.between(policy.timetable, zone, after, looked_since, MOST + OWN_ROWS + 1)
    if len(missed) > MOST + OWN_ROWS:
        _together(job, policy, missed[:MOST], after)
        return missed[MOST - 1].at, False
    if len(missed) > OWN_ROWS:
        _together(job, policy, missed[:-OWN_ROWS], after)
        missed = missed[-OWN_ROWS:]
    _missed(job, policy, missed)
    live = dues.between(policy.timetable, zone, max(after, looked_since), job.now, LIVE + 1)
    for due in live[:LIVE]:
        _live(job, policy, due)
    return [*missed, *live[:LIVE]][-1].at, len(live) <= LIVE


def _unsay(job: Job, policy: JobPolicy, zone: tzinfo) -> None:
    """Of what is still to come nothing was told. A row that speaks of many, some of which are, is cut short."""
    for run in job.book.memory(job.name).runs:
        if run.until is not None and run.due <= job.now < run.until:
            passed = dues.between(policy.timetable, zone, run.due - 1, job.now, run.count) or [Due(at=run.due)]
            job.change(run, until=int(passed[-1].at), count=len(passed))
    job.book.unsay(job.name, job.now)


def _together(job: Job, policy: JobPolicy, passed: Sequence[Due], after: float) -> None:
    """One row for all of them; the row of those just before them is made longer, if all ended alike."""
    found = fate(job, policy) or Fate(Ending.MISSED_DOWN, "zpmd was not there")
    before = job.book.newest(job.name)
    passed = [due for due in passed if job.book.run(job.name, int(due.at)) is None]  # but for what was asked for
    if not passed:
        return
    count, until = len(passed), int(passed[-1].at)
    if before and before.until == int(after) and before.ending is found.ending and before.reason == found.reason:
        job.change(before, until=until, count=before.count + count)
        return
    _ends(job, _row(job, policy, passed[0]), found, until=until, count=count)


def _missed(job: Job, policy: JobPolicy, passed: Sequence[Due]) -> None:
    made_up = catchup.made_up(policy, passed, job.now)
    for due in passed:
        run = _row(job, policy, due, caught_up=due.at in made_up)
        if job.book.run(job.name, run.due) is not None:
            continue
        if found := _repeated(due) or fate(job, policy):
            _ends(job, run, found)
        elif due.at in made_up:
            job.book.put(run)
        else:
            _ends(job, run, Fate(Ending.MISSED_DOWN, _why_missed(job, policy, due)))


def _live(job: Job, policy: JobPolicy, due: Due) -> None:
    run = _row(job, policy, due)
    if job.book.run(job.name, run.due) is not None:
        return
    found = _repeated(due) or fate(job, policy)
    open_runs = job.open
    if not found and (why := overlap.skipped(job, policy.concurrency, open_runs)):
        found = Fate(Ending.SKIPPED_OVERLAP, why)
    if found:
        _ends(job, run, found)
        return
    if policy.concurrency is Concurrency.REPLACE:
        overlap.replace(job, open_runs, run.due)
    job.book.put(run)


def _repeated(due: Due) -> Fate | None:
    return None if due.runs else Fate(Ending.REPEATED, "the clock was put back: it was due at this time before")


def _why_missed(job: Job, policy: JobPolicy, due: Due) -> str:
    if catchup.too_late(policy, due.at, job.now):
        return f"zpmd was not there, and its deadline of {policy.deadline_seconds:.0f} s is over"
    return "zpmd was not there"


def _row(job: Job, policy: JobPolicy, due: Due, caught_up: bool = False) -> Run:
    return Run(
        job=job.name,
        due=int(due.at),
        not_before=starts_at(job.name, due, policy.timetable.jitter_seconds),
        tenant=job.target.service.tenant if job.target else "",
        caught_up=caught_up,
        instead_of=due.instead_of,
    )


def _ends(job: Job, run: Run, found: Fate, until: int | None = None, count: int = 1) -> None:
    job.change(
        run,
        step=Step.ENDED,
        ending=found.ending,
        reason=found.reason,
        asked=found.asked,
        not_before=None,
        caught_up=False,
        until=until,
        count=count,
    )
