"""What holds for every write: asked twice with one Idempotency-Key it is done once, and with `If-Match` only while the
plan is the one that was looked at.

Rules:
1. The same principal, key and request get the same answer for a day, also from the next daemon. The same key with
   another request is refused; a request whose first asking is not answered yet, too.
2. Answers are kept of what was done. What was refused has changed nothing, and may be asked again with the same key.
3. The key is looked at before `If-Match`: what was done has moved the world.
4. Where zpmd dies between an effect and its answer, the effect comes twice: verbs set what should be, and bear that.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from loguru import logger
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from zpmd.errors import StoreError
from zpmd.interfaces.planid import plan_id
from zpmd.interfaces.rest.access import Principal
from zpmd.model.answer import Answer
from zpmd.ports import Answers, Control

KEY = "Idempotency-Key"
KEY_FORM = r"^[!-~]{1,255}$"
MATCH = "If-Match"
TAG = r'"[0-9a-f]{24}"'
ANY = "*"
MATCH_FORM = rf"^(\{ANY}|{TAG})$"
REPLAYED = "Idempotent-Replayed"
"""A header of an answer that was given before."""
KEPT_BYTES_MOST = 65_536
SECRET = ""  # nosec B105 # the absence of one
"""Kept in the place of an answer that nobody may keep."""

Handle = Callable[[Request], Awaitable[Response]]


class Writes:
    """Used in the server's own loop alone."""

    def __init__(self, control: Control, answers: Answers, now: Callable[[], float]) -> None:
        self._control = control
        self._answers = answers
        self._now = now
        self._under_way: set[tuple[str, str]] = set()

    async def once(self, request: Request, handle: Handle, body: bytes | None = None) -> Response:
        """The answer of `handle`, or the one that it gave before. `body`: what tells this request from others; None:
        its body itself. Raises 409, 412 and 422."""
        key = _header(request, KEY, KEY_FORM)
        principal: Principal | None = getattr(request.state, "principal", None)
        if key is None or principal is None:  # who logs in is nobody yet
            await self._matches(request)
            return await handle(request)
        who = principal.name
        asked = _digest(request, await request.body() if body is None else body)
        if (who, key) in self._under_way:
            raise HTTPException(409, f"the first request with this {KEY} is not answered yet", {"Retry-After": "1"})
        self._under_way.add((who, key))
        try:
            known = await run_in_threadpool(self._answers.find, who, key, self._now())
            if known is not None:
                return _again(known, asked)
            await self._matches(request)
            response = await handle(request)
            await self._keep(who, key, asked, response)
            return response
        finally:
            self._under_way.discard((who, key))

    async def _matches(self, request: Request) -> None:
        """Raises 412 where the plan is not one of those that `If-Match` names."""
        wanted = _header(request, MATCH, MATCH_FORM)
        if wanted in (None, ANY):
            return
        current = await asyncio.to_thread(lambda: plan_id(self._control.snapshot()))
        if wanted != f'"{current}"':
            text = f"the plan is not the one that was looked at: it is {current} now"
            raise HTTPException(412, text, {"ETag": f'"{current}"'})

    async def _keep(self, who: str, key: str, asked: str, response: Response) -> None:
        body = getattr(response, "body", b"")
        if not 200 <= response.status_code < 300 or len(body) > KEPT_BYTES_MOST:
            return
        text = SECRET if response.headers.get("cache-control") == "no-store" else bytes(body).decode()
        answer = Answer(actor=who, key=key, asked=asked, at=self._now(), status=response.status_code, body=text)
        try:
            await run_in_threadpool(self._answers.keep, answer)
        except StoreError as error:  # it is done, and saying otherwise would be wrong
            logger.warning("api: an answer is not kept for who asks again: {}", error)


def _header(request: Request, name: str, form: str) -> str | None:
    """Raises RequestValidationError where it has another form, or is there more than once."""
    found = request.headers.getlist(name)
    if not found:
        return None
    if len(found) > 1 or not re.match(form, found[0]):
        error = {"type": "form", "loc": ("header", name), "msg": f"it is one, and has the form {form}", "input": None}
        raise RequestValidationError([error])
    return found[0]


def _digest(request: Request, body: bytes) -> str:
    digest = hashlib.sha256()
    for part in (request.method.encode(), request.url.path.encode(), request.url.query.encode(), body):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _again(known: Answer, asked: str) -> Response:
    if known.asked != asked:
        error = {"type": "reused", "loc": ("header", KEY), "msg": "it was used for another request", "input": None}
        raise RequestValidationError([error])
    if known.body == SECRET:
        raise HTTPException(409, "it was done before, and what it was answered with is shown once")
    return Response(known.body, known.status, {REPLAYED: "true"}, media_type=JSONResponse.media_type)
