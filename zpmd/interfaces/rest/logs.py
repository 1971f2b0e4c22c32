"""`/v1/logs`: the log lines of several services, merged by time, as one JSON object a line."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from zpmd.daemon.control import unknown
from zpmd.errors import NotFound
from zpmd.interfaces import status
from zpmd.interfaces.asked import MergedLogsQuery
from zpmd.interfaces.rest import streams
from zpmd.interfaces.rest.problems import StrictRoute
from zpmd.interfaces.views import ServiceView
from zpmd.ports import Control


class LinesResponse(StreamingResponse):
    media_type = "application/x-ndjson"


def router(control: Control, now: Callable[[], float], stopping: threading.Event) -> APIRouter:
    made = APIRouter(prefix="/v1", route_class=StrictRoute)

    @made.get("/logs", tags=["services"], response_class=LinesResponse)
    def get_merged_logs(query: Annotated[MergedLogsQuery, Query()]) -> Response:
        """Lines of several services, merged by time; with `follow` as they come after that."""
        wanted = _wanted(query, status.status(control.snapshot(), now()).services())
        lines = control.logs(wanted, query.tail, query.follow, query.since)
        return LinesResponse(streams.log_lines(lines, stopping))

    return made


def _wanted(query: MergedLogsQuery, services: Sequence[ServiceView]) -> list[tuple[str, int | None]]:
    """Services and slots, each once. Raises NotFound, with the nearest name."""
    names = [s.name for s in services]
    found: dict[tuple[str, int | None], None] = {}
    for word in query.service:
        name, slash, slot = word.rpartition("/")
        if not (slash and slot.isdecimal()):
            name, slot = word, ""
        if name not in names:
            raise NotFound(unknown(name, names))
        found[name, int(slot) if slot else None] = None
    for service in services:
        if service.group == query.group or (query.group is None and not query.service):
            found[service.name, None] = None
    if not found:
        raise NotFound(f"no service in the group {query.group}" if query.group else "there is no service")
    return list(found)
