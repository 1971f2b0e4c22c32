"""The contract of `ports.Engine`, second part: health, hooks, evidence, logs, images, volumes, networks, the engine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.contracts.harness import (
    ABSENT,
    CAUSE,
    CHECK,
    FLAKY,
    NETWORK,
    ONESHOT,
    SERVICE,
    SICK,
    STUBBORN,
    VOLUME,
    Harness,
    hook,
    remove,
    restart,
    run_action,
    service,
    start,
    stop,
)
from zpmd.errors import EngineUnknown, NotFound
from zpmd.model.action import Action, CreateNetwork, CreateVolume, PullImage, RemoveNetwork, RemoveVolume
from zpmd.model.container import Healthcheck, Mount, MountKind, NetworkAttachment
from zpmd.model.events import Reason, Result
from zpmd.model.observed import ContainerLimits, Health, Phase, Replica

WITH_VOLUME = service(mounts=(Mount(kind=MountKind.VOLUME, source=VOLUME.name, target="/data"),))
WITH_NETWORK = service(networks=(NetworkAttachment(network=NETWORK.name),))
CREATE_VOLUME = CreateVolume(volume=VOLUME, cause=CAUSE)
CREATE_NETWORK = CreateNetwork(network=NETWORK, cause=CAUSE)
REMOVE_VOLUME = RemoveVolume(name=VOLUME.name, cause=CAUSE)
REMOVE_NETWORK = RemoveNetwork(name=NETWORK.name, cause=CAUSE)


# Health


def test_without_a_healthcheck_there_is_no_health(world: Harness) -> None:
    assert world.run(service()).health is Health.NONE


def test_health_goes_from_starting_to_healthy(world: Harness) -> None:
    replica = world.run(service(image=SERVICE, healthcheck=CHECK))
    assert replica.health is Health.STARTING
    world.eventually(lambda: world.seen("web").health is Health.HEALTHY, 30, "it is healthy")


def test_health_goes_from_starting_to_unhealthy_by_the_image_s_own_check(world: Harness) -> None:
    replica = world.run(service(image=SICK))
    assert replica.health is Health.STARTING
    world.eventually(lambda: world.seen("web").health is Health.UNHEALTHY, 30, "it is unhealthy")
    assert world.seen("web").running


def test_an_image_s_own_healthcheck_can_be_switched_off(world: Harness) -> None:
    assert world.run(service(image=SICK, healthcheck=Healthcheck(test=("NONE",)))).health is Health.NONE


def test_failures_in_the_start_period_do_not_count(world: Harness) -> None:
    check = replace(CHECK, start_period_seconds=30.0, retries=1)
    began = world.run(service(image=SERVICE, healthcheck=check, environment=(("START_DELAY", "2"),))).started_at
    seen = set()

    def healthy() -> bool:
        seen.add(world.seen("web").health)
        return Health.HEALTHY in seen

    world.eventually(healthy, 30, "it is healthy")
    assert seen == {Health.STARTING, Health.HEALTHY}
    assert began is not None
    assert world.now() - began >= 2


def test_a_healthy_replica_becomes_unhealthy_and_healthy_again(world: Harness) -> None:
    replica = world.run(service(image=SERVICE, healthcheck=CHECK))
    world.eventually(lambda: world.seen("web").health is Health.HEALTHY, 30, "it is healthy")
    world.sicken(replica.id)
    world.eventually(lambda: world.seen("web").health is Health.UNHEALTHY, 30, "it is unhealthy")
    world.heal(replica.id)
    world.eventually(lambda: world.seen("web").health is Health.HEALTHY, 30, "it is healthy again")


def test_what_has_ended_is_not_healthy_and_a_start_in_place_begins_with_starting(world: Harness) -> None:
    replica = world.run(service(image=SERVICE, healthcheck=CHECK))
    world.eventually(lambda: world.seen("web").health is Health.HEALTHY, 30, "it is healthy")
    world.apply(stop(replica))
    assert world.seen("web").health is Health.UNHEALTHY
    world.apply(start(replica))
    assert world.seen("web").health is Health.STARTING


# Hooks, evidence and logs


def test_a_hook_succeeds_and_tells_of_which_run(world: Harness) -> None:
    replica = world.run(service())
    outcome = world.apply(hook(replica, ("true",), ("true",)))
    assert outcome.ok, outcome.detail
    assert (outcome.container_id, outcome.started_at) == (replica.id, replica.started_at)


def test_a_hook_that_fails_says_with_which_code(world: Harness) -> None:
    replica = world.run(service())
    outcome = world.apply(hook(replica, ("true",), ("false",)))
    assert outcome.result is Result.TRANSIENT
    assert "false" in outcome.detail
    assert "1" in outcome.detail
    assert world.seen("web").running


def test_a_hook_in_a_container_that_has_ended_fails(world: Harness) -> None:
    replica = world.ended(service(image=ONESHOT))
    assert not world.apply(hook(replica, ("true",))).ok


def test_the_evidence_of_a_failure_survives_a_start_in_place(world: Harness) -> None:
    replica = world.ended(service(image=FLAKY, environment=(("LIFETIME", "0.2"),)))
    dossier = world.apply(start(replica, evidence=True)).dossier
    assert dossier is not None
    assert (dossier.service, dossier.slot, dossier.container_id) == ("web", 1, replica.id)
    assert dossier.exit_code == 1
    assert dossier.log_tail != ()
    assert (dossier.started_at, dossier.finished_at) == (replica.started_at, replica.finished_at)


def test_the_evidence_of_a_failure_survives_a_removal(world: Harness) -> None:
    replica = world.ended(service(image=FLAKY, environment=(("LIFETIME", "0.2"),)))
    dossier = world.apply(remove(replica, evidence=True)).dossier
    assert dossier is not None
    assert dossier.exit_code == 1
    assert dossier.log_tail != ()
    assert dossier.image == FLAKY


def test_no_evidence_is_kept_where_none_is_asked_for(world: Harness) -> None:
    replica = world.ended(service(image=ONESHOT))
    assert world.apply(start(replica)).dossier is None
    world.eventually(lambda: world.seen("web").ended, 30, "it has ended again")
    assert world.apply(remove(replica)).dossier is None


def test_the_restart_of_an_unhealthy_replica_keeps_what_its_probes_said(world: Harness) -> None:
    world.run(service(image=SICK))
    world.eventually(lambda: world.seen("web").health is Health.UNHEALTHY, 30, "it is unhealthy")
    dossier = world.apply(restart(world.seen("web"))).dossier
    assert dossier is not None
    assert dossier.health_output != ()
    assert all("1" in line for line in dossier.health_output)


def test_a_stop_tells_how_the_replica_obeyed_and_when(world: Harness) -> None:
    replica = world.run(service(image=SERVICE))
    outcome = world.apply(stop(replica))
    assert outcome.ok, outcome.detail
    ended = world.seen("web")
    assert (outcome.exit_code, outcome.finished_at) == (ended.exit_code, ended.finished_at)
    assert replica.started_at is not None
    assert outcome.finished_at is not None
    assert outcome.finished_at >= replica.started_at


def test_a_stop_of_one_that_does_not_obey_tells_that_it_was_killed(world: Harness) -> None:
    outcome = world.apply(replace(stop(world.run(service(image=STUBBORN))), grace_seconds=1.0))
    assert outcome.exit_code == 137


def test_the_evidence_has_the_limits_that_the_container_had(world: Harness) -> None:
    limited = service(
        image=FLAKY,
        environment=(("LIFETIME", "0.2"),),
        mem_limit_bytes=64 << 20,
        memswap_limit_bytes=64 << 20,
        cpus=0.5,
        pids_limit=100,
    )
    replica = world.ended(limited)
    dossier = world.apply(start(replica, evidence=True)).dossier
    assert dossier is not None
    assert dossier.limits == ContainerLimits(memory_bytes=64 << 20, cpus=0.5, pids=100)
    assert (dossier.spec, dossier.generation, dossier.stopped) == (replica.spec, replica.generation, False)


def test_the_evidence_of_one_without_limits_says_so(world: Harness) -> None:
    replica = world.ended(service(image=FLAKY, environment=(("LIFETIME", "0.2"),)))
    dossier = world.apply(remove(replica, evidence=True)).dossier
    assert dossier is not None
    assert dossier.limits == ContainerLimits()


def test_the_evidence_of_an_unhealthy_one_has_how_it_ended_when_it_was_stopped(world: Harness) -> None:
    world.run(service(image=SICK))
    world.eventually(lambda: world.seen("web").health is Health.UNHEALTHY, 30, "it is unhealthy")
    outcome = world.apply(restart(world.seen("web")))
    assert outcome.dossier is not None
    assert outcome.dossier.stopped
    assert outcome.exit_code is not None
    assert (outcome.dossier.exit_code, outcome.dossier.finished_at) == (outcome.exit_code, outcome.finished_at)


def test_logs_are_read_from_their_end(world: Harness) -> None:
    replica = world.ended(service(image=ONESHOT))
    assert len(list(world.engine.logs(replica.id, tail=1, follow=False))) == 1
    lines = list(world.engine.logs(replica.id, tail=100, follow=False))
    assert len(lines) >= 2
    assert b"ends with 0" in lines[-1].text


def test_lines_of_a_log_have_times_and_are_read_from_one_on(world: Harness) -> None:
    replica = world.ended(service(image=FLAKY, environment=(("LIFETIME", "0.2"),)))
    lines = list(world.engine.logs(replica.id, tail=100, follow=False))
    assert replica.started_at is not None
    assert replica.started_at - 1 <= lines[0].at <= lines[-1].at <= world.now() + 1
    for one in lines:
        later = list(world.engine.logs(replica.id, tail=100, follow=False, since=one.at))
        assert later == [line for line in lines if line.at >= one.at]
    assert lines[-1].at > lines[0].at


def test_logs_of_what_is_not_there_are_not_found(world: Harness) -> None:
    with pytest.raises(NotFound):
        list(world.engine.logs("0" * 64, tail=1, follow=False))


# Images, volumes, networks


def test_of_the_images_asked_for_those_that_are_there_are_told(world: Harness) -> None:
    assert world.observe(SERVICE, ABSENT).images == {SERVICE}
    assert world.observe().images == frozenset()


def test_an_image_can_be_asked_for_by_its_long_name(world: Harness) -> None:
    assert world.observe(f"docker.io/{SERVICE}").images == {f"docker.io/{SERVICE}"}


def test_a_pull_that_fails_is_no_success(world: Harness) -> None:
    assert not world.apply(PullImage(image=ABSENT, cause=CAUSE)).ok
    assert world.observe(ABSENT).images == frozenset()


def test_a_replica_whose_pull_fails_runs_on_the_local_image(world: Harness) -> None:
    outcome = world.apply(replace(run_action(service()), pull=True))
    assert outcome.ok, outcome.detail
    assert world.seen("web").running


@pytest.mark.parametrize("action", [CREATE_VOLUME, CREATE_NETWORK], ids=["volume", "network"])
def test_creating_a_volume_or_network_twice_is_fine_and_it_is_ours(world: Harness, action: Action) -> None:
    assert world.apply(action).ok
    assert world.apply(action).ok
    seen = world.observe()
    own = seen.own_volumes if action is CREATE_VOLUME else seen.own_networks
    every = seen.volumes if action is CREATE_VOLUME else seen.networks
    assert own == {action.subject.partition(":")[2]}
    assert own <= every


@pytest.mark.parametrize(
    ("create", "removal"), [(CREATE_VOLUME, REMOVE_VOLUME), (CREATE_NETWORK, REMOVE_NETWORK)], ids=["volume", "network"]
)
def test_removing_our_volume_or_network_twice_is_fine(world: Harness, create: Action, removal: Action) -> None:
    world.apply(create)
    assert world.apply(removal).ok
    assert world.apply(removal).ok
    seen = world.observe()
    assert removal.subject.partition(":")[2] not in seen.volumes | seen.networks


def test_a_volume_of_somebody_else_s_is_no_obstacle_and_is_never_removed(world: Harness) -> None:
    world.make_volume(VOLUME.name)
    assert world.run(WITH_VOLUME).running
    assert world.observe().own_volumes == frozenset()
    assert world.apply(REMOVE_VOLUME).result is Result.PERMANENT
    assert VOLUME.name in world.observe().volumes


def test_a_network_of_somebody_else_s_is_no_obstacle_and_is_never_removed(world: Harness) -> None:
    world.make_network(NETWORK.name)
    assert world.run(WITH_NETWORK).running
    assert world.observe().own_networks == frozenset()
    assert world.apply(REMOVE_NETWORK).result is Result.PERMANENT
    assert NETWORK.name in world.observe().networks


@pytest.mark.parametrize(
    ("user", "removal"), [(WITH_VOLUME, REMOVE_VOLUME), (WITH_NETWORK, REMOVE_NETWORK)], ids=["volume", "network"]
)
def test_what_a_replica_uses_is_not_removed_and_may_be_later(world: Harness, user: object, removal: Action) -> None:
    replica = world.run(user)  # type: ignore[arg-type]
    assert world.apply(removal).result is Result.TRANSIENT
    world.apply(stop(replica))
    world.apply(remove(replica))
    assert world.apply(removal).ok


def test_a_creation_that_finds_its_volume_gone_makes_it(world: Harness) -> None:
    assert world.run(WITH_VOLUME).running
    assert world.observe().own_volumes == {VOLUME.name}


def test_a_creation_that_finds_its_network_gone_makes_it(world: Harness) -> None:
    assert world.run(WITH_NETWORK).running
    assert NETWORK.name in world.observe().own_networks


def test_a_volume_that_no_file_declares_is_not_made_up(world: Harness) -> None:
    undeclared = service(mounts=(Mount(kind=MountKind.VOLUME, source="undeclared", target="/data"),))
    outcome = world.apply(run_action(undeclared))
    assert outcome.result is Result.PERMANENT
    assert "undeclared" in outcome.detail
    assert "undeclared" not in world.observe().volumes


def test_an_external_volume_is_never_created(world: Harness) -> None:
    outcome = world.apply(CreateVolume(volume=replace(VOLUME, external=True), cause=CAUSE))
    assert outcome.result is Result.PERMANENT
    assert VOLUME.name not in world.observe().volumes


# The engine itself


def test_events_wake(world: Harness) -> None:
    reasons: list[Reason] = []
    world.listen(reasons.append)
    replica = world.run(service())
    world.eventually(lambda: Reason.ENGINE in reasons, 30, "the start wakes")
    reasons.clear()
    world.crash(replica.id)
    world.eventually(lambda: Reason.ENGINE in reasons, 30, "the crash wakes")


def test_health_events_wake(world: Harness) -> None:
    world.run(service(image=SERVICE, healthcheck=replace(CHECK, interval_seconds=2.0)))
    reasons: list[Reason] = []
    world.listen(reasons.append)
    world.eventually(lambda: world.seen("web").health is Health.HEALTHY, 30, "it is healthy")
    world.eventually(lambda: Reason.ENGINE in reasons, 30, "health wakes")


def test_a_dead_engine_is_unknown_and_back_it_works_again(world: Harness) -> None:
    reasons: list[Reason] = []
    world.listen(reasons.append)
    world.eventually(world.engine.stream_alive, 30, "the stream is alive")
    replica = world.run(service())
    world.engine_dies()
    with pytest.raises(EngineUnknown):
        world.observe()
    with pytest.raises(EngineUnknown):
        world.engine.about()
    assert world.apply(run_action(service("other"))).result is Result.TRANSIENT
    world.eventually(lambda: not world.engine.stream_alive(), 30, "the stream is known to be dead")
    world.engine_returns()
    world.eventually(lambda: Reason.STREAM_LOST in reasons, 30, "the gap in the stream wakes")
    world.eventually(world.engine.stream_alive, 30, "the stream is alive again")
    # stopped by the engine, as if it had been asked to: its exit code says nothing about its work
    after: Replica = world.seen("web")
    assert (after.id, after.phase, after.exit_code) == (replica.id, Phase.EXITED, 0)
    assert world.run(service("other")).running


def test_an_engine_that_hangs_is_unknown(world: Harness) -> None:
    world.run(service())
    world.engine_hangs()
    with pytest.raises(EngineUnknown):
        world.observe()
    assert world.apply(run_action(service("other"))).result in (Result.UNKNOWN, Result.TRANSIENT)
    world.engine_returns()
    assert world.seen("web").running
    # it may still be busy with what it was asked while it hung, and hold the name for it
    world.eventually(lambda: world.apply(run_action(service("other"))).ok, 30, "it works again")
    assert world.seen("other").running


def test_doctor_is_told_which_engine_it_is_and_its_api(world: Harness) -> None:
    about = world.engine.about()
    assert about["engine"]
    assert about["api"]
