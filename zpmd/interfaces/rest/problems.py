"""What the API answers when it cannot do what was asked: problem+json (RFC 9457), and the bounds on what it reads.

`code` is stable and tells a program what happened; `detail` is the one line for people. A bug of ours is a 500 with a
number and nothing else: the rest is in the log under that number.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from loguru import logger
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zpmd.errors import ConfigError, EngineUnknown, NotFound, Refused, StoreError, ZpmdError
from zpmd.interfaces.rest.access import admit, methods
from zpmd.interfaces.rest.strict import StrictRequest, Takes
from zpmd.interfaces.rest.writes import Writes
from zpmd.redaction import redact

BODY_BYTES = 1 << 20
UPLOAD = "/v1/patches"
"""A POST there has a limit of its own, and counts its bytes itself."""
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

KINDS: tuple[tuple[type[ZpmdError], HTTPStatus, str], ...] = (
    (NotFound, HTTPStatus.NOT_FOUND, "not-found"),
    (Refused, HTTPStatus.CONFLICT, "refused"),
    (ConfigError, HTTPStatus.UNPROCESSABLE_ENTITY, "configuration"),
    (EngineUnknown, HTTPStatus.SERVICE_UNAVAILABLE, "engine-unknown"),
    (StoreError, HTTPStatus.SERVICE_UNAVAILABLE, "store"),
    (ZpmdError, HTTPStatus.CONFLICT, "failed"),
)


def problem(status: HTTPStatus, code: str, detail: str, **more: object) -> JSONResponse:
    body = {"type": "about:blank", "title": status.phrase, "status": status.value, "code": code, "detail": detail}
    headers = {"Retry-After": "1"} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}
    return JSONResponse({**body, **more}, status.value, headers, media_type="application/problem+json")


def answer_with_problems(app: FastAPI) -> None:
    """Every error that leaves an endpoint, and everything that never reached one, becomes a problem. What nobody
    expected is for LastResort, which belongs outside of all other middleware."""
    app.add_exception_handler(ZpmdError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_middleware(BodyLimit)


async def _ours(_request: Request, error: Exception) -> Response:
    status, code = next((status, code) for kind, status, code in KINDS if isinstance(error, kind))
    if isinstance(error, ConfigError):
        lines = [redact(str(p)) for p in error.problems]
        return problem(status, code, f"{len(lines)} problems in the files", errors=[{"message": t} for t in lines])
    return problem(status, code, redact(str(error)))


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [
        {
            "pointer": "" if e["type"] == "json_invalid" else _pointer(e["loc"][1:]),
            "in": str(e["loc"][0]),
            "message": _message(e),
        }
        for e in error.errors()
    ]
    malformed = any(e["type"] == "json_invalid" for e in error.errors())
    status = HTTPStatus.BAD_REQUEST if malformed else HTTPStatus.UNPROCESSABLE_ENTITY
    detail = "; ".join(f"{e['pointer'].lstrip('/') or e['in']}: {e['message']}" for e in errors)
    return problem(status, "invalid", detail, errors=errors)


def _pointer(path: Sequence[str | int]) -> str:
    """As RFC 6901 writes it."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _message(error: Mapping[str, Any]) -> str:
    """What is wrong with the JSON itself is said by its reader, where it is there twice, or no JSON."""
    said = error.get("ctx", {}).get("error", "") if error["type"] == "json_invalid" else ""
    return redact(f"{error['msg']}: {said}" if said else error["msg"])


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    answer = problem(status, status.phrase.lower().replace(" ", "-"), str(error.detail))
    answer.headers.update(error.headers or {})
    if status is HTTPStatus.METHOD_NOT_ALLOWED:  # its router knows of the first route of a path alone
        answer.headers["Allow"] = ", ".join(methods(request.url.path))
    return answer


class LastResort:
    """Outside of everything: an exception that nobody expected is logged here, and its text stays here."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def watch(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception:
            number = secrets.token_hex(4)
            logger.exception("api: request {} failed: {} {}", number, scope.get("method"), scope.get("path"))
            if begun:
                raise  # the peer sees a broken stream, as it should
            response = problem(HTTPStatus.INTERNAL_SERVER_ERROR, "bug", f"an error of zpmd: its log has it as {number}")
            await response(scope, receive, send)


class BodyLimit:
    """Refuses a body above BODY_BYTES: at once where its length is announced, else when it gets there."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("path") == UPLOAD and scope.get("method") == "POST":
            await self._app(scope, receive, send)
            return
        announced = next((v for k, v in scope.get("headers", ()) if k == b"content-length"), b"0")
        if not announced.isdigit() or int(announced) > BODY_BYTES:
            await problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", _TOO_LARGE)(scope, receive, send)
            return
        read = 0

        async def bounded() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > BODY_BYTES:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _TOO_LARGE)
            return message

        await self._app(scope, bounded, send)


_TOO_LARGE = f"a request body has at most {BODY_BYTES} bytes"


class StrictRoute(APIRoute):
    """Asks whether the request is admitted before anything of it is read, as FastAPI would; then whether it is what it
    must be (strict), and of a write what holds for all of them (writes)."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        takes = Takes.of(self)

        async def strict(request: Request) -> Response:
            await admit(request)
            checked = StrictRequest(request.scope, request.receive)
            await takes.check(checked)
            if request.method in SAFE:
                return await handle(checked)
            return await self.write(checked, handle)

        return strict

    async def write(self, request: Request, handle: Callable[[Request], Awaitable[Response]]) -> Response:
        writes: Writes = request.app.state.writes
        return await writes.once(request, handle)
