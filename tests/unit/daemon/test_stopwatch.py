"""What is measured of stops and starts, in passing."""

from __future__ import annotations

import dataclasses

from tests.unit.planning.build import NOW, memory, replica, service, world
from zpmd.daemon.stopwatch import Stopwatch
from zpmd.model.events import Outcome, Result
from zpmd.model.memory import Timing
from zpmd.model.observed import Health
from zpmd.model.plan import Cause, Code, RunReplica, StopReplica
from zpmd.model.service import Desired
from zpmd.stores.memory import MemoryStore, Tablet

WEB = service("web")
WHY = Cause(Code.MISSING, "is not there")


def started(container_id: str) -> Outcome:
    action = RunReplica(service=WEB, slot=1, cause=WHY)
    return Outcome(action=action, result=Result.OK, at=NOW, container_id=container_id)


def stopped(seconds: float, result: Result = Result.OK) -> Outcome:
    return Outcome(action=StopReplica(replica=replica(WEB), cause=WHY), result=result, at=NOW, seconds=seconds)


def test_a_start_is_measured_until_the_replica_is_ready() -> None:
    store = MemoryStore(Tablet(), 100)
    watch = Stopwatch(store)
    one = replica(WEB, ago=0.0, health=Health.STARTING)
    watch.ended(started(one.id))
    watch.looked(world([WEB], [one]), Desired(services=(WEB,)), memory(WEB), NOW + 2)
    assert dict(store.memory().timings) == {}
    watch.looked(
        world([WEB], [dataclasses.replace(one, health=Health.HEALTHY)]), Desired(services=(WEB,)), memory(WEB), NOW + 4
    )
    watch.looked(world([WEB], [one]), Desired(services=(WEB,)), memory(WEB), NOW + 60)
    assert dict(store.memory().timings) == {"web": Timing(ready_seconds=4.0)}


def test_the_median_of_the_last_stops_is_kept() -> None:
    store = MemoryStore(Tablet(), 100)
    watch = Stopwatch(store)
    for seconds in (1.0, 90.0, 2.0):
        watch.ended(stopped(seconds))
    watch.ended(stopped(500.0, Result.TRANSIENT))
    assert dict(store.memory().timings) == {"web": Timing(stop_seconds=2.0)}


def test_what_an_earlier_zpmd_measured_is_kept_beside_what_is_new() -> None:
    store = MemoryStore(Tablet(), 100)
    store.keep_timing("web", Timing(stop_seconds=3.0, ready_seconds=7.0))
    Stopwatch(store).ended(stopped(1.0))
    assert dict(store.memory().timings) == {"web": Timing(stop_seconds=1.0, ready_seconds=7.0)}
