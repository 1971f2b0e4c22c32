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
from zpmd.daemon.recorder import Recorder, faults
from zpmd.errors import EngineUnknown, NotFound, Refused, ZpmdError
from zpmd.interfaces import audit, doctor, doctor_patches, metrics, registry, status, tenancy
from zpmd.interfaces.asked import (
    DownBody,
    HoldBody,
    IntegrationsQuery,
    JournalQuery,
    LogsQuery,
    Nothing,
    PortsQuery,
    ScaleBody,
    ServiceBody,
    TenantsQuery,
    WaitQuery,
)
from zpmd.interfaces.rest import audit as audit_routes
from zpmd.interfaces.rest import logs as logs_routes
from zpmd.interfaces.rest import patches as patches_routes
from zpmd.interfaces.rest import streams
from zpmd.interfaces.rest import tokens as tokens_routes
from zpmd.interfaces.rest import usage as usage_routes
from zpmd.interfaces.rest import why as why_routes
from zpmd.interfaces.rest.access import actor, admit
from zpmd.interfaces.rest.authentication import Authenticator
from zpmd.interfaces.rest.counting import Counted
from zpmd.interfaces.rest.gate import Gate
from zpmd.interfaces.rest.own import own
from zpmd.interfaces.rest.problems import LastResort, StrictRoute, answer_with_problems
from zpmd.interfaces.rest.recording import Recorded, begin
from zpmd.interfaces.rest.throttle import Throttle
from zpmd.interfaces.row_views import IntegrationsView, ListedIntegration, ListedTenant, PortsView, TenantsView
from zpmd.interfaces.views import CheckView, DoneView, EntryView, PlanView, ServiceView, StatusView
from zpmd.interfaces.why import entry_view
from zpmd.interfaces.why_views import WhyView
from zpmd.model.memory import Hold
from zpmd.ports import Control
from zpmd.settings import Api, Patches

Now = Callable[[], float]
NDJSON = "application/x-ndjson"


def create_app(
    control: Control,
    state_dir: Path,
    socket: Path,
    authenticator: Authenticator,
    now: Now = time.time,
    patches: Patches | None = None,
    api: Api | None = None,
    recorder: Recorder | None = None,
    meters: Meters | None = None,
) -> FastAPI:
    """`app.state.stopping` is an Event: set it, and every answer that goes on ends. `patches` are the settings of the
    drop directory, for the doctor, `api` those of the API; None: the defaults. `recorder` keeps the audit; None:
    nothing is recorded. `meters` count the requests."""
    app = FastAPI(
        title="zpmd",
        version=zpmd.__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(admit), Depends(begin)],
    )
    app.state.stopping = threading.Event()
    app.state.authenticator = authenticator
    app.state.throttle = Throttle(api or Api())
    if recorder is not None:
        app.add_middleware(Recorded, recorder=recorder)
        app.include_router(audit_routes.router(recorder.audit, now))
    answer_with_problems(app)
    app.add_middleware(Gate, authenticator, app.state.throttle)
    app.add_middleware(LastResort)
    if meters is not None:
        app.add_middleware(Counted, meters=meters)
    control = own(control)
    app.include_router(_reading(control, now))
    app.include_router(_rows(control, now, meters))
    app.include_router(_streaming(control, now, app.state.stopping))
    app.include_router(_services(control, now))
    app.include_router(_everything(control, now))
    app.include_router(patches_routes.router(control, now))
    app.include_router(why_routes.router(control, now))
    app.include_router(logs_routes.router(control, now, app.state.stopping))
    app.include_router(usage_routes.router(control, now))
    app.include_router(_health(control, state_dir, socket, patches or Patches(), recorder, now))
    app.include_router(_domain(control, now))
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
        told = why_routes.story(control, snapshot, name, now())
        known = told.replicas or told.operators or told.made_of or name in dict(snapshot.desired.retired)
        if not known:
            _service(control, name, now())
        return told

    return router


def _rows(control: Control, now: Now, meters: Meters | None) -> APIRouter:
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
        try:
            snapshot = control.snapshot()
        except Refused:  # before the first pass has ended
            snapshot = None
        return Response(metrics.exposition(snapshot, now(), meters), media_type=metrics.CONTENT_TYPE)

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
        lines = control.logs([(name, query.slot)], query.tail, query.follow, query.since)
        return StreamingResponse(streams.log_lines(lines, stopping), media_type=NDJSON)

    @router.get("/wait", responses={204: {"description": "no newer snapshot within the time"}}, response_model=None)
    async def get_wait(query: Annotated[WaitQuery, Query()]) -> StatusView | Response:
        snapshot = await streams.next_snapshot(control, query.after, query.timeout, stopping)
        return Response(status_code=204) if snapshot is None else status.status(snapshot, now())

    return router


