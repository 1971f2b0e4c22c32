"""From rows to a plan: 200 tenants with five integrations each, on a real mongod and an engine that stands still.

    .venv/bin/python -m benchmarks.rows [--rounds 20] [--json FILE]

1. Everything, from nothing known: rows read and settled, 1,000 ports leased and stored, 1,000 services stamped, a plan.
   The floor is a bare client that connects and reads the same collections into dicts.
2. One changed row: from the moment it is written, which MongoDB takes a little to acknowledge, to the plan with that
   service in it. The floor is a bare client's change stream that sees the same change.

The parts of each are shown below it, and the CPU that it took in all, which says more where others keep a machine
busy; what they do not cover is the rest of a pass. Rounds and their floors alternate.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from loguru import logger
from pymongo import MongoClient, WriteConcern

from benchmarks import measure, tenants
from benchmarks.standing import StandingStill, converge, loop_of
from tests.lab.mongod import DATABASE, LabReplicaSet
from zpmd.assembly.rows import tenants as wired
from zpmd.daemon import loop as passing
from zpmd.daemon.clock import SystemClock
from zpmd.daemon.desire import Desire
from zpmd.model.action import service_of
from zpmd.model.events import Snapshot
from zpmd.planning import leasing
from zpmd.settings import Settings
from zpmd.sources import intake, materials
from zpmd.sources.compose.templates import Template
from zpmd.sources.mongo import registry
from zpmd.sources.mongo.understood import Understood
from zpmd.sources.rows import COLLECTIONS
from zpmd.stores.embedded import EmbeddedStore

PATIENCE_SECONDS = 60.0
PARTS = ("CPU", "read", "understand", "settle", "lease", "stamp", "secrets", "store", "load", "observe", "plan")


def main() -> None:
    options = measure.arguments(__doc__ or "", rounds=20)
    logger.remove()
    count = f"{tenants.TENANTS} tenants, {tenants.TENANTS * len(tenants.NAMES)} integrations"
    with tenants.mongod() as server, Stopwatch().running() as watch:
        everything, parts, floor = full(server, watch, options.rounds)
        measure.report(f"from nothing to a plan, {count}", [everything, floor], options, reference=floor)
        measure.report("  of which", parts, options)
        change, parts, floor = changes(server, watch, options.rounds)
        measure.report(f"one changed row to a plan, {count}", [change, floor], options, reference=floor)
        measure.report("  of which", parts, options)


Measured = tuple[measure.Series, list[measure.Series], measure.Series]
"""The whole, its parts, its floor."""


def full(server: LabReplicaSet, watch: Stopwatch, rounds: int) -> Measured:
    whole, floor = measure.Series("zpmd"), measure.Series("floor: a bare client reads the rows")
    parts = [measure.Series(name) for name in PARTS]
    for _ in range(rounds):
        tenants.fill(server)
        floor.values.append(bare_reading(server))
        with appliance(server) as one:
            watch.reset()
            began, used = time.perf_counter(), time.process_time()
            one.begin()
            one.until(lambda snapshot: len(snapshot.desired.services) > tenants.FILE_SERVICES)
            watch.took["CPU"] = time.process_time() - used
            whole.values.append(watch.ended["plan"] - began)
            for part in parts:
                part.values.append(watch.took[part.name])
    return whole, parts, floor


def changes(server: LabReplicaSet, watch: Stopwatch, rounds: int) -> Measured:
    """One integration after the other is edited; everything is as it should be before each."""
    whole, floor = measure.Series("zpmd"), measure.Series("floor: a bare change stream sees it")
    parts = [measure.Series(name) for name in ("acknowledged", "noticed", *PARTS)]
    tenants.fill(server)
    with appliance(server) as one, BareStream(server) as stream:
        one.begin()
        one.until(lambda snapshot: len(snapshot.desired.services) > tenants.FILE_SERVICES)
        rows = server.shared[DATABASE].get_collection("integrations", write_concern=WriteConcern("majority"))
        for number in range(rounds):
            one.settle()
            watch.reset()
            stream.seen.clear()
            which = {"integration_id": number * len(tenants.NAMES) + 1}
            service = f"{tenants.NAMES[0]}-{tenants.code(number)}-{which['integration_id']}"
            began, used = time.perf_counter(), time.process_time()
            rows.update_one(which, {"$set": {"executable": f"edited-{number}.py"}})
            watch.took["acknowledged"] = time.perf_counter() - began
            one.until(lambda snapshot, name=service: any(service_of(a) == name for a in snapshot.plan.actions))
            watch.took["CPU"] = time.process_time() - used
            whole.values.append(watch.ended["plan"] - began)
            floor.values.append(stream.after(began))
            watch.took["noticed"] = watch.began["read"] - began
            for part in parts:
                part.values.append(watch.took[part.name])
    return whole, parts, floor


def bare_reading(server: LabReplicaSet) -> float:
    began = time.perf_counter()
    with MongoClient[dict[str, Any]](list(server.hosts), replicaSet=server.name) as client:
        for name in COLLECTIONS:
            list(client[DATABASE][name].find({}))
    return time.perf_counter() - began


class BareStream:
    """What any program could notice at best."""

    def __init__(self, server: LabReplicaSet) -> None:
        self._client = server.client()
        self._stream = self._client[DATABASE].watch()
        self.seen: list[float] = []
        self._new = threading.Condition()
        self._over = False
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> BareStream:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._thread.join()
        self._stream.close()
        self._client.close()

    def _read(self) -> None:
        while not self._over:
            if self._stream.try_next() is not None:
                with self._new:
                    self.seen.append(time.perf_counter())
                    self._new.notify_all()

    def after(self, instant: float) -> float:
        """Seconds from then until the first change was seen."""
        with self._new:
            assert self._new.wait_for(lambda: self.seen, PATIENCE_SECONDS), "the change stream has seen nothing"
        return self.seen[0] - instant


class Stopwatch:
    """When parts of the work began and ended last, and how long they took in all since `reset`."""

    def __init__(self) -> None:
        self.took: dict[str, float] = defaultdict(float)
        self.began: dict[str, float] = {}
        self.ended: dict[str, float] = {}

    def reset(self) -> None:
        self.took.clear()
        self.began.clear()
        self.ended.clear()

    @contextmanager
    def running(self) -> Iterator[Stopwatch]:
        """Times the functions that the parts consist of, until the end."""
        store = ("keep_rows", "keep_leases", "keep_good")
        places: list[tuple[Any, str, str]] = [
            (registry, "read", "read"),
            (registry, "together", "understand"),
            (Understood, "take", "understand"),
            (intake, "settle", "settle"),
            (leasing, "lease", "lease"),
            (Template, "stamp", "stamp"),
            (materials, "keep", "secrets"),
            *((EmbeddedStore, name, "store") for name in store),
            (Desire, "refresh", "load"),
            (StandingStill, "observe", "observe"),
            (passing, "plan", "plan"),
        ]
        originals = [getattr(owner, name) for owner, name, _ in places]
        for (owner, name, part), original in zip(places, originals, strict=True):
            setattr(owner, name, self._timed(original, part))
        try:
            yield self
        finally:
            for (owner, name, _), original in zip(places, originals, strict=True):
                setattr(owner, name, original)

    def _timed(self, original: Callable[..., Any], part: str) -> Callable[..., Any]:
        def timed(*arguments: Any, **named: Any) -> Any:
            began = time.perf_counter()
            self.began.setdefault(part, began)
            try:
                return original(*arguments, **named)
            finally:
                self.ended[part] = time.perf_counter()
                self.took[part] += self.ended[part] - began

        return timed


class Appliance:
    """A zpmd without a process of its own: its loop runs when it is asked to, threads that watch rows by themselves."""

    def __init__(self, settings: Settings, services: int = tenants.FILE_SERVICES) -> None:
        self.passes: list[Snapshot] = []
        tenants.service_files(settings.services_dir, services)
        settings.materials_dir.mkdir()
        clock = SystemClock()
        self._store = EmbeddedStore(settings.database, settings.journal_entries, clock)
        rows = wired(settings, {}, self._store, clock)
        self._desire = Desire(rows.sources, self._store)
        self._desire.first(clock.now())
        self._engine = StandingStill(self._desire.desired, clock)
        self._loop, self._mailbox = loop_of(
            settings, self._store, clock, self._desire, self._engine, rows.integrations.tenancy, self.passes.append
        )
        converge(self._loop, self._mailbox)
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(name=name, target=watch, args=(self._mailbox.wake, self._stop))
            for name, watch, _ in rows.watched
            if name != "service files"
        ]

    def begin(self) -> None:
        """Read rows, and go on doing so."""
        for thread in self._threads:
            thread.start()

    def run(self) -> None:
        """Passes by itself from now on, as zpmd makes them."""
        self._threads.append(threading.Thread(name="loop", target=self._loop.run))
        self._threads[-1].start()

    def until(self, done: Callable[[Snapshot], bool]) -> None:
        """Passes as they are asked for, until one is as it should be."""
        end = time.perf_counter() + PATIENCE_SECONDS
        while time.perf_counter() < end:
            reasons, outcomes = self._mailbox.take(1.0)
            if done(self._loop.step(reasons, outcomes)):
                return
        raise TimeoutError(f"not within {PATIENCE_SECONDS:.0f} s")

    def settle(self) -> None:
        """Have everything be as it should, and nothing under way."""
        self._engine.stand(self._desire.desired)
        converge(self._loop, self._mailbox)
        while (taken := self._mailbox.take(0.2)) != (frozenset(), ()):
            self._loop.step(*taken)

    def close(self) -> None:
        self._stop.set()
        self._mailbox.close()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        self._store.close()


@contextmanager
def appliance(server: LabReplicaSet) -> Iterator[Appliance]:
    with tempfile.TemporaryDirectory(prefix="zpmd-bench-") as folder:
        one = Appliance(tenants.settings(Path(folder), server))
        try:
            yield one
        finally:
            one.close()


if __name__ == "__main__":
    main()
