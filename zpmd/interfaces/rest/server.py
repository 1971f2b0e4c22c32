"""The API on a unix socket, in a thread of its own, with the peer's credentials as the actor; and, where the settings
say so, over TCP (tcp.py).

Rules:
1. The socket gets its mode and group before it gets its name: there is no moment in which somebody else could connect.
2. A socket file on which somebody answers is another daemon's and is left alone; one on which nobody answers is what a
   killed daemon left, and is replaced.
3. A name that is taken away under it (somebody cleans /run) is made again: a daemon that nobody can ask is of no use.
4. Stopping takes at most GRACE_SECONDS, whoever is still reading a stream.
"""

from __future__ import annotations

import asyncio
import contextlib
import grp
import os
import pwd
import socket
import ssl
import struct
import threading
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from loguru import logger
from uvicorn.protocols.http.h11_impl import H11Protocol

from zpmd.errors import Refused, ZpmdError
from zpmd.interfaces.rest.access import Principal, Scope
from zpmd.interfaces.rest.tcp import GRACE_SECONDS, TcpServer, configuration
from zpmd.settings import Api

MODE = 0o660
BACKLOG = 128
START_SECONDS = 10.0
NAME_SECONDS = 2.0
"""How often the server sees whether its name is still there."""
_CREDENTIALS = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end, as the kernel says."""

    uid: int
    pid: int

    def __str__(self) -> str:
        if self.uid == 0:
            return "root"
        try:
            return f"uid:{self.uid}({pwd.getpwuid(self.uid).pw_name})"
        except KeyError:
            return f"uid:{self.uid}"


class PeerProtocol(H11Protocol):
    """HTTP/1.1 that makes the peer of the socket the principal."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        connection = transport.get_extra_info("socket")
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        pid, uid, _gid = _CREDENTIALS.unpack(raw)
        who = Principal(name=str(Peer(uid, pid)), scopes=frozenset(Scope))
        self.app_state = {**self.app_state, "principal": who}


class ApiServer:
    """Serves `app` on `socket_path`. `group` gets access where it exists; where it does not, its owner alone has. With
    `api.listen` it serves over TCP too, with `tls` where that is given."""

    def __init__(
        self, app: FastAPI, socket_path: Path, group: str, api: Api | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._app = app
        self.tcp = TcpServer(app, api, tls) if api is not None and api.listen else None
        self._path = socket_path
        self._group = group
        self._inode: int | None = None
        self._thread: threading.Thread | None = None
        self._server = uvicorn.Server(configuration(app, PeerProtocol))

    def start(self) -> None:
        """Returns when it answers. Raises Refused where another daemon does, ZpmdError where it cannot listen."""
        listening = _listen(self._path, self._group)
        self._inode = self._path.stat().st_ino
        ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(listening, ready), name="zpmd-api", daemon=True)
        self._thread.start()
        if not ready.wait(START_SECONDS):
            raise ZpmdError(f"cannot serve {self._path}: the server did not start within {START_SECONDS:.0f} s")
        if self.tcp is not None:
            try:
                self.tcp.start()
            except ZpmdError:
                self.stop()
                raise

    def alive(self) -> bool:
        unix = self._thread is not None and self._thread.is_alive()
        return unix and (self.tcp is None or self.tcp.alive())

    def stop(self) -> None:
        """Ends streams, waits for short requests, and takes the socket away if it is still this one."""
        self._app.state.stopping.set()
        self._server.should_exit = True
        if self.tcp is not None:
            self.tcp.stop()
        if self._thread is not None:
            self._thread.join(GRACE_SECONDS + 3)
        with contextlib.suppress(OSError):
            if self._inode is not None and self._path.stat().st_ino == self._inode:
                self._path.unlink()

    def _serve(self, listening: socket.socket, ready: threading.Event) -> None:
        async def serve() -> None:
            # The socket listens already: whoever connects from now on is answered as soon as the loop runs.
            asyncio.get_running_loop().call_soon(ready.set)
            keeping = asyncio.create_task(self._keep_name())
            await self._server.serve(sockets=[listening])
            keeping.cancel()

        try:
            asyncio.run(serve())
        except Exception:
            logger.exception("api: the server on {} has died", self._path)

    async def _keep_name(self) -> None:
        """Listen anew where the name is gone; whoever is connected already stays so."""
        complained = ""
        while True:
            await asyncio.sleep(NAME_SECONDS)
            if self._named() or self._server.should_exit:
                continue
            try:
                listening = _listen(self._path, self._group)
                self._inode = self._path.stat().st_ino
            except (ZpmdError, OSError) as error:
                if str(error) != complained:
                    logger.error("api: its socket is gone: {}", error)
                complained = str(error)
                continue
            for server in self._server.servers:
                server.close()
            await self._server.startup(sockets=[listening])
            logger.warning("api: {} was gone, and is there again", self._path)

    def _named(self) -> bool:
        try:
            return self._path.stat().st_ino == self._inode
        except OSError:
            return False


def _listen(path: Path, group: str) -> socket.socket:
    if len(os.fsencode(path)) > 100:
        raise ZpmdError(f"cannot listen on {path}: the path of a socket has at most 100 bytes")
    if _answers(path):
        raise Refused(f"cannot listen on {path}: another zpmd answers there")
    fresh = path.with_name(f".{path.name[:8]}.{os.getpid()}")
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        if path.exists() and not path.is_socket():
            raise ZpmdError(f"cannot listen on {path}: something else is there, and no socket")
        fresh.unlink(missing_ok=True)
        listening.bind(str(fresh))
        _restrict(fresh, group)
        listening.listen(BACKLOG)
        fresh.rename(path)
    except OSError as error:
        listening.close()
        raise ZpmdError(f"cannot listen on {path}: {error.strerror}") from error
    except ZpmdError:
        listening.close()
        raise
    return listening


def _restrict(path: Path, group: str) -> None:
    """Nobody can connect before `listen`, so the mode between bind and here does not matter."""
    try:
        gid = grp.getgrnam(group).gr_gid
    except KeyError:
        path.chmod(0o600)
        return
    try:
        os.chown(path, -1, gid)
    except PermissionError:  # not root, and not a member: a developer's own daemon
        path.chmod(0o600)
        return
    path.chmod(MODE)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True
