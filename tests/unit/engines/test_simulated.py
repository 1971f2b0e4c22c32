"""What the simulated engine offers beyond the contract: virtual time, faults on request, accidents, determinism."""

from __future__ import annotations

import pytest

from zpmd.engines.simulated import SimulatedEngine
from zpmd.engines.simulated_container import Behaviour
from zpmd.engines.simulated_faults import Delivery, Fault
from zpmd.engines.simulated_world import SimulatedWorld
from zpmd.engines.virtual_time import VirtualClock
from zpmd.errors import EngineUnknown
from zpmd.model.action import Action, LoadImages, PullImage, RemoveReplica, RestartReplica, RunReplica, StopReplica
from zpmd.model.cause import Cause, Code
from zpmd.model.container import Container, Healthcheck, PortBinding
from zpmd.model.events import Outcome, Reason, Result
from zpmd.model.observed import Health, Phase, Replica
from zpmd.model.patch import CarriedImage
from zpmd.model.service import Group, ServiceData

CAUSE = Cause(Code.MISSING, "wanted")
IMAGE = "app:1"


class Simulation:
    """A world, an engine on it, and a clock that goes on by what each action takes."""

    def __init__(self, behaviour: Behaviour | None = None) -> None:
        self.clock = VirtualClock(1000.0)
        self.world = SimulatedWorld(self.clock, lambda _: behaviour or Behaviour(), images={IMAGE}, registry={"new:1"})
        self.clock.listeners.append(self.world.settle)
        self.engine = SimulatedEngine(self.world, "owner", "app")
        self.wakes: list[Reason] = []
        self.engine.listen(self.wakes.append)

    def apply(self, action: Action) -> Outcome:
        outcome = self.engine.apply(action, lambda _: None)
        self.clock.advance_to(outcome.at)
        return outcome

    def replicas(self) -> tuple[Replica, ...]:
        return self.engine.observe(()).replicas


def run(name: str = "web", slot: int = 1, **container: object) -> RunReplica:
    made = Container(image=IMAGE, **container)  # type: ignore[arg-type]
    return RunReplica(service=ServiceData(name=name, group=Group.CORE, container=made), slot=slot, cause=CAUSE)


def test_an_outcome_lies_in_the_future_and_its_effect_comes_about_by_then() -> None:
    simulation = Simulation()
    outcome = simulation.engine.apply(run(), lambda _: None)
    assert outcome.at > simulation.clock.now()
    assert simulation.replicas() == ()
    simulation.clock.advance_to(outcome.at)
    assert simulation.replicas()[0].running
    assert simulation.replicas()[0].started_at == outcome.at


def test_a_replica_is_created_before_it_runs() -> None:
    simulation = Simulation()
    outcome = simulation.engine.apply(run(), lambda _: None)
    simulation.clock.advance(outcome.seconds / 2)
    assert simulation.replicas()[0].phase is Phase.CREATED


def test_the_next_change_is_where_something_ends_by_itself() -> None:
    simulation = Simulation(Behaviour(lives_for_seconds=30.0, exit_code=7))
    started_at = simulation.apply(run()).started_at
    assert started_at is not None
    assert simulation.world.next_change() == started_at + 30
    simulation.clock.advance_to(started_at + 30)
    assert simulation.replicas()[0].exit_code == 7
    assert simulation.replicas()[0].finished_at == started_at + 30
    assert simulation.world.next_change() is None


def test_the_same_steps_give_the_same_world() -> None:
    def steps() -> tuple[Replica, ...]:
        simulation = Simulation(Behaviour(lives_for_seconds=5.0))
        for slot in (1, 2, 3):
            simulation.apply(run(slot=slot))
        simulation.clock.advance(4.6)
        return simulation.replicas()

    assert steps() == steps()


def test_an_engine_that_has_gone_away_is_unknown_and_does_nothing() -> None:
    simulation = Simulation()
    simulation.engine.go_away("the cable is out")
    with pytest.raises(EngineUnknown, match="the cable is out"):
        simulation.replicas()
    assert simulation.apply(run()).result is Result.TRANSIENT
    simulation.engine.come_back()
    assert simulation.wakes == [Reason.STREAM_LOST]
    assert simulation.replicas() == ()


FAULTS = [
    (Fault.REFUSED, Result.TRANSIENT, None),
    (Fault.HALF_DONE, Result.UNKNOWN, Phase.CREATED),
    (Fault.ANSWER_LOST, Result.UNKNOWN, Phase.RUNNING),
]


