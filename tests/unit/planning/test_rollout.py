"""Drift, rollouts and their verdicts."""

from __future__ import annotations

import pytest

from tests.unit.planning.build import (
    NOW,
    again,
    attempt,
    dead,
    memory,
    needs,
    planned,
    replica,
    service,
    sick,
    slot,
    stable,
    start_first,
)
from zpmd.model.action import JudgeSpec
from zpmd.model.cause import Code
from zpmd.model.container import Container, Healthcheck, Mount, MountKind, NetworkAttachment, PortBinding
from zpmd.model.memory import Intent, Memory, Revision, Tried, Verdict
from zpmd.model.observed import Health, InFlight
from zpmd.model.plan import State
from zpmd.model.service import FailureAction, Order, ServiceData, UpdateConfig
from zpmd.model.spechash import spec_hash

WEB = service("web", update=start_first())
NEW = again(WEB, image="web:2")
THREE = service("web", replicas=3, update=start_first())
THREE_NEW = again(THREE, image="web:2")
REFUSED = attempt(NEW, 0, tried=Tried.RUN, failed=True, error="no")
CHANGED = "its definition changed (image web:1 -> web:2)"


def judged(old: ServiceData, new: ServiceData, verdict: Verdict, generation: int = 0) -> Memory:
    known = Revision(
        service=old.name,
        stable=old,
        judged=spec_hash(new.container),
        verdict=verdict,
        generation=generation,
        reason="its new replica exited with 1 (1 of 1 replicas)",
    )
    return memory(revisions={old.name: known})


def test_start_first_runs_the_new_one_beside_the_old_one() -> None:
    assert str(planned((NEW,), [replica(WEB)], memory(WEB))) == f"run web/1: {CHANGED}"


def test_the_old_one_goes_when_the_new_one_is_ready_and_has_been_watched() -> None:
    old = replica(WEB)
    starting = planned((NEW,), [old, replica(NEW, ago=9, health=Health.STARTING)], memory(WEB))
    assert str(starting) == "waiting web/1: runs, and its health check has not passed yet"
    watched = planned((NEW,), [old, replica(NEW, ago=4)], memory(WEB))
    assert str(watched) == f"waiting web/1: {replica(NEW).name} is being watched before {old.name} goes"
    assert watched.wake_at == NOW + 1
    assert str(planned((NEW,), [old, replica(NEW, ago=5)], memory(WEB))) == (
        f"stop web/1: {replica(NEW).name} took its place"
    )


def test_the_next_slot_has_its_turn_when_the_old_one_has_gone_for_it_holds_its_port_until_then() -> None:
    new, rest = replica(THREE_NEW, ago=5), [replica(THREE, n) for n in (2, 3)]
    going = planned((THREE_NEW,), [replica(THREE), new, *rest], memory(THREE))
    assert str(going).splitlines() == [
        f"stop web/1: {new.name} took its place",
        "waiting web/2: its turn comes: 1 at a time",
        "waiting web/3: its turn comes: 1 at a time",
    ]
    gone = planned((THREE_NEW,), [dead(THREE), new, *rest], memory(THREE))
    assert str(gone).splitlines() == [
        f"remove web/1: {new.name} took its place",
        f"run web/2: {CHANGED}",
        "waiting web/3: its turn comes: 1 at a time",
    ]


def test_stop_first_stops_removes_and_then_runs() -> None:
    web = service("web")
    new = again(web, image="web:2")
    assert str(planned((new,), [replica(web)], memory(web))) == f"stop web/1: {CHANGED}"
    assert str(planned((new,), [dead(web)], memory(web))) == f"remove web/1: {CHANGED}"
    removed = memory(web, attempts={slot(web): attempt(web, 0, tried=Tried.REMOVE)})
    assert str(planned((new,), [], removed)) == "run web/1: takes the place of one that was removed"


