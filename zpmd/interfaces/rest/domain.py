"""The endpoints that the product's other programs know, by their names for things."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from zpmd.interfaces import status, tenancy
from zpmd.interfaces.asked import ServiceBody
from zpmd.interfaces.rest.access import actor, principal
from zpmd.interfaces.rest.problems import StrictRoute
from zpmd.interfaces.rest.rendered import Rendered
from zpmd.interfaces.row_views import ListedIntegration, ListedTenant
from zpmd.interfaces.views import ServiceView
from zpmd.model.events import Snapshot
from zpmd.ports import Control


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    status: str
    details: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Everything:
    """The product's `/status`."""

    services: tuple[ServiceView, ...]
    integrations: tuple[ListedIntegration, ...]


def router(control: Control, now: Callable[[], float]) -> APIRouter:
    made = APIRouter(route_class=StrictRoute, tags=["product"])
    told = Rendered(Everything, everything)

    @made.post("/service/start")
    def product_start(body: ServiceBody, request: Request) -> Started:
        """Start a service, by the product's name for it."""
        control.start(body.serviceName, actor(request))
        return Started(status="ok", details=f"{body.serviceName} is to run")

    @made.post("/service/stop")
    def product_stop(body: ServiceBody, request: Request) -> Stopped:
        """Stop a service, by the product's name for it."""
        control.stop(body.serviceName, actor(request))
        return Stopped(status="ok")

    @made.get("/status", response_model=Everything)
    async def product_status(request: Request) -> Response:
        """Every service and integration."""
        return await told.answer(control.snapshot(), now(), principal(request).tenant)

    @made.get("/tenant/list")
    def product_tenants() -> list[ListedTenant]:
        """Every tenant, without its password."""
        return tenancy.listed_tenants(control.snapshot())

    @made.get("/integration/list")
    def product_integrations() -> list[ListedIntegration]:
        """Every integration."""
        return tenancy.listed_integrations(control.snapshot())

    return made


def everything(snapshot: Snapshot, now: float) -> Everything:
    services = status.status(snapshot, now).services()
    return Everything(services=services, integrations=tuple(tenancy.listed_integrations(snapshot)))
