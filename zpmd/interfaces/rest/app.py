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

from fastapi import APIRouter, Depends, FastAPI, Query, Response
from fastapi.responses import StreamingResponse

import zpmd
from zpmd.daemon.control import unknown
from zpmd.errors import NotFound
from zpmd.interfaces import metrics, registry, status, tenancy
from zpmd.interfaces.asked import (
    IntegrationsQuery,
    JournalQuery,
    LogsQuery,
    PortsQuery,
    TenantsQuery,
    WaitQuery,
)
from zpmd.interfaces.rest import domain, feed, health, lists, streams, uploads, verbs
from zpmd.interfaces.rest import patches as patches_routes
from zpmd.interfaces.rest import tokens as tokens_routes
from zpmd.interfaces.rest.access import admit
from zpmd.interfaces.rest.authentication import Authenticator
from zpmd.interfaces.rest.gate import Gate
from zpmd.interfaces.rest.own import own
from zpmd.interfaces.rest.problems import LastResort, StrictRoute, answer_with_problems
from zpmd.interfaces.rest.throttle import Throttle
from zpmd.interfaces.rest.writes import Writes
from zpmd.interfaces.row_views import IntegrationsView, PortsView, TenantsView
from zpmd.interfaces.views import EntryView, PlanView, ServiceView, StatusView, WhyView
from zpmd.interfaces.why import entry_view, why
from zpmd.ports import Answers, Control
from zpmd.settings import Api, Patches

Now = Callable[[], float]
NDJSON = "application/x-ndjson"
STORY_ENTRIES = 200


def create_app(
    control: Control,
    state_dir: Path,
    socket: Path,
    authenticator: Authenticator,
    now: Now = time.time,
    patches: Patches | None = None,
    api: Api | None = None,
    *,
    answers: Answers,
    resync_seconds: float = 30.0,
) -> FastAPI:
    """`app.state.stopping` is an Event: set it, and every answer that goes on ends. `patches` are the settings of the
    drop directory, `api` those of the API; None: the defaults."""
    patches = patches or Patches()
    app = FastAPI(
        title="zpmd",
        version=zpmd.__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(admit)],
    )
    app.state.stopping = threading.Event()
    app.state.authenticator = authenticator
    app.state.throttle = Throttle(api or Api())
    answer_with_problems(app)
    app.add_middleware(Gate, authenticator, app.state.throttle)
    app.add_middleware(LastResort)
    control = own(control)
    app.state.writes = Writes(control, answers, now)
    app.include_router(_reading(control, now))
    app.include_router(_rows(control, now))
    app.include_router(_streaming(control, now, app.state.stopping))
    app.include_router(feed.router(control, now, app.state.stopping))
    app.include_router(lists.router(control, now))
    app.include_router(verbs.router(control, now, app.state.stopping))
    app.include_router(patches_routes.router(control, now))
    app.include_router(uploads.router(control, patches, now))
    app.include_router(health.router(control, state_dir, socket, patches, resync_seconds, now))
    app.include_router(domain.router(control, now))
    app.include_router(tokens_routes.router(authenticator.tokens, now))
    app.include_router(_about(app))
    return app


def _about(app: FastAPI) -> APIRouter:
    router = APIRouter(prefix="/v1", route_class=StrictRoute)

    @router.get("/openapi.json", include_in_schema=False)
    def get_openapi() -> dict[str, Any]:
        return app.openapi()

    return router


def _reading(control: Control, now: Now) -> APIRouter:
    router = APIRouter(prefix="/v1", route_class=StrictRoute)

    @router.get("/status")
    def get_status() -> StatusView:
        return status.status(control.snapshot(), now())

    @router.get("/plan")
    def get_plan() -> PlanView:
        return status.plan(control.snapshot(), now())

    @router.get("/services/{name}")
    def get_service(name: str) -> ServiceView:
        return _service(control, name, now())

    @router.get("/services/{name}/why")
    def get_why(name: str) -> WhyView:
        snapshot = control.snapshot()
        entries = control.journal(name, 0, None, STORY_ENTRIES)
        dossiers = control.dossiers(name)
        told = why(name, snapshot, entries, dossiers, now())
        if not entries and not dossiers and not told.made_of and name not in dict(snapshot.desired.retired):
            _service(control, name, now())
        return told

    return router


def _rows(control: Control, now: Now) -> APIRouter:
    router = APIRouter(route_class=StrictRoute)

    @router.get("/v1/tenants")
    def get_tenants(query: Annotated[TenantsQuery, Query()]) -> TenantsView:
        return tenancy.tenants(control.snapshot(), now(), query)

    @router.get("/v1/integrations")
    def get_integrations(query: Annotated[IntegrationsQuery, Query()]) -> IntegrationsView:
        return tenancy.integrations(control.snapshot(), now(), query)

    @router.get("/v1/ports")
    def get_ports(query: Annotated[PortsQuery, Query()]) -> PortsView:
        return tenancy.ports(control.snapshot(), now(), query)

    @router.get("/metrics")
    def get_metrics() -> Response:
        return Response(metrics.exposition(control.snapshot(), now()), media_type=metrics.CONTENT_TYPE)

    return router


def _streaming(control: Control, now: Now, stopping: threading.Event) -> APIRouter:
    router = APIRouter(prefix="/v1", route_class=StrictRoute)

    @router.get("/events", response_model=None)
    def get_events(query: Annotated[JournalQuery, Query()]) -> list[EntryView] | Response:
        entries = control.journal(query.service, query.since_id, query.since, query.limit)
        if query.service and not entries:
            _service(control, query.service, now())  # nothing of it, and no such service: say so
        if query.follow:
            lines = streams.journal_lines(control, query.service, query.since_id, query.limit, stopping)
            return StreamingResponse(lines, media_type=NDJSON)
        return [entry_view(e) for e in entries]

    @router.get("/services/{name}/logs")
    def get_logs(name: str, query: Annotated[LogsQuery, Query()]) -> Response:
        lines = control.logs(name, query.slot, query.tail, query.follow)
        return StreamingResponse(streams.log_lines(lines, stopping), media_type=NDJSON)

    @router.get("/wait", responses={204: {"description": "no newer snapshot within the time"}}, response_model=None)
    async def get_wait(query: Annotated[WaitQuery, Query()]) -> StatusView | Response:
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
