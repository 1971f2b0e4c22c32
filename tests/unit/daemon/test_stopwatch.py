"""What is measured of stops and starts, in passing."""

from __future__ import annotations

import dataclasses

from tests.unit.daemon.given import job, run
from tests.unit.planning.build import NOW, memory, replica, service, world
from zpmd.daemon.stopwatch import Stopwatch
from zpmd.model.action import RunReplica, StopReplica
from zpmd.model.cause import Cause, Code
from zpmd.model.events import Outcome, Result
from zpmd.model.memory import Timing
from zpmd.model.observed import Health
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


def test_runs_of_jobs_are_not_measured() -> None:
    store, report = MemoryStore(Tablet(), 100), job("report")
    watch, going = Stopwatch(store), run(report, 3600)
    begun = RunReplica(service=report, slot=3600, due=3600, cause=Cause(Code.DUE, "is due"))
    watch.ended(Outcome(action=begun, result=Result.OK, at=NOW, container_id=going.id))
    assert watch.looked(world([report], [going]), Desired(services=(report,)), memory(report), NOW + 2) == []
    stop = StopReplica(replica=going, cause=Cause(Code.TIMED_OUT, "runs for 2 h"))
    watch.ended(Outcome(action=stop, result=Result.OK, at=NOW, seconds=10.0))
    assert dict(store.memory().timings) == {}


def test_what_was_measured_of_a_service_that_is_gone_is_forgotten() -> None:
    store = MemoryStore(Tablet(), 100)
    watch = Stopwatch(store)
    watch.ended(stopped(90.0))
    watch.forget(["web"])
    watch.ended(stopped(2.0))
    assert store.memory().timings["web"] == Timing(stop_seconds=46.0)
    watch.forget(["db"])
    watch.ended(stopped(4.0))
    assert store.memory().timings["web"] == Timing(stop_seconds=4.0)