@pytest.mark.parametrize(
    ("fields", "because"),
    [
        ({"container_name": "web"}, "container_name web can be held once"),
        ({"ports": (PortBinding(target=80, published="80"),)}, "host port 80 can be held once"),
        (
            {"networks": (NetworkAttachment(network="n", ipv4_address="10.0.0.2"),)},
            "its fixed address can be held once",
        ),
        ({"network_mode": "host"}, "the ports of network_mode host can be held once"),
        ({"mounts": (Mount(kind=MountKind.VOLUME, source="v", target="/v"),)}, "volume v has a single writer"),
    ],
)
def test_start_first_gives_way_where_two_cannot_live_side_by_side(fields: dict[str, object], because: str) -> None:
    new = again(WEB, image="web:2", **fields)
    answer = planned((new,), [replica(WEB)], memory(WEB))
    assert str(answer) == f"stop web/1: {CHANGED}; stop-first because {because}"


@pytest.mark.parametrize(
    ("published", "parallelism", "because"),
    [
        ("8000-8003", 1, ""),
        ("8000-8002", 1, "host ports 8000-8002 have no room for 1 more than 3"),
        ("8000-8004", 2, ""),
        ("8000-8003", 2, "host ports 8000-8003 have no room for 2 more than 3"),
        ("8000-8005", 0, ""),
        ("8000-8004", 0, "host ports 8000-8004 have no room for 3 more than 3"),
        ("8000-8005", 9, ""),
        ("8000-8004", 9, "host ports 8000-8004 have no room for 3 more than 3"),
    ],
)
def test_start_first_on_a_range_of_ports_needs_room_beside_the_old_ones(
    published: str, parallelism: int, because: str
) -> None:
    ports = (PortBinding(target=80, published=published),)
    old = again(THREE, ports=ports)
    wanted = service("web", replicas=3, update=start_first(parallelism=parallelism))
    new = again(wanted, image="web:2", ports=ports)
    answer = planned((new,), [replica(old, n) for n in (1, 2, 3)], memory(old))
    first = f"stop web/1: {CHANGED}; stop-first because {because}" if because else f"run web/1: {CHANGED}"
    assert str(answer).splitlines()[0] == first


@pytest.mark.parametrize(("parallelism", "at_once"), [(1, 1), (2, 2), (0, 3)])
def test_so_many_slots_change_at_a_time(parallelism: int, at_once: int) -> None:
    new = service("web", image="web:2", replicas=3, update=start_first(parallelism=parallelism))
    answer = planned((new,), [replica(THREE, n) for n in (1, 2, 3)], memory(THREE))
    assert len(answer.actions) == at_once
    assert len(answer.waiting) == 3 - at_once


def test_what_is_in_hand_or_starting_counts_as_changing() -> None:
    old = [replica(THREE, n) for n in (1, 2, 3)]
    flight = InFlight(subject="web/1", verb="run", since=NOW)
    assert not planned((THREE_NEW,), old, memory(THREE), in_flight=(flight,)).actions
    starting = replica(THREE_NEW, ago=60, health=Health.STARTING)
    assert not planned((THREE_NEW,), [*old, starting], memory(THREE)).actions


def test_what_does_not_serve_is_replaced_first() -> None:
    there = [replica(THREE, 1), replica(THREE, 2), sick(THREE, 3)]
    assert str(planned((THREE_NEW,), there, memory(THREE)).actions[0].subject) == "web/3"


def test_the_delay_lies_between_two_updates() -> None:
    new = service("web", image="web:2", replicas=3, update=start_first(delay_seconds=30))
    there = [replica(new, 1, ago=20), replica(THREE, 2), replica(THREE, 3)]
    answer = planned((new,), there, memory(THREE))
    assert str(answer).splitlines()[0] == "waiting web/2: its turn comes after the delay between updates"
    assert answer.wake_at == NOW + 15


