"""What leaves: undeclared services and the guard before them, surplus slots, doubled replicas."""

from __future__ import annotations

from tests.unit.planning.build import NOW, attempt, dead, memory, planned, replica, service, slot
from zpmd.model.cause import Code
from zpmd.model.memory import Hold, Intent, Tried
from zpmd.model.observed import Observed, Phase
from zpmd.model.plan import State
from zpmd.model.policy import Limits
from zpmd.model.service import Desired
from zpmd.planning.planner import plan

WEB = service("web", replicas=3)
TEN = tuple(service(f"s{n}") for n in range(10))


def test_what_left_the_files_is_stopped_and_then_removed() -> None:
    old = service("old")
    assert (
        str(planned((WEB,), [*(replica(WEB, n) for n in (1, 2, 3)), replica(old)]))
        == "stop old/1: is no longer declared"
    )
    assert str(planned((), [dead(old)])) == "remove old/1: is no longer declared"


def test_a_change_that_would_remove_a_large_part_waits_for_an_operator() -> None:
    there = [replica(s) for s in TEN]
    held = planned(TEN[:7], there)
    assert str(held).splitlines() == [
        f"waiting s{n}: 3 of 10 services would be removed at once: `zpmctl approve` lets them go" for n in (7, 8, 9)
    ]
    assert {s.state for s in held.standings if s.service in ("s7", "s8", "s9")} == {State.HELD}
    assert len(planned(TEN[:8], there).actions) == 2, "two are never a large part"
    approved = memory(*TEN, intent=Intent(approved=frozenset({"s7", "s8", "s9"})))
    assert len(planned(TEN[:7], there, approved).actions) == 3


def test_nothing_is_undeclared_while_a_source_has_never_answered() -> None:
    held = planned((), [replica(WEB)], complete=False)
    assert str(held) == "waiting web: is not declared, but a source has never answered"


def test_what_is_retired_on_evidence_goes_however_much_it_is() -> None:
    there = [replica(s) for s in TEN]
    evidence = tuple((s.name, "tenant acme is suspended") for s in TEN[2:])
    answer = planned(TEN[:2], there, retired=evidence)
    assert str(answer).splitlines() == [f"stop s{n}/1: tenant acme is suspended" for n in range(2, 10)]
    assert {a.cause.code for a in answer.actions} == {Code.RETIRED}
    unknown = planned((), there, retired=evidence, complete=False)
    assert len(unknown.actions) == 8, "evidence is evidence while another source has never answered"
    assert [w.subject for w in unknown.waiting] == ["s0", "s1"]


def test_retired_services_do_not_count_as_a_loss() -> None:
    there = [replica(s) for s in TEN]
    answer = planned(TEN[:2], there, retired=tuple((s.name, "retired") for s in TEN[4:]))
    assert len(answer.actions) == 8, "two vanished and six retired: nothing suspicious"


def test_a_loss_that_its_source_holds_waits_for_an_operator_while_it_runs_on() -> None:
    answer = planned((WEB,), [replica(WEB, n) for n in (1, 2, 3)], held=(("web", "its row is gone"), ("no", "such")))
    assert str(answer) == "waiting web: its row is gone"
    assert [(w.service, w.cause.code) for w in answer.waiting] == [("web", Code.MASS_REMOVAL)]
    assert answer.standings[0].state is State.RUNNING


def test_the_highest_slots_go_when_a_service_is_scaled_down() -> None:
    there = [replica(WEB, n) for n in (1, 2, 3)]
    scaled = memory(WEB, intent=Intent(scaled={"web": 1}))
    assert str(planned((WEB,), there, scaled)).splitlines() == [
        "stop web/3: web is to have 1 replica",
        "stop web/2: web is to have 1 replica",
    ]
    assert str(planned((WEB,), there[:1], memory(WEB, intent=Intent(scaled={"web": 2})))) == (
        "run web/2: is declared and not there"
    )


def test_a_service_scaled_to_nothing_is_stopped() -> None:
    none = memory(WEB, intent=Intent(scaled={"web": 0}))
    assert planned((WEB,), [replica(WEB)], none).standings[0].state is State.REMOVING
    assert planned((WEB,), [], none).standings[0].state is State.STOPPED


def test_a_slot_that_cannot_be_is_surplus() -> None:
    there = [replica(WEB, n) for n in (0, 1, 2, 3)]
    assert str(planned((WEB,), there)) == "stop web/0: web is to have 3 replicas"


def test_of_two_in_one_slot_the_best_stays() -> None:
    one = service("web")
    fine, ended = replica(one, ago=10, id="fine", name="fine"), dead(one, id="ended", name="ended")
    doubled = planned((one,), [ended, fine])
    assert str(doubled) == "remove web/1: fine already holds this place"
    assert doubled.actions[0].replica == ended  # type: ignore[union-attr]


def test_what_the_engine_is_removing_does_not_stand_in_the_way() -> None:
    one = service("web")
    assert str(planned((one,), [replica(one, id="going", phase=Phase.REMOVING), replica(one)])) == ""


def test_a_held_service_is_left_alone_until_the_hold_ends() -> None:
    held = memory(
        WEB, intent=Intent(holds=(Hold(service="*", owner="ann", reason="looks", since=NOW, until=NOW + 60),))
    )
    answer = planned((WEB,), [], held)
    assert str(answer) == "waiting web: held by ann: looks"
    assert answer.wake_at == NOW + 60
    assert len(planned((WEB,), [], held, now=NOW + 60).actions) == 3


def test_a_hold_that_holds_nothing_back_keeps_nobody_waiting() -> None:
    one = service("web")
    hold = Hold(service="web", owner="ann", reason="", since=NOW, until=NOW + 60)
    answer = planned((one,), [replica(one)], memory(one, intent=Intent(holds=(hold,))))
    assert str(answer) == ""
    assert answer.wake_at == NOW + 60
    assert [(s.state, s.reason) for s in answer.standings] == [(State.HELD, "held by ann")]
    dead = planned((one,), [replica(one, phase=Phase.EXITED)], memory(one, intent=Intent(holds=(hold,))))
    assert str(dead) == "waiting web: held by ann"


def test_what_was_stopped_and_is_wanted_again_is_started_without_a_wait() -> None:
    one = service("web")
    stopped = memory(one, attempts={slot(one): attempt(one, 0, tried=Tried.STOP)})
    answer = planned((one,), [dead(one, attempt=2)], stopped)
    assert str(answer) == "start web/1: is to run again"
    assert answer.actions[0].attempt == 0  # type: ignore[union-attr]


def test_an_unknown_engine_is_not_acted_on() -> None:
    answer = plan(Desired(services=(WEB,)), Observed(world=None, error="no answer"), memory(WEB), NOW)
    assert str(answer) == "waiting engine: the engine is unknown: no answer"
    assert answer.standings[0].state is State.UNKNOWN


def test_a_wave_is_cut_and_goes_on_at_once() -> None:
    answer = planned((WEB,), limits=Limits(actions_per_pass=2))
    assert len(answer.actions) == 2
    assert answer.wake_at == NOW
