"""The engine goes away and comes back."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

import pytest

from tests.integration.docker_engine.conftest import CAUSE, Rig, service
from tests.lab import processes
from tests.lab.eventually import eventually
from zpmd.errors import EngineUnknown, NotFound
from zpmd.model.action import RemoveReplica, StartReplica
from zpmd.model.events import Reason, Result
from zpmd.model.observed import Phase, Replica


@pytest.fixture
def reasons(rig: Rig) -> Iterator[list[Reason]]:
    """What the watcher wakes for, while it watches."""
    seen: list[Reason] = []
    stop = threading.Event()
    thread = threading.Thread(target=rig.engine.watch, args=(seen.append, stop))
    thread.start()
    eventually(rig.engine.stream_alive, 5)
    yield seen
    stop.set()
    thread.join(5)
    assert not thread.is_alive()


def test_a_restart_of_the_engine_is_a_gap_after_which_all_is_seen_anew(rig: Rig, reasons: list[Reason]) -> None:
    replica = rig.running(service())
    before = len(reasons)
    rig.host.stop()
    eventually(lambda: Reason.STREAM_LOST in reasons[before:] and not rig.engine.stream_alive(), 5)
    with pytest.raises(EngineUnknown):
        rig.engine.observe(())
    assert rig.apply(StartReplica(replica=replica, cause=CAUSE)).result is Result.TRANSIENT
    lost = reasons[before:].count(Reason.STREAM_LOST)
    rig.host.start()
    eventually(lambda: reasons[before:].count(Reason.STREAM_LOST) > lost and rig.engine.stream_alive(), 10)
    assert rig.seen(replica.id).phase is Phase.EXITED
    assert rig.apply(StartReplica(replica=replica, cause=CAUSE)).ok
    assert rig.seen(replica.id).running


def test_a_frozen_engine_is_unknown_and_well_again_afterwards(rig: Rig) -> None:
    replica = rig.running(service())
    hasty = Rig(rig.host, rig.materials_dir, timeout_seconds=2.0)
    assert hasty.seen(replica.id).running
    rig.host.pause()
    with pytest.raises(EngineUnknown, match="did not answer in time"):
        hasty.engine.observe(())
    assert hasty.apply(StartReplica(replica=replica, cause=CAUSE)).result is Result.UNKNOWN
    rig.host.resume()

    def answers_again() -> bool:
        try:
            return hasty.seen(replica.id).running
        except EngineUnknown:  # it has a start to finish first, on a machine that may be busy
            return False

    eventually(answers_again, 20)


def test_logs_of_nothing_are_not_found(rig: Rig) -> None:
    with pytest.raises(NotFound):
        list(rig.engine.logs("0" * 64, 10, False))


def test_the_engine_tells_about_itself(rig: Rig) -> None:
    about = rig.engine.about()
    assert about["api"].startswith("1.")
    assert about["root"] == f"{rig.host.folder}/data"
    rig.host.stop()
    with pytest.raises(EngineUnknown):
        rig.engine.about()


def test_what_is_left_of_a_start_in_which_the_engine_was_killed_is_given_up_for_a_fresh_one(rig: Rig) -> None:
    """Its task lives on in containerd, unknown to the engine: this container can never be started again."""
    for number in range(10):
        left = left_by_a_killed_start(rig, f"web{number}")
        outcome = rig.apply(StartReplica(replica=left, cause=CAUSE)) if left else None
        if left and outcome and not outcome.ok:
            assert re.search("task .* already exists|id already in use", outcome.detail), outcome.detail
            assert outcome.result is Result.PERMANENT, "or it would be tried for ever"
            assert rig.apply(RemoveReplica(replica=left, cause=CAUSE)).ok
            assert rig.run(service(left.service)).ok
            return
    raise AssertionError("the engine was never caught in the middle of a start")


def left_by_a_killed_start(rig: Rig, name: str) -> Replica | None:
    """Run a replica, kill the engine while its process is being made; what is left of it when the engine is back."""
    before = set(shims(rig))
    running = threading.Thread(target=rig.run, args=(service(name),))
    running.start()
    eventually(lambda: set(shims(rig)) - before, 10, "a start under way", 0.005)
    rig.host.kill()
    running.join(30)
    rig.host.start()
    return next((r for r in rig.engine.observe(()).replicas if r.service == name and not r.running), None)


def shims(rig: Rig) -> list[int]:
    """What containerd starts first when a container is started."""
    return [pid for pid in processes.working_in(rig.host.folder) if b"containerd-shim" in processes.command_of(pid)]
