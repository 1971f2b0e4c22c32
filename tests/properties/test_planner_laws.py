"""Laws of the planner: what holds for every appliance in every state. Safety in one call, liveness in a closed loop."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import HealthCheck, example, given, settings
from hypothesis import Phase as Phase_
from hypothesis import strategies as st

from tests.properties.appliances import Scene, replicas, scenes, services
from tests.properties.motion import Motion
from tests.unit.planning import build
from tests.unit.planning.build import NOW
from zpmd.model.action import RemoveReplica, RestartReplica, RunHook, StartReplica, StopReplica, service_of
from zpmd.model.cause import Code
from zpmd.model.memory import Memory, Tried
from zpmd.model.observed import Observed, Phase, Replica, World
from zpmd.model.plan import Plan
from zpmd.model.policy import Limits
from zpmd.model.service import Desired, Order, RestartPolicy
from zpmd.planning import checks, readiness
from zpmd.planning.planner import plan

UNSHRUNK = (Phase_.explicit, Phase_.reuse, Phase_.generate)
"""A closed loop is too long to be made small within a test's patience; its failure shows the last steps instead."""

many = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
some = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), phases=UNSHRUNK)


WEB = build.service("web", restart=RestartPolicy(delay_seconds=0, window_seconds=0))


def tried_once(*there: Replica) -> Scene:
    """A service that was tried again half a second ago, after one failure, and what is there of it now."""
    tries = {build.slot(WEB): build.attempt(WEB, 1, ago=0.5, tried=Tried.RUN)}
    return Scene(
        Desired(services=(WEB,)), Observed(world=build.world((WEB,), there)), build.memory(WEB, attempts=tries)
    )


def updated_and_restarted() -> Scene:
    """A new definition of the service, which was tried again half a second ago, after one failure, and runs since."""
    new = build.again(WEB, image="web:2")
    tries = {build.slot(new): build.attempt(new, 1, ago=0.5, tried=Tried.RUN)}
    there = [build.replica(new, ago=0.5)]
    return Scene(
        Desired(services=(new,)), Observed(world=build.world((new,), there)), build.memory(WEB, attempts=tries)
    )


def ask(scene: Scene, now: float = NOW) -> Plan:
    return plan(scene.desired, scene.observed, scene.memory, now)


@many
@given(scenes())
def test_the_same_question_has_the_same_answer(scene: Scene) -> None:
    assert ask(scene) == ask(scene)


@many
@given(scenes(), st.integers(0, 9))
def test_the_order_of_what_is_handed_in_does_not_matter(scene: Scene, seed: int) -> None:
    chance = random.Random(seed)
    world = scene.observed.world
    assert world is not None
    there, declared = list(world.replicas), list(scene.desired.services)
    chance.shuffle(there)
    chance.shuffle(declared)
    shuffled = Scene(
        replace(scene.desired, services=tuple(declared)),
        replace(scene.observed, world=replace(world, replicas=tuple(there))),
        scene.memory,
    )
    assert ask(shuffled) == ask(scene)


@many
@given(scenes())
def test_a_plan_is_sane(scene: Scene) -> None:
    assert checks.problems(ask(scene), scene.desired, scene.observed, Limits()) == ()


@many
@given(scenes())
def test_only_what_was_seen_is_acted_on_and_what_lives_is_not_removed(scene: Scene) -> None:
    world = scene.observed.world
    assert world is not None
    for action in ask(scene).actions:
        if isinstance(action, StartReplica | RestartReplica | StopReplica | RemoveReplica | RunHook):
            assert action.replica in world.replicas
        if isinstance(action, RemoveReplica):
            assert not action.replica.live, "what lives is stopped first"


@many
@given(scenes())
def test_one_subject_has_one_action_and_none_while_it_is_in_hand(scene: Scene) -> None:
    subjects = [a.subject for a in ask(scene).actions]
    assert len(subjects) == len(set(subjects))
    assert not set(subjects) & {f.subject for f in scene.observed.in_flight}


@many
@given(scenes())
def test_an_unknown_engine_is_not_acted_on(scene: Scene) -> None:
    answer = plan(scene.desired, Observed(world=None, error="no answer"), scene.memory, NOW)
    assert answer.actions == ()
    assert [w.cause.code for w in answer.waiting] == [Code.ENGINE_UNKNOWN]


@many
@given(scenes())
def test_nothing_undeclared_goes_while_a_source_has_never_answered(scene: Scene) -> None:
    incomplete = replace(scene.desired, complete=False)
    answer = plan(incomplete, scene.observed, scene.memory, NOW)
    assert not [a for a in answer.actions if a.cause.code is Code.UNDECLARED]


@many
@given(scenes())
def test_a_held_service_is_left_alone(scene: Scene) -> None:
    for action in ask(scene).actions:
        name = service_of(action)
        assert not name or scene.memory.intent.hold_on(name, NOW) is None


