"""Log lines of a service for an operator: of its replicas one after the other, or followed side by side.

Following outlives the container: when a replica ends and another run of its slot begins, its lines go on.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

from zpmd.daemon.board import Board
from zpmd.errors import EngineUnknown, NotFound, Refused, ZpmdError
from zpmd.model.observed import Replica, Slot
from zpmd.ports import Clock, Engine

FOLLOWED_AT_ONCE = 32
"""Replicas: each takes a thread and a connection to the engine."""
LINES_WAITING = 1000
"""Between the engine and a slow reader; beyond it the engine waits."""
LOOK_SECONDS = 1.0
"""How often a follower looks whether its reader has gone."""

Line = tuple[str, bytes]


def tail_logs(
    board: Board, engine: Engine, clock: Clock, service: str, slot: int | None, tail: int, follow: bool
) -> Iterator[Line]:
    """Raises at once: EngineUnknown, NotFound where there is no such replica, Refused for too many to follow."""
    replicas = _replicas(board, service, slot)
    if replicas is None:
        raise EngineUnknown("cannot read logs: the engine does not answer")
    if not replicas:
        which = service if slot is None else f"{service}/{slot}"
        raise NotFound(f"{which} has no container")
    if not follow:
        return _one_after_the_other(engine, replicas, tail)
    if len(replicas) > FOLLOWED_AT_ONCE:
        raise Refused(f"cannot follow {len(replicas)} replicas at once: name one of them (at most {FOLLOWED_AT_ONCE})")
    return Followed(board, engine, clock, replicas, tail)


def _replicas(board: Board, service: str, slot: int | None) -> list[Replica] | None:
    snapshot = board.latest()
    if snapshot is None or snapshot.observed.world is None:
        return None
    found = [r for r in snapshot.observed.world.replicas if r.service == service and slot in (None, r.slot)]
    return sorted(found, key=lambda r: (r.slot, r.created_at))


def _one_after_the_other(engine: Engine, replicas: list[Replica], tail: int) -> Iterator[Line]:
    for replica in replicas:
        try:
            for line in engine.logs(replica.id, tail, False):
                yield replica.name, line
        except NotFound:  # removed meanwhile: the others still have something to say
            continue


class Followed(Iterator[Line]):
    """Lines of several replicas as they come. `close` may be called from another thread, and ends the iteration."""

    def __init__(self, board: Board, engine: Engine, clock: Clock, replicas: list[Replica], tail: int) -> None:
        self._board = board
        self._engine = engine
        self._clock = clock
        self._lines: queue.Queue[Line] = queue.Queue(LINES_WAITING)
        self._closed = threading.Event()
        for replica in replicas:
            threading.Thread(target=self._follow, args=(replica, tail), name="zpmd-logs", daemon=True).start()

    def __next__(self) -> Line:
        while not self._closed.is_set():
            try:
                return self._lines.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                continue
        raise StopIteration

    def close(self) -> None:
        self._closed.set()

    def _follow(self, replica: Replica, tail: int) -> None:
        since: float | None = None
        while not self._closed.is_set():
            seen = self._number()
            try:
                for line in self._engine.logs(replica.id, tail, True, since):
                    if not self._put((replica.name, line)):
                        return
            except ZpmdError as error:
                self._put((replica.name, f"[{error}]".encode()))
            ended_at = self._clock.now()
            next_run = self._next_run(replica.place, seen)
            if next_run is None:
                return
            since = ended_at if next_run.id == replica.id else None  # all of a new container is new
            replica, tail = next_run, LINES_WAITING

    def _next_run(self, place: Slot, seen: int) -> Replica | None:
        """What runs in the slot, as soon as a pass after `seen` has seen it; None when the reader has gone."""
        while not self._closed.is_set():
            snapshot = self._board.wait(seen, LOOK_SECONDS)
            if snapshot is None:
                continue
            seen = snapshot.number
            for replica in snapshot.observed.world.replicas if snapshot.observed.world else ():
                if replica.place == place and replica.running:
                    return replica
        return None

    def _number(self) -> int:
        snapshot = self._board.latest()
        return 0 if snapshot is None else snapshot.number

    def _put(self, line: Line) -> bool:
        """Whether the line was taken: not when the reader has gone."""
        while not self._closed.is_set():
            try:
                self._lines.put(line, timeout=LOOK_SECONDS)
            except queue.Full:
                continue
            return True
        return False
