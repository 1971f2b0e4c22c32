"""What is stopped, taken down or surplus is told whole: who goes, in which order, with which grace."""

from __future__ import annotations

from tests.unit.planning.build import NOW, dead, memory, needs, planned, replica, service, sick
from tests.unit.planning.telling import text, told
from zpmd.model.container import Container, Hook
from zpmd.model.memory import Down, Hold, Intent, Retry
from zpmd.model.observed import InFlight, Observed, Phase
from zpmd.model.service import Desired, Group
from zpmd.planning.planner import plan

WEB = service("web")
OLD = service("old", image="old:1", tenant="acme")
NET = service(
    "web",
    container=Container(image="web:1", pre_stop=(Hook(command=("drain",)),)),
    stop_grace_seconds=42.0,
    tenant="acme",
)
DOWN = Intent(down=Down.CONTAINERS)
ALL_DOWN = Intent(down=Down.VOLUMES)
OURS = {"own_networks": frozenset({"b", "a"}), "own_volumes": frozenset({"y", "x"})}


def test_an_operators_stop_is_done_with_the_grace_of_the_service() -> None:
    answer = planned((NET,), [replica(NET)], memory(NET, intent=Intent(stopped=frozenset({"web"}))))
    assert told(answer) == text("""
        stop web/1: an operator stopped it
        stop-asked, replica=web-1-5722, grace_seconds=42.0, pre_stop=1
        web (core) is removing: 0 of 0, image web:1, tenant acme
        because an operator stopped it
    """)


def test_an_operators_stop_of_what_has_ended_does_nothing() -> None:
    answer = planned((NET,), [dead(NET)], memory(NET, intent=Intent(stopped=frozenset({"web"}))))
    assert told(answer) == text("""
        web (core) is stopped: 0 of 0, image web:1, tenant acme
        because an operator stopped it
    """)


def test_a_held_service_is_not_stopped() -> None:
    hold = Hold(service="web", owner="ann", reason="looks", since=NOW)
    answer = planned((NET,), [replica(NET)], memory(NET, intent=Intent(stopped=frozenset({"web"}), holds=(hold,))))
    assert told(answer) == text("""
        waiting web: held by ann: looks
        held, of web
        web (core) is held: 0 of 0, image web:1, tenant acme
        because held by ann: looks
    """)


def test_down_stops_from_the_last_to_the_first() -> None:
    app = service("app", group=Group.APP)
    api = service("api", depends_on=(needs("web"),))
    answer = planned((WEB, app, api), [replica(WEB), replica(app), replica(api)], memory(WEB, app, api, intent=DOWN))
    assert told(answer) == text("""
        stop app/1: an operator took the appliance down
        down-asked, replica=app-1-ae64, grace_seconds=10.0
        waiting api/1: stops after app
        stop-order, of api
        waiting web/1: stops after app
        stop-order, of web
        api (core) is removing: 0 of 0, image web:1
        because an operator took the appliance down
        web (core) is removing: 0 of 0, image web:1
        because an operator took the appliance down
        app (app) is removing: 0 of 0, image web:1
        because an operator took the appliance down
    """)


def test_down_says_of_four_that_it_waits_for_three_and_one_more() -> None:
    four = tuple(service(f"a{n}", group=Group.APP) for n in range(4))
    answer = planned((WEB, *four), [replica(s) for s in (WEB, *four)], memory(intent=DOWN))
    assert told(answer) == text("""
        stop a0/1: an operator took the appliance down
        down-asked, replica=a0-1-ae64, grace_seconds=10.0
        stop a1/1: an operator took the appliance down
        down-asked, replica=a1-1-ae64, grace_seconds=10.0
        stop a2/1: an operator took the appliance down
        down-asked, replica=a2-1-ae64, grace_seconds=10.0
        stop a3/1: an operator took the appliance down
        down-asked, replica=a3-1-ae64, grace_seconds=10.0
        waiting web/1: stops after a0, a1, a2 and 1 more
        stop-order, of web
        web (core) is removing: 0 of 0, image web:1
        because an operator took the appliance down
        a0 (app) is removing: 0 of 0, image web:1
        because an operator took the appliance down
        a1 (app) is removing: 0 of 0, image web:1
        because an operator took the appliance down
        a2 (app) is removing: 0 of 0, image web:1
        because an operator took the appliance down
        a3 (app) is removing: 0 of 0, image web:1
        because an operator took the appliance down
    """)


def test_what_has_ended_does_not_wait_for_its_turn_when_all_goes_down() -> None:
    app = service("app", group=Group.APP)
    answer = planned((WEB, app), [dead(WEB), replica(app)], memory(WEB, app, intent=DOWN))
    assert told(answer) == text("""
        stop app/1: an operator took the appliance down
        down-asked, replica=app-1-ae64, grace_seconds=10.0
        remove web/1: an operator took the appliance down
        down-asked, replica=web-1-ae64
        web (core) is removing: 0 of 0, image web:1
        because an operator took the appliance down
        app (app) is removing: 0 of 0, image web:1
        because an operator took the appliance down
    """)


