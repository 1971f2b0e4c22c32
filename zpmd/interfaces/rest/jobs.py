"""The part of the REST API that is about jobs: what is due, the ledger of what has run, and what jobs can be told."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from zpmd.daemon.control import unknown
from zpmd.errors import NotFound, SecondTaken
from zpmd.interfaces import evidence, jobs
from zpmd.interfaces.asked import AllRunsQuery, JobsQuery, NextQuery, Nothing, RunsQuery
from zpmd.interfaces.job_views import JobsView, JobView, NextView, RunStoryView, RunsView
from zpmd.interfaces.rest.access import actor
from zpmd.interfaces.rest.problems import StrictRoute
from zpmd.interfaces.views import DoneView
from zpmd.model.job import Run
from zpmd.model.naming import rfc3339
from zpmd.ports import Control

DOSSIERS = 100
"""Of one service, at the most; those of one run are among them."""
SECONDS_WAITED = 2
"""For one that has no run of a job yet; then somebody else is quicker, or the clock stands."""
LAST = "\U0010ffff"
"""Behind every name: without a job, a page begins below an instant."""
Name = Annotated[str, Path(min_length=1, max_length=255, description="The name of the job.")]
Due = Annotated[
    str,
    Path(
        min_length=1,
        max_length=64,
        description="When the run is due: RFC 3339, `2026-03-29T01:00:00Z`, or Unix seconds.",
    ),
]


def router(control: Control, now: Callable[[], float]) -> APIRouter:
    made = APIRouter()  # without a prefix: what access.py knows a route by has that of its own router alone
    made.include_router(_of_all(control, now))
    made.include_router(_of_one(control, now))
    made.include_router(_verbs(control, now))
    return made


def _of_all(control: Control, now: Callable[[], float]) -> APIRouter:
    router = APIRouter(prefix="/v1", route_class=StrictRoute, tags=["jobs"])

    @router.get("/jobs")
    def list_jobs(query: Annotated[JobsQuery, Query()]) -> JobsView:
        """Jobs that are declared, each with its last run and its next."""
        return jobs.jobs(control.snapshot(), now(), query.group and query.group.value, query.tenant)

    @router.get("/runs")
    def list_all_runs(query: Annotated[AllRunsQuery, Query()]) -> RunsView:
        """The ledger of all jobs, by pages, the latest due first."""
        before = None if query.before is None else (query.before, query.before_job or LAST)
        asked = jobs.Asked(query.limit, query.bad, query.since)
        return jobs.page(lambda limit, after: control.runs(None, limit, after), asked, before, now())

    return router


def _of_one(control: Control, now: Callable[[], float]) -> APIRouter:
    router = APIRouter(prefix="/v1/jobs/{name}", route_class=StrictRoute, tags=["jobs"])

    @router.get("")
    def get_job(name: Name) -> JobView:
        """One job: its schedule, its last run, those that have not ended, and when the next one starts."""
        snapshot = control.snapshot()
        found = jobs.job(snapshot, name)
        if found is None:
            raise NotFound(_no_job(name, control))
        return found

    @router.get("/runs")
    def list_runs(name: Name, query: Annotated[RunsQuery, Query()]) -> RunsView:
        """The ledger of one job, by pages, the latest due first."""
        before = None if query.before is None else (query.before, name)
        asked = jobs.Asked(query.limit, query.bad, query.since)
        return jobs.page(lambda limit, after: control.runs(name, limit, after), asked, before, now())

    @router.get("/runs/{due}")
    def get_run(name: Name, due: Due) -> RunStoryView:
        """One run: how it ended, the last lines that it wrote, and what else was kept where it failed."""
        run = control.run(name, jobs.job_named(name, due))
        kept = [d for d in control.dossiers(name, DOSSIERS) if d.slot == run.due]
        return RunStoryView(
            now=now(), run=jobs.run_view(run), log_tail=run.log_tail, dossiers=tuple(map(evidence.view, kept))
        )

    @router.get("/next")
    def get_next(name: Name, query: Annotated[NextQuery, Query()]) -> NextView:
        """What is due next, with what changes of the clock make of it."""
        return jobs.upcoming(control.snapshot(), name, control.upcoming(name, query.count), now())

    return router


def _verbs(control: Control, now: Callable[[], float]) -> APIRouter:
    router = APIRouter(prefix="/v1/jobs/{name}", route_class=StrictRoute, tags=["jobs"])

    @router.post("/run", status_code=202)
    def run_job(name: Name, request: Request, _body: Nothing | None = None) -> DoneView:
        """Run a job now, whatever its schedule says."""
        run = _run(control, name, actor(request), now)
        due = rfc3339(run.due)
        return DoneView(detail=f"{name} is to run: {due}", at=now(), services=(name,), run=due)

    @router.post("/suspend", status_code=202)
    def suspend_job(name: Name, request: Request, _body: Nothing | None = None) -> DoneView:
        """Have a job not run when it is due, until it is resumed; what runs goes on."""
        control.suspend(name, actor(request))
        return DoneView(detail=f"{name} is suspended: it does not run when it is due", at=now(), services=(name,))

    @router.post("/resume", status_code=202)
    def resume_job(name: Name, request: Request, _body: Nothing | None = None) -> DoneView:
        """Have a suspended job run again when it is due."""
        control.resume(name, actor(request))
        return DoneView(detail=f"{name} runs again when it is due", at=now(), services=(name,))

    return router


def _run(control: Control, name: str, actor: str, now: Callable[[], float]) -> Run:
    """In the next second, where this one has a run of the job: nobody has to know that runs are named by seconds."""
    for _ in range(SECONDS_WAITED):
        try:
            return control.run_job(name, actor)
        except SecondTaken:
            time.sleep(1.0 - now() % 1.0)
    return control.run_job(name, actor)


def _no_job(name: str, control: Control) -> str:
    """A service that is none, one that was a job once, or a name that is nothing."""
    snapshot = control.snapshot()
    if snapshot.desired.service(name) is not None:
        return f"{name} is no job: its file has no x-zpmd.schedule"
    if name in snapshot.memory.jobs:
        return f"{name} is no longer declared: `zpmctl job history {name}` has its runs"
    return unknown(name, [s.name for s in snapshot.desired.services if s.job is not None], "job")
