"""The engine goes away and comes back."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.integration.docker_engine.conftest import CAUSE, Rig, service
from tests.lab.eventually import eventually
from zpmd.errors import EngineUnknown, NotFound
from zpmd.model.events import Reason, Result
from zpmd.model.observed import Phase
from zpmd.model.plan import StartReplica


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