def test_down_takes_along_what_left_the_files() -> None:
    answer = planned((WEB,), [dead(WEB), replica(OLD)], memory(WEB, intent=DOWN))
    assert told(answer) == text("""
        stop old/1: an operator took the appliance down
        down-asked, replica=old-1-fe3e
        remove web/1: an operator took the appliance down
        down-asked, replica=web-1-ae64
        old (core) is removing: 1 of 0, image old:1, since -3600
        because is no longer declared
        web (core) is removing: 0 of 0, image web:1
        because an operator took the appliance down
    """)


def test_down_takes_along_what_left_the_files_even_while_a_source_has_never_answered() -> None:
    answer = planned((WEB,), [dead(OLD)], memory(WEB, intent=DOWN), complete=False)
    assert told(answer) == text("""
        remove old/1: an operator took the appliance down
        down-asked, replica=old-1-fe3e
        old (core) is removing: 0 of 0, image old:1
        because is no longer declared
        web (core) is stopped: 0 of 0, image web:1
        because an operator took the appliance down
    """)


def test_down_leaves_what_is_held() -> None:
    hold = Hold(service="old", owner="ann", reason="looks", since=NOW)
    answer = planned((WEB,), [dead(WEB), replica(OLD)], memory(intent=Intent(down=Down.CONTAINERS, holds=(hold,))))
    assert told(answer) == text("""
        remove web/1: an operator took the appliance down
        down-asked, replica=web-1-ae64
        waiting old: is no longer declared, and held by ann: looks
        held, of old
        old (core) is held: 1 of 0, image old:1, since -3600
        because is no longer declared, and held by ann: looks
        web (core) is removing: 0 of 0, image web:1
        because an operator took the appliance down
    """)


def test_networks_stay_while_a_container_is_there() -> None:
    answer = planned((WEB,), [dead(WEB)], memory(WEB, intent=DOWN), **OURS)
    assert told(answer) == text("""
        remove web/1: an operator took the appliance down
        down-asked, replica=web-1-ae64
        web (core) is removing: 0 of 0, image web:1
        because an operator took the appliance down
    """)


def test_networks_stay_while_anything_is_in_hand() -> None:
    flight = InFlight(subject="web/1", verb="remove", since=NOW)
    answer = planned((WEB,), (), memory(WEB, intent=DOWN), in_flight=(flight,), **OURS)
    assert told(answer) == text("""
        web (core) is stopped: 0 of 0, image web:1
        because an operator took the appliance down
    """)


def test_networks_go_when_all_containers_have_gone_and_volumes_stay() -> None:
    answer = planned((WEB,), (), memory(WEB, intent=DOWN), **OURS)
    assert told(answer) == text("""
        remove network network:a: an operator took the appliance down
        down-asked, name=a
        remove network network:b: an operator took the appliance down
        down-asked, name=b
        web (core) is stopped: 0 of 0, image web:1
        because an operator took the appliance down
    """)


def test_volumes_go_as_well_when_that_was_asked() -> None:
    answer = planned((WEB,), (), memory(WEB, intent=ALL_DOWN), **OURS)
    assert told(answer) == text("""
        remove network network:a: an operator took the appliance down
        down-asked, name=a
        remove network network:b: an operator took the appliance down
        down-asked, name=b
        remove volume volume:x: an operator took the appliance down
        down-asked, name=x
        remove volume volume:y: an operator took the appliance down
        down-asked, name=y
        web (core) is stopped: 0 of 0, image web:1
        because an operator took the appliance down
    """)


def test_a_network_that_could_not_be_removed_is_tried_again_after_its_delay() -> None:
    retries = {"network:a": Retry(count=2, at=NOW - 1, error="has active endpoints")}
    answer = planned((WEB,), (), memory(WEB, intent=DOWN, retries=retries), **OURS)
    assert told(answer) == text("""
        remove network network:b: an operator took the appliance down
        down-asked, name=b
        waiting network:a: could not be removed: has active endpoints
        retry, until +1
        web (core) is stopped: 0 of 0, image web:1
        because an operator took the appliance down
        look again at +1
    """)


def test_a_network_that_could_not_be_removed_is_tried_at_the_very_end_of_its_delay() -> None:
    retries = {"network:a": Retry(count=1, at=NOW - 1, error="has active endpoints")}
    answer = planned((), (), memory(intent=DOWN, retries=retries), own_networks=frozenset({"a"}))
    assert told(answer) == text("""
        remove network network:a: an operator took the appliance down
        down-asked, name=a
    """)


def test_nothing_of_ours_goes_while_nobody_asked_for_it() -> None:
    answer = planned((WEB,), [], memory(WEB), **OURS)
    assert told(answer) == text("""
        run web/1: is declared and not there
        missing, image=web:1
        web (core) is starting: 0 of 1, image web:1
        look again at +300
    """)


def test_scaling_down_takes_the_highest_slots_with_their_grace() -> None:
    pair = service("web", replicas=3, stop_grace_seconds=42.0)
    there = [replica(pair, n) for n in (1, 2, 3)]
    answer = planned((pair,), there, memory(pair, intent=Intent(scaled={"web": 1})))
    assert told(answer) == text("""
        stop web/3: web is to have 1 replica
        scaled-down, replica=web-3-ae64, grace_seconds=42.0
        stop web/2: web is to have 1 replica
        scaled-down, replica=web-2-ae64, grace_seconds=42.0
        web (core) is running: 1 of 1, image web:1, since -3600
    """)


