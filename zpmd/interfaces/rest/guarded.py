"""HTTP/1.1 for strangers: a connection that does not get on is closed, whatever it is waiting with.

Rules:
1. The head of a request has to be there within `header_seconds` of its first byte (of the connection, for the first).
2. Of its body there have to be LEAST_BYTES more in each `body_seconds`, or the end of it. Time in which we do not read
   does not count.
3. What comes of a body after its answer is thrown away, for LINGER_SECONDS and REST_BYTES: closing at once could cost
   the peer the answer.
4. Nothing that a stranger sends is a line in the log.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from enum import Enum
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from zpmd.settings import Api

LEAST_BYTES = 16 * 1024
LINGER_SECONDS = 2.0
REST_BYTES = 1 << 20
QUIET = logging.getLogger("zpmd.interfaces.rest.guarded")
QUIET.setLevel(logging.ERROR)


class Awaited(Enum):
    """What a connection has to do next, where it has to be quick."""

    HEAD = "the head of a request"
    BODY = "the body of a request"
    REST = "the end of a body that nobody reads"


class GuardedProtocol(H11Protocol):
    """`left` is called once, when a connection that was made is lost."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        api: Api,
        left: Callable[[], None],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.logger = QUIET
        self._left = left
        self._seconds = {
            Awaited.HEAD: api.header_seconds,
            Awaited.BODY: api.body_seconds,
            Awaited.REST: LINGER_SECONDS,
        }
        self._awaited: Awaited | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._arrived = 0
        """Bytes since the timer was set."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        self._set(None)
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self._left()

    def data_received(self, data: bytes) -> None:
        self._arrived += len(data)
        try:
            super().data_received(data)
        except h11.LocalProtocolError:  # it broke the rules in the middle of its own answer
            self.transport.abort()
        self._look()
        if self._awaited is Awaited.REST and self._arrived > REST_BYTES:
            self.transport.abort()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - in words of ours
        self._end(HTTPStatus.BAD_REQUEST, "malformed", "this is no HTTP/1.1 request")

    def _look(self) -> None:
        """See what is awaited now, and set the timer anew where that is something else than before."""
        found = self._next()
        if found is not self._awaited:
            self._set(found)

    def _next(self) -> Awaited | None:
        if self.transport.is_closing():
            return None
        if self.conn.their_state is h11.SEND_BODY:
            return Awaited.REST if self.cycle.response_complete else Awaited.BODY
        # Between two requests uvicorn's own keep-alive timer runs, until the first byte.
        idle = self.conn.their_state is h11.IDLE and self.timeout_keep_alive_task is None
        return Awaited.HEAD if idle else None

    def _set(self, awaited: Awaited | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._awaited, self._arrived = awaited, 0
        if awaited is not None:
            self._timer = self.loop.call_later(self._seconds[awaited], self._late)

    def _late(self) -> None:
        awaited = self._awaited
        if awaited is Awaited.BODY and (self._arrived >= LEAST_BYTES or self.flow.read_paused):
            self._set(awaited)
        elif awaited is Awaited.REST or (awaited is Awaited.HEAD and not self._arrived):
            self._close()
        else:
            self._end(HTTPStatus.REQUEST_TIMEOUT, "too-slow", f"{awaited.value if awaited else 'it'} took too long")

    def _end(self, status: HTTPStatus, code: str, detail: str) -> None:
        """The last answer of this connection, where none has begun."""
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(raw_problem(status, code, detail))
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._close()

    def _close(self) -> None:
        self._set(None)
        self.transport.close()
        self.loop.call_later(LINGER_SECONDS, self.transport.abort)


def raw_problem(status: HTTPStatus, code: str, detail: str) -> bytes:
    """A whole answer, for where there is no request to answer; the connection ends with it."""
    body = json.dumps(
        {"type": "about:blank", "title": status.phrase, "status": status.value, "code": code, "detail": detail}
    ).encode()
    lines = (
        f"HTTP/1.1 {status.value} {status.phrase}",
        "content-type: application/problem+json",
        f"content-length: {len(body)}",
        *(("retry-after: 1",) if status is HTTPStatus.SERVICE_UNAVAILABLE else ()),
        "connection: close",
    )
    return "\r\n".join((*lines, "", "")).encode() + body
