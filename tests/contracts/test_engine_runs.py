"""The contract of `ports.Engine`, third part: runs of jobs. A run is made once, and never started again."""

from __future__ import annotations

from dataclasses import replace

from tests.contracts.harness import (
    ABSENT,
    CAUSE,
    FLAKY,
    NETWORK,
    ONESHOT,
    OWNER,
    PAUSE,
    PROJECT,
    VOLUME,
    Harness,
    remove,
    service,
    start,
    stop,
)
from zpmd.engines import labels
from zpmd.errors import EngineUnknown
from zpmd.model.action import KeepEvidence, RunReplica
from zpmd.model.container import Mount, MountKind, NetworkAttachment, PortBinding
from zpmd.model.events import Result
from zpmd.model.observed import ContainerLimits, Phase, Replica
from zpmd.model.service import ServiceData
from zpmd.model.spechash import spec_hash

DUE = 1774746000
"""2026-03-29 01:00:00 UTC."""
NAME = f"{PROJECT}-report-20260329T010000Z"
CHANGED = service("report", image=ABSENT, mounts=(Mount(kind=MountKind.VOLUME, source="undeclared", target="/data"),))
"""What a reload may make of a job: its image is not there, and nobody declares its volume."""


def job(image: str = ONESHOT, **container: object) -> ServiceData:
    return service("report", image=image, **container)  # type: ignore[arg-type]


def run_of(data: ServiceData, due: int = DUE, attempt: int = 1) -> RunReplica:
    return RunReplica(service=data, slot=due, due=due, attempt=attempt, cause=CAUSE)


def begun(world: Harness, data: ServiceData, due: int = DUE, attempt: int = 1) -> Replica:
    """A run that has been made and started."""
    outcome = world.apply(run_of(data, due, attempt))
    assert outcome.ok, outcome.detail
    return next(r for r in world.observe().replicas if r.id == outcome.container_id)


def over(world: Harness, data: ServiceData) -> Replica:
    """A run that has come to its end."""
    begun(world, data)
    world.eventually(lambda: world.seen("report", DUE).ended, 30, "the run has ended")
    return world.seen("report", DUE)


def evidence(replica: Replica, failed: bool = False) -> KeepEvidence:
    return KeepEvidence(replica=replica, failed=failed, cause=CAUSE)


# What it is


def test_what_a_run_was_made_for_is_read_back_from_it(world: Harness) -> None:
    data = replace(job(PAUSE), tenant="t-7")
    assert world.apply(replace(run_of(data, attempt=3), revision="patch-9")).ok
    run = world.seen("report", DUE)
    assert (run.service, run.slot, run.due, run.attempt) == ("report", DUE, DUE, 3)
    assert (run.name, run.tenant, run.revision) == (f"{NAME}-3", "t-7", "patch-9")
    assert run.spec == spec_hash(data.container)
    assert run.running


def test_a_replica_of_a_service_is_no_run(world: Harness) -> None:
    assert world.run(service()).due is None


def test_the_tries_of_a_run_and_the_runs_of_a_job_are_containers_of_their_own(world: Harness) -> None:
    made = [begun(world, job(PAUSE), due, attempt) for due, attempt in ((DUE, 1), (DUE, 2), (DUE + 10, 1))]
    assert [(r.due, r.attempt, r.name) for r in made] == [
        (DUE, 1, NAME),
        (DUE, 2, f"{NAME}-2"),
        (DUE + 10, 1, f"{PROJECT}-report-20260329T010010Z"),
    ]
    assert len({r.id for r in made}) == 3
    assert [r.id for r in world.observe().replicas] == [r.id for r in made]


def test_a_container_of_ours_whose_due_instant_cannot_be_read_is_nobody_s_replica(world: Harness) -> None:
    place = {labels.OWNER: OWNER, labels.SERVICE: "report", labels.SLOT: str(DUE)}
    world.stranger("unreadable", labels={**place, labels.DUE: "tomorrow"})
    world.stranger("another", labels={**place, labels.DUE: str(DUE + 10)})
    assert world.observe().replicas == ()


# It is made once


def test_making_a_run_twice_adopts_the_first_also_after_its_service_has_changed(world: Harness) -> None:
    first = begun(world, job(PAUSE))
    for data in (job(PAUSE), job(PAUSE, environment=(("A", "1"),)), CHANGED):
        again = world.apply(run_of(data))
        assert again.ok, again.detail
        assert (again.container_id, again.started_at) == (first.id, first.started_at)
        assert world.observe().replicas == (first,)


