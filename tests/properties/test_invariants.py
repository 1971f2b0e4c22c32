"""The invariants can fail: each is shown a site in which somebody has done what zpmd must never do."""

from __future__ import annotations

import dataclasses

import pytest
from loguru import logger

from zpmd.engines.simulated_container import Box
from zpmd.model.action import RemoveNetwork, RunReplica, StartReplica, StopReplica
from zpmd.model.cause import Cause, Code
from zpmd.model.observed import Replica
from zpmd.simulation import appliances, liveness, schedule
from zpmd.simulation.breach import Violation
from zpmd.simulation.site import Site

CAUSE = Cause(Code.MISSING, "for a test")


@pytest.fixture
def site() -> Site:
    logger.disable("zpmd")
    site = Site(appliances.small())
    site.boot()
    schedule.run_for(site, 60)
    return site


def replica(site: Site, slot: str) -> Replica:
    daemon = site.daemon
    assert daemon is not None
    (found,) = [r for r in daemon.engine.observe(()).replicas if str(r.place) == slot]
    return found


def decide(site: Site, *actions: StopReplica | StartReplica | RunReplica | RemoveNetwork) -> None:
    """As if a pass had decided this."""
    snapshot = site.daemon.board.latest() if site.daemon else None
    assert snapshot is not None
    world = site.daemon.engine.observe(()) if site.daemon else None
    observed = dataclasses.replace(snapshot.observed, world=world)
    plan = dataclasses.replace(snapshot.plan, actions=actions)
    site.invariants.passed(dataclasses.replace(snapshot, plan=plan, observed=observed))


def apply(site: Site, action: StopReplica | RunReplica) -> None:
    assert site.daemon is not None
    site.daemon.workers.submit(action)
    site.begin(action.subject)


def broken(site: Site, rule: str) -> pytest.RaisesExc[Violation]:
    del site
    return pytest.raises(Violation, match=f"^{rule}: ")


def test_two_live_containers_of_one_definition_in_a_slot(site: Site) -> None:
    box = site.running("sla/1")
    assert box is not None
    site.world.put(dataclasses.replace(box, id="other", name="other"))
    with broken(site, "S1"):
        site.invariants.moved()


def test_a_second_one_beside_the_first_though_the_update_is_stop_first(site: Site) -> None:
    sla = site.original.service("sla")
    assert sla is not None
    changed = dataclasses.replace(sla, container=dataclasses.replace(sla.container, command=("other",)))
    with broken(site, "S1"):
        apply(site, RunReplica(service=changed, slot=1, cause=CAUSE))


def test_a_call_that_changes_another_slot(site: Site) -> None:
    wrong = dataclasses.replace(replica(site, "user/1"), slot=2)
    with broken(site, "S2"):
        apply(site, StopReplica(replica=wrong, cause=CAUSE))


def test_a_well_replica_that_is_stopped_for_no_reason(site: Site) -> None:
    with broken(site, "S3"):
        decide(site, StopReplica(replica=replica(site, "user/1"), cause=CAUSE))


def test_a_network_that_is_removed_though_nobody_took_the_appliance_down(site: Site) -> None:
    with broken(site, "S3"):
        decide(site, RemoveNetwork(name="zpmd_net", cause=Cause(Code.DOWN_ASKED, "")))


def test_a_start_before_the_dependency_is_met(site: Site) -> None:
    database = site.running("mongo/1")
    assert database is not None
    for slot in ("user/1", "mongo/1"):
        box = site.running(slot)
        assert box is not None
        site.world.crash(box.id)
    with broken(site, "the order"):
        decide(site, StartReplica(replica=replica(site, "user/1"), cause=CAUSE))


def test_a_group_that_starts_before_the_one_before_it(site: Site) -> None:
    for box in [b for boxes in site.slots().values() for b in boxes if b.running(site.true.now())]:
        site.world.crash(box.id)
    with broken(site, "the order"):
        decide(site, StartReplica(replica=replica(site, "sla/1"), cause=CAUSE))


def test_a_restart_without_its_backoff(site: Site) -> None:
    for seconds in (0.5, 1.5):
        crash(site, "sla/1")
        schedule.run_for(site, seconds)
    crash(site, "sla/1")
    with broken(site, "S10"):
        decide(site, StartReplica(replica=replica(site, "sla/1"), cause=CAUSE, attempt=3))


def crash(site: Site, slot: str) -> Box:
    box = site.running(slot)
    assert box is not None
    site.world.crash(box.id)
    return box


def test_an_action_on_a_subject_that_is_under_way(site: Site) -> None:
    assert site.daemon is not None
    action = StopReplica(replica=replica(site, "sla/1"), cause=CAUSE)
    site.daemon.workers.submit(action)
    site.daemon.workers.submit(action)
    with broken(site, "one action a subject"):
        decide(site)


def test_a_site_that_does_not_come_to_rest(site: Site) -> None:
    crash(site, "sla/1")
    assert site.daemon is not None
    site.daemon.engine.inner.go_away("for ever")
    with broken(site, "liveness"):
        liveness.settle(site, patience_seconds=600)


def test_a_converged_site_that_acts(site: Site) -> None:
    crash(site, "sla/1")
    with broken(site, "liveness"):
        liveness.stay(site)
