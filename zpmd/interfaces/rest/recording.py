"""Where every write through the API meets the audit: begun after `admit` let it in, ended before its answer goes out.

Rules: whoever looks (GET) is not recorded. An answer waits until its row is on disk; where that cannot be, it is 503
instead, whatever was done. A request for no route of ours has no row; one that was refused for want of a right is
counted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from urllib.parse import parse_qs

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zpmd.daemon.recorder import Begun, Recorder
from zpmd.errors import StoreError
from zpmd.interfaces.rest.access import Principal
from zpmd.interfaces.rest.problems import UPLOAD, problem
from zpmd.model.audit import Kind, Record
from zpmd.redaction import redact

LOOKING = frozenset({"GET", "HEAD", "OPTIONS"})
REFUSALS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
RECORDER, BEGUN, ABOUT = "recorder", "begun", "about"
"""What is handed on in the state of a request: who keeps the audit, a write that is being carried out, and its subject
with what is stored of it, where an endpoint says so."""
ONE_OF = {"patches": "patch", "tokens": "token"}
CODE_BYTES = 64 * 1024
"""A problem that is longer tells no code."""


class Recorded:
    """The middleware that ends what `begin` began, and counts what was refused."""

    def __init__(self, app: ASGIApp, recorder: Recorder) -> None:
        self._app = app
        self._recorder = recorder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in LOOKING:
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})[RECORDER] = self._recorder
        answer = _Answer(scope, receive, send, self._end)
        try:
            await self._app(scope, receive, answer.pass_on)
        except Exception:
            if not answer.recorded:
                await run_in_threadpool(self._end, scope, HTTPStatus.INTERNAL_SERVER_ERROR, "bug")
            raise

    def _end(self, scope: Scope, status: int, code: str) -> None:
        """Raises StoreError."""
        state = scope["state"]
        begun: Begun | None = state.get(BEGUN)
        who: Principal | None = state.get("principal")
        if begun is None and status in REFUSALS:
            self._recorder.refused(_record(scope, who, status, code))
        elif begun is None and who is not None and scope.get("route") is not None:
            begun = self._recorder.begin(_record(scope, who, 0, ""))  # it went no further than to be read
        if begun is not None:
            self._recorder.end(begun, status, code, state.get(ABOUT))


class _Answer:
    """One answer on its way out: held back until its row is there."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, end: Callable[[Scope, int, str], None]) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._end = end
        self._start: Message | None = None
        self._replaced = False
        self.recorded = False

    async def pass_on(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        if self._start is not None:
            start, self._start = self._start, None
            self.recorded = True
            try:
                await run_in_threadpool(self._end, self._scope, start["status"], _code(start, message))
            except StoreError as error:
                self._replaced = True
                text = f"it may be done, and cannot be recorded: {redact(str(error))}"
                await problem(HTTPStatus.SERVICE_UNAVAILABLE, "store", text)(self._scope, self._receive, self._send)
                return
            await self._send(start)
        if not self._replaced:
            await self._send(message)


def about(request: Request, subject: str, after: Mapping[str, object]) -> None:
    """What a write is about whose subject comes into being by it, or is none of operators' intent. For endpoints."""
    request.scope["state"][ABOUT] = (subject, after)


async def begin(request: Request) -> None:
    """Stands behind `admit`: the beginning of a write is on disk before anything is done. Once a request. What somebody
    may ask who is nobody yet (to log in) begins when he is somebody."""
    state = request.scope.get("state", {})
    recorder: Recorder | None = state.get(RECORDER)
    who: Principal | None = state.get("principal")
    if recorder is not None and who is not None and BEGUN not in state:
        record = _record(request.scope, who, 0, "")
        state[BEGUN] = await run_in_threadpool(recorder.begin, record)


def _record(scope: Scope, who: Principal | None, status: int, code: str) -> Record:
    """`at` is the recorder's."""
    client = scope.get("client")
    route = scope.get("route")
    return Record(
        at=0.0,
        kind=Kind.WRITE,
        actor=who.name if who else "",
        token=who.key if who else "",
        scopes=tuple(sorted(who.scopes)) if who else (),
        address=client[0] if client and client[0] else "unix",
        method=scope["method"],
        route=route.path_format if route is not None else redact(scope["path"]),
        subject=_subject(scope),
        status=status,
        code=code,
    )


def _subject(scope: Scope) -> str:
    """As the journal names it; "" where the path does not tell."""
    if scope["path"] == UPLOAD:
        return f"patch:{parse_qs(scope['query_string'].decode('latin-1')).get('name', [''])[0]}"
    named: dict[str, str] = scope.get("path_params") or {}
    if "name" in named:
        return str(named["name"])
    if "id" in named:
        family = scope["path"].removeprefix("/v1/").partition("/")[0]
        return f"{ONE_OF.get(family, family)}:{named['id']}"
    return ""


def _code(start: Message, body: Message) -> str:
    headers = dict(start.get("headers", ()))
    if headers.get(b"content-type") != b"application/problem+json" or len(body.get("body", b"")) > CODE_BYTES:
        return ""
    try:
        return str(json.loads(body["body"])["code"])
    except (ValueError, KeyError, TypeError):
        return ""
