"""The time of a pass, and of its parts, when everything is as it should be.

    .venv/bin/python -m benchmarks.passes [--rounds 50] [--json FILE]

With 0, 10 and 100 containers on a real engine, and with 1,000 and 10,000 replicas in a world that is made up and
stands still: there, `observe` costs nothing and tells nothing. Every pass loads the files, as at a resync. Once more
without what `zpmd/daemon/heap.py` does after the first pass: what the collector of circles would cost.
"""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Callable
from pathlib import Path

from loguru import logger

from benchmarks import measure, stage
from benchmarks.standing import StandingStill, converge, loop_of
from zpmd.daemon.clock import SystemClock
from zpmd.daemon.desire import Desire
from zpmd.daemon.heap import settle
from zpmd.daemon.loop import Loop
from zpmd.daemon.mailbox import Mailbox
from zpmd.engines.docker import DockerEngine
from zpmd.model.events import Reason
from zpmd.model.service import Desired
from zpmd.ports import Engine
from zpmd.settings import Settings
from zpmd.sources.yamlfiles import YamlFiles
from zpmd.stores.embedded import EmbeddedStore

REAL = (0, 10, 100)
SIMULATED = (1_000, 10_000)
REPLICAS = 5
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
        unsettled = [loop.step(frozenset({Reason.RESYNC})) for _ in range(rounds)]
        settle()
        taken = [loop.step(frozenset({Reason.RESYNC})) for _ in range(rounds)]
        gc.unfreeze()
        assert all(not s.plan.actions for s in (*unsettled, *taken))
    return [
        measure.Series("whole", values=[sum(s.seconds.values()) for s in taken]),
        *(measure.Series(part, values=[s.seconds[part] for s in taken]) for part in PARTS),
        measure.Series("whole, unsettled", values=[sum(s.seconds.values()) for s in unsettled]),
    ]


def a_loop(settings: Settings) -> tuple[Loop, Mailbox]:
    clock = SystemClock()
    store = EmbeddedStore(settings.database, settings.journal_entries, clock)
    desire = Desire([YamlFiles(settings, {})], store)
    desire.first(clock.now())
    engine = an_engine(settings, store.owner(), lambda: desire.desired, clock)
    return loop_of(settings, store, clock, desire, engine)


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


if __name__ == "__main__":
    main()
