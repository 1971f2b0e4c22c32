"""The part of the REST API that tells the audit. Its rows are told as they are kept: whoever asks can verify them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query

from zpmd.interfaces import audit as views
from zpmd.interfaces.asked import AuditQuery
from zpmd.interfaces.rest.problems import StrictRoute
from zpmd.ports import Audit


def router(audit: Audit, now: Callable[[], float]) -> APIRouter:
    made = APIRouter(prefix="/v1/audit", route_class=StrictRoute)

    @made.get("", tags=["journal"])
    def get_audit(query: Annotated[AuditQuery, Query()]) -> views.AuditView:
        """Who wrote what through the API, as a chain that can be verified."""
        head = audit.head()  # before the rows: what comes in meanwhile is beyond it, and no fault
        return views.view(audit.rows(query.after, query.limit), head, now())

    return made
