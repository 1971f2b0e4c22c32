"""The time of a pass, and of its parts, when everything is as it should be.

    .venv/bin/python -m benchmarks.passes [--rounds 50] [--json FILE]

With 0, 10 and 100 containers on a real engine, and with 1,000 and 10,000 replicas in a world that is made up and
stands still: there, `observe` costs nothing and tells nothing. Every pass loads the files, as at a resync.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from loguru import logger

import zpmd
from benchmarks import measure, stage
from zpmd.daemon.board import Board
from zpmd.daemon.chronicle import Chronicle
from zpmd.daemon.clock import SystemClock
from zpmd.daemon.desire import Desire
from zpmd.daemon.executor import Executor
from zpmd.daemon.loop import Loop, Parts
from zpmd.daemon.mailbox import Mailbox
from zpmd.daemon.watchers import Watchers
from zpmd.engines.docker import DockerEngine
from zpmd.model.events import Outcome, Reason, Result
from zpmd.model.observed import Phase, Replica, World
from zpmd.model.plan import Action
from zpmd.model.service import Desired
from zpmd.model.spechash import spec_hash
from zpmd.ports import Engine, Wake
from zpmd.settings import Settings
from zpmd.sources.yamlfiles import YamlFiles
from zpmd.stores.embedded import EmbeddedStore

REAL = (0, 10, 100)
SIMULATED = (1_000, 10_000)
REPLICAS = 5
CONVERGE_PASSES = 2_000
PARTS = ("load", "observe", "plan", "dispatch")


def main() -> None:
    options = measure.arguments(__doc__ or "", rounds=50)
    logger.remove()
    with stage.engine() as lab:
        for size in REAL:
            lab.cleanup()
            title = f"a pass, {size} containers on a real engine"
            measure.report(title, passes(size, options.rounds, url=lab.url), options)
    for size in SIMULATED:
        title = f"a pass, {size} replicas, simulated"
        measure.report(title, passes(size, options.rounds, url=""), options)


def passes(size: int, rounds: int, url: str) -> list[measure.Series]:
    """The whole pass, then its parts. Without an engine's url, in a world that stands still."""
    with tempfile.TemporaryDirectory(prefix="zpmd-bench-") as folder:
        settings = Settings(
            project="t", services_dir=Path(folder) / "services.d", state_dir=Path(folder), engine_url=url
        )
        stage.service_files(settings.services_dir, max(1, size // REPLICAS), REPLICAS if size else 0)
        settings.materials_dir.mkdir()
        loop, mailbox = a_loop(settings)
        converge(loop, mailbox)
        taken = [loop.step(frozenset({Reason.RESYNC})) for _ in range(rounds)]
        assert all(not s.plan.actions for s in taken)
    whole = measure.Series("whole", values=[sum(s.seconds.values()) for s in taken])
    return [whole, *(measure.Series(part, values=[s.seconds[part] for s in taken]) for part in PARTS)]


def converge(loop: Loop, mailbox: Mailbox) -> None:
    """Passes until nothing is to be done."""
    for _ in range(CONVERGE_PASSES):
        reasons, outcomes = mailbox.take(0.5)
        snapshot = loop.step(reasons | {Reason.BOOT}, outcomes)
        if snapshot.converged:
            return
    raise TimeoutError(f"not converged after {CONVERGE_PASSES} passes:\n{snapshot.plan}")


def a_loop(settings: Settings) -> tuple[Loop, Mailbox]:
    """As assembly makes it, without the threads that would wake it by themselves."""
    clock = SystemClock()
    store = EmbeddedStore(settings.database, settings.journal_entries, clock)
    desire = Desire([YamlFiles(settings, {})], store)
    desire.first(clock.now())
    mailbox = Mailbox()
    engine = an_engine(settings, store.owner(), lambda: desire.desired, clock)
    parts = Parts(
        engine=engine,
        store=store,
        clock=clock,
        desire=desire,
        mailbox=mailbox,
        executor=Executor(engine, clock, mailbox.deliver, settings.engine_workers),
        chronicle=Chronicle(store),
        watchers=Watchers(),
        board=Board(),
        limits=settings.limits,
        resync_seconds=settings.resync_seconds,
        version=zpmd.__version__,
        owner=store.owner(),
        passed=lambda _: None,
    )
    return Loop(parts), mailbox


def an_engine(settings: Settings, owner: str, declared: Callable[[], Desired], clock: SystemClock) -> Engine:
    if not settings.engine_url:
        return StandingStill(declared(), clock)
    return DockerEngine(
        url=settings.engine_url,
        owner=owner,
        project=settings.project,
        materials_dir=settings.materials_dir,
        declared=declared,
        workers=settings.engine_workers,
        clock=clock,
    )


class StandingStill:
    """An engine on which everything is as it should be, and has been for an hour."""

    replicates = False

    def __init__(self, desired: Desired, clock: SystemClock) -> None:
        began = clock.now() - 3600
        self._clock = clock
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
                    created_at=began,
                    started_at=began,
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

    def logs(self, container_id: str, tail: int, follow: bool, since: float | None = None) -> Iterator[bytes]:
        return iter(())

    def about(self) -> Mapping[str, str]:
        return {}


if __name__ == "__main__":
    main()