def test_scaling_to_two_says_replicas() -> None:
    pair = service("web", replicas=3)
    answer = planned((pair,), [replica(pair, n) for n in (1, 2, 3)], memory(pair, intent=Intent(scaled={"web": 2})))
    assert told(answer) == text("""
        stop web/3: web is to have 2 replicas
        scaled-down, replica=web-3-ae64, grace_seconds=10.0
        web (core) is running: 2 of 2, image web:1, since -3600
    """)


def test_scaling_to_nothing_takes_the_first_slot_too() -> None:
    answer = planned((WEB,), [replica(WEB), dead(WEB, 2)], memory(WEB, intent=Intent(scaled={"web": 0})))
    assert told(answer) == text("""
        remove web/2: web is to have 0 replicas
        scaled-down, replica=web-2-ae64
        stop web/1: web is to have 0 replicas
        scaled-down, replica=web-1-ae64, grace_seconds=10.0
        web (core) is removing: 0 of 0, image web:1
    """)


def test_a_surplus_slot_that_is_in_hand_is_left_alone() -> None:
    flight = InFlight(subject="web/2", verb="stop", since=NOW)
    answer = planned((WEB,), [replica(WEB), replica(WEB, 2)], in_flight=(flight,))
    assert told(answer) == text("""
        waiting web/2: stop is under way
        in-flight, of web
        web (core) is running: 1 of 1, image web:1, since -3600
        because stop is under way
    """)


def test_of_two_in_one_slot_the_older_ready_one_stays() -> None:
    there = [replica(WEB, ago=50, id="young"), replica(WEB, ago=60, id="older", name="web-older")]
    answer = planned((WEB,), there)
    assert told(answer) == text("""
        stop web/1: web-older already holds this place
        surplus, replica=young, grace_seconds=10.0
        web (core) is running: 1 of 1, image web:1, since -50
    """)


def test_of_two_in_one_slot_the_one_that_runs_stays() -> None:
    there = [replica(WEB, ago=60, id="paused", phase=Phase.PAUSED), sick(WEB, ago=50, id="sick", name="web-sick")]
    answer = planned((WEB,), there)
    assert told(answer) == text("""
        stop web/1: web-sick already holds this place
        surplus, replica=paused, grace_seconds=10.0
        web (core) is unhealthy: 0 of 1, image web:1, since -50
        look again at +300
    """)


def test_what_stands_in_a_slot_twice_in_the_same_moment_goes_by_its_id() -> None:
    there = [replica(WEB, id="b", name="b"), replica(WEB, id="a", name="a")]
    answer = planned((WEB,), there)
    assert told(answer) == text("""
        stop web/1: a already holds this place
        surplus, replica=b, grace_seconds=10.0
        web (core) is running: 1 of 1, image web:1, since -3600
    """)


def test_an_engine_that_does_not_answer_leaves_everything_unknown() -> None:
    seen = Observed(world=None, error="no answer")
    answer = plan(Desired(services=(NET,)), seen, memory(NET, gates={Group.CORE: NOW - 5}), NOW)
    assert told(answer) == text("""
        waiting engine: the engine is unknown: no answer
        engine-unknown
        web (core) is unknown: 0 of 1, image web:1, tenant acme
        because the engine does not answer
    """)


def test_of_two_that_live_in_a_slot_the_older_goes_first() -> None:
    there = [replica(OLD, ago=50, id="young"), replica(OLD, ago=60, id="older")]
    answer = planned((WEB,), [replica(WEB), *there])
    assert told(answer) == text("""
        stop old/1: is no longer declared
        undeclared, replica=older
        old (core) is removing: 2 of 0, image old:1, since -50
        because is no longer declared
        web (core) is running: 1 of 1, image web:1, since -3600
    """)


def test_down_names_all_three_that_it_waits_for() -> None:
    three = tuple(service(f"a{n}", group=Group.APP) for n in range(3))
    answer = planned((WEB, *three), [replica(s) for s in (WEB, *three)], memory(intent=DOWN))
    assert told(answer) == text("""
        stop a0/1: an operator took the appliance down
        down-asked, replica=a0-1-ae64, grace_seconds=10.0
        stop a1/1: an operator took the appliance down
        down-asked, replica=a1-1-ae64, grace_seconds=10.0
        stop a2/1: an operator took the appliance down
        down-asked, replica=a2-1-ae64, grace_seconds=10.0
        waiting web/1: stops after a0, a1, a2
        stop-order, of web
        web (core) is removing: 0 of 0, image web:1
        because an operator took the appliance down
        a0 (app) is removing: 0 of 0, image web:1
        because an operator took the appliance down
        a1 (app) is removing: 0 of 0, image web:1
        because an operator took the appliance down
        a2 (app) is removing: 0 of 0, image web:1
        because an operator took the appliance down
    """)
