"""Groups, dependencies, and the order in which things stop."""

from __future__ import annotations

import pytest

from tests.unit.planning.build import NOW, dead, memory, needs, planned, replica, service
from zpmd.model.container import Container, Healthcheck
from zpmd.model.memory import Down, Hold, Intent
from zpmd.model.observed import Health
from zpmd.model.plan import State
from zpmd.model.service import Condition, Group, RestartCondition, RestartPolicy, ServiceData

CHECKED = Healthcheck(test=("CMD", "true"))
DB = service("db", group=Group.SYSTEM, container=Container(image="db:1", healthcheck=CHECKED))
WEB = service("web")
JOBS = service("jobs", group=Group.BATCH)
ONCE = RestartPolicy(condition=RestartCondition.ON_FAILURE)
MIGRATE = service("migrate", group=Group.SYSTEM, restart=ONCE)


def lines(*services: ServiceData, **rest: object) -> list[str]:
    return str(planned(services, **rest)).splitlines()  # type: ignore[arg-type]


def test_a_cold_start_begins_with_the_first_group_alone() -> None:
    assert lines(DB, WEB, JOBS) == [
        "run db/1: is declared and not there",
        "waiting web/1: waits for db (group core starts after)",
        "waiting jobs/1: waits for db, web (group batch starts after)",
    ]


def test_a_group_waits_until_the_one_before_it_is_healthy() -> None:
    assert lines(DB, WEB, replicas=[replica(DB, ago=5, health=Health.STARTING)]) == [
        "waiting db/1: runs, and its health check has not passed yet",
        "waiting web/1: waits for db (group core starts after)",
    ]
    assert lines(DB, WEB, replicas=[replica(DB, ago=5, health=Health.HEALTHY)]) == [
        "run web/1: is declared and not there"
    ]


def test_a_group_with_a_running_replica_is_open_whatever_is_down_below() -> None:
    api = service("api")
    assert "run api/1: is declared and not there" in lines(DB, WEB, api, replicas=[replica(WEB)])


def test_after_the_deadline_a_group_goes_on_and_says_without_whom() -> None:
    broken = replica(DB, ago=400, health=Health.STARTING)
    waiting = memory(DB, WEB, JOBS, gates={Group.SYSTEM: NOW - 299})
    before = planned((DB, WEB, JOBS), [broken], waiting)
    assert [str(w.cause) for w in before.waiting if w.service == "web"] == ["waits for db (group core starts after)"]
    assert before.wake_at == NOW + 1
    after = planned((DB, WEB, JOBS), [broken], memory(DB, WEB, JOBS, gates={Group.SYSTEM: NOW - 300}))
    assert str(after).splitlines() == [
        "run web/1: is declared and not there",
        "waiting group:core: group core goes on without db",
        "waiting db/1: runs, and its health check has not passed yet",
        "waiting jobs/1: waits for web (group batch starts after)",
    ]


def test_the_patience_of_a_later_group_begins_when_the_one_before_it_may_start() -> None:
    assert planned((DB, WEB, JOBS)).gates == {Group.SYSTEM: NOW}
    late = planned((DB, WEB, JOBS), remembered=memory(gates={Group.SYSTEM: NOW - 300}))
    assert late.gates == {Group.SYSTEM: NOW - 300, Group.CORE: NOW}


def test_a_clock_that_was_set_back_does_not_keep_a_gate_shut_for_longer() -> None:
    assert planned((DB, WEB), remembered=memory(gates={Group.SYSTEM: NOW + 7200})).gates == {Group.SYSTEM: NOW}


@pytest.mark.parametrize(
    ("db", "intent"),
    [
        (service("db", group=Group.SYSTEM, required=False), Intent()),
        (DB, Intent(stopped=frozenset({"db"}))),
        (DB, Intent(scaled={"db": 0})),
        (DB, Intent(holds=(Hold(service="db", owner="ann", reason="looks", since=NOW),))),
    ],
    ids=["not required", "stopped", "scaled to 0", "held"],
)
def test_what_is_not_expected_to_run_blocks_no_group(db: ServiceData, intent: Intent) -> None:
    assert "run web/1: is declared and not there" in lines(db, WEB, remembered=memory(db, WEB, intent=intent))


def test_a_one_shot_counts_for_the_groups_after_it_when_it_runs_or_is_done() -> None:
    for there in (replica(MIGRATE), dead(MIGRATE, exit_code=0)):
        assert lines(MIGRATE, WEB, replicas=[there]) == ["run web/1: is declared and not there"]


def test_a_one_shot_that_somebody_waits_for_has_to_be_completed() -> None:
    app = service("app", depends_on=(needs("migrate", Condition.COMPLETED),))
    assert lines(MIGRATE, app, WEB, replicas=[replica(MIGRATE)]) == [
        "waiting app/1: waits for migrate (group core starts after)",
        "waiting web/1: waits for migrate (group core starts after)",
    ]