def _services(control: Control, now: Now) -> APIRouter:
    router = APIRouter(prefix="/v1/services/{name}", route_class=StrictRoute)

    def done(detail: str, name: str) -> DoneView:
        return DoneView(detail=detail, at=now(), services=(name,))

    @router.post("/start", status_code=202)
    def start(name: str, request: Request, _body: Nothing | None = None) -> DoneView:
        control.start(name, actor(request))
        return done(f"{name} is to run", name)

    @router.post("/stop", status_code=202)
    def stop(name: str, request: Request, _body: Nothing | None = None) -> DoneView:
        control.stop(name, actor(request))
        return done(f"{name} is to stop", name)

    @router.post("/restart", status_code=202)
    def restart(name: str, request: Request, _body: Nothing | None = None) -> DoneView:
        control.restart(name, actor(request))
        return done(f"{name} is to be restarted", name)

    @router.post("/scale", status_code=202)
    def scale(name: str, body: ScaleBody, request: Request) -> DoneView:
        control.scale(name, body.replicas, actor(request))
        count = "the replicas that its file says" if body.replicas is None else f"{body.replicas} replicas"
        return done(f"{name} is to have {count}", name)

    @router.post("/hold", status_code=202)
    def hold(name: str, request: Request, body: HoldBody | None = None) -> DoneView:
        asked = body or HoldBody()
        since = now()
        until = None if asked.for_seconds is None else since + asked.for_seconds
        control.hold(Hold(service=name, owner=actor(request), reason=asked.reason, since=since, until=until))
        return done(f"{'everything' if name == '*' else name} is held", name)

    @router.post("/release", status_code=202)
    def release(name: str, request: Request, _body: Nothing | None = None) -> DoneView:
        control.release(name, actor(request))
        return done(f"{'everything' if name == '*' else name} is released", name)

    return router


def _everything(control: Control, now: Now) -> APIRouter:
    router = APIRouter(prefix="/v1", route_class=StrictRoute)

    @router.post("/approve", status_code=202)
    def approve(request: Request, _body: Nothing | None = None) -> DoneView:
        services = control.approve(actor(request))
        return DoneView(detail=f"approved: {', '.join(services)} will be removed", at=now(), services=services)

    @router.post("/down", status_code=202)
    def down(request: Request, body: DownBody | None = None) -> DoneView:
        volumes = body is not None and body.volumes
        control.down(volumes, actor(request))
        return DoneView(detail="everything is to be removed" + (", volumes as well" if volumes else ""), at=now())

    @router.post("/up", status_code=202)
    def up(request: Request, _body: Nothing | None = None) -> DoneView:
        control.start("*", actor(request))
        return DoneView(detail="everything is to run", at=now())

    @router.post("/reload", status_code=202)
    def reload(request: Request, _body: Nothing | None = None) -> DoneView:
        control.reload(actor(request))
        return DoneView(detail="the files are read again", at=now())

    return router


def _health(
    control: Control, state_dir: Path, socket: Path, patches: Patches, recorder: Recorder | None, now: Now
) -> APIRouter:
    router = APIRouter(prefix="/v1", route_class=StrictRoute)

    @router.get("/doctor")
    def get_doctor() -> list[CheckView]:
        try:
            about = dict(control.about_engine())
            error = ""
        except EngineUnknown as unknown:
            about, error = {}, str(unknown)
        facts = doctor.look(state_dir, socket, about.get("root", ""), now)
        try:
            snapshot = control.snapshot()
        except ZpmdError:
            snapshot = None
        return [
            *doctor.host_checks(facts),
            *doctor_patches.checks(doctor_patches.look(patches), snapshot, now()),
            *doctor.engine_checks(about, error, now()),
            *doctor.daemon_checks(snapshot),
            *([] if recorder is None else [audit.check(faults(recorder.audit), recorder.audit.head())]),
        ]

    return router


def _domain(control: Control, now: Now) -> APIRouter:
    """The endpoints that the product's other programs know, by their names for things."""
    router = APIRouter(route_class=StrictRoute)

    @router.post("/service/start")
    def start(body: ServiceBody, request: Request) -> dict[str, Any]:
        control.start(body.serviceName, actor(request))
        return {"status": "ok", "details": f"{body.serviceName} is to run"}

    @router.post("/service/stop")
    def stop(body: ServiceBody, request: Request) -> dict[str, Any]:
        control.stop(body.serviceName, actor(request))
        return {"status": "ok"}

    @router.get("/status")
    def get_status() -> dict[str, Any]:
        snapshot = control.snapshot()
        return {
            "services": status.status(snapshot, now()).services(),
            "integrations": tenancy.listed_integrations(snapshot),
        }

    @router.get("/tenant/list")
    def get_tenants() -> list[ListedTenant]:
        return tenancy.listed_tenants(control.snapshot())

    @router.get("/integration/list")
    def get_integrations() -> list[ListedIntegration]:
        return tenancy.listed_integrations(control.snapshot())

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
