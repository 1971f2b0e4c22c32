"""POST /v1/patches: a patch file as the body of a request, dropped into `incoming` when all of it has come.

Rules:
1. It is written as it comes, never held in memory; `patches.max_bytes` is its limit.
2. The journal has who dropped it, before it is there: the ledger can tell no more of a file than its owner, which is
   zpmd itself.
3. Of a broken upload nothing is left that looks like a patch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from zpmd.interfaces.asked import UploadQuery
from zpmd.interfaces.listing_views import UploadView
from zpmd.interfaces.rest.access import actor
from zpmd.interfaces.rest.problems import UPLOAD, StrictRoute
from zpmd.interfaces.rest.writes import Writes
from zpmd.patching.upload import TooLarge, Upload, trouble
from zpmd.ports import Control
from zpmd.settings import Patches

AT_ONCE = 4
SILENT_SECONDS = 60.0
"""Nothing came for so long: it is given up."""
OCTETS = "application/octet-stream"
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The bytes of the file.",
        "content": {OCTETS: {"schema": {"type": "string", "format": "binary"}}},
    }
}


class UploadRoute(StrictRoute):
    """Leaves its body, and what holds for writes, to the endpoint: what was asked is known when all of it is there."""

    async def write(self, request: Request, handle: Callable[[Request], Awaitable[Response]]) -> Response:
        return await handle(request)


def router(control: Control, patches: Patches, now: Callable[[], float]) -> APIRouter:
    made = APIRouter(route_class=UploadRoute, tags=["patches"])
    slots = asyncio.Semaphore(AT_ONCE)
    incoming = patches.dir / "incoming"

    @made.post(UPLOAD, status_code=201, response_model=UploadView, openapi_extra=BODY)
    async def upload_patch(query: Annotated[UploadQuery, Query()], request: Request) -> Response:
        """Drop a patch: a manifest, a bundle, or the signature of a manifest, which comes first."""
        _refuse(query.name, request, patches.max_bytes)
        if slots.locked():
            raise HTTPException(503, f"{AT_ONCE} uploads are under way", {"Retry-After": "5"})
        async with slots:
            file = await _opened(incoming, query.name, patches.max_bytes)
            try:
                await _filled(file, request)

                async def drop(_request: Request) -> Response:
                    await run_in_threadpool(control.upload, file, actor(request))
                    return _answer(file, now())

                writes: Writes = request.app.state.writes
                return await writes.once(request, drop, file.sha256.encode())
            finally:
                await run_in_threadpool(file.abandon)

    return made


def _refuse(name: str, request: Request, most_bytes: int) -> None:
    """What can be told before a byte has come. Raises RequestValidationError, 413 and 415."""
    if wrong := trouble(name):
        raise RequestValidationError([{"type": "name", "loc": ("query", "name"), "msg": wrong, "input": None}])
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != OCTETS:
        raise HTTPException(415, f"the body of this is {OCTETS}, and the header Content-Type says so")
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > most_bytes:
        raise HTTPException(413, f"a patch file has at most {most_bytes} bytes (patches.max_bytes)")


async def _opened(incoming: Path, name: str, most_bytes: int) -> Upload:
    try:
        return await run_in_threadpool(Upload, incoming, name, most_bytes)
    except OSError as error:
        raise _no_room(incoming, error) from error


async def _filled(file: Upload, request: Request) -> None:
    """All of the body. Raises 400, 408, 413 and 503."""
    chunks = request.stream()
    try:
        while True:
            async with asyncio.timeout(SILENT_SECONDS):
                chunk = await anext(chunks, None)
            if chunk is None:
                break
            await run_in_threadpool(file.write, chunk)
        await run_in_threadpool(file.end)
    except TimeoutError:
        raise HTTPException(408, f"nothing came for {SILENT_SECONDS:.0f} s") from None
    except ClientDisconnect:
        raise HTTPException(400, "it broke off") from None
    except TooLarge as error:
        raise HTTPException(413, str(error)) from None
    except OSError as error:
        raise _no_room(Path("incoming"), error) from error
    if not file.size:
        raise RequestValidationError([{"type": "empty", "loc": ("body",), "msg": "it is empty", "input": None}])


def _no_room(where: Path, error: OSError) -> HTTPException:
    return HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, f"cannot write into {where}: {error.strerror}")


def _answer(file: Upload, now: float) -> Response:
    view = UploadView(detail=f"{file.name} is dropped", at=now, file=file.name, size=file.size, sha256=file.sha256)
    return JSONResponse(asdict(view), 201)
