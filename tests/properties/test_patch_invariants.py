"""The laws of patches can fail: each is shown a ledger in which somebody has written what zpmd must never write."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from zpmd.model.action import Action, MovePatch, StopReplica
from zpmd.model.cause import Cause, Code
from zpmd.model.patch import Patch, Stage, Step
from zpmd.simulation import appliances, liveness, moves, schedule
from zpmd.simulation.breach import Violation
from zpmd.simulation.site import Site

CAUSE = Cause(Code.PATCH_STEP, "for a test")
Forge = Callable[[Patch], Patch]


@pytest.fixture
def site() -> Site:
    """One patch is applied, a second has come as far as it can without a pass."""
    site = Site(appliances.small())
    site.boot()
    schedule.run_for(site, 60)
    moves.perform(site, "patch drop hotfix-1 user,sla good")
    schedule.run_for(site, 60)
    return site


def row(site: Site, number: int = 1) -> Patch:
    return next(row for row in site.ledger if row.number == number)


def written(site: Site, forged: Patch) -> None:
    assert site.daemon is not None
    site.daemon.store.keep_patch(forged)
    site.invariants.moved()


def decided(site: Site, *actions: Action, rows: tuple[Patch, ...] | None = None) -> None:
    """As if a pass that knew these rows had decided this."""
    snapshot = site.daemon.board.latest() if site.daemon else None
    assert snapshot is not None
    world = site.daemon.engine.observe(()) if site.daemon else None
    memory = snapshot.memory if rows is None else dataclasses.replace(snapshot.memory, patches=rows)
    plan = dataclasses.replace(snapshot.plan, actions=actions)
    observed = dataclasses.replace(snapshot.observed, world=world)
    site.invariants.passed(dataclasses.replace(snapshot, plan=plan, observed=observed, memory=memory))


def broken(words: str) -> pytest.RaisesExc[Violation]:
    return pytest.raises(Violation, match=f"^patches: .*{words}")


def at(stage: Stage) -> Forge:
    return lambda found: dataclasses.replace(found, stage=stage, times=(*found.times, (stage, found.times[-1][1])))


FORGED: dict[str, tuple[Forge, str]] = {
    "it goes back from applied, and nobody asked": (at(Stage.ROLLING_BACK), "nobody asked"),
    "it goes where no edge leads": (at(Stage.VERIFIED), "from applied to verified"),
    "it is switched twice": (at(Stage.SWITCHED), "switched twice"),
    "it changes something else": (lambda found: dataclasses.replace(found, moves=found.moves[:1]), "something else"),
    "it has another past": (lambda found: dataclasses.replace(found, times=found.times[1:]), "another past"),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_row_that_went_another_way(site: Site, name: str) -> None:
    forge, words = FORGED[name]
    with broken(words):
        written(site, forge(row(site)))


def test_one_patch_that_is_applied_twice(site: Site) -> None:
    moves.perform(site, "patch again hotfix-1")
    schedule.run_for(site, 10)
    with broken("is applied twice"):
        written(site, dataclasses.replace(row(site, 2), moves=row(site).moves))


def test_one_that_is_applied_before_everything_runs_it(site: Site) -> None:
    box = site.running("sla/1")
    assert box is not None
    site.world.crash(box.id)
    rolling = dataclasses.replace(row(site), stage=Stage.ROLLING)
    with broken("sla, which was well before, is not"):
        decided(site, MovePatch(patch=row(site), cause=CAUSE), rows=(rolling,))


def test_one_that_has_gone_back_while_something_of_it_runs(site: Site) -> None:
    back = dataclasses.replace(row(site), stage=Stage.ROLLING_BACK, asked="ann")
    with broken("is reverted, and .* of another definition"):
        decided(site, MovePatch(patch=dataclasses.replace(back, stage=Stage.REVERTED), cause=CAUSE), rows=(back,))


def test_one_that_says_it_could_not_go_back_though_all_is_well(site: Site) -> None:
    moves.perform(site, "patch revert hotfix-1")
    schedule.run_for(site, 60)
    back = dataclasses.replace(row(site), stage=Stage.ROLLING_BACK)
    failed = dataclasses.replace(back, stage=Stage.ROLLBACK_FAILED)
    with broken("all is well and as before"):
        decided(site, MovePatch(patch=failed, cause=CAUSE), rows=(back,))


@pytest.mark.parametrize(
    ("stage", "id", "words"),
    [(Stage.ROLLING, "hotfix-2", "while hotfix-2"), (Stage.LOADED, "hotfix-0", "before hotfix-0")],
)
def test_one_that_does_not_wait_for_another_on_its_service(site: Site, stage: Stage, id: str, words: str) -> None:
    mine = dataclasses.replace(row(site), stage=Stage.LOADED)
    other = dataclasses.replace(row(site), number=2, id=id, stage=stage)
    with broken(words):
        decided(site, MovePatch(patch=dataclasses.replace(mine, stage=Stage.SWITCHED), cause=CAUSE), rows=(mine, other))


def test_a_step_before_those_of_earlier_groups(site: Site) -> None:
    mine = dataclasses.replace(row(site), stage=Stage.SWITCHED, steps=())
    step = Step(service="sla", at=0.0, generation=9)
    with broken("moves sla before user"):
        decided(
            site,
            MovePatch(patch=dataclasses.replace(mine, stage=Stage.ROLLING, steps=(step,)), cause=CAUSE),
            rows=(mine,),
        )


def test_what_is_done_in_its_name_to_a_service_that_it_does_not_name(site: Site) -> None:
    box = site.running("mongo/1")
    assert box is not None
    assert site.daemon is not None
    site.world.sicken(box.id)
    site.true.advance(5)
    (replica,) = [r for r in site.daemon.engine.observe(()).replicas if r.service == "mongo"]
    with broken("does not name it"):
        decided(site, StopReplica(replica=replica, cause=Cause(Code.PATCH, "patch hotfix-1 asks for a restart")))


def test_a_forged_patch_that_is_applied(site: Site) -> None:
    site.patch_laws.forged.add(row(site).name)
    with broken("is forged"):
        written(site, dataclasses.replace(row(site), reason="x"))


def test_a_patch_that_never_ends(site: Site) -> None:
    assert site.daemon is not None
    number = site.daemon.store.begin_patch(dataclasses.replace(row(site), id="other", name="other", moves=()))
    site.daemon.store.keep_patch(dataclasses.replace(row(site, number), stage=Stage.SEEN))
    with pytest.raises(Violation, match="patch other is seen"):
        liveness.settle(site, patience_seconds=600)
