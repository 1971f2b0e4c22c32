"""The engine as a simulated daemon meets it: every call noted, every boundary a failpoint, times of the wall clock.

The ledger is the engine's own record of who was changed, made by comparing containers before and after each call. It
owes nothing to what the action says of itself: that is what the invariants compare it with.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from zpmd.cut import Cut
from zpmd.engines.simulated import SimulatedEngine
from zpmd.engines.simulated_container import Box
from zpmd.engines.simulated_faults import Fault
from zpmd.errors import EngineUnknown
from zpmd.model.action import Action, verb
from zpmd.model.events import Outcome
from zpmd.model.observed import LogLine, Replica, World
from zpmd.model.usage import Usage
from zpmd.ports import Wake
from zpmd.simulation.clocks import HostClock
from zpmd.simulation.failpoints import Failpoints


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One mutating call: when the engine was asked, when it was done, and every container that is another now."""

    at: float
    until: float
    action: Action
    outcome: Outcome
    changed: tuple[tuple[Box | None, Box], ...]
    volumes_lost: tuple[tuple[str, bool], ...] = ()
    """(name, whether it was ours) of volumes and networks that are gone."""


class WatchedEngine:
    """`ports.Engine` of one daemon. `called` is told of every mutating call, before the daemon is."""

    replicates = False

    def __init__(
        self, inner: SimulatedEngine, clock: HostClock, failpoints: Failpoints, called: Callable[[Call], None]
    ) -> None:
        self.inner = inner
        self._clock = clock
        self._failpoints = failpoints
        self._called = called
        self.mute: list[str] = []
        """Why each of the next observations fails."""

    def observe(self, images: Collection[str]) -> World:
        if self.mute:
            raise EngineUnknown(self.mute.pop(0))
        world = self.inner.observe(images)
        if self._clock.jumped:
            world = replace(world, replicas=tuple(self._dated(r) for r in world.replicas))
        self._failpoints.reach("observe: after")
        return world

    def apply(self, action: Action, progress: Callable[[str], None]) -> Outcome:
        name = verb(action)
        self._failpoints.reach(f"{name}: before")
        world, began = self.inner.world, self._clock.monotonic()
        boxes, kept = dict(world.boxes), {**world.volumes, **world.networks}
        halved = self._halfway(name)
        if self._failpoints.loses_answer():
            self.inner.faults.fail_next(Fault.ANSWER_LOST, name)
        outcome = self.inner.apply(action, progress)
        changed = tuple((boxes.get(i), box) for i, box in world.boxes.items() if boxes.get(i) is not box)
        still = world.volumes.keys() | world.networks.keys()
        lost = tuple((n, self.inner.ours(labels)) for n, labels in kept.items() if n not in still)
        ours = self._to_wall(outcome)
        self._called(Call(at=began, until=outcome.at, action=action, outcome=ours, changed=changed, volumes_lost=lost))
        if halved:
            self._failpoints.reach(f"{name}: half")
        self._failpoints.reach(f"{name}: after")
        return ours

    def _halfway(self, name: str) -> bool:
        """Whether the call ends between its two steps, because the daemon is to die there."""
        if name not in ("run", "restart", "load") or not self._failpoints.dies_next(f"{name}: half"):
            return False
        self.inner.faults.fail_next(Fault.HALF_DONE, name)
        return True

    def watch(self, wake: Wake, stop: threading.Event) -> None:
        self.inner.watch(wake, stop)

    def stream_alive(self) -> bool:
        return self.inner.stream_alive()

    def logs(
        self, container_id: str, tail: int, follow: bool, since: float | None = None, cut: Cut | None = None
    ) -> Iterator[LogLine]:
        return self.inner.logs(container_id, tail, follow, since, cut)

    def usage(self, container_ids: Collection[str]) -> Mapping[str, Usage]:
        return self.inner.usage(container_ids)

    def about(self) -> Mapping[str, str]:
        return self.inner.about()

    def _to_wall(self, outcome: Outcome) -> Outcome:
        if not self._clock.jumped:
            return outcome
        return replace(outcome, at=self._clock.wall(outcome.at), started_at=self._wall(outcome.started_at))

    def _dated(self, replica: Replica) -> Replica:
        return replace(
            replica,
            created_at=self._clock.wall(replica.created_at),
            started_at=self._wall(replica.started_at),
            finished_at=self._wall(replica.finished_at),
        )

    def _wall(self, instant: float | None) -> float | None:
        return None if instant is None else self._clock.wall(instant)