@pytest.mark.parametrize(("fault", "result", "phase"), FAULTS)
def test_a_fault_strikes_one_action_and_leaves_what_it_says(fault: Fault, result: Result, phase: Phase | None) -> None:
    simulation = Simulation()
    simulation.engine.faults.fail_next(fault)
    assert simulation.apply(run()).result is result
    assert [replica.phase for replica in simulation.replicas()] == ([phase] if phase else [])
    assert simulation.apply(run()).ok
    assert [replica.phase for replica in simulation.replicas()] == [Phase.RUNNING]


def test_a_fault_of_a_verb_waits_for_that_verb() -> None:
    simulation = Simulation()
    simulation.engine.faults.fail_next(Fault.REFUSED, "stop")
    assert simulation.apply(run()).ok
    stop = StopReplica(replica=simulation.replicas()[0], cause=CAUSE)
    assert simulation.apply(stop).result is Result.TRANSIENT
    assert simulation.apply(stop).ok


def test_a_restart_that_is_half_done_leaves_it_stopped() -> None:
    simulation = Simulation()
    simulation.apply(run())
    simulation.engine.faults.fail_next(Fault.HALF_DONE, "restart")
    assert simulation.apply(RestartReplica(replica=simulation.replicas()[0], cause=CAUSE)).result is Result.UNKNOWN
    assert simulation.replicas()[0].phase is Phase.EXITED


def test_a_slow_engine_takes_longer() -> None:
    simulation = Simulation()
    quick = simulation.apply(run()).seconds
    simulation.engine.faults.slow_seconds = 8.0
    assert simulation.apply(run("other")).seconds == pytest.approx(quick + 8)


@pytest.mark.parametrize(
    ("delivery", "wakes"), [(Delivery.ONCE, 1), (Delivery.LOST, 0), (Delivery.TWICE, 2)], ids=["once", "lost", "twice"]
)
def test_an_event_comes_once_or_not_or_twice(delivery: Delivery, wakes: int) -> None:
    simulation = Simulation()
    simulation.apply(run())
    simulation.wakes.clear()
    simulation.engine.faults.events = delivery
    simulation.world.crash(simulation.replicas()[0].id)
    assert simulation.wakes == [Reason.ENGINE] * wakes


def test_nothing_wakes_while_nothing_changes() -> None:
    simulation = Simulation()
    simulation.apply(run())
    simulation.wakes.clear()
    simulation.clock.advance(3600)
    assert simulation.wakes == []


def test_a_pull_takes_its_time_and_needs_the_registry() -> None:
    simulation = Simulation()
    simulation.engine.faults.pull_seconds = 60.0
    pull = PullImage(image="new:1", cause=CAUSE)
    simulation.engine.faults.registry_down = "no route to the registry"
    assert simulation.apply(pull).result is Result.TRANSIENT
    simulation.engine.faults.registry_down = ""
    assert simulation.apply(pull).seconds == pytest.approx(60)
    assert simulation.engine.observe(["new:1"]).images == {"new:1"}
    assert simulation.apply(PullImage(image="never:1", cause=CAUSE)).result is Result.PERMANENT


def test_an_image_that_is_being_pulled_is_not_there_yet() -> None:
    simulation = Simulation()
    simulation.engine.faults.pull_seconds = 60.0
    simulation.engine.apply(PullImage(image="new:1", cause=CAUSE), lambda _: None)
    assert simulation.engine.observe(["new:1"]).images == frozenset()
    simulation.clock.advance(60)
    assert simulation.engine.observe(["new:1"]).images == {"new:1"}


def load(*references: str) -> LoadImages:
    images = tuple(CarriedImage(reference=name, ids=(f"sha256:{name}",)) for name in references)
    return LoadImages(bundle="bundle", member="images/one.tar", images=images, cause=CAUSE)


def test_loading_takes_its_time_and_what_it_brings_is_there_at_its_end() -> None:
    simulation = Simulation()
    simulation.engine.faults.pull_seconds = 60.0
    before = dict(simulation.engine.observe([IMAGE]).image_ids)
    outcome = simulation.engine.apply(load(IMAGE, "b:1"), lambda _: None)
    assert simulation.engine.observe([IMAGE, "b:1"]).image_ids == before
    simulation.clock.advance_to(outcome.at)
    assert outcome.seconds == pytest.approx(60)
    assert simulation.engine.observe([IMAGE, "b:1"]).image_ids == {IMAGE: f"sha256:{IMAGE}", "b:1": "sha256:b:1"}


def test_a_pulled_image_takes_the_place_of_a_loaded_one_of_its_name() -> None:
    simulation = Simulation()
    simulation.apply(load("new:1"))
    simulation.apply(PullImage(image="new:1", cause=CAUSE))
    pulled = simulation.engine.observe(["new:1"]).image_ids
    assert pulled != {"new:1": "sha256:new:1"}
    assert pulled == {"new:1": simulation.world.image_id("docker.io/library/new:1")}


