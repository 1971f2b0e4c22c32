"""How every job goes on in one pass: what was due is told, what may begin begins, what has ended is kept and cleared.

The rows are written before anything is done under them, and a container has the name of its row: so a daemon that is
killed anywhere goes on from the row, and makes no second container for it. A row and the container of a run that begins
are drafted in the same pass, since the rows are durable before the first other action is carried out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from zpmd.model.action import KeepRuns
from zpmd.model.cause import Cause, Code
from zpmd.model.job import Mark, Step
from zpmd.model.plan import Standing, Waiting
from zpmd.planning import removal
from zpmd.planning.jobs import dues, evidence, following, standings, starting, stopping, telling
from zpmd.planning.jobs.book import Book
from zpmd.planning.jobs.job import Job
from zpmd.planning.scene import Scene
from zpmd.planning.target import Target
from zpmd.planning.view import names


@dataclass(frozen=True, kw_only=True)
class Jobs:
    """What a pass makes of all jobs. `rows` is None where the ledger stays as it is; `all_told`: nothing is left for a
    next pass, beside what it says itself."""

    rows: KeepRuns | None = None
    standings: tuple[Standing, ...] = ()
    dues: Mapping[str, float] = field(default_factory=dict)
    all_told: bool = True


def progress(scene: Scene, going: Mapping[str, Cause], turn: Sequence[str]) -> Jobs:
    """Draft the next step of every run. `going` are the services that leave, `turn` those of them whose turn it is."""
    book = Book(scene.view.memory.jobs)
    declared = [_declared(scene, book, aim) for aim in scene.view.targets.values() if aim.service.job is not None]
    every = [*declared, *_others(scene, book, going)]
    if not every:
        return Jobs()
    first, all_told = len(scene.draft.waiting), True
    busy = [job for job in every if job.open or not evidence.settled(job)]
    for job in busy:
        following.follow(job)
    for job in every:
        all_told &= _tell(job)
    open_jobs = [job for job in every if job.open]
    for job in open_jobs:
        stopping.stop(job, turn, going)
    starting.start(open_jobs, scene, scene.view.limits.runs_at_once - book.busy_places())
    for job in busy:
        _keep(job, going)
    for job in declared:
        if job.name in scene.view.by_slot and job.target is not None and not (job.hold or job.leaving):
            removal.surplus(scene.view, job.target, scene.draft)  # of a service that was none before
    upcoming = {job.name: at for job in declared if (at := _next(job)) is not None}
    waiting = _by_service(scene.draft.waiting[first:])
    return Jobs(
        rows=_rows(book),
        standings=tuple(
            standings.standing(job, job.target, waiting.get(job.name, ()), upcoming.get(job.name))
            for job in declared
            if job.target is not None
        ),
        dues=upcoming,
        all_told=all_told,
    )


# --- which jobs there are ---------------------------------------------------------------------------------------------


def _declared(scene: Scene, book: Book, aim: Target) -> Job:
    return Job(
        name=aim.name,
        scene=scene,
        book=book,
        target=aim,
        policy=aim.service.job,
        leaving=aim.leaving,
        hold=aim.hold,
    )


def _others(scene: Scene, book: Book, going: Mapping[str, Cause]) -> Iterator[Job]:
    """What has runs, or rows that are not at their end, and is no job: it left the files, or lost its schedule."""
    view = scene.view
    for name in sorted(book.jobs | view.runs.keys()):
        aim, memory = view.targets.get(name), book.memory(name)
        if aim is not None and aim.service.job is not None:
            continue
        marked = memory.mark is not None and memory.mark.timetable != ""
        if not (marked or memory.open or name in view.runs):
            continue
        cause = going.get(name)
        yield Job(
            name=name,
            scene=scene,
            book=book,
            target=aim,
            policy=None,
            gone=_gone(scene, aim, name),
            leaving=aim.leaving if aim else cause if cause and cause.code in removal.STOPS else None,
            hold=aim.hold if aim else view.memory.intent.hold_on(name, view.now),
        )


def _gone(scene: Scene, aim: Target | None, name: str) -> str:
    """Unknown is not absent: "" while it may still be declared by a source that has never answered."""
    if aim is not None:
        return "has no schedule any more"
    desired = scene.view.desired
    return dict(desired.retired).get(name) or ("is no longer declared" if desired.complete else "")


# --- one job ----------------------------------------------------------------------------------------------------------


def _tell(job: Job) -> bool:
    mark = job.book.mark(job.name)
    if job.policy is None:
        if job.gone and mark is not None and mark.timetable:
            job.book.tell_until(job.name, Mark("", job.now))  # were it declared again, it would owe nothing
        return True
    if job.zone is None:
        text = f"its time zone {job.policy.timetable.zone} is not known on this host: is tzdata installed?"
        job.scene.draft.wait(job.name, Cause(Code.EXTERNAL_MISSING, text), service=job.name)
        return True
    return telling.tell(job, job.policy, job.zone)


def _keep(job: Job, going: Mapping[str, Cause]) -> None:
    evidence.keep(job)
    cause = _cleared(job, going)
    if job.policy is not None or cause is not None:
        evidence.clear(job, cause)


def _cleared(job: Job, going: Mapping[str, Cause]) -> Cause | None:
    """Why all containers of its runs may go, once they have ended; None: they may not, or as many stay as it says."""
    if job.target is None:
        return going.get(job.name)
    if job.leaving is not None and job.target.remove:
        return job.leaving
    return Cause(Code.HISTORY, f"{job.name} {job.gone}") if job.policy is None else None


def _next(job: Job) -> float | None:
    """When its next run starts, if one is to come. The next due instant is one to look again at, whatever it is."""
    mark = job.book.mark(job.name)
    if job.policy is None or job.zone is None or mark is None:
        return None
    if job.hold is not None and job.hold.until is not None:
        job.scene.draft.wake(job.hold.until)
    coming = dues.upcoming(job.name, job.policy.timetable, job.zone, mark.until)
    starts = [run.not_before for run in job.open if run.step is Step.WAITING and (run.not_before or 0.0) > job.now]
    if coming is not None:
        job.scene.draft.wake(coming.at)
        starts.append(coming.starts_at)
    if telling.fate(job, job.policy) is not None:
        return None
    return min((at for at in starts if at is not None), default=None)


# --- the pass ---------------------------------------------------------------------------------------------------------


def _rows(book: Book) -> KeepRuns | None:
    kept = book.kept
    if not kept:
        return None
    text = f"of {names(dict.fromkeys(run.job for run in kept.rows))}" if kept.rows else "up to where jobs are told"
    return KeepRuns(kept=kept, cause=Cause(Code.DUE, text))


def _by_service(waiting: Sequence[Waiting]) -> Mapping[str, Sequence[Waiting]]:
    found: dict[str, list[Waiting]] = {}
    for each in waiting:
        found.setdefault(each.service, []).append(each)
    return found