@pytest.mark.parametrize(
    ("new", "attempts", "reason"),
    [
        (dead(NEW, ago=9, exit_code=1), {}, "its new replica exited with 1"),
        (sick(NEW, ago=9), {}, "its new replica is unhealthy"),
        (replica(NEW, ago=600, health=Health.STARTING), {}, "its new replica was not ready within 600 s"),
        (replica(NEW, ago=9), {slot(NEW): attempt(NEW, 1, ago=9)}, "its new replica had to be restarted"),
        (None, {slot(NEW): REFUSED}, "its new replica could not be made: no"),
    ],
)
def test_a_new_replica_that_fails_condemns_its_spec(new, attempts, reason: str) -> None:  # type: ignore[no-untyped-def]
    there = [replica(WEB), *([new] if new else [])]
    answer = planned((NEW,), there, memory(WEB, attempts=attempts))
    assert str(answer) == f"judge revision:web: {reason} (1 of 1 replicas)"
    (verdict,) = answer.actions
    assert isinstance(verdict, JudgeSpec)
    assert verdict.verdict is Verdict.FAILED


def test_a_new_replica_is_looked_at_when_its_time_is_over() -> None:
    answer = planned((NEW,), [replica(WEB), replica(NEW, ago=590, health=Health.STARTING)], memory(WEB))
    assert answer.wake_at == NOW + 10


def test_after_a_rollback_the_failed_ones_go_and_the_old_ones_stay() -> None:
    condemned = judged(WEB, NEW, Verdict.FAILED)
    answer = planned((NEW,), [replica(WEB), dead(NEW, ago=9)], condemned)
    assert str(answer) == f"remove web/1: {replica(WEB).name} took its place"
    assert answer.actions[0].evidence  # type: ignore[union-attr]
    after = planned((NEW,), [replica(WEB)], condemned)
    assert str(after) == ""
    assert after.standings[0].state is State.ROLLED_BACK


def test_a_rollback_that_fails_is_not_rolled_back() -> None:
    answer = planned((NEW,), [dead(WEB)], judged(WEB, NEW, Verdict.FAILED))
    assert str(answer) == "start web/1: exited with 137"


def test_a_rollback_takes_the_container_back_and_leaves_the_policies_as_declared() -> None:
    quick = service("web", image="web:2", update=start_first(), rollback=UpdateConfig(order=Order.START_FIRST))
    condemned, images = judged(WEB, quick, Verdict.FAILED), frozenset({"web:1"})
    answer = planned((quick,), [sick(quick)], condemned, images=images)
    assert str(answer).startswith("run web/1: goes back to the last stable definition")


def test_a_raised_generation_tries_a_condemned_spec_anew() -> None:
    condemned = judged(WEB, NEW, Verdict.FAILED)
    anew = Memory(intent=Intent(generations={"web": 1}), revisions=condemned.revisions)
    assert str(planned((NEW,), [replica(WEB)], anew)) == f"run web/1: {CHANGED}"


def test_a_paused_rollout_leaves_the_old_definition_in_charge() -> None:
    paused = judged(WEB, NEW, Verdict.PAUSED)
    why = "its new replica exited with 1 (1 of 1 replicas)"
    told = f"waiting web/1: its update is paused: {why}; `zpmctl restart` tries it anew"
    assert str(planned((NEW,), [replica(WEB)], paused)) == told
    assert str(planned((NEW,), [dead(WEB)], paused)).splitlines() == ["start web/1: exited with 137", told]
    assert planned((NEW,), [replica(WEB)], paused).standings[0].state is State.PAUSED


