"""The contract of `ports.Engine`: one text for every engine, so that the simulated one earns its trust.

This part: the life of a replica. test_engine_surroundings.py has the rest.

When the real engine surprises, the surprise is added here first; the simulated engine has to fail it, and is mended.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.contracts.harness import (
    ABSENT,
    CAUSE,
    FLAKY,
    NETWORK,
    ONESHOT,
    OWNER,
    PAUSE,
    STUBBORN,
    VOLUME,
    WORKER,
    Harness,
    remove,
    restart,
    run_action,
    service,
    start,
    stop,
)
from zpmd.engines import labels
from zpmd.model.action import CreateNetwork, CreateVolume, RemoveNetwork, RemoveVolume
from zpmd.model.container import Mount, MountKind, NetworkAttachment, PortBinding
from zpmd.model.events import Result
from zpmd.model.observed import Phase
from zpmd.model.service import Dependency
from zpmd.model.spechash import spec_hash

WITH_VOLUME = service(mounts=(Mount(kind=MountKind.VOLUME, source=VOLUME.name, target="/data"),))
WITH_NETWORK = service(networks=(NetworkAttachment(network=NETWORK.name),))
CREATE_VOLUME = CreateVolume(volume=VOLUME, cause=CAUSE)
CREATE_NETWORK = CreateNetwork(network=NETWORK, cause=CAUSE)
REMOVE_VOLUME = RemoveVolume(name=VOLUME.name, cause=CAUSE)
REMOVE_NETWORK = RemoveNetwork(name=NETWORK.name, cause=CAUSE)


# A replica is run


def test_a_replica_that_was_run_is_in_the_next_observation(world: Harness) -> None:
    outcome = world.apply(run_action(service()))
    replica = world.seen("web")
    assert outcome.ok, outcome.detail
    assert (outcome.container_id, outcome.started_at) == (replica.id, replica.started_at)
    assert replica.phase is Phase.RUNNING
    assert replica.exit_code is None
    assert replica.finished_at is None
    assert replica.image == PAUSE
    assert replica.started_at is not None
    assert replica.created_at <= replica.started_at <= world.now() + 1


def test_what_a_replica_was_made_for_is_read_back_from_it(world: Harness) -> None:
    data = replace(
        service("web", environment=(("A", "1"),)),
        tenant="t-7",
        depends_on=(Dependency(service="redis"), Dependency(service="mongo_metadb")),
    )
    action = replace(run_action(data, slot=3, attempt=2, generation=4), revision="patch-9")
    assert world.apply(action).ok
    replica = world.seen("web", 3)
    assert (replica.service, replica.slot, replica.group, replica.tenant) == ("web", 3, data.group, "t-7")
    assert replica.spec == spec_hash(data.container)
    assert (replica.attempt, replica.generation, replica.revision) == (2, 4, "patch-9")
    assert replica.after == ("mongo_metadb", "redis")


def test_replicas_are_listed_by_service_and_slot_and_nothing_is_listed_of_an_empty_world(world: Harness) -> None:
    assert world.observe().replicas == ()
    assert world.observe().strangers == ()
    for name, slot in (("b", 1), ("a", 2), ("a", 1)):
        world.run(service(name), slot)
    assert [str(r.place) for r in world.observe().replicas] == ["a/1", "a/2", "b/1"]


def test_running_the_same_replica_twice_adopts_the_first(world: Harness) -> None:
    first = world.run(service())
    again = world.apply(run_action(service()))
    assert again.ok, again.detail
    assert again.container_id == first.id
    assert world.seen("web") == first


def test_running_a_replica_that_was_created_and_not_started_starts_it(world: Harness) -> None:
    first = world.run(service())
    assert world.apply(stop(first)).ok
    again = world.apply(run_action(service()))
    assert again.ok, again.detail
    assert again.container_id == first.id
    assert world.seen("web").running


def test_a_new_daemon_sees_and_adopts_what_the_old_one_made(world: Harness) -> None:
    first = world.run(service())
    daemon = world.another()
    assert daemon.observe(()).replicas == (first,)
    outcome = daemon.apply(run_action(service()), print)
    assert (outcome.ok, outcome.container_id) == (True, first.id)


def test_another_installation_sees_a_stranger(world: Harness) -> None:
    first = world.run(service())
    seen = world.another("99999999-0000-0000-0000-000000000000").observe(())
    assert seen.replicas == ()
    assert [(s.id, s.name) for s in seen.strangers] == [(first.id, first.name)]


def test_a_container_name_held_by_another_replica_of_ours_is_refused(world: Harness) -> None:
    old = world.run(service(container_name="fixed"))
    outcome = world.apply(run_action(service(container_name="fixed", environment=(("A", "1"),))))
    assert outcome.result is Result.PERMANENT
    assert "fixed" in outcome.detail
    assert world.seen("web") == old


def test_old_and_new_spec_of_a_slot_run_side_by_side(world: Harness) -> None:
    old = world.run(service())
    new = world.apply(run_action(service(environment=(("A", "1"),))))
    assert new.ok, new.detail
    assert {r.id for r in world.observe().replicas} == {old.id, new.container_id}


def test_a_missing_image_is_permanent_and_leaves_nothing_behind(world: Harness) -> None:
    outcome = world.apply(run_action(service(image=ABSENT)))
    assert outcome.result is Result.PERMANENT
    assert ABSENT in outcome.detail
    assert world.replica("web") is None


def test_a_program_that_is_not_there_is_permanent_and_the_engine_s_word_is_kept(world: Harness) -> None:
    outcome = world.apply(run_action(service(entrypoint=("/no/such/program",))))
    assert outcome.result is Result.PERMANENT
    assert "no such file or directory" in outcome.detail
    replica = world.seen("web")
    assert replica.phase is Phase.CREATED
    assert replica.started_at is None
    assert "no such file or directory" in replica.error


def test_a_host_port_that_is_taken_is_permanent(world: Harness) -> None:
    holder = world.stranger("holder", port=18080)
    outcome = world.apply(run_action(service(ports=(PortBinding(target=80, published="18080"),))))
    assert outcome.result is Result.PERMANENT
    assert "18080" in outcome.detail
    assert "allocated" in outcome.detail
    assert world.runs(holder)
    assert world.seen("web").phase is Phase.CREATED


# Strangers


def test_a_name_taken_by_a_stranger_is_permanent_and_the_stranger_is_untouched(world: Harness) -> None:
    stranger = world.stranger("fixed")
    outcome = world.apply(run_action(service(container_name="fixed")))
    assert outcome.result is Result.PERMANENT
    assert "fixed" in outcome.detail
    assert "not ours" in outcome.detail
    assert world.runs(stranger)
    assert world.replica("web") is None


def test_strangers_are_seen_with_the_ports_that_they_hold(world: Harness) -> None:
    world.stranger("two", port=18080)
    world.stranger("one")
    seen = world.observe().strangers
    assert [s.name for s in seen] == ["one", "two"]
    assert "0.0.0.0:18080/tcp" in seen[1].ports


def test_a_container_with_our_owner_and_unreadable_labels_is_nobody_s_replica(world: Harness) -> None:
    world.stranger("odd", labels={labels.OWNER: OWNER, labels.SERVICE: "web", labels.SLOT: "one"})
    assert world.observe().replicas == ()
    assert [s.name for s in world.observe().strangers] == ["odd"]


def test_a_stranger_is_never_removed(world: Harness) -> None:
    ours = world.run(service())
    stranger = world.stranger("somebody")
    outcome = world.apply(remove(replace(ours, id=stranger, name="somebody")))
    assert outcome.result is Result.PERMANENT
    assert "not ours" in outcome.detail
    assert world.runs(stranger)


# Starting, stopping, removing


def test_starting_what_runs_is_fine_and_changes_nothing(world: Harness) -> None:
    before = world.run(service())
    outcome = world.apply(start(before))
    assert outcome.ok, outcome.detail
    assert outcome.container_id == before.id
    assert world.seen("web") == before


def test_a_start_in_place_keeps_the_container_and_begins_a_new_run(world: Harness) -> None:
    before = world.ended(service(image=FLAKY, environment=(("LIFETIME", "1"),)))
    outcome = world.apply(start(before))
    after = world.seen("web")
    assert outcome.ok, outcome.detail
    assert after.id == before.id
    assert after.running
    assert after.exit_code is None
    assert outcome.started_at == after.started_at
    assert after.started_at is not None
    assert before.started_at is not None
    assert after.started_at > before.started_at


def test_starting_what_is_gone_is_permanent(world: Harness) -> None:
    replica = world.run(service())
    world.remove(replica.id)
    assert world.apply(start(replica)).result is Result.PERMANENT


def test_a_stopped_replica_has_its_exit_code_and_end(world: Harness) -> None:
    replica = world.run(service(image=WORKER))
    said = world.eventually(lambda: list(world.engine.logs(replica.id, tail=1, follow=False)), 30, "it says a word")
    assert said, "so it has come past the point where it learns what to do with SIGTERM"
    outcome = world.apply(stop(replica))
    after = world.seen("web")
    assert outcome.ok, outcome.detail
    assert after.phase is Phase.EXITED
    assert after.exit_code == 0
    assert after.finished_at is not None
    assert replica.started_at is not None
    assert replica.started_at <= after.finished_at <= world.now() + 1


def test_stopping_what_has_ended_or_is_gone_is_fine(world: Harness) -> None:
    replica = world.run(service())
    assert world.apply(stop(replica)).ok
    ended = world.seen("web")
    assert world.apply(stop(replica)).ok
    assert world.seen("web") == ended
    world.remove(replica.id)
    assert world.apply(stop(replica)).ok


@pytest.mark.parametrize("in_action", [True, False], ids=["the action's", "its own"])
def test_what_ignores_the_signal_is_killed_at_the_end_of_the_grace(world: Harness, in_action: bool) -> None:
    replica = world.run(service(image=STUBBORN, grace_seconds=30.0 if in_action else 1.0))
    asked_at = world.now()
    assert world.apply(stop(replica, 1.0 if in_action else None)).ok
    after = world.seen("web")
    assert after.exit_code == 137
    assert after.finished_at is not None
    assert 0.9 <= after.finished_at - asked_at < 9


def test_a_restart_keeps_the_container_and_begins_a_new_run(world: Harness) -> None:
    before = world.run(service(image=WORKER))
    outcome = world.apply(restart(before))
    after = world.seen("web")
    assert outcome.ok, outcome.detail
    assert after.running
    assert after.id == before.id
    assert after.started_at is not None
    assert before.started_at is not None
    assert after.started_at > before.started_at
    assert outcome.started_at == after.started_at


def test_removing_twice_is_fine(world: Harness) -> None:
    replica = world.run(service())
    assert world.apply(stop(replica)).ok
    assert world.apply(remove(replica)).ok
    assert world.replica("web") is None
    assert not world.exists(replica.id)
    assert world.apply(remove(replica)).ok


def test_what_runs_is_not_removed(world: Harness) -> None:
    replica = world.run(service())
    assert not world.apply(remove(replica)).ok
    assert world.seen("web") == replica


def test_a_removed_name_is_free_again(world: Harness) -> None:
    first = world.run(service())
    world.apply(stop(first))
    world.apply(remove(first))
    assert world.run(service()).id != first.id


def test_a_container_that_was_paused_by_hand_is_seen_so(world: Harness) -> None:
    replica = world.run(service())
    world.pause(replica.id)
    world.eventually(lambda: world.seen("web").phase is Phase.PAUSED, 30, "it is paused")


def test_a_paused_replica_is_not_started_and_can_be_stopped(world: Harness) -> None:
    replica = world.run(service())
    world.pause(replica.id)
    refused = world.apply(start(replica))
    assert refused.result is Result.PERMANENT
    assert "paused" in refused.detail
    assert world.apply(stop(replica)).ok
    assert world.seen("web").exit_code == 0


# Ends


@pytest.mark.parametrize("code", [0, 3])
def test_a_one_shot_ends_with_its_exit_code(world: Harness, code: int) -> None:
    replica = world.ended(service(image=ONESHOT, environment=(("EXIT_CODE", str(code)),)))
    assert replica.exit_code == code
    assert replica.phase is Phase.EXITED
    assert replica.started_at is not None
    assert replica.finished_at is not None
    # the engine notes the start when it gets round to it: a very short run may be told to have ended before it began
    assert replica.finished_at - replica.started_at > -0.5


def test_a_crash_is_seen_with_its_exit_code_and_instant(world: Harness) -> None:
    replica = world.run(service())
    world.crash(replica.id)
    world.eventually(lambda: world.seen("web").ended, 30, "it has ended")
    after = world.seen("web")
    assert after.id == replica.id
    assert after.exit_code == 137
    assert not after.oom_killed
    assert after.finished_at is not None


def test_a_container_removed_by_hand_is_gone(world: Harness) -> None:
    replica = world.run(service())
    world.remove(replica.id)
    world.eventually(lambda: world.replica("web") is None, 30, "it is gone")
