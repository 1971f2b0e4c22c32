"""The part of the REST API that tells zpmd something about services. Every verb is done when it is durable: 202.

With `?wait=` it is answered when the waiting is over: 200, and `met` says whether it came true; or 202 with what it
waits for when the time is up, or zpmd ends. That is what `zpmctl --wait` goes by as well (until.py).
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from zpmd.interfaces import status, until
from zpmd.interfaces.asked import DownBody, HoldBody, Nothing, ScaleBody, VerbQuery
from zpmd.interfaces.rest import streams
from zpmd.interfaces.rest.access import actor
from zpmd.interfaces.rest.problems import StrictRoute
from zpmd.interfaces.views import DoneView
from zpmd.model.memory import Hold
from zpmd.ports import Control

Name = Annotated[str, Path(min_length=1, max_length=255, description="The name of the service.")]
NameOrAll = Annotated[str, Path(min_length=1, max_length=255, description="The name of the service, or `*`.")]
Asked = Annotated[VerbQuery, Query()]
WAITED: dict[int | str, dict[str, Any]] = {200: {"model": DoneView, "description": "The waiting is over"}}


def router(control: Control, now: Callable[[], float], stopping: threading.Event) -> APIRouter:
    made = APIRouter()  # without a prefix: what access.py knows a route by has that of its own router alone
    waiting = Waiting(control, now, stopping)
    made.include_router(_services(control, now, waiting))
    made.include_router(_everything(control, now, waiting))
    return made


def _services(control: Control, now: Callable[[], float], waiting: Waiting) -> APIRouter:
    router = APIRouter(prefix="/v1/services/{name}", route_class=StrictRoute, tags=["services"])

    @router.post("/start", status_code=202, responses=WAITED)
    async def start_service(
        name: Name, request: Request, response: Response, query: Asked, _body: Nothing | None = None
    ) -> DoneView:
        """Start a stopped service, or skip a backoff."""
        await run_in_threadpool(control.start, name, actor(request))
        done = DoneView(detail=f"{name} is to run", at=now(), services=(name,))
        return await waiting.over(done, until.runs(name), query, response)

    @router.post("/stop", status_code=202, responses=WAITED)
    async def stop_service(
        name: Name, request: Request, response: Response, query: Asked, _body: Nothing | None = None
    ) -> DoneView:
        """Stop a service until it is started again."""
        await run_in_threadpool(control.stop, name, actor(request))
        done = DoneView(detail=f"{name} is to stop", at=now(), services=(name,))
        return await waiting.over(done, until.stopped(name), query, response)

    @router.post("/restart", status_code=202, responses=WAITED)
    async def restart_service(
        name: Name, request: Request, response: Response, query: Asked, _body: Nothing | None = None
    ) -> DoneView:
        """Replace every replica, as its update_config says."""
        await run_in_threadpool(control.restart, name, actor(request))
        done = DoneView(detail=f"{name} is to be restarted", at=now(), services=(name,))
        return await waiting.over(done, until.runs(name), query, response)

    @router.post("/scale", status_code=202, responses=WAITED)
    async def scale_service(
        name: Name, body: ScaleBody, request: Request, response: Response, query: Asked
    ) -> DoneView:
        """Set how many replicas a service has; null: as many as its file says."""
        await run_in_threadpool(control.scale, name, body.replicas, actor(request))
        count = "the replicas that its file says" if body.replicas is None else f"{body.replicas} replicas"
        done = DoneView(detail=f"{name} is to have {count}", at=now(), services=(name,))
        return await waiting.over(done, until.runs(name, body.replicas), query, response)

    @router.post("/hold", status_code=202)
    def hold_service(name: NameOrAll, request: Request, body: HoldBody | None = None) -> DoneView:
        """Leave a service alone until the hold ends; `*`: everything."""
        asked = body or HoldBody()
        since = now()
        ends = None if asked.for_seconds is None else since + asked.for_seconds
        control.hold(Hold(service=name, owner=actor(request), reason=asked.reason, since=since, until=ends))
        return DoneView(detail=f"{'everything' if name == '*' else name} is held", at=now(), services=(name,))

    @router.post("/release", status_code=202)
    def release_service(name: NameOrAll, request: Request, _body: Nothing | None = None) -> DoneView:
        """End a hold."""
        control.release(name, actor(request))
        return DoneView(detail=f"{'everything' if name == '*' else name} is released", at=now(), services=(name,))

    return router


def _everything(control: Control, now: Callable[[], float], waiting: Waiting) -> APIRouter:
    router = APIRouter(prefix="/v1", route_class=StrictRoute, tags=["everything"])

    @router.post("/approve", status_code=202, responses=WAITED)
    async def approve(request: Request, response: Response, query: Asked, _body: Nothing | None = None) -> DoneView:
        """Approve the removals that are held back."""
        names = await run_in_threadpool(control.approve, actor(request))
        done = DoneView(detail=f"approved: {', '.join(names)} will be removed", at=now(), services=names)
        return await waiting.over(done, until.removed(names), query, response)

    @router.post("/down", status_code=202, responses=WAITED)
    async def down(request: Request, response: Response, query: Asked, body: DownBody | None = None) -> DoneView:
        """Remove every container and network of ours until `up`; volumes where that is asked for."""
        volumes = body is not None and body.volumes
        await run_in_threadpool(control.down, volumes, actor(request))
        done = DoneView(detail="everything is to be removed" + (", volumes as well" if volumes else ""), at=now())
        return await waiting.over(done, until.all_removed, query, response)

    @router.post("/up", status_code=202, responses=WAITED)
    async def up(request: Request, response: Response, query: Asked, _body: Nothing | None = None) -> DoneView:
        """End `down` and every `stop`."""
        await run_in_threadpool(control.start, "*", actor(request))
        return await waiting.over(DoneView(detail="everything is to run", at=now()), until.all_run, query, response)

    @router.post("/reload", status_code=202)
    def reload(request: Request, _body: Nothing | None = None) -> DoneView:
        """Read the service files again now."""
        control.reload(actor(request))
        return DoneView(detail="the files are read again", at=now())

    return router


@dataclass(frozen=True, slots=True)
class Waiting:
    """For the effect of a verb. Holds no thread."""

    control: Control
    now: Callable[[], float]
    stopping: threading.Event

    async def over(self, done: DoneView, goal: until.Goal, query: VerbQuery, response: Response) -> DoneView:
        if query.wait is None:
            return done
        met = await self._met(done.at, goal, query.wait)
        if met.done is not None:
            response.status_code = 200
        return replace(done, met=met.done, outcome=met.text)

    async def _met(self, asked_at: float, goal: until.Goal, seconds: float) -> until.Met:
        """By the last pass that knows of what was asked."""
        deadline = time.monotonic() + seconds
        met, after = until.Met(None, "zpmd has not looked yet"), 0
        while True:
            left = deadline - time.monotonic()
            snapshot = await streams.next_snapshot(self.control, after, left, self.stopping)
            if snapshot is None:
                return met
            after = snapshot.number
            if snapshot.at > asked_at:
                met = goal(await asyncio.to_thread(status.status, snapshot, self.now()))
                if met.done is not None:
                    return met
