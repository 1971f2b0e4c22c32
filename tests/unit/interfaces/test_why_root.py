"""What waits, followed to what it waits for in the end, and the other way round."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest

from tests.unit.interfaces.given import NOON, replica, service, snapshot, standing
from zpmd.interfaces.status import status
from zpmd.interfaces.why import why
from zpmd.interfaces.why_views import WhyView
from zpmd.model.cause import Cause, Code
from zpmd.model.events import Entry, Result, Snapshot
from zpmd.model.memory import Hold, Intent, Memory
from zpmd.model.observed import InFlight, Phase, World
from zpmd.model.plan import Plan, Standing, State, Waiting
from zpmd.model.service import Desired, Group

DEAD = replica("zookeeper", phase=Phase.EXITED, exit_code=137, oom_killed=True, finished_at=NOON - 8)
HELD = Hold(service="zookeeper", owner="root", reason="disk", since=NOON)
STOP = Entry(
    id=3, at=NOON - 7200, kind="note", verb="stop", subject="zookeeper", service="zookeeper", actor="root",
    result=None, text="it is to be stopped, and to stay so",
)  # fmt: skip


def waits(name: str, on: str, code: Code = Code.DEPENDENCY) -> Waiting:
    cause = Cause(code, f"waits for {on} to be healthy", (on,))
    return Waiting(subject=f"{name}/1", service=name, cause=cause)


def down(name: str, state: State = State.WAITING, **more: Any) -> Standing:
    return standing(name, **{"state": state, "ready": 0, "since": None, **more})


def appliance(root: Standing, *waiting: Waiting, **more: Any) -> Snapshot:
    chain = (waits("zona_siem", "kafka"), waits("kafka", "zookeeper"))
    names = ("zona_siem", "kafka", "zookeeper")
    facts: dict[str, Any] = {
        "plan": Plan(standings=(down("zona_siem"), down("kafka"), root), waiting=(*chain, *waiting)),
        "world": World(replicas=(DEAD,)),
        "desired": Desired(services=tuple(service(name) for name in names)),
    }
    return snapshot(**facts | more)


def told(seen: Snapshot, name: str = "zona_siem", journal: tuple[Entry, ...] = ()) -> WhyView:
    return why(name, seen, (), (), NOON, UTC, journal=lambda asked: [e for e in journal if e.service == asked])


def backoff(code: Code, seconds: float) -> Waiting:
    cause = Cause(code, "was killed for lack of memory; try 4 in a row comes after its backoff")
    return Waiting(subject="zookeeper/1", service="zookeeper", cause=cause, until=NOON + seconds)


@pytest.mark.parametrize(
    ("seen", "answer", "handling"),
    [
        (
            appliance(down("zookeeper", State.CRASH_LOOP), backoff(Code.CRASH_LOOP, 12)),
            "zookeeper is in a crash loop, exit 137 (out of memory); being handled, next try in 12 s",
            "being handled, 12 s (12:00:12): zpmd goes on trying; `zpmctl why zookeeper` has its last words;"
            " `zpmctl start zookeeper` skips the wait",
        ),
        (
            appliance(down("zookeeper", State.BLOCKED), Waiting(subject="zookeeper/1", service="zookeeper",
                cause=Cause(Code.IMAGE_MISSING, "waits for image zk:9: no such image", ("image:zk:9",)))),
            "zookeeper is blocked: waits for image zk:9: no such image; needs you",
            "needs you: make the image available: pull, build or load it",
        ),
        (
            appliance(
                down("zookeeper", State.HELD, reason="held by root: disk"),
                memory=Memory(intent=Intent(holds=(HELD,))),
            ),
            "zookeeper is held by root: disk; needs you",
            "needs you: `zpmctl release zookeeper` ends the hold",
        ),
        (
            appliance(down("zookeeper", State.STARTING), in_flight=(InFlight(subject="zookeeper/1", verb="run",
                since=NOON - 4, progress="pulling 3 of 9 layers"),)),
            "zookeeper is in hand: run is under way (pulling 3 of 9 layers); being handled",
            "being handled: run zookeeper/1 for 4 s (pulling 3 of 9 layers)",
        ),
        (
            appliance(down("zookeeper", State.STARTING), Waiting(subject="zookeeper/1", service="zookeeper",
                cause=Cause(Code.STARTING, "runs, and its health check has not passed yet"))),
            "zookeeper is starting: runs, and its health check has not passed yet; being handled",
            "being handled: it has been started and is given its time to become ready",
        ),
    ],
)  # fmt: skip
def test_the_answer_leads_over_dependencies_to_the_root(seen: Snapshot, answer: str, handling: str) -> None:
    found = told(seen)
    assert found.answer == f"zona_siem waits for kafka, which waits for zookeeper: {answer}"
    assert found.handling == handling
    assert found.root is not None
    assert found.root.path == ("zona_siem", "kafka", "zookeeper")


def test_a_root_that_somebody_stopped_says_who_and_when() -> None:
    seen = appliance(down("zookeeper", State.STOPPED))
    found = told(seen, journal=(STOP,))
    assert found.answer == (
        "zona_siem waits for kafka, which waits for zookeeper: zookeeper was stopped by root at 10:00:00; needs you"
    )
    assert found.handling == "needs you: `zpmctl start zookeeper` starts it"
    own = why("zookeeper", seen, (STOP,), (), NOON, UTC)
    assert own.answer == "zookeeper was stopped by root at 10:00:00; 2 services wait for it"


def test_a_root_tells_who_all_waits_for_it() -> None:
    found = told(appliance(down("zookeeper", State.CRASH_LOOP), backoff(Code.CRASH_LOOP, 12)), "zookeeper")
    assert found.answer == (
        "zookeeper is in a crash loop: 0 of 1 replica ready;"
        " was killed for lack of memory; try 4 in a row comes after its backoff; 2 services wait for it"
    )
    assert found.awaited_by == ("kafka", "zona_siem")
    assert found.root is None


def test_a_dependency_that_nobody_declares_is_the_root() -> None:
    seen = snapshot(plan=Plan(standings=(down("kafka"),), waiting=(waits("kafka", "zookeeper"),)))
    found = told(seen, "kafka")
    assert found.answer == "kafka waits for zookeeper: zookeeper is not declared; needs you"
    assert found.handling == "needs you: declare zookeeper, or take it out of the `depends_on` of kafka"


def test_a_ring_ends_where_it_closes() -> None:
    ring = (waits("kafka", "zookeeper"), waits("zookeeper", "kafka"))
    seen = snapshot(plan=Plan(standings=(down("kafka"), down("zookeeper")), waiting=ring))
    found = told(seen, "kafka")
    assert found.answer == (
        "kafka waits for zookeeper, which waits for kafka:"
        " kafka waits for itself over the others: none of them can begin; needs you"
    )


def test_a_group_that_is_shut_is_followed_to_the_worst_of_those_before_it() -> None:
    shut = Cause(Code.GROUP, "waits for redis, zookeeper (group app starts after)", ("redis", "zookeeper"))
    app = Waiting(subject="zona/1", service="zona", cause=shut)
    standings = (
        down("redis", State.STARTING, group=Group.SYSTEM),
        down("zookeeper", State.CRASH_LOOP, group=Group.SYSTEM),
        down("zona", group=Group.APP),
    )
    seen = snapshot(plan=Plan(standings=standings, waiting=(app,)), world=World(replicas=(DEAD,)))
    assert told(seen, "zona").answer == (
        "zona waits for zookeeper: zookeeper is in a crash loop, exit 137 (out of memory); needs you"
    )
    assert [s.root for s in status(seen, NOON).services()] == [
        "", "", "zookeeper is in a crash loop, exit 137 (out of memory)",
    ]  # fmt: skip


def test_a_service_in_trouble_of_its_own_is_not_followed_further() -> None:
    seen = snapshot(
        plan=Plan(
            standings=(down("kafka", State.CRASH_LOOP), down("zookeeper")), waiting=(waits("kafka", "zookeeper"),)
        )
    )
    assert told(seen, "kafka").root is None


def test_a_half_of_it_that_runs_is_told_too() -> None:
    seen = snapshot(
        plan=Plan(
            standings=(standing("kafka", state=State.WAITING, ready=1, desired=2), down("zookeeper", State.FAILED)),
            waiting=(waits("kafka", "zookeeper"),),
        )
    )
    assert told(seen, "kafka").answer == (
        "kafka runs with 1 of 2 replicas, and waits for zookeeper: zookeeper is failed; needs you"
    )


def test_a_list_of_hundreds_that_are_waited_for_is_cut_and_keeps_the_worst() -> None:
    names = tuple(f"s{number:03}" for number in range(200))
    shut = Cause(Code.GROUP, "waits for s000, s001, s002 and 197 more", names)
    standings = [down(name, State.CRASH_LOOP if name == "s150" else State.STARTING) for name in names]
    app = Waiting(subject="zona/1", service="zona", cause=shut)
    seen = snapshot(plan=Plan(standings=(*standings, down("zona", group=Group.APP)), waiting=(app,)))
    shown = status(seen, NOON).service("zona")
    assert shown is not None
    assert shown.root == "s150 is in a crash loop"
    assert shown.waiting[0].on[:2] == ("s150", "s000")
    assert len(shown.waiting[0].on) == 20
    assert told(seen, "zona").answer.startswith("zona waits for s150: ")


def test_a_stop_that_was_refused_stopped_nobody() -> None:
    refused = Entry(id=4, at=NOON - 60, kind="note", verb="stop", subject="zookeeper", service="zookeeper",
                    actor="eve", result=Result.PERMANENT)  # fmt: skip
    seen = appliance(down("zookeeper", State.STOPPED))
    assert "stopped by root" in told(seen, journal=(STOP, refused)).answer