@pytest.mark.parametrize(
    ("fault", "there"),
    [(Fault.REFUSED, set()), (Fault.HALF_DONE, {"a:1", "b:1"}), (Fault.ANSWER_LOST, {"a:1", "b:1", "c:1"})],
)
def test_loading_fails_at_each_of_its_boundaries(fault: Fault, there: set[str]) -> None:
    simulation = Simulation()
    simulation.engine.faults.fail_next(fault, "load")
    names = ("a:1", "b:1", "c:1")
    assert not simulation.apply(load(*names)).ok
    assert simulation.engine.observe(names).images == there
    assert simulation.apply(load(*names)).ok
    assert simulation.engine.observe(names).images == set(names)


def test_a_disk_that_is_full_may_be_cleared_before_an_archive_is_loaded_again() -> None:
    simulation = Simulation()
    simulation.engine.faults.no_space = "no space left on device"
    assert simulation.apply(load("a:1")).result is Result.TRANSIENT
    simulation.engine.faults.clear()
    assert simulation.apply(load("a:1")).ok


def test_a_sick_replica_is_healed_by_a_new_start() -> None:
    simulation = Simulation()
    check = Healthcheck(test=("CMD", "healthy"), interval_seconds=5.0, retries=3)
    simulation.apply(run(healthcheck=check))
    simulation.clock.advance(10)
    assert simulation.replicas()[0].health is Health.HEALTHY
    simulation.world.sicken(simulation.replicas()[0].id)
    simulation.clock.advance(60)
    assert simulation.replicas()[0].health is Health.UNHEALTHY
    simulation.apply(RestartReplica(replica=simulation.replicas()[0], cause=CAUSE))
    simulation.clock.advance(10)
    assert simulation.replicas()[0].health is Health.HEALTHY


def test_a_crash_while_it_starts_is_a_run_without_length() -> None:
    simulation = Simulation()
    outcome = simulation.engine.apply(run(), lambda _: None)
    simulation.clock.advance(outcome.seconds / 2)
    simulation.world.crash(outcome.container_id, 9)
    simulation.clock.advance_to(outcome.at)
    replica = simulation.replicas()[0]
    assert (replica.phase, replica.exit_code) == (Phase.EXITED, 9)
    assert replica.started_at == replica.finished_at


def test_two_starts_of_one_replica_at_once_are_one() -> None:
    simulation = Simulation()
    first = simulation.engine.apply(run(), lambda _: None)
    simulation.clock.advance(first.seconds / 2)
    second = simulation.engine.apply(run(), lambda _: None)
    simulation.clock.advance(first.seconds)
    assert first.container_id == second.container_id
    assert first.started_at == second.started_at
    assert len(simulation.replicas()) == 1


def test_a_name_stays_taken_until_its_removal_is_over() -> None:
    simulation = Simulation()
    first = simulation.apply(run())
    simulation.apply(StopReplica(replica=simulation.replicas()[0], cause=CAUSE))
    removal = simulation.engine.apply(RemoveReplica(replica=simulation.replicas()[0], cause=CAUSE), lambda _: None)
    assert [replica.id for replica in simulation.replicas()] == [first.container_id]
    simulation.clock.advance_to(removal.at)
    assert simulation.replicas() == ()
    with pytest.raises(KeyError):
        simulation.world.crash(first.container_id)


@pytest.mark.parametrize(
    ("held", "wanted", "free"),
    [("", "", False), ("127.0.0.1", "", False), ("127.0.0.1", "127.0.0.2", True), ("127.0.0.1", "127.0.0.1", False)],
)
def test_ports_collide_by_address(held: str, wanted: str, free: bool) -> None:
    simulation = Simulation()
    simulation.apply(run("first", ports=(PortBinding(target=80, published="8080", host_ip=held),)))
    outcome = simulation.apply(run("second", ports=(PortBinding(target=80, published="8080", host_ip=wanted),)))
    assert outcome.ok is free


def test_a_stranger_cannot_take_a_name_that_is_taken() -> None:
    simulation = Simulation()
    simulation.world.add_stranger("somebody")
    with pytest.raises(ValueError, match="somebody"):
        simulation.world.add_stranger("somebody")


def test_an_oom_kill_is_told() -> None:
    simulation = Simulation()
    outcome = simulation.apply(run())
    simulation.world.crash(outcome.container_id, 137, oom_killed=True)
    assert simulation.replicas()[0].oom_killed


def test_an_end_that_a_stop_came_before_is_no_change_any_more() -> None:
    simulation = Simulation(Behaviour(lives_for_seconds=30.0))
    simulation.apply(run())
    simulation.apply(StopReplica(replica=simulation.replicas()[0], cause=CAUSE))
    assert simulation.world.next_change() is None
