"""The simulated engine: `ports.Engine` over a SimulatedWorld, in memory and in virtual time, with faults on request.

Rules: it answers as the Docker engine does (tests/contracts holds both to the same suite), and it is deterministic.
No call takes time: an action returns at once an outcome whose `at` lies in the future, and its effects come about by
then. Whoever drives the clock delivers the outcome when that instant has come.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from types import MappingProxyType

from zpmd.cut import Cut
from zpmd.engines import labels, references
from zpmd.engines.simulated_actions import SimulatedActions
from zpmd.engines.simulated_container import Box
from zpmd.engines.simulated_faults import Delivery, Failed, Fault, Faults
from zpmd.engines.simulated_world import SimulatedWorld
from zpmd.errors import EngineUnknown, NotFound
from zpmd.model.action import Action, verb
from zpmd.model.events import Outcome, Reason, Result
from zpmd.model.observed import LogLine, Phase, Replica, Stranger, World
from zpmd.model.service import Desired
from zpmd.model.usage import Usage
from zpmd.ports import Wake

POLL_SECONDS = 0.02


class SimulatedEngine:
    """One installation's view of a world. A daemon that starts again is a new one on the same world."""

    replicates = False

    def __init__(
        self,
        world: SimulatedWorld,
        owner: str,
        project: str,
        declared: Callable[[], Desired] = Desired,
        faults: Faults | None = None,
    ) -> None:
        """`declared` has the specs of volumes and networks, for those that a creation finds gone."""
        self.world = world
        self.faults = faults or Faults()
        self._actions = SimulatedActions(world, self.faults, owner, project, declared)
        self._gone = ""
        self._wakes: list[Wake] = []

    # ports.Engine

    def observe(self, images: Collection[str]) -> World:
        with self.world.lock:
            self._reachable()
            self.world.settle()
            now = self.world.now()
            replicas: list[Replica] = []
            strangers: list[Stranger] = []
            for box in self.world.present(now):
                marks = labels.marks_of(dict(box.labels)) if self._actions.ours(box.labels) else None
                if marks is None:
                    held = box.ports if box.running(now) else ()
                    strangers.append(Stranger(id=box.id, name=box.name, ports=held))
                else:
                    replicas.append(_replica(box, marks, now))
            stored = references.found(images, {image: self.world.image_id(image) for image in self.world.images})
            return World(
                replicas=tuple(sorted(replicas, key=lambda r: (r.place, r.created_at, r.id))),
                strangers=tuple(sorted(strangers, key=lambda s: (s.name, s.id))),
                images=frozenset(stored),
                image_ids=MappingProxyType(stored),
                volumes=frozenset(self.world.volumes),
                networks=frozenset(self.world.networks),
                own_volumes=frozenset(
                    name for name, marked in self.world.volumes.items() if self._actions.ours(marked)
                ),
                own_networks=frozenset(
                    name for name, marked in self.world.networks.items() if self._actions.ours(marked)
                ),
            )

    def apply(self, action: Action, progress: Callable[[str], None]) -> Outcome:
        with self.world.lock:
            began = self.world.now()
            at = began + self.faults.slow_seconds
            try:
                if self._gone:
                    raise Failed(Result.TRANSIENT, self._gone)
                self.faults.strike(Fault.REFUSED, verb(action), at)
                done = self._actions.carry_out(action, at, progress)
                self.faults.strike(Fault.ANSWER_LOST, verb(action), done.at)
                outcome = Outcome(
                    action=action,
                    result=Result.OK,
                    at=done.at,
                    container_id=done.container_id,
                    started_at=done.started_at,
                    dossier=done.dossier,
                    seconds=done.at - began,
                    exit_code=done.exit_code,
                    finished_at=done.finished_at,
                )
            except Failed as failure:
                known_at = at if failure.at is None else failure.at
                outcome = Outcome(
                    action=action,
                    result=failure.result,
                    at=known_at,
                    detail=failure.detail,
                    container_id=failure.container_id,
                    seconds=known_at - began,
                )
            self.world.settle()
            return outcome

    def watch(self, wake: Wake, stop: threading.Event) -> None:
        ring = self.listen(wake)
        try:
            while not stop.wait(POLL_SECONDS):
                self.world.settle()
        finally:
            self._wakes.remove(wake)
            self.world.listeners.remove(ring)

    def listen(self, wake: Wake) -> Callable[[], None]:
        """Have `wake` called for every event, without a thread: for whoever drives the clock. Returns the listener."""

        def ring() -> None:
            if self._gone or self.faults.events is Delivery.LOST:
                return
            for _ in range(2 if self.faults.events is Delivery.TWICE else 1):
                wake(Reason.ENGINE)

        self._wakes.append(wake)
        self.world.listeners.append(ring)
        return ring

    def stream_alive(self) -> bool:
        return bool(self._wakes) and not self._gone

    def ours(self, marked: Iterable[tuple[str, str]]) -> bool:
        """Whether these labels say that something belongs to this installation."""
        return self._actions.ours(marked)

    # what may become of the connection to it

    def go_away(self, reason: str = "the engine refuses connections: is it running?") -> None:
        """Nothing answers from now on, for this reason."""
        self._gone = reason

    def come_back(self) -> None:
        """It answers again; whoever watches is told of the gap."""
        self._gone = ""
        for wake in tuple(self._wakes):
            wake(Reason.STREAM_LOST)

    def logs(
        self,
        container_id: str,
        tail: int,
        follow: bool,
        since: float | None = None,
        cut: Cut | None = None,
    ) -> Iterator[LogLine]:
        """What there is now; a simulated log has nothing to wait for, so `follow` ends there as well."""
        del follow, cut
        with self.world.lock:
            self._reachable()
            box = self.world.box(container_id)
            if box is None:
                raise NotFound(f"no container {container_id[:12]}")
            lines = box.log(since, self.world.now())
        return iter([LogLine(at, text.encode()) for at, text in lines[-tail:]] if tail else [])

    def usage(self, container_ids: Collection[str]) -> Mapping[str, Usage]:
        with self.world.lock:
            self._reachable()
            now = self.world.now()
            boxes = [self.world.box(container_id) for container_id in container_ids]
            return {
                box.id: Usage(
                    cpu_seconds=(now - run.started_at) * box.behaviour.cpu, memory_bytes=box.behaviour.memory_bytes
                )
                for box in boxes
                if box is not None and (run := box.run(now)) is not None and box.running(now)
            }

    def about(self) -> Mapping[str, str]:
        self._reachable()
        return {"engine": "simulated", "api": "1.41", "containers": str(len(self.world.present()))}

    def _reachable(self) -> None:
        if self._gone:
            raise EngineUnknown(self._gone)


def _replica(box: Box, marks: labels.Marks, at: float) -> Replica:
    run, phase = box.run(at), box.phase(at)
    ended = phase in (Phase.EXITED, Phase.DEAD)
    before = box.runs[-2] if phase is not Phase.CREATED and len(box.runs) > 1 else None
    last_end = run.ends_at if run is not None and ended else (before.ends_at if before else None)
    return Replica(
        id=box.id,
        name=box.name,
        service=marks.service,
        group=marks.group,
        slot=marks.slot,
        spec=marks.spec,
        phase=phase,
        health=box.health(at),
        tenant=marks.tenant,
        attempt=marks.attempt,
        generation=marks.generation,
        revision=marks.revision,
        after=marks.after,
        due=marks.due,
        image=box.image,
        image_id=box.image_id,
        created_at=box.created_at,
        started_at=run.started_at if run else None,
        finished_at=last_end,
        exit_code=run.exit_code if run is not None and ended else None,
        oom_killed=bool(run and ended and run.oom_killed),
        error=box.error,
    )