@pytest.mark.parametrize(
    ("condition", "there", "reason"),
    [
        (Condition.STARTED, [], "waits for db to be started"),
        (Condition.STARTED, [replica(DB, health=Health.STARTING)], ""),
        (Condition.HEALTHY, [replica(DB, health=Health.STARTING)], "waits for db to be healthy"),
        (Condition.HEALTHY, [replica(DB, health=Health.HEALTHY)], ""),
        (Condition.COMPLETED, [replica(MIGRATE)], "waits for migrate to be completed"),
        (Condition.COMPLETED, [dead(MIGRATE, exit_code=1)], "waits for migrate to be completed"),
        (Condition.COMPLETED, [dead(MIGRATE, exit_code=0)], ""),
        (Condition.COMPLETED, [dead(MIGRATE, exit_code=0, spec="1:old")], "waits for migrate to be completed"),
    ],
)
def test_a_dependency_is_waited_for_by_its_condition(condition: Condition, there: list, reason: str) -> None:  # type: ignore[type-arg]
    on = MIGRATE if condition is Condition.COMPLETED else DB
    app = service("app", group=Group.SYSTEM, depends_on=(needs(on.name, condition),))
    expected = f"waiting app/1: {reason}" if reason else "run app/1: is declared and not there"
    assert expected in lines(on, app, replicas=there)


def test_only_a_required_dependency_has_to_be_declared_and_wanted() -> None:
    app, either_way = (
        service("app", depends_on=(needs("db"),)),
        service("app", depends_on=(needs("db", required=False),)),
    )
    stopped = memory(DB, intent=Intent(stopped=frozenset({"db"})))
    assert lines(app) == ["waiting app/1: waits for db which is not declared"]
    assert lines(DB, app, remembered=stopped) == ["waiting app/1: waits for db (an operator stopped it)"]
    assert lines(either_way) == ["run app/1: is declared and not there"]
    assert lines(DB, either_way, remembered=stopped) == ["run app/1: is declared and not there"]


def test_a_dependant_follows_a_dependency_that_was_replaced_on_purpose() -> None:
    app = service("app", depends_on=(needs("db", restart=True),))
    new = replica(DB, ago=10, health=Health.HEALTHY)
    follows = "stop app/1: db, which it follows, was replaced"
    assert lines(DB, app, replicas=[new, replica(app)]) == [follows]
    after_a_crash = replica(DB, ago=10, attempt=3, health=Health.HEALTHY)
    assert lines(DB, app, replicas=[after_a_crash, replica(app)]) == []
    still_two = replica(DB, ago=9000, id="before", health=Health.HEALTHY, spec="1:old")
    assert follows not in lines(DB, app, replicas=[still_two, new, replica(app)])


def test_a_shared_namespace_ends_with_its_owner() -> None:
    side = service("side", container=Container(image="side:1", network_mode="service:web"))
    assert lines(WEB, side) == ["run web/1: is declared and not there", "waiting side/1: waits for web to be started"]
    again = replica(WEB, started_at=NOW - 10)
    assert lines(WEB, side, replicas=[again, replica(side)]) == [
        "stop side/1: web, in whose namespace it lives, was started again"
    ]
    fresh = replica(WEB, ago=10, attempt=3)
    assert lines(WEB, side, replicas=[fresh, replica(side)]) == ["stop side/1: web, which it follows, was replaced"]


def test_what_is_down_stops_and_goes_in_reverse_order() -> None:
    app = service("app", depends_on=(needs("web"),))
    down = memory(DB, WEB, app, intent=Intent(down=Down.CONTAINERS))
    there = [replica(DB, health=Health.HEALTHY), replica(WEB), replica(app)]
    assert lines(DB, WEB, app, replicas=there, remembered=down) == [
        "stop app/1: an operator took the appliance down",
        "waiting db/1: stops after app",
        "waiting web/1: stops after app",
    ]
    assert lines(DB, WEB, app, replicas=[*there[:2], dead(app)], remembered=down) == [
        "remove app/1: an operator took the appliance down",
        "stop web/1: an operator took the appliance down",
        "waiting db/1: stops after web",
    ]


@pytest.mark.parametrize(
    ("down", "expected"),
    [
        (Down.CONTAINERS, ["remove network network:net: an operator took the appliance down"]),
        (
            Down.VOLUMES,
            [
                "remove network network:net: an operator took the appliance down",
                "remove volume volume:data: an operator took the appliance down",
            ],
        ),
    ],
)
def test_networks_go_last_and_volumes_only_if_asked(down: Down, expected: list[str]) -> None:
    plan = planned(
        (WEB,),
        remembered=memory(intent=Intent(down=down)),
        own_networks=frozenset({"net"}),
        own_volumes=frozenset({"data"}),
    )
    assert str(plan).splitlines() == expected


def test_an_operators_stop_keeps_the_container() -> None:
    stopped = memory(WEB, intent=Intent(stopped=frozenset({"web"})))
    assert lines(WEB, replicas=[replica(WEB)], remembered=stopped) == ["stop web/1: an operator stopped it"]
    after = planned((WEB,), [dead(WEB)], stopped)
    assert str(after) == ""
    assert after.standings[0].state is State.STOPPED


def test_a_ring_in_old_labels_does_not_keep_anything_from_stopping() -> None:
    x, y = service("x"), service("y")
    plan = planned((), [replica(x, after=("y",)), replica(y, after=("x",))])
    assert any(line.startswith("stop ") for line in str(plan).splitlines())
