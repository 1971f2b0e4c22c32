"""Jobs, their runs and what is due of them next, out of snapshots and rows of the ledger. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from zpmd.errors import NotFound
from zpmd.interfaces.job_views import (
    JobsView,
    JobView,
    NextView,
    PolicyView,
    RunsView,
    RunView,
    UpcomingView,
)
from zpmd.interfaces.schedule_words import spoken, written
from zpmd.interfaces.views import JobBriefView, LastRunView
from zpmd.model.events import Snapshot
from zpmd.model.job import BAD, JobMemory, JobPolicy, Run, Step, Upcoming
from zpmd.model.memory import Down
from zpmd.model.naming import rfc3339
from zpmd.model.plan import Standing
from zpmd.model.service import ServiceData

ITS_FILE = "its file"
"""Who has suspended a job whose `suspend` is true."""
SCANNED_MOST = 5000
"""Rows that one page looks through for those that are asked for."""
PAGE = 500
DUE_FORM = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d(?::\d\d)?)(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)
Page = Callable[[int, tuple[int, str] | None], Sequence[Run]]
"""Rows of the ledger: (at most so many, those after this one)."""


def due_of(text: str) -> int | None:
    """The instant that a run is named by, in Unix seconds: of RFC 3339 or those; None where it is neither."""
    if text.isascii() and text.isdecimal():
        return int(text) if len(text) <= 12 else None
    try:
        return int(datetime.fromisoformat(text.upper()).timestamp()) if DUE_FORM.fullmatch(text) else None
    except ValueError:
        return None


def job_named(name: str, due: str) -> int:
    """Raises NotFound for what names no run."""
    found = due_of(due)
    if found is None:
        raise NotFound(f"no run {due} of {name}: a run is named by when it is due, as in 2026-03-29T01:00:00Z")
    return found


def run_view(run: Run) -> RunView:
    return RunView(
        job=run.job,
        tenant=run.tenant,
        due=rfc3339(run.due),
        due_at=run.due,
        step=run.step.value,
        ending=run.ending.value if run.ending else "",
        bad=run.ending in BAD,
        reason=run.reason,
        tries=run.tries,
        not_before=run.not_before,
        started_at=run.started_at,
        finished_at=run.finished_at,
        late_seconds=run.late_seconds,
        lasted_seconds=run.lasted_seconds,
        exit_code=run.exit_code,
        stopping=run.stopping.value if run.stopping else "",
        asked=run.asked,
        caught_up=run.caught_up,
        instead_of=run.instead_of,
        until="" if run.until is None else rfc3339(run.until),
        until_at=run.until,
        count=run.count,
        container_id=run.container_id,
        spec=run.spec,
        log_kept=bool(run.evidence) and run.evidence >= run.tries,
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """Which rows are wanted: only bad endings, only those due at this instant or later, at most so many."""

    limit: int
    bad: bool = False
    since: float | None = None


def page(rows: Page, asked: Asked, before: tuple[int, str] | None, now: float) -> RunsView:
    """The first rows that are wanted, of those after `before`; through no more than SCANNED_MOST of them."""
    found: list[Run] = []
    scanned, last = 0, before
    for run in _rows(rows, before, PAGE if asked.bad else min(asked.limit + 1, PAGE)):
        if (asked.since is not None and run.due < asked.since) or len(found) == asked.limit:
            more = asked.since is None or run.due >= asked.since
            return _page(found, last if more else None, now)
        scanned, last = scanned + 1, (run.due, run.job)
        if not asked.bad or run.ending in BAD:
            found.append(run)
        if scanned == SCANNED_MOST:
            return _page(found, last, now)
    return _page(found, None, now)


def upcoming(snapshot: Snapshot, job: str, dues: Iterable[Upcoming], now: float) -> NextView:
    declared = snapshot.desired.service(job)
    policy = declared.job if declared is not None else None
    return NextView(
        now=now,
        job=job,
        time_zone=policy.timetable.zone if policy else "UTC",
        held_by=_kept_back(snapshot, job, policy),
        upcoming=tuple(
            UpcomingView(
                due=rfc3339(due.due),
                due_at=due.due,
                starts_at=due.starts_at,
                mark=due.mark,
                instead_of=due.instead_of,
            )
            for due in dues
        ),
    )


def jobs(snapshot: Snapshot, now: float, group: str | None = None, tenant: str | None = None) -> JobsView:
    standings = {standing.service: standing for standing in snapshot.plan.standings}
    return JobsView(
        number=snapshot.number,
        at=snapshot.at,
        now=now,
        jobs=tuple(
            _job(snapshot, service, service.job, standings.get(service.name))
            for service in sorted(snapshot.desired.services, key=lambda s: s.name)
            if service.job is not None and group in (None, service.group.value) and tenant in (None, service.tenant)
        ),
    )


def job(snapshot: Snapshot, name: str) -> JobView | None:
    """None where no job of this name is declared."""
    service = snapshot.desired.service(name)
    if service is None or service.job is None:
        return None
    standing = next((s for s in snapshot.plan.standings if s.service == name), None)
    return _job(snapshot, service, service.job, standing)


def brief(snapshot: Snapshot, declared: ServiceData | None) -> JobBriefView | None:
    """Of a service, in its line of the status; None for one that is no job."""
    if declared is None or declared.job is None:
        return None
    known = snapshot.memory.jobs.get(declared.name, JobMemory())
    last = known.last
    running = sum(run.step is Step.RUNNING for run in known.runs)
    return JobBriefView(
        schedule=", ".join(written(schedule) for schedule in declared.job.timetable.schedules),
        time_zone=declared.job.timetable.zone,
        suspended_by=suspended_by(snapshot, declared.name, declared.job),
        next_at=snapshot.plan.dues.get(declared.name),
        open=sum(run.open for run in known.runs),
        running=running,
        last=None if last is None else _last(last),
    )


def suspended_by(snapshot: Snapshot, name: str, policy: JobPolicy) -> str:
    return ITS_FILE if policy.suspend else snapshot.memory.intent.suspended.get(name, "")


def _job(snapshot: Snapshot, service: ServiceData, policy: JobPolicy, standing: Standing | None) -> JobView:
    known = snapshot.memory.jobs.get(service.name, JobMemory())
    last = known.last
    hold = snapshot.memory.intent.hold_on(service.name, snapshot.at)
    return JobView(
        name=service.name,
        group=service.group.value,
        tenant=service.tenant,
        state=standing.state.value if standing else "unknown",
        reason=standing.reason if standing else "",
        image=service.container.image,
        policy=policy_view(policy),
        suspended_by=suspended_by(snapshot, service.name, policy),
        held_by=hold.owner if hold else "",
        stopped=service.name in snapshot.memory.intent.stopped,
        next_at=snapshot.plan.dues.get(service.name),
        last=None if last is None else run_view(last),
        open=tuple(run_view(run) for run in known.runs if run.open),
    )


def policy_view(policy: JobPolicy) -> PolicyView:
    table = policy.timetable
    return PolicyView(
        schedules=tuple(written(schedule) for schedule in table.schedules),
        words=tuple(spoken(schedule) for schedule in table.schedules),
        time_zone=table.zone,
        jitter_seconds=table.jitter_seconds,
        concurrency=policy.concurrency.value,
        catch_up=policy.catch_up.value,
        deadline_seconds=policy.deadline_seconds,
        timeout_seconds=policy.timeout_seconds,
        retries=policy.retries,
        retry_delay_seconds=policy.retry_delay_seconds,
        retry_max_seconds=policy.retry_max_seconds,
        keep_succeeded=policy.keep_succeeded,
        keep_failed=policy.keep_failed,
    )


def _last(run: Run) -> LastRunView:
    return LastRunView(
        due=rfc3339(run.due),
        due_at=run.due,
        ending=run.ending.value if run.ending else "",
        bad=run.ending in BAD,
        exit_code=run.exit_code,
        finished_at=run.finished_at,
        lasted_seconds=run.lasted_seconds,
    )


def _kept_back(snapshot: Snapshot, name: str, policy: JobPolicy | None) -> str:
    """Why nothing that is due would run as things stand; "" where it would."""
    if snapshot.memory.intent.down is not Down.NO:
        return "everything is down: `zpmctl up` ends that"
    if name in snapshot.memory.intent.stopped:
        return f"an operator has stopped it: `zpmctl start {name}` ends that"
    if hold := snapshot.memory.intent.hold_on(name, snapshot.at):
        return f"{hold.owner} holds it" + (f": {hold.reason}" if hold.reason else "")
    if policy is not None and (who := suspended_by(snapshot, name, policy)):
        return "its file suspends it" if who == ITS_FILE else f"{who} has suspended it: `zpmctl job resume {name}`"
    return ""


def _rows(rows: Page, before: tuple[int, str] | None, at_once: int) -> Iterator[Run]:
    while found := rows(at_once, before):
        yield from found
        if len(found) < at_once:
            return
        before = (found[-1].due, found[-1].job)


def _page(found: Sequence[Run], last: tuple[int, str] | None, now: float) -> RunsView:
    runs = tuple(run_view(run) for run in found)
    return RunsView(now=now, runs=runs, before=last[0] if last else None, before_job=last[1] if last else "")
