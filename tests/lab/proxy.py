"""A wire between a client and a server that can be slow, silent or cut: a TCP proxy on a port of its own.

`latency_seconds` delays every part that passes, in both directions together. `hang` lets nothing pass, and keeps the
connections; `cut` ends them and refuses new ones. `calm` makes it a plain wire again.
"""

from __future__ import annotations

import contextlib
import socket
import threading

PART = 1 << 16


class Proxy:
    """Listens at `address` (host:port), forwards to `target` (host:port, or the path of a unix socket)."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._latency_seconds = 0.0
        self._cut = False
        self._passing = threading.Event()
        self._passing.set()
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self.address = f"127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def slow(self, latency_seconds: float) -> None:
        """Every question and its answer take so much longer."""
        self._latency_seconds = latency_seconds

    def hang(self) -> None:
        self._passing.clear()

    def cut(self) -> None:
        self._cut = True
        self._hang_up()

    def calm(self) -> None:
        self._latency_seconds, self._cut = 0.0, False
        self._passing.set()

    def close(self) -> None:
        self._over.set()
        self._passing.set()
        self._listening.close()
        self._hang_up()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            try:
                if self._cut:
                    raise ConnectionRefusedError
                server = self._connect()
            except OSError:
                client.close()
                continue
            with self._lock:
                self._open.update((client, server))
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(one, other), name="proxy", daemon=True).start()

    def _connect(self) -> socket.socket:
        if self._target.startswith("/"):
            server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            server.connect(self._target)
        else:
            host, _, port = self._target.rpartition(":")
            server = socket.create_connection((host, int(port)), timeout=5)
            server.settimeout(None)
        return server

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while part := one.recv(PART):
                if self._latency_seconds:
                    self._over.wait(self._latency_seconds / 2)
                self._passing.wait()
                other.sendall(part)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._open.discard(one)
        one.close()

    def _hang_up(self) -> None:
        with self._lock:
            ends = list(self._open)
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
