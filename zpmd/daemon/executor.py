"""Workers that apply actions, each on its own subject, while the loop goes on.

Three lanes, so that what waits for a process's grace or a registry never stands before a start: `start` is as wide as
the engine takes profitably (4 to 8: its own work is CPU), `stop` mostly sleeps, or reads the logs of what has ended,
`pull` is bounded by the line, and by the disk where images come from an archive.
Threads are daemons: a process that is told to end does not wait for an engine.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import replace

from loguru import logger

from zpmd.daemon import masking
from zpmd.model.action import Action, KeepEvidence, LoadImages, PullImage, RestartReplica, RunHook, StopReplica, verb
from zpmd.model.events import Outcome, Result
from zpmd.model.observed import InFlight
from zpmd.ports import Clock, Engine
from zpmd.redaction import redact

STOP_LANE = 16
PULL_LANE = 2


class Executor:
    def __init__(self, engine: Engine, clock: Clock, deliver: Callable[[Outcome], None], workers: int) -> None:
        self._engine = engine
        self._clock = clock
        self._deliver = deliver
        self._lock = threading.Lock()
        self._flights: dict[str, InFlight] = {}
        self._start = _Lane("start", workers, self._apply)
        self._stop = _Lane("stop", STOP_LANE, self._apply)
        self._pull = _Lane("pull", PULL_LANE, self._apply)

    def submit(self, action: Action) -> None:
        """Apply it on a worker; the outcome is delivered when it is known. Its subject is in flight until `land`."""
        flight = InFlight(subject=action.subject, verb=verb(action), since=self._clock.now())
        with self._lock:
            self._flights[action.subject] = flight
        match action:
            case PullImage() | LoadImages():
                self._pull.put(action)
            case StopReplica() | RestartReplica() | RunHook() | KeepEvidence():
                self._stop.put(action)
            case _:
                self._start.put(action)

    def land(self, outcome: Outcome) -> None:
        """The loop has taken note of the outcome: the subject is free again."""
        with self._lock:
            self._flights.pop(outcome.action.subject, None)

    def in_flight(self) -> tuple[InFlight, ...]:
        with self._lock:
            return tuple(sorted(self._flights.values(), key=lambda f: f.subject))

    def drain(self, timeout_seconds: float) -> None:
        """Begin nothing more, and give what is under way a moment to end."""
        for lane in (self._start, self._stop, self._pull):
            lane.close()
        end = self._clock.monotonic() + timeout_seconds
        for lane in (self._start, self._stop, self._pull):
            lane.join(end - self._clock.monotonic())

    def _apply(self, action: Action) -> None:
        began = self._clock.monotonic()
        try:
            outcome = self._engine.apply(action, lambda text: self._progress(action.subject, text))
        except Exception as error:  # the port promises not to raise: whatever did is a bug, and must not cost a worker
            logger.opt(exception=True).error("the engine adapter failed on {}", action.subject)
            outcome = Outcome(action=action, result=Result.UNKNOWN, at=self._clock.now(), detail=str(error))
        self._deliver(replace(masking.outcome(outcome), seconds=self._clock.monotonic() - began))

    def _progress(self, subject: str, text: str) -> None:
        with self._lock:
            flight = self._flights.get(subject)
            if flight:
                self._flights[subject] = replace(flight, progress=redact(text))


class _Lane:
    """A queue and its daemon threads, started one by one as they are needed."""

    def __init__(self, name: str, width: int, apply: Callable[[Action], None]) -> None:
        self._name = name
        self._width = width
        self._apply = apply
        self._queue: queue.SimpleQueue[Action | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._idle = threading.Semaphore(0)
        self._closed = False

    def put(self, action: Action) -> None:
        self._queue.put(action)
        if not self._idle.acquire(blocking=False) and len(self._threads) < self._width:
            thread = threading.Thread(target=self._work, name=f"{self._name}-{len(self._threads) + 1}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def close(self) -> None:
        self._closed = True
        for _ in self._threads:
            self._queue.put(None)

    def join(self, timeout_seconds: float) -> None:
        for thread in self._threads:
            thread.join(max(0.0, timeout_seconds))

    def _work(self) -> None:
        while (action := self._queue.get()) is not None:
            if not self._closed:
                self._apply(action)
                self._idle.release()