def test_a_run_that_has_ended_is_adopted_and_not_started_again(world: Harness) -> None:
    ended = over(world, job())
    for data in (job(), CHANGED):
        again = world.apply(run_of(data))
        assert again.ok, again.detail
        assert (again.container_id, again.started_at) == (ended.id, ended.started_at)
        assert world.observe().replicas == (ended,)


def test_a_run_that_has_ended_since_it_was_seen_is_not_started_again(world: Harness) -> None:
    ended = over(world, job())
    stale = replace(ended, phase=Phase.CREATED, started_at=None, finished_at=None, exit_code=None)
    assert world.apply(start(stale)).ok
    assert world.seen("report", DUE) == ended


def test_a_new_daemon_adopts_the_run_of_the_old_one(world: Harness) -> None:
    first = begun(world, job(PAUSE))
    daemon = world.another()
    assert daemon.observe(()).replicas == (first,)
    outcome = daemon.apply(run_of(CHANGED), print)
    assert (outcome.ok, outcome.container_id) == (True, first.id)


def test_a_name_taken_by_a_stranger_is_permanent_and_the_stranger_is_untouched(world: Harness) -> None:
    stranger = world.stranger(NAME)
    outcome = world.apply(run_of(job()))
    assert outcome.result is Result.PERMANENT
    assert f"{NAME} is taken" in outcome.detail
    assert "not ours" in outcome.detail
    assert world.runs(stranger)
    assert world.replica("report", DUE) is None


def test_a_name_taken_by_something_else_of_ours_is_permanent(world: Harness) -> None:
    other = world.run(service("web", container_name=NAME))
    outcome = world.apply(run_of(job()))
    assert outcome.result is Result.PERMANENT
    assert NAME in outcome.detail
    assert world.observe().replicas == (other,)


# It cannot be made, or not be started


def test_a_run_whose_image_is_not_there_is_permanent_and_leaves_nothing_behind(world: Harness) -> None:
    outcome = world.apply(run_of(job(ABSENT)))
    assert outcome.result is Result.PERMANENT
    assert ABSENT in outcome.detail
    assert world.replica("report", DUE) is None


def test_a_run_whose_start_is_refused_is_there_and_has_not_begun(world: Harness) -> None:
    outcome = world.apply(run_of(job(entrypoint=("/no/such/program",))))
    assert outcome.result is Result.PERMANENT
    run = world.seen("report", DUE)
    assert (run.phase, run.due, run.started_at) == (Phase.CREATED, DUE, None)
    assert "no such file or directory" in run.error


def test_a_run_that_could_not_be_started_is_adopted_and_started_once_it_can_be(world: Harness) -> None:
    holder = world.stranger("holder", port=18080)
    data = job(PAUSE, ports=(PortBinding(target=80, published="18080"),))
    assert world.apply(run_of(data)).result is Result.PERMANENT
    created = world.seen("report", DUE)
    world.remove(holder)
    outcome = world.apply(run_of(CHANGED))
    assert outcome.ok, outcome.detail
    run = world.seen("report", DUE)
    assert (run.id, run.running, run.spec) == (created.id, True, spec_hash(data.container))
    assert outcome.started_at == run.started_at


def test_a_run_that_was_created_is_started_by_a_start(world: Harness) -> None:
    holder = world.stranger("holder", port=18080)
    assert not world.apply(run_of(job(PAUSE, ports=(PortBinding(target=80, published="18080"),)))).ok
    created = world.seen("report", DUE)
    world.remove(holder)
    assert world.apply(start(created)).ok
    assert (world.seen("report", DUE).id, world.seen("report", DUE).running) == (created.id, True)


def test_what_a_run_needs_is_made_where_it_is_gone(world: Harness) -> None:
    mounts = (Mount(kind=MountKind.VOLUME, source=VOLUME.name, target="/data"),)
    assert begun(world, job(PAUSE, mounts=mounts, networks=(NetworkAttachment(network=NETWORK.name),))).running
    seen = world.observe()
    assert seen.own_volumes == {VOLUME.name}
    assert NETWORK.name in seen.own_networks


# It ends


def test_a_run_that_has_ended_keeps_its_exit_code_and_its_times(world: Harness) -> None:
    ended = over(world, job(environment=(("EXIT_CODE", "3"), ("DURATION", "1"))))
    assert (ended.phase, ended.exit_code) == (Phase.EXITED, 3)
    assert ended.started_at is not None
    assert ended.finished_at is not None
    assert 0.9 <= ended.finished_at - ended.started_at < 10
    assert world.another().observe(()).replicas == (ended,)


