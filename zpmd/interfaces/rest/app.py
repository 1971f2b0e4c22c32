"""The REST API: ports.Control over HTTP. Thin on purpose: an endpoint translates, and decides nothing.

`/v1/...` is everything that zpmctl does; `/service/start`, `/service/stop`, `/status`, `/tenant/list` and
`/integration/list` are the domain's own; `/metrics` is Prometheus'. Verbs
answer 202 as soon as they are durable, with the instant: a later snapshot whose `at` is above it knows of them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.responses import StreamingResponse

import zpmd
from zpmd.daemon.control import unknown
from zpmd.daemon.meters import Meters
from zpmd.daemon.recorder import Recorder
from zpmd.errors import NotFound, Refused
from zpmd.interfaces import metrics, registry, status, tenancy
from zpmd.interfaces.asked import (
    IntegrationsQuery,
    JournalQuery,
    LogsQuery,
    PortsQuery,
    TenantsQuery,
    WaitQuery,
)
from zpmd.interfaces.rest import audit as audit_routes
from zpmd.interfaces.rest import domain, feed, health, jobs, lists, openapi, pages, session, streams, uploads, verbs
from zpmd.interfaces.rest import logs as logs_routes
from zpmd.interfaces.rest import patches as patches_routes
from zpmd.interfaces.rest import tokens as tokens_routes
from zpmd.interfaces.rest import usage as usage_routes
from zpmd.interfaces.rest import why as why_routes
from zpmd.interfaces.rest.access import admit, principal
from zpmd.interfaces.rest.authentication import Authenticator
from zpmd.interfaces.rest.counting import Counted
from zpmd.interfaces.rest.gate import Gate
from zpmd.interfaces.rest.own import own
from zpmd.interfaces.rest.parts import ApiParts
from zpmd.interfaces.rest.problems import LastResort, StrictRoute, answer_with_problems
from zpmd.interfaces.rest.recording import Recorded, begin
from zpmd.interfaces.rest.rendered import Rendered
from zpmd.interfaces.rest.session import Browsers, Sessions
from zpmd.interfaces.rest.throttle import Throttle
from zpmd.interfaces.rest.writes import Writes
from zpmd.interfaces.row_views import IntegrationsView, PortsView, TenantsView
from zpmd.interfaces.views import EntryView, PlanView, ServiceView, StatusView
from zpmd.interfaces.why import entry_view
from zpmd.interfaces.why_views import WhyView
from zpmd.ports import Control

Now = Callable[[], float]
NDJSON = "application/x-ndjson"
EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Entries, the oldest first; with `follow` an entry a line",
        "model": list[EntryView],
        "content": {NDJSON: {"schema": {"type": "string"}}},
    }
}
NEWER: dict[int | str, dict[str, Any]] = {
    200: {"model": StatusView, "description": "The newer status"},
    204: {"description": "No newer status within the time"},
}


class LinesResponse(StreamingResponse):
    media_type = NDJSON


class MetricsResponse(Response):
    media_type = metrics.CONTENT_TYPE


def create_app(parts: ApiParts) -> FastAPI:
    """`app.state.stopping` is an Event: set it, and every answer that goes on ends."""
    app = FastAPI(
        title="zpmd",
        version=zpmd.__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(admit), Depends(begin)],
        generate_unique_id_function=lambda route: route.name,
    )
    stopping, now = threading.Event(), parts.now
    control = own(parts.control)
    app.state.stopping = stopping
    app.state.authenticator = parts.authenticator
    app.state.throttle = Throttle(parts.api)
    app.state.sessions = Sessions(parts.authenticator)
    app.state.writes = Writes(control, parts.answers, now)
    # From the innermost out: what is outside sees all that is refused inside.
    app.add_middleware(Browsers, app.state.sessions)
    answer_with_problems(app)
    app.add_middleware(Gate, parts.authenticator, app.state.throttle)
    app.add_middleware(Recorded, recorder=parts.recorder)
    app.add_middleware(LastResort)
    app.add_middleware(Counted, meters=parts.meters)
    for router in (
        pages.router(),
        session.router(app.state.sessions, app.state.throttle),
        _reading(control, now),
        _rows(control, now, parts.meters),
        _streaming(control, now, stopping),
        feed.router(control, now, stopping),
        lists.router(control, now),
        verbs.router(control, now, stopping),
        jobs.router(control, now),
        patches_routes.router(control, now),
        uploads.router(control, parts.patches, now),
        why_routes.router(control, now),
        logs_routes.router(control, now, stopping),
        usage_routes.router(control, now),
        health.router(parts, control),
        domain.router(control, now),
        tokens_routes.router(parts.authenticator.tokens, now),
        audit_routes.router(parts.recorder.audit, now),
        _about(app),
    ):
        app.include_router(router)
    return app


def document() -> dict[str, Any]:
    """What the API says of itself, without a daemon: routes are made, and none is asked."""
    nobody: Any = None
    return openapi.describe(
        create_app(
            ApiParts(
                control=nobody,
                authenticator=Authenticator(nobody, time.time),
                answers=nobody,
                recorder=Recorder(nobody, nobody, time.time, nobody),
                meters=nobody,
                state_dir=Path("/"),
                socket=Path("/"),
            )
        )
    )


def _about(app: FastAPI) -> APIRouter:
    router = APIRouter(prefix="/v1", route_class=StrictRoute)

    @router.get("/openapi.json", tags=["daemon"])
    def get_openapi() -> dict[str, Any]:
        """This API, as OpenAPI 3.1."""
        return openapi.describe(app)

    return router


def _reading(control: Control, now: Now) -> APIRouter:
    router = APIRouter(prefix="/v1", route_class=StrictRoute)

    told = Rendered(StatusView, status.status)

    @router.get("/status", tags=["status"], response_model=StatusView)
    async def get_status(request: Request) -> Response:
        """Every service, what waits and why, and whether zpmd sees everything."""
        return await told.answer(control.snapshot(), now(), principal(request).tenant)

    @router.get("/plan", tags=["status"])
    def get_plan(response: Response) -> PlanView:
        """What zpmd does next, and what it holds back; its id is the ETag."""
        view = status.plan(control.snapshot(), now())
        response.headers["ETag"] = f'"{view.id}"'
        return view

    @router.get("/services/{name}", tags=["services"])
    def get_service(name: str) -> ServiceView:
        """One service."""
        return _service(control, name, now())

    @router.get("/services/{name}/why", tags=["services"])
    def get_service_why(name: str) -> WhyView:
        """The causal story of one service."""
        snapshot = control.snapshot()
        told = why_routes.story(control, snapshot, name, now())
        known = told.replicas or told.operators or told.made_of or name in dict(snapshot.desired.retired)
        if not known:
            _service(control, name, now())
        return told

    return router


def _rows(control: Control, now: Now, meters: Meters) -> APIRouter:
    router = APIRouter(route_class=StrictRoute)

    @router.get("/v1/tenants", tags=["rows"])
    def get_tenants(query: Annotated[TenantsQuery, Query()]) -> TenantsView:
        """Tenants with what belongs to them, those that need attention first."""
        return tenancy.tenants(control.snapshot(), now(), query)

    @router.get("/v1/integrations", tags=["rows"])
    def get_integrations(query: Annotated[IntegrationsQuery, Query()]) -> IntegrationsView:
        """Integrations, their rows and their services in one."""
        return tenancy.integrations(control.snapshot(), now(), query)

    @router.get("/v1/ports", tags=["rows"])
    def get_ports(query: Annotated[PortsQuery, Query()]) -> PortsView:
        """Ports that belong to integrations, and those that rest."""
        return tenancy.ports(control.snapshot(), now(), query)

    @router.get("/metrics", tags=["daemon"], response_class=MetricsResponse)
    def get_metrics() -> Response:
        """Metrics in the text format of Prometheus."""
        try:
            snapshot = control.snapshot()
        except Refused:  # before the first pass has ended
            snapshot = None
        return MetricsResponse(metrics.exposition(snapshot, now(), meters))

    return router


def _streaming(control: Control, now: Now, stopping: threading.Event) -> APIRouter:
    router = APIRouter(prefix="/v1", route_class=StrictRoute)

    @router.get("/events", tags=["journal"], response_model=None, responses=EVENTS)
    def get_events(query: Annotated[JournalQuery, Query()]) -> list[EntryView] | Response:
        """The newest of the journal; with `follow` on and on, each entry once more when its outcome is known."""
        entries = control.journal(query.service, query.since_id, query.since, query.limit)
        if query.service and not entries:
            _service(control, query.service, now())  # nothing of it, and no such service: say so
        if query.follow:
            lines = streams.journal_lines(control, query.service, query.since_id, query.limit, stopping)
            return LinesResponse(lines)
        return [entry_view(e) for e in entries]

    @router.get("/services/{name}/logs", tags=["services"], response_class=LinesResponse)
    def get_logs(name: str, query: Annotated[LogsQuery, Query()]) -> Response:
        """Lines of a service's containers; with `follow` as they come."""
        lines = control.logs([(name, query.slot)], query.tail, query.follow, query.since)
        return LinesResponse(streams.log_lines(lines, stopping))

    @router.get("/wait", tags=["status"], responses=NEWER, response_model=None)
    async def get_wait(query: Annotated[WaitQuery, Query()]) -> StatusView | Response:
        """The first status whose number is above `after`."""
        snapshot = await streams.next_snapshot(control, query.after, query.timeout, stopping)
        return Response(status_code=204) if snapshot is None else status.status(snapshot, now())

    return router


def _service(control: Control, name: str, at: float) -> ServiceView:
    """Raises NotFound, with the nearest name."""
    view = status.status(control.snapshot(), at)
    found = view.service(name)
    if found is None:
        if row := registry.complaint(control.snapshot(), name):
            raise NotFound(f"no service {name}: {row}")
        raise NotFound(unknown(name, [s.name for s in view.services()]))
    return found
