"""How long the replicas of a service take to stop, and from their start to being ready: measured in passing.

What is kept are medians of the last few, so that one slow start says little. They serve expectations alone (`zpmctl
patch plan`), and losing them costs nothing. Runs of jobs are not measured: they are never ready.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Collection
from statistics import median

from zpmd.daemon.runs import run_of
from zpmd.errors import StoreError
from zpmd.model.action import RestartReplica, RunReplica, StartReplica, StopReplica, service_of
from zpmd.model.events import Outcome
from zpmd.model.memory import Memory, Timing
from zpmd.model.observed import World
from zpmd.model.service import Desired
from zpmd.planning import readiness
from zpmd.ports import Store

SAMPLES = 5
LONGEST_SECONDS = 3600.0
"""A replica that is not ready after so long tells of trouble, not of the service."""
NEWS = 0.1
"""A median that moved by less than this share of itself is not written again."""


class Stopwatch:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._stops: dict[str, deque[float]] = {}
        self._starts: dict[str, deque[float]] = {}
        self._awaited: dict[str, str] = {}
        """Containers that were started and have not been seen ready, each with its service."""

    def ended(self, outcome: Outcome) -> None:
        """An action came to its end."""
        if run_of(outcome.action) is not None:
            return
        match outcome.action:
            case StopReplica() if outcome.ok:
                self._sample(self._stops, service_of(outcome.action), outcome.seconds)
            case RunReplica() | StartReplica() | RestartReplica() if outcome.ok and outcome.container_id:
                self._awaited[outcome.container_id] = service_of(outcome.action)
            case _:
                pass

    def looked(self, world: World, desired: Desired, memory: Memory, now: float) -> list[tuple[str, float]]:
        """A pass has observed the world at `now`. The containers that are ready now, each so long after its start."""
        found: list[tuple[str, float]] = []
        if not self._awaited:
            return found
        here = {replica.id: replica for replica in world.replicas}
        for container_id, name in list(self._awaited.items()):
            replica, service = here.get(container_id), desired.service(name)
            began = replica.started_at if replica is not None else None
            if replica is None or service is None or began is None or not 0 <= now - began < LONGEST_SECONDS:
                del self._awaited[container_id]
            elif readiness.ready(service, replica, memory):
                del self._awaited[container_id]
                self._sample(self._starts, name, now - began)
                found.append((container_id, now - began))
        return found

    def forget(self, services: Collection[str]) -> None:
        """What was measured of others than these; names of integrations come and go."""
        for samples in (self._stops, self._starts):
            for name in samples.keys() - set(services):
                del samples[name]

    def _sample(self, samples: dict[str, deque[float]], service: str, seconds: float) -> None:
        samples.setdefault(service, deque(maxlen=SAMPLES)).append(seconds)
        known = self._store.memory().timings.get(service, Timing())
        stops, starts = self._stops.get(service), self._starts.get(service)
        timing = Timing(
            stop_seconds=median(stops) if stops else known.stop_seconds,
            ready_seconds=median(starts) if starts else known.ready_seconds,
        )
        if _differs(known.stop_seconds, timing.stop_seconds) or _differs(known.ready_seconds, timing.ready_seconds):
            with contextlib.suppress(StoreError):  # the next sample tries again
                self._store.keep_timing(service, timing)


def _differs(known: float | None, measured: float | None) -> bool:
    if known is None or measured is None:
        return known is not measured
    return abs(measured - known) > NEWS * max(known, 0.1)
