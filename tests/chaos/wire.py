"""The wire between zpmd and the engine: a unix-socket proxy that can be slow, shut, cut answers, and lose them.

An answer that is lost was asked for: the request has reached the engine, which carries it out, and the client never
learns of it. An answer that is cut ends somewhere in its middle. Both may hit any request while they are switched on,
and those that change something more often than those that only ask.
"""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from tests.chaos.ledger import Kind, Ledger

METHODS = (b"GET ", b"POST ", b"DELETE ", b"PUT ", b"HEAD ")
LONGEST_REQUEST = 110
"""So much of a request's line is told: enough for its verb, its container and the beginning of its options."""
HIT_CHANGES, HIT_QUESTIONS = 0.5, 0.1
"""The share of the answers to requests that change something, and of the others, that a fault hits."""


class Wire:
    """Listens at `path`, forwards to `engine`. `set` a fault, `calm` to be a plain wire again."""

    def __init__(self, path: Path, engine: Path, ledger: Ledger, seed: str) -> None:
        self.url = f"unix://{path}"
        self._engine = str(engine)
        self._ledger = ledger
        self._chance = random.Random(seed)
        self._fault: Kind | None = None
        self._delay_seconds = 0.0
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._over = threading.Event()
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen(64)
        threading.Thread(target=self._accept, name="wire", daemon=True).start()

    def set(self, fault: Kind, delay_seconds: float = 0.0) -> None:
        self._fault, self._delay_seconds = fault, delay_seconds
        if fault is Kind.WIRE_SHUT:
            self._hang_up()

    def calm(self) -> None:
        """A plain wire again."""
        self._fault, self._delay_seconds = None, 0.0

    def close(self) -> None:
        self._over.set()
        self._listening.close()
        self._hang_up()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            engine = socket.socket(socket.AF_UNIX)
            try:
                if self._fault is Kind.WIRE_SHUT:
                    raise ConnectionRefusedError
                engine.connect(self._engine)
            except OSError:
                client.close()
                engine.close()
                continue
            _Conversation(self, client, engine).start()

    def _hang_up(self) -> None:
        with self._lock:
            ends = list(self._open)
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def joined(self, *ends: socket.socket) -> None:
        with self._lock:
            self._open.update(ends)

    def left(self, *ends: socket.socket) -> None:
        with self._lock:
            self._open.difference_update(ends)
        for end in ends:
            end.close()

    def slow(self) -> None:
        """Let the delay of the moment pass."""
        if self._delay_seconds:
            self._over.wait(self._delay_seconds)

    def spoiled(self, request: str, answer: bytes) -> bytes | None:
        """What is left of the first part of an answer when a fault hits it; None where none does."""
        fault = self._fault
        if fault not in (Kind.ANSWER_CUT, Kind.ANSWER_LOST) or not request:
            return None
        with self._lock:
            share = HIT_QUESTIONS if request.startswith(("GET", "HEAD")) else HIT_CHANGES
            if self._chance.random() >= share:
                return None
            keep = 0 if fault is Kind.ANSWER_LOST else self._chance.randrange(1, max(2, len(answer)))
        self._ledger.point(fault, request)
        return answer[:keep]


class _Conversation:
    """One connection: two threads, one for each direction. It ends when either side does."""

    def __init__(self, wire: Wire, client: socket.socket, engine: socket.socket) -> None:
        self._wire, self._client, self._engine = wire, client, engine
        self._request = ""
        self._lock = threading.Lock()
        self._at_work = 2

    def start(self) -> None:
        self._wire.joined(self._client, self._engine)
        for direction in (self._forward, self._back):
            threading.Thread(target=self._pump, args=(direction,), daemon=True).start()

    def _pump(self, direction: Callable[[], None]) -> None:
        with contextlib.suppress(OSError):
            direction()
        for end in (self._client, self._engine):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._at_work -= 1
            last = not self._at_work
        if last:
            self._wire.left(self._client, self._engine)

    def _forward(self) -> None:
        while part := self._client.recv(1 << 16):
            if part.startswith(METHODS):
                self._request = part.split(b" HTTP", 1)[0].decode(errors="replace")[:LONGEST_REQUEST]
            self._wire.slow()
            self._engine.sendall(part)

    def _back(self) -> None:
        while part := self._engine.recv(1 << 16):
            self._wire.slow()
            spoiled = self._wire.spoiled(self._request, part)
            if spoiled is not None:
                self._client.sendall(spoiled)
                return
            self._client.sendall(part)
