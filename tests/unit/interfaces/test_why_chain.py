"""What happened to a slot, in sentences: tables of journal lines and the text that they make."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest

from tests.unit.interfaces.given import NOON
from zpmd.interfaces.why import chain
from zpmd.model.cause import Code
from zpmd.model.events import Entry, Result

DAY = 86_400.0


def did(verb: str, code: Code, text: str, before: float, **more: Any) -> Entry:
    facts: dict[str, Any] = {"id": int(NOON - before), "kind": "action", "subject": "web/2", "service": "web"}
    return Entry(
        **{**facts, "at": NOON - before, "verb": verb, "code": code.value, "text": text, "result": Result.OK} | more
    )


def asked(verb: str, actor: str, before: float, result: Result | None = None) -> Entry:
    return Entry(
        id=1, at=NOON - before, kind="note", verb=verb, subject="web", service="web", actor=actor, result=result
    )


def told(*entries: Entry, notes: tuple[Entry, ...] = ()) -> list[str]:
    return [c.text for c in chain.chains(2, entries, notes, NOON, UTC)]


PATCH = "patch hotfix-1042 changes it (image web:1 -> web:2)"
STOPPED = did("stop", Code.PATCH, PATCH, 60, exit_code=143, lived_seconds=9 * DAY, seconds=0.4)
REMOVED = did("remove", Code.PATCH, PATCH, 59, exit_code=143, lived_seconds=9 * DAY)
MADE = did("run", Code.MISSING, "takes the place of one that was removed", 58, ready_seconds=2.1)
FRESH = "exited with 1, failure 3 in a row: a fresh one takes its place"


@pytest.mark.parametrize(
    ("entries", "text"),
    [
        (
            (STOPPED, REMOVED, MADE),
            f"replica 2 was replaced at 11:59:00 because {PATCH};"
            " the old one had run 9 d and exited 143 on our SIGTERM; the new one was ready after 2.1 s",
        ),
        (
            (did("run", Code.PATCH, PATCH, 60, ready_seconds=4.0), did("stop", Code.REPLACED, "new took its place", 30,
             exit_code=0, lived_seconds=7200.0), did("remove", Code.REPLACED, "new took its place", 29)),
            f"replica 2 was replaced at 11:59:00 because {PATCH};"
            " the old one had run 2 h and exited 0 when we stopped it; the new one was ready after 4.0 s",
        ),
        (
            (did("run", Code.DRIFT, "its definition changed (image a -> b)", 60),),
            "replica 2 got a new one beside it at 11:59:00 because its definition changed (image a -> b)",
        ),
        (
            (did("start", Code.DIED, "exited with 137", 60, exit_code=137, lived_seconds=33.0, ready_seconds=0.2),),
            "replica 2 was started again at 11:59:00 because it exited with 137; it had run 33 s;"
            " it was ready after 0.2 s",
        ),
        (
            (did("remove", Code.DIED, FRESH, 60, lived_seconds=3.0, exit_code=1),
             did("run", Code.DIED, "takes the place of one that failed 3 times in a row", 59, ready_seconds=1.0)),
            "replica 2 was replaced at 11:59:00 because it exited with 1, failure 3 in a row;"
            " the old one had run 3.0 s; the new one was ready after 1.0 s",
        ),
        (
            (did("restart", Code.UNHEALTHY, "is unhealthy", 60, exit_code=137, lived_seconds=500.0,
             ready_seconds=30.0),),
            "replica 2 was restarted at 11:59:00 because it was unhealthy;"
            " it had run 8 min and had to be killed (137) when its grace was over; it was ready after 30 s",
        ),
        (
            (STOPPED, REMOVED, did("run", Code.MISSING, "takes the place of one that was removed", 58,
             result=Result.PERMANENT, detail="port 80 is taken"),
             did("run", Code.FAILED_START, "could not be made: port 80 is taken", 57, result=Result.PERMANENT,
             detail="port 80 is taken"), did("run", Code.FAILED_START, "could not be made", 50, ready_seconds=1.5)),
            f"replica 2 was replaced at 11:59:00 because {PATCH};"
            " the old one had run 9 d and exited 143 on our SIGTERM;"
            " the new one could not be made in 2 tries: port 80 is taken; the new one was ready after 1.5 s",
        ),
        ((did("run", Code.MISSING, "is declared and not there", 60, ready_seconds=0.04),),
         "replica 2 was made at 11:59:00 because it is declared and not there; it was ready after 0.0 s"),
        ((did("run", Code.VANISHED, "was removed by somebody else", 60),),
         "replica 2 was made again at 11:59:00 because it was removed by somebody else"),
        ((did("stop", Code.SCALED_DOWN, "web is to have 1 replica", 60, exit_code=0, lived_seconds=60.0),
          did("remove", Code.SCALED_DOWN, "web is to have 1 replica", 59)),
         "replica 2 was removed at 11:59:00 because web is to have 1 replica;"
         " it had run 60 s and exited 0 when we stopped it"),
        ((did("stop", Code.DRIFT, "its definition changed", 60, result=Result.TRANSIENT, detail="engine is busy"),),
         "replica 2 was stopped at 11:59:00 because its definition changed; stop failed: engine is busy"),
        ((did("start", Code.STARTING, "is to run again", 60, result=None),),
         "replica 2 was started at 11:59:00 because it is to run again; no outcome is known"),
    ],
)  # fmt: skip
def test_what_belongs_to_one_replacement_is_one_sentence(entries: tuple[Entry, ...], text: str) -> None:
    assert told(*entries) == [text]


def test_lines_of_an_older_zpmd_read_well_without_lives_and_exits() -> None:
    old = [
        did(verb, Code.DRIFT, "its definition changed (image a -> b)", before)
        for verb, before in (("stop", 60.0), ("remove", 59.0))
    ]
    new = did("run", Code.MISSING, "takes the place of one that was removed", 58)
    assert told(*old, new) == ["replica 2 was replaced at 11:59:00 because its definition changed (image a -> b)"]


def test_what_somebody_asked_for_says_who() -> None:
    stop = did("stop", Code.STOP_ASKED, "an operator stopped it", 60, exit_code=0, lived_seconds=5.0)
    start = did("start", Code.STARTING, "is to run again", 30, ready_seconds=0.2)
    notes = (asked("restart", "eve", 900), asked("stop", "root", 61), asked("stop", "mallory", 10))
    assert told(stop, start, notes=notes) == [
        "replica 2 was stopped at 11:59:00 because root stopped it; it had run 5.0 s and exited 0 when we stopped it",
        "replica 2 was started at 11:59:30 because it is to run again; it was ready after 0.2 s",
    ]


def test_what_was_refused_was_not_asked() -> None:
    stop = did("stop", Code.STOP_ASKED, "an operator stopped it", 60)
    notes = (asked("stop", "root", 90), asked("stop", "eve", 70, Result.PERMANENT))
    assert told(stop, notes=notes) == ["replica 2 was stopped at 11:59:00 because root stopped it"]


def test_a_service_that_comes_back_after_it_was_taken_down_is_two_sentences() -> None:
    down = [did(verb, Code.DOWN_ASKED, "an operator took the appliance down", 60) for verb in ("stop", "remove")]
    up = did("run", Code.MISSING, "is declared and not there", 30)
    assert [text.partition(" at ")[0] for text in told(*down, up)] == ["replica 2 was removed", "replica 2 was made"]


def test_hooks_belong_to_the_replica_that_they_ran_in() -> None:
    hook = did("run hook", Code.STARTED, "its post_start has not run since it was started", 57)
    (one,) = chain.chains(2, (STOPPED, REMOVED, MADE, hook), (), NOON, UTC)
    assert one.entries == (STOPPED.id, REMOVED.id, MADE.id, hook.id)
    assert (one.at, one.code, one.ok) == (NOON - 60, "patch", True)
