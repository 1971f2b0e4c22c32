"""What the control does beside its verbs: outcomes of what failed, and log lines without a reader."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.interfaces.given import NOON, Surface, replica, standing
from zpmd.daemon.tailing import Followed
from zpmd.errors import EngineUnknown, NotFound, Refused, StoreError
from zpmd.model.events import Result
from zpmd.model.memory import Hold
from zpmd.model.observed import LogLine, Observed, World
from zpmd.model.service import Desired, Group


@pytest.fixture
def surface(tmp_path: Path) -> Iterator[Surface]:
    """Without its server."""
    made = Surface(tmp_path)
    yield made
    made.store.close()


def test_a_verb_that_fails_has_its_failure_in_the_journal_and_wakes_nobody(
    surface: Surface, monkeypatch: pytest.MonkeyPatch
) -> None:
    surface.publish()

    def full(service: str, stopped: bool) -> None:
        raise StoreError("cannot write zpmd.db: database or disk is full")

    monkeypatch.setattr(surface.store, "set_stopped", full)
    with pytest.raises(StoreError, match="disk is full"):
        surface.control.stop("redis", "root")
    (entry,) = surface.store.journal()
    assert (entry.result, entry.detail) == (Result.PERMANENT, "cannot write zpmd.db: database or disk is full")
    assert surface.woken == []


def test_what_left_the_files_can_be_stopped_and_held_and_not_started(surface: Surface) -> None:
    surface.publish(
        standing("old"), desired=Desired(), world=World(replicas=(replica("old"),)), observed=_seen(replica("old"))
    )
    surface.control.stop("old", "root")
    surface.control.hold(Hold(service="old", owner="root", reason="", since=NOON))
    for verb in (surface.control.start, surface.control.restart):
        with pytest.raises(NotFound, match="no service old"):
            verb("old", "root")


def _seen(*replicas: object) -> Observed:
    return Observed(world=World(replicas=replicas))  # type: ignore[arg-type]


def test_a_hold_that_has_ended_already_is_refused(surface: Surface) -> None:
    surface.publish()
    with pytest.raises(Refused, match="would have ended already"):
        surface.control.hold(Hold(service="redis", owner="root", reason="", since=1.0, until=2.0))


def test_a_restart_of_what_is_stopped_is_refused_with_the_way_out(surface: Surface) -> None:
    surface.publish()
    surface.control.stop("redis", "root")
    with pytest.raises(Refused, match="`zpmctl start redis` starts it"):
        surface.control.restart("redis", "root")


def test_a_release_of_a_service_that_is_gone_still_ends_its_hold(surface: Surface) -> None:
    surface.publish()
    surface.store.hold(Hold(service="gone", owner="root", reason="", since=NOON))
    with pytest.raises(Refused, match="cannot release redis: it is not held; held are: gone"):
        surface.control.release("redis", "root")
    surface.control.release("gone", "root")
    assert surface.store.memory().intent.holds == ()


def test_logs_of_an_unknown_engine_are_unknown(surface: Surface) -> None:
    surface.publish(observed=Observed(world=None))
    with pytest.raises(NotFound):
        surface.control.logs([("reddis", None)], 10, False)
    with pytest.raises(EngineUnknown):
        surface.control.logs([("redis", None)], 10, False)


def test_too_many_replicas_are_not_followed_at_once(surface: Surface) -> None:
    surface.publish(observed=_seen(*(replica("redis", n) for n in range(1, 40))))
    with pytest.raises(Refused, match="cannot follow 39 replicas at once: name fewer of them"):
        surface.control.logs([("redis", None)], 10, True)


def test_followers_end_when_their_reader_closes(surface: Surface) -> None:
    surface.publish()
    surface.engine.lines = {"redis1000000": [b"x"]}
    before = set(threading.enumerate())
    lines = surface.control.logs([("redis", None)], 10, True)
    assert isinstance(lines, Followed)
    assert next(lines) == (replica("redis", group=Group.SYSTEM), LogLine(NOON, b"x"))
    lines.close()
    assert list(lines) == []
    deadline = time.monotonic() + 20
    while (left := set(threading.enumerate()) - before) and time.monotonic() < deadline:
        threading.Event().wait(0.05)
    assert left == set()
