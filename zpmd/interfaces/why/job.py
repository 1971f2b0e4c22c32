"""The story of a job, and of one run of it: the rows of the ledger are the story. Pure.

Rules:
1. How the job stands comes first, then how its last run went and when the next one starts.
2. Last words are told of the run that is asked about; of a whole job those of the run that went wrong last, as long as
   nothing that came after it was meant to run.
3. What was due and not to run (skipped, held, suspended) says nothing of how the job goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from zpmd.interfaces import evidence, jobs
from zpmd.interfaces.job_views import RunView
from zpmd.interfaces.root import standing
from zpmd.interfaces.run_words import ended, stands
from zpmd.interfaces.views import JobBriefView, ServiceView
from zpmd.interfaces.why_views import JobStoryView
from zpmd.interfaces.words import clock, due, moment, plural, span
from zpmd.model.events import Entry, Snapshot
from zpmd.model.job import BAD, Ending, JobMemory, Run, Step
from zpmd.model.observed import Dossier
from zpmd.model.plan import State

RUNS_TOLD = 10
FIRST_RUN = 100_000_000
"""Slots from here on are instants, and runs of jobs: no service has so many replicas."""


def culprit(snapshot: Snapshot, name: str) -> Run | None:
    """The run whose last words belong into the story of the job."""
    known = snapshot.memory.jobs.get(name, JobMemory())
    again = next((run for run in reversed(known.open) if run.tries > 1), None)
    if again is not None:
        return again
    return known.last if known.last is not None and known.last.ending in BAD else None


def story(
    snapshot: Snapshot, name: str, brief: JobBriefView | None, kept: Run | None, dossiers: Sequence[Dossier]
) -> JobStoryView | None:
    """`kept` is the run whose last words are told, with its logs. None for a service that is no job and was none."""
    known = snapshot.memory.jobs.get(name)
    if brief is None and known is None and kept is None:
        return None
    runs = known.runs if known is not None else ()
    return JobStoryView(
        schedule=brief.schedule if brief else "",
        time_zone=brief.time_zone if brief else "",
        suspended_by=brief.suspended_by if brief else "",
        next_at=brief.next_at if brief else None,
        open=tuple(jobs.run_view(run) for run in runs if run.open),
        runs=tuple(jobs.run_view(run) for run in reversed(runs) if not run.open)[:RUNS_TOLD],
        run=None if kept is None else jobs.run_view(kept),
        retries_left=0 if kept is None or not kept.open else max(0, _tries(snapshot, name) - max(kept.tries, 1)),
        log_tail=kept.log_tail if kept is not None else (),
        dossiers=tuple(evidence.view(d) for d in dossiers if kept is not None and d.slot == kept.due),
    )


def answer(
    view: ServiceView,
    brief: JobBriefView,
    snapshot: Snapshot,
    notes: Sequence[Entry],
    stopped: str,
    now: float,
    zone: tzinfo | None,
) -> str:
    """`stopped` says who has stopped it, and when; "" where nobody has, or that is not known. `notes` are what
    operators asked."""
    known = snapshot.memory.jobs.get(view.name, JobMemory())
    state = State(view.state)
    failed = known.last if state is State.FAILED and known.last is not None and known.last.ending in BAD else None
    if failed is not None:
        head = f"{view.name} failed: {of_run(jobs.run_view(failed), _tries(snapshot, view.name), now, zone)}"
    elif state in (State.RUNNING, State.STARTING) and known.open:
        head = f"{view.name}: {_going(known.open, now, zone)}"
    elif state in (State.WAITING, State.BACKOFF) and view.waiting:
        how = "has failed and is tried again" if state is State.BACKOFF else "waits"
        head = f"{view.name} {how}: {_waits(view, now, zone)}"
    elif state is State.SUSPENDED:
        since = max((n.at for n in notes if n.verb == "suspend" and n.actor == brief.suspended_by), default=None)
        head = f"{view.name} is suspended by {brief.suspended_by or 'an operator'}"
        head += f" since {clock(since, now, zone)}" if since is not None else ""
    elif state is State.SCHEDULED:
        head = f"{view.name} is scheduled"
    else:
        head = stopped or f"{view.name} {standing(view)}"
    return "; ".join([head, *_around(brief, state, failed is None, now, zone)])


def of_run(run: RunView, tries: int, now: float, zone: tzinfo | None) -> str:
    """ "its run of 02:00:00 failed with exit 3 after 12 s, on try 4 of 4"."""
    on_try = f", on try {run.tries} of {max(tries, run.tries)}" if run.tries > 1 else ""
    why = f": {run.reason}" if run.reason and not (run.ending == Ending.FAILED and run.exit_code) else ""
    return f"its run of {clock(run.due_at, now, zone)} {ended(run)}{on_try}{why}"


def answer_of_run(kept: Run, now: float, zone: tzinfo | None) -> str:
    """Of one row, whole."""
    run = jobs.run_view(kept)
    parts = [f"the run of {run.job} of {moment(run.due_at, zone)}: {stands(run, now)}"]
    if run.until_at is not None and run.count > 1:
        parts[0] = f"the {run.count} runs of {run.job} of {moment(run.due_at, zone)} to {moment(run.until_at, zone)}:"
        parts[0] += f" {ended(run)}"
    if run.ending and run.tries > 1:
        parts.append(f"on try {run.tries}")
    parts += [run.reason] if run.reason else []
    if run.late_seconds is not None and run.late_seconds >= 1:
        parts.append(f"it began {span(run.late_seconds)} late")
    if run.caught_up:
        parts.append("made up for, as nobody looked when it was due")
    if run.asked and run.asked not in run.reason:
        parts.append(f"asked for by {run.asked}")
    if run.instead_of:
        parts.append(f"the clock skipped {', '.join(run.instead_of)}: it stands for that")
    return "; ".join(parts)


def again(view: ServiceView, brief: JobBriefView, now: float, zone: tzinfo | None) -> str:
    """When it runs again, by itself or at once."""
    at_once = f"`zpmctl job run {view.name}` runs it now"
    if brief.suspended_by or brief.next_at is None:
        return at_once
    return f"it runs again by itself in {due(brief.next_at, now, zone)}; {at_once}"


def resume(view: ServiceView, brief: JobBriefView) -> str:
    """What ends a suspension."""
    if brief.suspended_by == jobs.ITS_FILE:
        return "take `suspend` out of its file"
    return f"`zpmctl job resume {view.name}` has it run again when it is due"


def _tries(snapshot: Snapshot, name: str) -> int:
    """How many tries a run has by the policy of today."""
    declared = snapshot.desired.service(name)
    return declared.job.retries + 1 if declared is not None and declared.job is not None else 1


def _going(runs: Sequence[Run], now: float, zone: tzinfo | None) -> str:
    first = next((run for run in runs if run.step is Step.RUNNING), runs[0])
    more = len(runs) - 1
    others = f", and {plural(more, 'other')} {'has' if more == 1 else 'have'} not ended" if more else ""
    return f"its run of {clock(first.due, now, zone)} is {stands(jobs.run_view(first), now)}{others}"


def _waits(view: ServiceView, now: float, zone: tzinfo | None) -> str:
    first = view.waiting[0]
    until = f", {due(first.until, now, zone)}" if first.until is not None else ""
    slot = first.subject.rpartition("/")[2]
    run = f"its run of {clock(int(slot), now, zone)}: " if slot.isdecimal() and int(slot) >= FIRST_RUN else ""
    more = f"; {len(view.waiting) - 1} more of its runs wait" if len(view.waiting) > 1 else ""
    return f"{run}{first.text}{until}{more}"


def _around(brief: JobBriefView, state: State, with_last: bool, now: float, zone: tzinfo | None) -> list[str]:
    """The last run and the next one."""
    parts = []
    if with_last:
        last = brief.last
        parts.append(f"last run {clock(last.due_at, now, zone)} {ended(last)}" if last is not None else "no run yet")
    if brief.suspended_by and state is not State.SUSPENDED:
        parts.append(f"suspended by {brief.suspended_by}")
    elif brief.next_at is not None and not brief.suspended_by:
        parts.append(f"next in {due(brief.next_at, now, zone)}" if brief.next_at - now >= 0.5 else "next now")
    return parts
