"""Sessions of browsers: somebody shows a token once, and his browser gets a cookie that no script can read.

Rules:
1. A session is in this process's memory alone: a restart logs everybody out. Of the cookie only a hash is kept.
2. It ends at once when its token is revoked or expires, after LONGEST_SECONDS in any case, and after IDLE_SECONDS in
   which nobody was at the page; the page's own questions do not count as somebody. Who may only look is spared the last
   one: a screen on a wall is looked at, and not touched.
3. What changes something needs, beside the cookie, the session's CSRF token in a header.
4. From a browser, nothing changes anything but from this very page. That holds also where there is no cookie: over a
   forwarded unix socket everybody at the other end is somebody already, so other sites in his browser would be, too.
   For the same reason only names that nobody else can own lead to it there (a page elsewhere may name its own host to
   be 127.0.0.1).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import math
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, NoReturn

from fastapi import APIRouter, Request, Response
from loguru import logger
from pydantic import Field
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as AsgiScope

from zpmd.interfaces.asked import Asked, Nothing
from zpmd.interfaces.rest.access import UNKNOWN, Principal, Scope
from zpmd.interfaces.rest.authentication import LONGEST, Authenticator
from zpmd.interfaces.rest.gate import HOLD_UP_SECONDS, WRONG
from zpmd.interfaces.rest.problems import problem
from zpmd.interfaces.rest.recording import begin
from zpmd.interfaces.rest.throttle import Throttle, address_of
from zpmd.messages import NOTICE

COOKIE = "zpmd_session"
CSRF_HEADER = "X-CSRF-Token"
IDLE_SECONDS = 30 * 60.0
LONGEST_SECONDS = 12 * 3600.0
MOST = 500
MOST_OF_ONE = 20
"""Sessions at a time, and of one principal; one more ends the oldest."""
READING = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(slots=True)
class Session:
    who: Principal
    csrf: str
    began: float
    present: float
    """When somebody was at the page last."""


class Sessions:
    """Thread-safe. `clock` is monotonic."""

    def __init__(self, authenticator: Authenticator, clock: Callable[[], float] = time.monotonic) -> None:
        self._authenticator = authenticator
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[bytes, Session] = {}

    def begin(self, bearer: str) -> tuple[str, Session] | None:
        """A cookie's value and its session; None where nobody has this token."""
        who = self._authenticator.principal(bearer)
        if who is None:
            return None
        value, now = secrets.token_urlsafe(32), self._clock()
        session = Session(who=who, csrf=secrets.token_urlsafe(32), began=now, present=now)
        with self._lock:
            self._make_room(who.name)
            self._sessions[_hashed(value)] = session
        return value, session

    def find(self, value: str) -> Session | None:
        """The session of a cookie, None where it has ended."""
        key = _hashed(value)
        with self._lock:
            session = self._sessions.get(key)
            if session is not None and not self._good(session):
                del self._sessions[key]
                session = None
        return session

    def present(self, session: Session) -> None:
        """Somebody is at the page."""
        session.present = self._clock()

    def end(self, value: str) -> None:
        with self._lock:
            self._sessions.pop(_hashed(value), None)

    def _good(self, session: Session) -> bool:
        now = self._clock()
        idle = not session.who.scopes <= {Scope.READ} and now - session.present >= IDLE_SECONDS
        return not idle and now - session.began < LONGEST_SECONDS and self._authenticator.holds(session.who)

    def _make_room(self, name: str) -> None:
        for key in [key for key, session in self._sessions.items() if not self._good(session)]:
            del self._sessions[key]
        his = [key for key, session in self._sessions.items() if session.who.name == name]
        for key in his[: len(his) - MOST_OF_ONE + 1] if len(his) >= MOST_OF_ONE else ():
            del self._sessions[key]
        while len(self._sessions) >= MOST:
            del self._sessions[next(iter(self._sessions))]


def _hashed(value: str) -> bytes:
    return hashlib.sha256(value.encode()).digest()


class Browsers:
    """Inside of what reads bearer tokens, outside of every route: a good cookie becomes its principal."""

    def __init__(self, app: ASGIApp, sessions: Sessions) -> None:
        self._app = app
        self._sessions = sessions

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        state = scope.setdefault("state", {})
        by_peer = "principal" in state and "authorization" not in headers
        reason = _elsewhere(scope["method"], headers, by_peer)
        value = "" if "principal" in state else cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
        session = self._sessions.find(value) if value and "authorization" not in headers else None
        if session is not None:
            reason = reason or _unproven(scope["method"], headers, session)
            state["principal"], state["session"], state["cookie"] = session.who, session, value
        if reason:
            logger.warning("api: refused {} {}: {}", scope["method"], scope["path"], reason)
            await problem(HTTPStatus.FORBIDDEN, "forbidden", reason)(scope, receive, send)
            return
        if session is None:
            await self._app(scope, receive, send)
            return
        if scope["method"] not in READING:
            self._sessions.present(session)
        await self._while_good(value, scope, receive, send)

    async def _while_good(self, value: str, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """An answer that goes on ends with its session."""
        begun = False

        async def bounded(message: Message) -> None:
            nonlocal begun
            if begun and self._sessions.find(value) is None:
                raise _Over
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, bounded)
        except _Over:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


