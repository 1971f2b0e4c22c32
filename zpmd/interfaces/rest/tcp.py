"""The API over TCP, in a thread and an event loop of its own: what goes on here, the unix socket does not notice.

Rules:
1. A connection counts from its acceptance, before TLS. At most `max_connections` are there at once, at most half of
   them from one address, and never so many that zpmd itself would be short of files; the others are closed.
2. A connection counts as a request of its address: one that has used up its requests gets no TLS handshake either.
3. More than ACCEPTS_PER_SECOND are not accepted, whoever they are: the others wait in the kernel, which costs nothing.
4. No thread a client, and nothing of a client is waited for without a deadline.
5. Only who can be told by a token is known here: no header of a request says who its peer is.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import ssl
import threading
from collections import Counter
from http import HTTPStatus
from typing import Any

import uvicorn
from fastapi import FastAPI
from loguru import logger
from uvicorn.protocols.http.h11_impl import H11Protocol

from zpmd.errors import ZpmdError
from zpmd.interfaces.rest.guarded import GuardedProtocol, raw_problem
from zpmd.interfaces.rest.throttle import Buckets, Throttle, address_of
from zpmd.settings import Api

BACKLOG = 512
ACCEPTS_PER_SECOND = 500
GRACE_SECONDS = 2
START_SECONDS = 10.0
SHORT_OF_FILES_SECONDS = 0.5
TLS_GOODBYE_SECONDS = 2.0
UNREAD_MILLISECONDS = 30_000
"""A peer that takes nothing of its answer for so long is given up by the kernel."""
FULL = raw_problem(
    HTTPStatus.SERVICE_UNAVAILABLE, "too-many-connections", "too many connections: try again in a moment"
)


class TcpServer:
    """Serves `app`, which has its `throttle` in its state, on `api.listen`."""

    def __init__(self, app: FastAPI, api: Api, tls: ssl.SSLContext | None) -> None:
        self._app = app
        self._api = api
        self._tls = tls
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self.ports: tuple[int, ...] = ()

    def start(self) -> None:
        """Returns when it answers. Raises ZpmdError where it cannot listen."""
        sockets = _listen(self._api.listen)
        self.ports = tuple(each.getsockname()[1] for each in sockets)
        self._server = _Server(self._app, self._api, self._tls)
        self._thread = threading.Thread(target=self._serve, args=(sockets,), name="zpmd-api-tcp", daemon=True)
        self._thread.start()
        if not self._server.ready.wait(START_SECONDS):
            raise ZpmdError(f"cannot serve {self._api.listen}: the server did not start within {START_SECONDS:.0f} s")
        logger.info("api: listens on {}{}", self._api.listen, " with TLS" if self._tls else "")

    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def connections(self) -> int:
        """How many there are now, those in a handshake too."""
        return 0 if self._server is None else self._server.taken.total()

    def stop(self) -> None:
        """`app.state.stopping` is set already."""
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(GRACE_SECONDS + 3)

    def _serve(self, sockets: list[socket.socket]) -> None:
        assert self._server is not None
        try:
            asyncio.run(self._server.serve(sockets=sockets))
        except Exception:
            logger.exception("api: the server on {} has died", self._api.listen)


def configuration(app: FastAPI, protocol: type[H11Protocol]) -> uvicorn.Config:
    """What is the same of both servers: no log of uvicorn's own, nothing believed of proxies."""
    return uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


class _Place:
    """Of one connection, from its acceptance to its end."""

    def __init__(self, taken: Counter[str], address: str) -> None:
        self._taken = taken
        self._address: str | None = address
        taken[address] += 1

    def leave(self) -> None:
        if self._address is not None:
            self._taken[self._address] -= 1
            if not self._taken[self._address]:
                del self._taken[self._address]
            self._address = None


class _Server(uvicorn.Server):
    """uvicorn, but for the way in: it accepts without end, and cannot bound a handshake."""

    def __init__(self, app: FastAPI, api: Api, tls: ssl.SSLContext | None) -> None:
        super().__init__(configuration(app, GuardedProtocol))
        self.ready = threading.Event()
        self._api = api
        self._tls = tls
        self._throttle: Throttle = app.state.throttle
        self._most = min(api.max_connections, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
        self._accepts = Buckets(ACCEPTS_PER_SECOND * 60, ACCEPTS_PER_SECOND)
        self.taken: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await self.lifespan.startup()
        self.servers = []
        for listening in sockets or ():
            self._keep(self._accept(listening))
        self.started = True
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await super().shutdown(sockets)

    def _keep(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            while wait := self._accepts.take("everybody"):
                await asyncio.sleep(wait)
            try:
                connection, peer = await loop.sock_accept(listening)
            except OSError as error:  # gone again before it was taken, or this process is short of files
                logger.debug("api: cannot accept: {}", error)
                await asyncio.sleep(SHORT_OF_FILES_SECONDS)
                continue
            address = address_of(peer[0])
            if self._full(address):
                self._turn_away(connection)
            elif self._throttle.addresses.take(address):
                connection.close()
            else:
                self._keep(self._begin(connection, _Place(self.taken, address)))

    def _full(self, address: str) -> bool:
        return self.taken.total() >= self._most or self.taken[address] >= max(self._most // 2, 1)

    def _turn_away(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self._tls is None:
                connection.send(FULL)
        connection.close()

    async def _begin(self, connection: socket.socket, place: _Place) -> None:
        loop = asyncio.get_running_loop()
        bounds = (
            {"ssl_handshake_timeout": self._api.header_seconds, "ssl_shutdown_timeout": TLS_GOODBYE_SECONDS}
            if self._tls is not None
            else {}
        )

        def protocol() -> asyncio.Protocol:
            return GuardedProtocol(
                self.config, self.server_state, self.lifespan.state, self._api, place.leave, _loop=loop
            )

        try:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MILLISECONDS)
            await loop.connect_accepted_socket(protocol, connection, ssl=self._tls, **bounds)
        except (OSError, asyncio.CancelledError):  # no handshake, or not in time
            connection.close()
            place.leave()


def _listen(listen: str) -> list[socket.socket]:
    """A socket for each address that the host is. Raises ZpmdError."""
    host, _, port = listen.rpartition(":")
    sockets: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in dict.fromkeys(found):
            made = socket.socket(family, kind, protocol)
            sockets.append(made)
            made.setblocking(False)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(address[0] != "::"))
            made.bind(address)
            made.listen(BACKLOG)
    except OSError as error:
        for made in sockets:
            made.close()
        raise ZpmdError(f"cannot listen on {listen}: {error.strerror or error}") from error
    return sockets
