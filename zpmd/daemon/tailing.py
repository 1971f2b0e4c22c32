"""Log lines of services for an operator: of all their replicas, merged by time, and then as they come.

Following outlives the container: when a replica ends and another run of its slot begins, its lines go on.
"""

from __future__ import annotations

import heapq
import queue
import threading
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from zpmd.cut import Cut
from zpmd.daemon.board import Board
from zpmd.errors import EngineUnknown, NotFound, Refused, ZpmdError
from zpmd.model.observed import LogLine, Replica, Slot
from zpmd.ports import Clock, Engine

AT_ONCE = 32
"""Replicas: each that is followed takes a thread, and each that is read a connection to the engine."""
LINES_KEPT = 100_000
"""Of more replicas than that, which are read one after the other before the first line is out."""
LINES_WAITING = 1000
"""Between the engine and a slow reader; beyond it the engine waits."""
LOOK_SECONDS = 1.0
"""How often a follower looks whether its reader has gone."""

Line = tuple[Replica, LogLine]


@dataclass(slots=True)
class Told:
    """How far the lines of one container have been told: up to which instant, and how many lines of that very instant.

    An engine says again what was written at an instant that it is asked from, and several lines may have the same one.
    """

    at: float | None = None
    lines: int = 0

    def note(self, line: LogLine) -> None:
        if self.at is None or line.at > self.at:
            self.at, self.lines = line.at, 0
        if line.at == self.at:
            self.lines += 1

    def over(self, now: float) -> None:
        """The container has ended. What it says from `now` on is new where it said nothing yet, and where the clock was
        set back: its next lines are of before its last one then, and some are rather told again than lost."""
        if self.at is None or self.at > now:
            self.at, self.lines = now, 0

    def news(self, lines: Iterable[LogLine]) -> Iterator[LogLine]:
        """Of `lines`, which begin at `at`, those that were not told yet; each is noted as it goes out."""
        begin, again = self.at, self.lines
        for line in lines:
            if again and line.at == begin:
                again -= 1
                continue
            self.note(line)
            yield line


def tail_logs(
    board: Board,
    engine: Engine,
    clock: Clock,
    wanted: Collection[tuple[str, int | None]],
    tail: int,
    follow: bool,
    since: float | None = None,
) -> Iterator[Line]:
    """Raises at once: EngineUnknown, NotFound where there is no such replica, Refused for too many."""
    replicas = _replicas(board, wanted)
    if follow:
        if len(replicas) > AT_ONCE:
            raise Refused(f"cannot follow {len(replicas)} replicas at once: name fewer of them (at most {AT_ONCE})")
        return Followed(board, engine, clock, replicas, tail, since)
    if len(replicas) > AT_ONCE and len(replicas) * tail > LINES_KEPT:
        raise Refused(
            f"cannot merge so many lines of {len(replicas)} replicas: ask for fewer lines,"
            f" at most {LINES_KEPT // len(replicas)} of each"
        )
    return _merged(engine, replicas, tail, since)


def _replicas(board: Board, wanted: Collection[tuple[str, int | None]]) -> list[Replica]:
    """In the order of `wanted`, each once."""
    snapshot = board.latest()
    if snapshot is None or snapshot.observed.world is None:
        raise EngineUnknown("cannot read logs: the engine does not answer")
    everything = sorted(snapshot.observed.world.replicas, key=lambda r: (r.slot, r.created_at))
    found: dict[tuple[Slot, str], Replica] = {}
    for service, slot in wanted:
        its = [r for r in everything if r.service == service and slot in (None, r.slot)]
        found.update(((r.place, r.id), r) for r in its)
        if not its and len(wanted) == 1:
            raise NotFound(f"{service if slot is None else f'{service}/{slot}'} has no container")
    if not found:
        raise NotFound("none of these services has a container")
    return list(found.values())


def _merged(engine: Engine, replicas: Collection[Replica], tail: int, since: float | None) -> Iterator[Line]:
    sources: list[Iterator[Line]] = [_past(engine, replica, tail, since) for replica in replicas]
    if len(sources) > AT_ONCE:
        sources = [iter(list(source)) for source in sources]
    return heapq.merge(*sources, key=lambda line: line[1].at)


def _past(engine: Engine, replica: Replica, tail: int, since: float | None) -> Iterator[Line]:
    try:
        for line in engine.logs(replica.id, tail, False, since):
            yield replica, line
    except NotFound:  # removed meanwhile: the others still have something to say
        return


class Followed(Iterator[Line]):
    """First the past of all, by time, then lines as they come. `close` may be called from another thread, and ends the
    iteration, and what is read for it: a container that says nothing would hold its thread and connection for ever."""

    def __init__(
        self,
        board: Board,
        engine: Engine,
        clock: Clock,
        replicas: Collection[Replica],
        tail: int,
        since: float | None = None,
    ) -> None:
        self._board = board
        self._engine = engine
        self._clock = clock
        self._replicas = replicas
        self._lines: queue.Queue[Line] = queue.Queue(LINES_WAITING)
        self._closed = threading.Event()
        self._cut = Cut()
        self._past: Iterator[Line] | None = _merged(engine, replicas, tail, since) if tail else iter(())
        self._tail = LINES_WAITING if tail else 0
        self._told = {replica.id: Told(since) for replica in replicas}

    def __next__(self) -> Line:
        if self._past is not None and not self._closed.is_set():
            for replica, line in self._past:
                self._told[replica.id].note(line)
                return replica, line
            self._past = None
            for replica in self._replicas:
                arguments = (replica, self._tail, self._told[replica.id])
                threading.Thread(target=self._follow, args=arguments, name="zpmd-logs", daemon=True).start()
        while not self._closed.is_set():
            try:
                return self._lines.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                continue
        raise StopIteration

    def close(self) -> None:
        self._closed.set()
        self._cut.now()

    def _follow(self, replica: Replica, tail: int, told: Told) -> None:
        while not self._closed.is_set():
            seen = self._number()
            try:
                for line in told.news(self._engine.logs(replica.id, tail, True, told.at, self._cut)):
                    if not self._put((replica, line)):
                        return
            except ZpmdError as error:
                self._put((replica, LogLine(self._clock.now(), f"[{error}]".encode())))
            told.over(self._clock.now())
            next_run = self._next_run(replica.place, seen)
            if next_run is None:
                return
            if next_run.id != replica.id:
                told = Told()  # all of a new container is new
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