def test_neither_a_run_that_has_ended_nor_one_that_was_cut_short_is_started_by_the_engine(world: Harness) -> None:
    ended = over(world, job(environment=(("EXIT_CODE", "3"),)))
    cut = begun(world, job(PAUSE), DUE + 10)
    world.engine_dies()
    world.engine_returns()
    world.eventually(lambda: _known(world), 30, "the engine is known again")
    assert world.seen("report", DUE) == ended
    after = world.seen("report", DUE + 10)
    assert (after.id, after.phase, after.started_at) == (cut.id, Phase.EXITED, cut.started_at)
    assert after.finished_at is not None


def _known(world: Harness) -> bool:
    try:
        return bool(world.observe().replicas)
    except EngineUnknown:
        return False


def test_a_run_can_be_stopped_and_then_removed(world: Harness) -> None:
    run = begun(world, job(PAUSE))
    stopped = world.apply(stop(run))
    assert stopped.ok, stopped.detail
    ended = world.seen("report", DUE)
    assert (ended.ended, stopped.finished_at) == (True, ended.finished_at)
    assert world.apply(remove(ended)).ok
    assert world.replica("report", DUE) is None


def test_the_volumes_that_were_made_for_a_run_alone_go_with_it_and_no_other(world: Harness) -> None:
    named = Mount(kind=MountKind.VOLUME, source=VOLUME.name, target="/data")
    mounts = (named, Mount(kind=MountKind.VOLUME, source="", target="/scratch"))
    run, replica = over(world, job(mounts=mounts)), world.run(service(mounts=mounts))
    assert len(world.observe().volumes) == 3
    assert world.apply(stop(replica)).ok
    assert world.apply(remove(replica)).ok
    assert world.apply(remove(run)).ok
    world.eventually(lambda: world.observe().replicas == (), 30, "both are gone")
    left = world.another().observe(()).volumes
    assert VOLUME.name in left
    assert len(left) == 2, "what a service has left in one may be all that there is of it"


# Its evidence


def test_the_evidence_of_a_run_that_ended_well_has_what_it_said(world: Harness) -> None:
    ended = over(world, job())
    outcome = world.apply(evidence(ended))
    assert outcome.ok, outcome.detail
    assert outcome.container_id == ended.id
    dossier = outcome.dossier
    assert dossier is not None
    assert (dossier.service, dossier.slot, dossier.attempt, dossier.exit_code) == ("report", DUE, 1, 0)
    assert "ends with 0" in dossier.log_tail[-1]
    assert world.seen("report", DUE) == ended


def test_the_evidence_of_a_run_that_failed_is_a_whole_dossier(world: Harness) -> None:
    limited = job(FLAKY, environment=(("LIFETIME", "0.2"),), mem_limit_bytes=64 << 20, memswap_limit_bytes=64 << 20)
    ended = over(world, limited)
    dossier = world.apply(evidence(ended, failed=True)).dossier
    assert dossier is not None
    assert (dossier.exit_code, dossier.started_at, dossier.finished_at) == (1, ended.started_at, ended.finished_at)
    assert (dossier.image, dossier.container_id, dossier.spec) == (FLAKY, ended.id, ended.spec)
    assert dossier.limits == ContainerLimits(memory_bytes=64 << 20)
    assert dossier.log_tail != ()


def test_the_evidence_is_that_of_the_try_that_is_asked_for(world: Harness) -> None:
    first = over(world, job(environment=(("EXIT_CODE", "1"),)))
    second = begun(world, job(environment=(("EXIT_CODE", "2"),)), attempt=2)
    world.eventually(lambda: all(r.ended for r in world.observe().replicas), 30, "both tries have ended")
    for replica, code in ((first, 1), (second, 2)):
        dossier = world.apply(evidence(replica, failed=True)).dossier
        assert dossier is not None
        assert (dossier.attempt, dossier.container_id) == (replica.attempt, replica.id)
        assert f"ends with {code}" in dossier.log_tail[-1]


def test_the_evidence_of_what_is_gone_is_permanently_not_to_be_had(world: Harness) -> None:
    ended = over(world, job())
    world.remove(ended.id)
    outcome = world.apply(evidence(ended))
    assert outcome.result is Result.PERMANENT
    assert outcome.dossier is None


def test_the_evidence_is_asked_for_again_where_the_engine_is_away(world: Harness) -> None:
    ended = over(world, job())
    world.engine_dies()
    assert world.apply(evidence(ended)).result is Result.TRANSIENT
    world.engine_returns()
    world.eventually(lambda: world.apply(evidence(ended)).ok, 30, "it can be had again")
