"""What every request passes before anything else looks at it: how often its address may ask, and whose token it has.

Rules:
1. A request without a token goes on as what the server knows of its peer: everything over the unix socket, nobody over
   TCP. A request with a token is that token's, on both; a wrong one is never as good as none.
2. Nothing here reads a body, takes a thread or waits for the disk, so that refusing costs next to nothing.
3. Whoever is too fast is answered late as well: each of his connections is good for one refusal in HOLD_UP_SECONDS.
4. An answer that goes on ends when the token that it was given for does.
"""

from __future__ import annotations

import asyncio
import math
from http import HTTPStatus

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zpmd.interfaces.rest.access import UNKNOWN, Principal
from zpmd.interfaces.rest.authentication import Authenticator
from zpmd.interfaces.rest.problems import problem
from zpmd.interfaces.rest.throttle import Throttle, address_of

HOLD_UP_SECONDS = 1.0
SCHEME = "bearer"
WRONG = "this token is not good here: it is unknown, wrong, expired or revoked"


class Gate:
    def __init__(self, app: ASGIApp, authenticator: Authenticator, throttle: Throttle) -> None:
        self._app = app
        self._authenticator = authenticator
        self._throttle = throttle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        address = _address(scope)
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        if address and (wait := self._throttle.addresses.take(address)):
            await (await _too_fast(wait))(scope, receive, send)
        elif not given:
            await self._app(scope, receive, send)
        elif (who := self._authenticator.principal(_bearer(given))) is None:
            wait = self._throttle.failed(address or "the unix socket")
            await (await _wrong(wait))(scope, receive, send)
        elif wait := self._throttle.tokens.take(who.key or who.name):
            await (await _too_fast(wait))(scope, receive, send)
        else:
            await self._let_in(who, scope, receive, send)

    async def _let_in(self, who: Principal, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["principal"] = who
        if self._authenticator.used_long_ago(who):
            asyncio.get_running_loop().run_in_executor(None, self._authenticator.remember, who)
        begun = False

        async def while_good(message: Message) -> None:
            nonlocal begun
            if begun and not self._authenticator.holds(who):
                raise _Over
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, while_good)
        except _Over:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


class _Over(Exception):
    """The token that an answer is given for is no longer good."""


async def _too_fast(wait_seconds: float) -> Response:
    await asyncio.sleep(HOLD_UP_SECONDS)
    seconds = max(1, math.ceil(wait_seconds))
    answer = problem(HTTPStatus.TOO_MANY_REQUESTS, "too-fast", f"too many requests: ask again in {seconds} s")
    answer.headers["Retry-After"] = str(seconds)
    return answer


async def _wrong(wait_seconds: float) -> Response:
    if wait_seconds:
        return await _too_fast(wait_seconds)
    answer = problem(HTTPStatus.UNAUTHORIZED, "unauthorized", WRONG)
    answer.headers["WWW-Authenticate"] = f'{UNKNOWN["WWW-Authenticate"]}, error="invalid_token"'
    return answer


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return address_of(client[0]) if client else ""


def _bearer(given: list[bytes]) -> str:
    """The token of the one header that there may be; "" for anything else, which nobody has."""
    scheme, _, token = given[0].decode("latin-1").partition(" ")
    return token.strip() if len(given) == 1 and scheme.lower() == SCHEME else ""
