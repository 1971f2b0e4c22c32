"""The observer is no yes-man: what it lets pass, and what it calls a violation, without an engine."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.ledger import Fault, Kind, Ledger
from tests.chaos.observer import Observer, Seen

NOW = 1_795_000_000.0
WEB = Seen(
    id="a" * 64, name="t-web-1", owner="me", service="web", slot="1", spec="1:old", edition="one", state="running",
    health="healthy", pid=7, created=NOW - 60, started=NOW - 60, at=NOW,
)  # fmt: skip
AGAIN = replace(WEB, started=NOW - 10)
BESIDE = replace(WEB, id="b" * 64, spec="1:new", edition="two")
GUEST = replace(WEB, id="c" * 64, name="stranger-1", owner="", service="", slot="")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    one = Ledger(tmp_path / "story.txt")
    yield one
    one.close()


class Looking(Observer):
    """Sees what it is shown."""

    shown: tuple[Seen, ...] = ()

    def _everything(self) -> list[Seen]:
        return list(self.shown)

    def see(self, *shown: Seen) -> None:
        self.shown = shown
        assert self.look()


@pytest.fixture
def observer(ledger: Ledger) -> Iterator[Looking]:
    moments = itertools.count()
    one = Looking("unix:///nowhere.sock", ledger, lambda: NOW + next(moments) / 1000)
    one.owner = "me"
    yield one
    one.close()


def fault(kind: Kind, target: str, ago: float, container: Seen | None = None, edition: str = "") -> Fault:
    at = NOW - ago
    return Fault(kind, target, at, at, container.id if container else "", edition)


EXPLAINED = [
    ("crashed", (WEB,), (AGAIN,), fault(Kind.CRASHED, "web/1", 11, WEB)),
    ("sickened", (WEB,), (AGAIN,), fault(Kind.SICKENED, "web/1", 15, WEB)),
    ("under an engine that was restarted", (WEB,), (AGAIN,), fault(Kind.ENGINE_KILLED, "engine", 12)),
    ("gone after a crash", (WEB,), (), fault(Kind.CRASHED, "web/1", 11, WEB)),
    (
        "replaced for its file",
        (WEB,),
        (replace(BESIDE, started=NOW),),
        fault(Kind.FILE_CHANGED, "web", 5, edition="two"),
    ),
    ("two while it is changed", (WEB,), (WEB, BESIDE), fault(Kind.FILE_CHANGED, "web", 5, edition="two")),
    ("asked for before it was started", (AGAIN,), (), fault(Kind.FILE_CHANGED, "web", 11, edition="two")),
    ("never started, lost on the wire", (replace(WEB, started=0),), (), fault(Kind.ANSWER_LOST, "POST /x", 11)),
]
VIOLATIONS = [
    ("restarted for nothing", (WEB,), (AGAIN,), None),
    ("gone for nothing", (WEB,), (), None),
    ("a sibling's crash", (WEB,), (AGAIN,), fault(Kind.CRASHED, "web/2", 11, BESIDE)),
    ("a crash that was made good", (AGAIN,), (replace(WEB, started=NOW - 1),), fault(Kind.CRASHED, "web/1", 11, WEB)),
    ("the death of zpmd", (WEB,), (AGAIN,), fault(Kind.DAEMON_KILLED, "zpmd", 11)),
    ("a frozen engine", (WEB,), (AGAIN,), fault(Kind.ENGINE_FROZEN, "engine", 11)),
    ("a lost answer", (WEB,), (AGAIN,), fault(Kind.ANSWER_LOST, "POST /x", 11)),
    ("gone, lost on the wire", (WEB,), (), fault(Kind.ANSWER_LOST, "POST /x", 11)),
    ("another service's file", (WEB,), (), fault(Kind.FILE_CHANGED, "jobs", 5, edition="two")),
    ("its file asks for what it is", (WEB,), (), fault(Kind.FILE_CHANGED, "web", 5, edition="one")),
    ("long ago", (WEB,), (replace(WEB, started=NOW + 600),), fault(Kind.CRASHED, "web/1", 11, WEB)),
    ("two for nothing", (WEB,), (WEB, BESIDE), None),
    ("two of a spec", (WEB,), (WEB, replace(BESIDE, spec="1:old")), fault(Kind.FILE_CHANGED, "web", 5, edition="two")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "cause"), [row[1:] for row in EXPLAINED], ids=[row[0] for row in EXPLAINED]
)
def test_what_a_fault_explains_is_let_pass(
    observer: Looking, ledger: Ledger, before: tuple[Seen, ...], after: tuple[Seen, ...], cause: Fault
) -> None:
    ledger.add(cause)
    observer.see(*before)
    observer.see(*after)
    assert observer.violations == []


@pytest.mark.parametrize(
    ("before", "after", "cause"), [row[1:] for row in VIOLATIONS], ids=[row[0] for row in VIOLATIONS]
)
def test_what_no_fault_explains_is_a_violation(
    observer: Looking, ledger: Ledger, before: tuple[Seen, ...], after: tuple[Seen, ...], cause: Fault | None
) -> None:
    if cause:
        ledger.add(cause)
    observer.see(*before)
    observer.see(*after)
    assert len(observer.violations) == 1


@pytest.mark.parametrize(
    ("after", "says"),
    [
        ((), "is gone"),
        ((replace(GUEST, started=NOW),), "was started again"),
        ((replace(GUEST, state="exited"),), "is exited"),
    ],
)
def test_a_stranger_that_is_touched_is_a_violation(observer: Looking, after: tuple[Seen, ...], says: str) -> None:
    observer.welcome(GUEST.id)
    observer.see(GUEST)
    observer.see(*after)
    assert len(observer.violations) == 1
    assert says in observer.violations[0]


def test_a_stranger_may_end_with_its_engine_and_leave_by_its_own_will(observer: Looking, ledger: Ledger) -> None:
    observer.welcome(GUEST.id)
    observer.see(GUEST)
    ledger.add(fault(Kind.ENGINE_STOPPED, "engine", 5))
    observer.see(replace(GUEST, state="exited"))
    observer.farewell(GUEST.id)
    observer.see()
    assert observer.violations == []
