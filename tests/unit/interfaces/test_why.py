"""The causal story: the first line, whether it is handled, and rollouts."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest

from tests.unit.interfaces.given import NOON, service, snapshot, standing
from zpmd.interfaces.advice import ADVICE
from zpmd.interfaces.why import why
from zpmd.interfaces.why_views import WhyView
from zpmd.model.cause import Cause, Code
from zpmd.model.events import Entry
from zpmd.model.memory import Down, Hold, Intent, Memory, Revision, Verdict
from zpmd.model.observed import InFlight, Observed
from zpmd.model.plan import Plan, State, Waiting

REDIS = service("redis")


def story(state: State = State.RUNNING, entries: tuple[Entry, ...] = (), **more: Any) -> WhyView:
    waiting = more.pop("waiting", ())
    facts = {"ready": 1 if state is State.RUNNING else 0, "reason": more.pop("reason", "")}
    plan = Plan(standings=(standing("redis", state=state, **facts),), waiting=waiting)
    return why("redis", snapshot(plan=plan, **more), entries, (), NOON, UTC)


def waits(code: Code, until: float | None = None) -> Waiting:
    return Waiting(subject="redis/1", service="redis", cause=Cause(code, "a reason"), until=until)


def entry(verb: str, code: Code, text: str, at: float, subject: str = "redis/1") -> Entry:
    return Entry(id=1, at=at, kind="action", verb=verb, subject=subject, service="redis", code=code.value, text=text)


def test_a_service_that_runs_tells_its_last_failure() -> None:
    entries = (
        entry("run", Code.MISSING, "it was missing", NOON - 900),
        entry("start", Code.DIED, "exited with code 1", NOON - 600),
        entry("run hook", Code.STARTED, "it was started", NOON - 590),
    )
    told = story(entries=entries)
    assert told.answer == (
        "redis runs since 10:00:00 (2 h): 1 of 1 replica ready;"
        " replica 1 was started again at 11:50:00 because it exited with code 1; no outcome is known"
    )
    assert (told.handled, told.handling) == (True, "nothing to do")


@pytest.mark.parametrize(
    ("state", "more", "handled", "handling"),
    [
        (
            State.BACKOFF,
            {"waiting": (waits(Code.BACKOFF, NOON + 12),)},
            True,
            "being handled, 12 s (12:00:12): zpmd starts it by itself; `zpmctl start redis` does it now",
        ),
        (
            State.STARTING,
            {"in_flight": (InFlight(subject="redis/1", verb="run", since=NOON - 4, progress="pulling 3 of 9 layers"),)},
            True,
            "being handled: run redis/1 for 4 s (pulling 3 of 9 layers)",
        ),
        (
            State.STOPPED,
            {"waiting": (waits(Code.STOPPED),)},
            False,
            "needs you: `zpmctl start redis` starts it",
        ),
        (
            State.BLOCKED,
            {"waiting": (waits(Code.RETRY, NOON + 1), waits(Code.NAME_TAKEN))},
            False,
            "needs you: rename or remove the other container: zpmd never touches what is not its own",
        ),
        (State.STOPPED, {}, False, "needs you: `zpmctl start redis` starts it"),
        (
            State.STOPPED,
            {"memory": Memory(intent=Intent(scaled={"redis": 0}))},
            False,
            "needs you: it is scaled to 0; `zpmctl scale redis file` goes back to what its file says",
        ),
        (
            State.STOPPED,
            {"memory": Memory(intent=Intent(down=Down.CONTAINERS))},
            False,
            "needs you: `zpmctl up` ends `zpmctl down`",
        ),
        (
            State.ROLLED_BACK,
            {},
            False,
            "needs you: correct its definition; `zpmctl restart redis` tries the same one again",
        ),
        (
            State.HELD,
            {"memory": Memory(intent=Intent(holds=(Hold(service="*", owner="root", reason="", since=NOON),)))},
            False,
            "needs you: `zpmctl release '*'` ends the hold",
        ),
        (State.FAILED, {}, False, "needs a look: `zpmctl logs redis`"),
        (
            State.UNKNOWN,
            {},
            False,
            "needs you: zpmd changes nothing until the engine answers: `zpmctl doctor`",
        ),
    ],
)
def test_it_says_whether_it_is_being_handled(state: State, more: dict[str, Any], handled: bool, handling: str) -> None:
    told = story(state, **more)
    assert (told.handled, told.handling) == (handled, handling)


@pytest.mark.parametrize(
    ("revision", "text"),
    [
        (Revision(service="redis", verdict=Verdict.STABLE, at=NOON), ""),
        (
            Revision(service="redis", stable=REDIS, verdict=Verdict.FAILED, at=NOON, reason="it was unhealthy"),
            "rolled back to the previous definition at 12:00:00 because it was unhealthy",
        ),
        (
            Revision(service="redis", verdict=Verdict.FAILED, at=NOON, reason="it was unhealthy"),
            "its definition failed at 12:00:00 because it was unhealthy; there is no earlier one to go back to",
        ),
        (Revision(service="redis", verdict=Verdict.PAUSED, at=NOON), "its rollout was paused at 12:00:00"),
    ],
)  # fmt: skip
def test_a_rollback_is_told_with_its_reason(revision: Revision, text: str) -> None:
    assert story(memory=Memory(revisions={"redis": revision})).rollout == text


def test_rollouts_and_verbs_stand_apart_from_the_replicas() -> None:
    entries = (
        entry("run", Code.DRIFT, "its definition changed", NOON - 9),
        entry("judge", Code.ROLLOUT_FAILED, "unhealthy for 30 s", NOON - 8, "revision:redis"),
        Entry(id=2, at=NOON, kind="note", verb="hold", subject="redis", service="redis", actor="root", text="disk"),
    )
    told = story(entries=entries)
    assert [e.verb for e in told.rollouts] == ["run", "judge"]
    assert [e.verb for e in told.operators] == ["hold"]
    assert [(r.subject, [e.verb for e in r.happenings]) for r in told.replicas] == [("redis/1", ["run"])]


def test_an_engine_that_is_unknown_hides_nothing() -> None:
    observed = Observed(world=None, error="connection refused", unknown_since=NOON - 60)
    told = why("redis", snapshot(observed=observed, plan=Plan()), (), (), NOON, UTC)
    assert told.answer == "redis is declared, and nothing is known of it: connection refused"
    assert not told.handled


def test_every_reason_for_waiting_has_its_advice() -> None:
    from_backoff_on = list(Code)[list(Code).index(Code.BACKOFF) :]
    assert set(from_backoff_on) == set(ADVICE)