class _Over(Exception):
    """The session that an answer is given for has ended."""


def _elsewhere(method: str, headers: Headers, by_peer: bool) -> str:
    """Why a request is not from this very page; "" where it is, or is from no browser at all."""
    host = headers.get("host", "")
    if by_peer and not _ownable_by_nobody(host):
        return f"the name {host[:100]} does not lead here: use localhost"
    if method in READING:
        return ""
    site, origin = headers.get("sec-fetch-site", "same-origin"), headers.get("origin")
    if site != "same-origin" or (origin is not None and origin.rpartition("://")[2] != host):
        return "another site may change nothing here"
    return ""


def _unproven(method: str, headers: Headers, session: Session) -> str:
    """Why a write by cookie is not taken; "" where it is."""
    if method in READING:
        return ""
    if "origin" not in headers and "sec-fetch-site" not in headers:
        return "a session is for a browser, which says where a request comes from"
    if not hmac.compare_digest(headers.get(CSRF_HEADER, "").encode(), session.csrf.encode()):
        return f"the header {CSRF_HEADER} is missing, or is not this session's"
    return ""


def _ownable_by_nobody(host: str) -> bool:
    """An address, or a name without a dot: neither can be led elsewhere by who owns a domain."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return "." not in name.removesuffix(".localhost")
    return True


class LoginBody(Asked):
    token: Annotated[str, Field(min_length=1, max_length=LONGEST)]


class SessionView(Asked):
    """Who is logged in; `name` is "" for nobody. `csrf` is "" for whom no cookie vouches."""

    name: str
    scopes: tuple[str, ...]
    tenant: str
    csrf: str


class LoginView(Asked):
    csrf: str


def router(sessions: Sessions, throttle: Throttle) -> APIRouter:
    # Not a StrictRoute: that keeps answers on disk, for an Idempotency-Key. And for pages, not for programs: no schema.
    made = APIRouter(include_in_schema=False)

    @made.post("/session")
    async def log_in(body: LoginBody, request: Request, response: Response) -> LoginView:
        """Log a browser in, with a token."""
        begun = sessions.begin(body.token.strip())
        if begun is None:
            await _refuse(throttle, request)
        value, session = begun
        request.state.principal = session.who
        await begin(request)
        sessions.end(request.cookies.get(COOKIE, ""))
        logger.log(NOTICE, "api: {} has logged in", session.who.name)
        response.headers["Cache-Control"] = "no-store"
        response.set_cookie(COOKIE, value, path="/", secure=_secure(request), httponly=True, samesite="strict")
        return LoginView(csrf=session.csrf)

    @made.get("/session")
    async def get_session(request: Request, response: Response) -> SessionView:
        """Who is logged in."""
        who: Principal | None = getattr(request.state, "principal", None)
        session: Session | None = getattr(request.state, "session", None)
        response.headers["Cache-Control"] = "no-store"
        if who is None:
            return SessionView(name="", scopes=(), tenant="", csrf="")
        if session is not None:
            sessions.present(session)
        scopes = tuple(sorted(who.scopes))
        return SessionView(name=who.name, scopes=scopes, tenant=who.tenant, csrf=session.csrf if session else "")

    @made.post("/session/end", status_code=204)
    async def log_out(request: Request, response: Response, _body: Nothing | None = None) -> None:
        """End the session."""
        if value := getattr(request.state, "cookie", ""):
            sessions.end(value)
            logger.log(NOTICE, "api: {} has logged out", request.state.principal.name)
        response.delete_cookie(COOKIE, path="/", secure=_secure(request), httponly=True, samesite="strict")

    return made


async def _refuse(throttle: Throttle, request: Request) -> NoReturn:
    """A wrong token counts as one in a header does (gate.py). Raises 401, or 429 where there were too many."""
    wait = throttle.failed((address_of(request.client.host) if request.client else "") or "the unix socket")
    if wait:
        await asyncio.sleep(HOLD_UP_SECONDS)
        seconds = max(1, math.ceil(wait))
        raise HTTPException(429, f"too many wrong tokens: try again in {seconds} s", {"Retry-After": str(seconds)})
    raise HTTPException(401, WRONG, dict(UNKNOWN))


def _secure(request: Request) -> bool:
    return request.url.scheme == "https"
