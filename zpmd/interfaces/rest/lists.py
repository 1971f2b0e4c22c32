"""The part of the REST API that lists: services, what operators asked for, holds, approvals, pages of the journal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query

import zpmd
from zpmd.interfaces import listings
from zpmd.interfaces.asked import LinesQuery, ServicesQuery
from zpmd.interfaces.listing_views import (
    ApprovalsView,
    HoldsView,
    IntentsView,
    JournalView,
    ServicesView,
    VersionView,
)
from zpmd.interfaces.rest.problems import StrictRoute
from zpmd.interfaces.why import entry_view
from zpmd.model.events import Lines
from zpmd.ports import Control


def router(control: Control, now: Callable[[], float]) -> APIRouter:
    made = APIRouter(prefix="/v1", route_class=StrictRoute)

    @made.get("/services", tags=["services"])
    def list_services(query: Annotated[ServicesQuery, Query()]) -> ServicesView:
        """Services, all of them or those of a group, in a state, of a tenant."""
        return listings.services(control.snapshot(), now(), query)

    @made.get("/intents", tags=["everything"])
    def list_intents() -> IntentsView:
        """What operators asked for that still holds."""
        return listings.intents(control.snapshot(), now())

    @made.get("/holds", tags=["everything"])
    def list_holds() -> HoldsView:
        """Holds that have not ended."""
        return listings.holds(control.snapshot(), now())

    @made.get("/approvals", tags=["everything"])
    def list_approvals() -> ApprovalsView:
        """Removals that are held back, and those that are approved."""
        return listings.approvals(control.snapshot(), now())

    @made.get("/journal", tags=["journal"])
    def list_journal(query: Annotated[LinesQuery, Query()]) -> JournalView:
        """What was done and noted, by pages."""
        asked = query.model_dump() | {"after": query.after or 0, "oldest": query.after is not None}
        entries = control.lines(Lines(**{**asked, "limit": query.limit + 1}))
        page = entries[: query.limit] if query.after is not None else entries[-query.limit :]
        return JournalView(entries=tuple(entry_view(e) for e in page), more=len(entries) > query.limit)

    @made.get("/version", tags=["daemon"])
    def get_version() -> VersionView:
        """Which zpmd answers."""
        return VersionView(version=zpmd.__version__)

    return made