@pytest.mark.parametrize(
    ("action", "ratio", "verdict"),
    [
        (FailureAction.ROLLBACK, 0.0, Verdict.FAILED),
        (FailureAction.PAUSE, 0.0, Verdict.PAUSED),
        (FailureAction.CONTINUE, 0.0, None),
        (FailureAction.ROLLBACK, 0.34, None),
        (FailureAction.ROLLBACK, 0.33, Verdict.FAILED),
    ],
)
def test_what_a_failure_means_is_said_by_update_config(
    action: FailureAction, ratio: float, verdict: Verdict | None
) -> None:
    config = start_first(failure_action=action, max_failure_ratio=ratio)
    new = service("web", image="web:2", replicas=3, update=config)
    there = [dead(new, 1, ago=9), *(replica(THREE, n) for n in (1, 2, 3))]
    answer = planned((new,), there, memory(THREE))
    assert [a.verdict for a in answer.actions if isinstance(a, JudgeSpec)] == ([verdict] if verdict else [])


def test_a_first_deployment_has_nothing_to_go_back_to() -> None:
    assert str(planned((WEB,), [dead(WEB)], memory())) == "start web/1: exited with 137"


def test_a_spec_is_stable_when_every_replica_has_been_watched() -> None:
    there = [replica(THREE, n, ago=9) for n in (1, 2)]
    early = planned((THREE,), [*there, replica(THREE, 3, ago=4)], memory())
    assert (str(early), early.wake_at) == ("", NOW + 1)
    assert str(planned((THREE,), [*there, replica(THREE, 3, ago=5)], memory())) == (
        "judge revision:web: every replica of it is up and has been watched"
    )
    flight = InFlight(subject="web/3", verb="start", since=NOW)
    busy = planned((THREE,), [*there, replica(THREE, 3)], memory(), in_flight=(flight,))
    assert not [a for a in busy.actions if isinstance(a, JudgeSpec)]


def test_a_replica_whose_start_lies_ahead_is_watched_no_longer() -> None:
    """The clock was set back by a day: nobody waits for it to catch up before the old replica goes."""
    new = service("web", image="web:2", update=start_first(monitor_seconds=5.0))
    there = [replica(WEB), replica(new, ago=-86400)]
    assert str(planned((new,), there, memory(WEB))).startswith("stop web/1: ")
    assert "every replica of it is up" in str(planned((new,), there[1:], memory(WEB)))


def test_a_new_replica_that_fell_with_its_dependency_is_not_blamed() -> None:
    db = service("db")
    app = service("app", depends_on=(needs("db"),))
    new = again(app, image="app:2")
    there = [replica(db, ago=3), dead(new, ago=60, ended_ago=10)]
    assert str(planned((db, new), there, memory(db, app))) == "start app/1: exited with 137 while db was down"


def test_a_start_first_rollout_that_goes_on_failing_slows_down() -> None:
    refused = attempt(NEW, 5, tried=Tried.RUN, failed=True, error="no such option")
    config = start_first(failure_action=FailureAction.CONTINUE)
    new = service("web", image="web:2", update=config)
    answer = planned((new,), [replica(WEB)], memory(WEB, attempts={slot(new): refused}))
    assert not answer.actions
    assert [w.cause.code for w in answer.waiting] == [Code.CRASH_LOOP]


def test_of_two_old_replicas_the_better_one_stays_until_the_new_one_is_there() -> None:
    third = again(WEB, image="web:3")
    bad = sick(NEW, ago=9)
    answer = planned((third,), [replica(WEB), bad], memory(WEB))
    assert answer.actions[0].replica == bad  # type: ignore[union-attr]


def test_a_restart_is_a_rollout_of_the_same_definition() -> None:
    asked = memory(WEB, intent=Intent(generations={"web": 1}))
    assert str(planned((WEB,), [replica(WEB)], asked)) == "run web/1: an operator asked for a restart"
    assert asked.revisions["web"] == stable(WEB)


def test_a_new_healthcheck_alone_is_a_new_definition() -> None:
    new = again(WEB, healthcheck=Healthcheck(test=("NONE",)))
    assert Container(image="web:1") != new.container
    assert "spec 1:" in str(planned((new,), [replica(WEB)], memory(WEB)))
