"""A loop as assembly makes it, without threads that would wake it by themselves; and an engine that stands still."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping

import zpmd
from zpmd.daemon.board import Board
from zpmd.daemon.chronicle import Chronicle
from zpmd.daemon.desire import Desire
from zpmd.daemon.executor import Executor
from zpmd.daemon.loop import Loop, Parts
from zpmd.daemon.mailbox import Mailbox
from zpmd.daemon.watchers import Watchers
from zpmd.model.action import Action
from zpmd.model.events import Outcome, Reason, Result, Snapshot
from zpmd.model.observed import LogLine, Phase, Replica, World
from zpmd.model.service import Desired
from zpmd.model.spechash import spec_hash
from zpmd.model.tenant import Tenancy
from zpmd.model.usage import Usage
from zpmd.ports import Clock, Engine, Store, Wake
from zpmd.settings import Settings

CONVERGE_PASSES = 2_000


def loop_of(
    settings: Settings,
    store: Store,
    clock: Clock,
    desire: Desire,
    engine: Engine,
    tenancy: Callable[[], Tenancy | None] = lambda: None,
    passed: Callable[[Snapshot], None] = lambda _: None,
    board: Board | None = None,
) -> tuple[Loop, Mailbox]:
    mailbox = Mailbox()
    parts = Parts(
        engine=engine,
        store=store,
        clock=clock,
        desire=desire,
        mailbox=mailbox,
        executor=Executor(engine, clock, mailbox.deliver, settings.engine_workers),
        chronicle=Chronicle(store),
        watchers=Watchers(),
        board=board or Board(),
        limits=settings.limits,
        resync_seconds=settings.resync_seconds,
        version=zpmd.__version__,
        owner=store.owner(),
        tenancy=tenancy,
        passed=passed,
    )
    return Loop(parts), mailbox


def converge(loop: Loop, mailbox: Mailbox) -> None:
    """Passes until nothing is to be done, though a source may still be away."""
    for _ in range(CONVERGE_PASSES):
        reasons, outcomes = mailbox.take(0.5)
        snapshot = loop.step(reasons | {Reason.BOOT}, outcomes)
        if not (snapshot.plan.actions or snapshot.plan.waiting or snapshot.in_flight):
            return
    raise TimeoutError(f"not converged after {CONVERGE_PASSES} passes:\n{snapshot.plan}")


class StandingStill:
    """An engine on which everything is as it should be, and has been for an hour."""

    replicates = False

    def __init__(self, desired: Desired, clock: Clock) -> None:
        self._began = clock.now() - 3600
        self._clock = clock
        self.stand(desired)

    def stand(self, desired: Desired) -> None:
        """From now on this is what runs on it."""
        self._world = World(
            replicas=tuple(
                Replica(
                    id=f"{service.name}-{slot}",
                    name=f"t-{service.name}-{slot}",
                    service=service.name,
                    group=service.group,
                    slot=slot,
                    spec=spec_hash(service.container),
                    phase=Phase.RUNNING,
                    created_at=self._began,
                    started_at=self._began,
                )
                for service in desired.services
                for slot in range(1, service.replicas + 1)
            ),
            images=frozenset(s.container.image for s in desired.services),
            networks=frozenset(n.name for n in desired.networks),
            own_networks=frozenset(n.name for n in desired.networks),
        )

    def observe(self, images: Collection[str]) -> World:
        return self._world

    def apply(self, action: Action, progress: Callable[[str], None]) -> Outcome:
        return Outcome(action=action, result=Result.OK, at=self._clock.now())

    def watch(self, wake: Wake, stop: threading.Event) -> None:
        stop.wait()

    def stream_alive(self) -> bool:
        return True

    def logs(self, container_id: str, tail: int, follow: bool, since: float | None = None) -> Iterator[LogLine]:
        return iter(())

    def usage(self, container_ids: Collection[str]) -> Mapping[str, Usage]:
        return {}

    def about(self) -> Mapping[str, str]:
        return {}