@many
@given(scenes(), st.floats(0.0, 1.0))
@example(tried_once(), 1.0).via("found: it vanished, and the next try was due, and was the second in a row for ever")
@example(tried_once(build.sick(WEB, ago=0.4)), 1.0).via("its sibling: it is unhealthy, and goes on for its window")
@example(updated_and_restarted(), 1.0).via("found: it has run its window, and its restart does not condemn it any more")
def test_until_it_asks_to_be_woken_nothing_would_change(scene: Scene, part: float) -> None:
    now = ask(scene)
    horizon = now.wake_at if now.wake_at is not None else NOW + 100_000.0
    later = NOW + (horizon - NOW) * part * 0.999
    assert ask(scene, later).actions == now.actions, f"at +{later - NOW:.3f} s, woken at +{horizon - NOW:.3f} s"


@many
@given(scenes())
def test_every_wait_with_an_end_is_a_wake_up(scene: Scene) -> None:
    answer = ask(scene)
    ends = [w.until for w in answer.waiting if w.until is not None and w.until > NOW]
    assert not ends or (answer.wake_at is not None and answer.wake_at <= min(ends))


@many
@given(scenes())
def test_every_service_stands_somehow_and_what_is_missing_is_explained(scene: Scene) -> None:
    answer = ask(scene)
    acted = {service_of(a) for a in answer.actions}
    told = {w.service for w in answer.waiting}
    standings = {s.service: s for s in answer.standings}
    assert {s.name for s in scene.desired.services} <= standings.keys()
    for name, each in standings.items():
        if each.ready < each.desired:
            assert name in acted | told, f"{name} has {each.ready} of {each.desired} and nothing says why"


# --- a closed loop ----------------------------------------------------------------------------------------------------


@st.composite
def neglected(draw: st.DrawFn) -> Motion:
    """Good services in a bad state: replicas ended, missing, doubled, drifted, half made; nothing keeps failing."""
    declared = draw(services(("good",), calm=True))
    there = []
    for service in declared:
        phases = (Phase.RUNNING, Phase.RUNNING, Phase.EXITED, Phase.DEAD, Phase.CREATED)
        there += [draw(replicas(service, n, phases)) for n in range(draw(st.integers(0, 4)))]
    images = frozenset({"good:1", "good:2"})
    world = World(replicas=tuple(there), images=images)
    return Motion(Desired(services=declared), world, Memory(), NOW)


@some
@given(neglected())
def test_from_any_state_good_services_come_up_and_then_nothing_happens(motion: Motion) -> None:
    assert motion.run(seconds=7200.0), "still something to wait for after two hours:\n" + str(motion.plan())
    last = motion.plan()
    assert [s for s in last.standings if s.ready != s.desired] == [], str(last)
    for _ in range(10):
        motion.now += 60.0
        assert motion.step().actions == ()


@some
@given(neglected(), st.sampled_from(("good:2", "sick:1", "crash:1", "refused:1")))
def test_a_start_first_rollout_never_costs_a_ready_replica(motion: Motion, image: str) -> None:
    """Whatever the new image does: it comes up, turns unhealthy, crashes, or cannot be made."""
    motion.run(seconds=7200.0)
    changed = []
    for service in motion.desired.services:
        update = replace(service.update, order=Order.START_FIRST)
        container = replace(service.container, image=image, ports=(), mounts=())
        changed.append(replace(service, container=container, update=update, rollback=update))
    before = {s.service: s.ready for s in motion.plan().standings}
    lasting = {s.name for s in changed if not s.one_shot and not any(d.restart for d in s.depends_on)}
    motion.desired = Desired(services=tuple(changed))
    motion.world = replace(motion.world, images=motion.world.images | {image})

    def watch() -> None:
        for service in changed:
            there = (r for r in motion.world.replicas if r.service == service.name)
            ready = {r.slot for r in there if readiness.ready(service, r, motion.memory)}
            if service.name in lasting and not service.container.post_start:
                assert len(ready) >= before[service.name], "\n".join(motion.told[-20:])

    motion.seen = watch
    motion.run(seconds=3600.0)


@some
@given(neglected(), st.sampled_from(("sick:1", "crash:1", "refused:1")))
def test_a_service_that_never_works_is_tried_for_ever_and_ever_more_slowly(motion: Motion, image: str) -> None:
    spoilt = tuple(replace(s, container=replace(s.container, image=image)) for s in motion.desired.services)
    motion.desired = Desired(services=spoilt)
    motion.world = replace(motion.world, replicas=(), images=frozenset({image}))
    motion.run(seconds=3600.0)
    slots = sum(s.replicas for s in spoilt)
    tries = [line for line in motion.told if line.startswith(("run ", "start ", "restart "))]
    assert len(tries) <= slots * 70, "\n".join(motion.told[-40:])
