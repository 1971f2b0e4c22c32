"""Every request is counted: by its route, never by what somebody wrote into the path."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zpmd.daemon.meters import Meters

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})


class Counted:
    """The outermost middleware. A stream counts when it begins."""

    def __init__(self, app: ASGIApp, meters: Meters) -> None:
        self._app = app
        self._meters = meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def pass_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = scope.get("route")
                path = route.path_format if route is not None else ""
                method = scope["method"] if scope["method"] in METHODS else "other"
                self._meters.answered(method, path, message["status"], time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, pass_on)
