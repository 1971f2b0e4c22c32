"""The one line of `systemctl status`: from the simulated world where it comes up, by hand where it is rare."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.unit.daemon.given import job
from zpmd.daemon.statusline import WIDTH, summary
from zpmd.model.cause import Cause, Code
from zpmd.model.events import Snapshot, SourceState, Unwritable
from zpmd.model.memory import Memory
from zpmd.model.observed import Observed
from zpmd.model.patch import Patch, Stage, Step
from zpmd.model.plan import Plan, Standing, State, Waiting
from zpmd.model.service import Desired, Group
from zpmd.simulation import moves
from zpmd.simulation.session import site_named

NOW = 1_700_000_000.0


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def lines(appliance: str, *script: str) -> list[str]:
    """What systemd was told one after the other."""
    site, told = site_named(appliance), list[str]()
    make_pass = site.make_pass

    def listen() -> Snapshot | None:
        snapshot = make_pass()
        if snapshot is not None and (line := summary(snapshot)) != (told[-1] if told else ""):
            told.append(line)
        return snapshot

    site.make_pass = listen  # type: ignore[method-assign]
    site.boot()
    for line in script:
        moves.perform(site, line)
    return told


def standing(name: str, state: State = State.RUNNING, group: Group = Group.CORE, **fields: int) -> Standing:
    ready = int(state in (State.RUNNING, State.STOPPED))
    return Standing(service=name, group=group, state=state, **({"ready": ready, "desired": 1} | fields))


def wait(service: str, *on: str, code: Code = Code.DEPENDENCY) -> Waiting:
    return Waiting(subject=f"{service}/1", service=service, cause=Cause(code, "waits", on))


@pytest.fixture
def calm() -> Snapshot:
    """A snapshot of a real pass; tests change what they speak of."""
    site = site_named("one")
    site.boot()
    moves.perform(site, "run 60")
    assert site.daemon is not None
    snapshot = site.daemon.board.latest()
    assert snapshot is not None
    return replace(snapshot, at=NOW)


def of(calm: Snapshot, *standings: Standing, waiting: tuple[Waiting, ...] = (), **fields: object) -> str:
    plan = Plan(standings=standings, waiting=waiting)
    return summary(replace(calm, plan=plan, **fields))  # type: ignore[arg-type]


def test_a_cold_start_goes_group_by_group() -> None:
    assert lines("small", "run 60") == [
        "system 0/2 ready; waiting for mongo",
        "system 1/2 ready; waiting for schema",
        "core 0/1 ready; waiting for user",
        "batch 0/1 ready; waiting for sla",
        "4 services are up",
    ]


def test_an_engine_that_is_away_is_said_with_its_instant() -> None:
    told = lines("small", "run 60", "engine-away refused", "run 3600", "engine-back", "run 10")
    assert told[-2:] == [
        "engine unknown since 22:14: connection refused; containers go on",
        "4 services are up",
    ]


def test_a_removal_that_is_held_stands_beside_what_is_up() -> None:
    told = lines("many", "run 60", "empty", "run 60")
    assert told[-1] == "10 services are up; held: the removal of 10 services (`zpmctl approve`)"


def test_the_root_is_named_and_not_the_many_that_wait_for_it(calm: Snapshot) -> None:
    standings = [standing("mongo_metadb", State.CRASH_LOOP, Group.SYSTEM)]
    standings += [standing(f"up{n}") for n in range(12)]
    standings += [standing(f"late{n}", State.WAITING) for n in range(6)]
    waiting = (
        *(wait(f"late{n}", "late0") for n in range(1, 6)),
        wait("late0", "mongo_metadb"),
    )
    assert of(calm, *standings, waiting=waiting) == "core 12/18 ready; waiting for mongo_metadb (crash-loop)"


def test_a_ring_of_waiting_and_one_that_is_not_declared_are_told_too(calm: Snapshot) -> None:
    ring = (wait("a", "b"), wait("b", "a"))
    rising = (standing("a", State.WAITING), standing("b", State.WAITING))
    assert of(calm, *rising, waiting=ring) == "core 0/2 ready; waiting for a, b"
    alone = of(calm, standing("a", State.WAITING), waiting=(wait("a", "nobody"),))
    assert alone == "core 0/1 ready; waiting for nobody (not declared)"


@pytest.mark.parametrize(
    ("standings", "line"),
    [
        ((), "0 services are up"),
        ((standing("web"),), "1 service is up"),
        ((standing("web"), standing("sla", State.STOPPED, desired=0)), "2 services are up"),
        ((standing("web", State.UPDATING, ready=1),), "1 service is up"),
        ((standing("web"), standing("kafka", State.CRASH_LOOP)), "1 of 2 services are up; look at kafka (crash-loop)"),
        ((standing("web", State.ROLLED_BACK, ready=1),), "1 service is up; look at web (rolled-back)"),
        ((standing("web"), standing("sla", State.HELD)), "1 of 2 services are up"),
        (
            tuple(standing(f"s{n}", State.STARTING) for n in range(9)),
            "core 0/9 ready; waiting for s0, s1, s2 and 6 more",
        ),
    ],
)
def test_what_is_up_and_what_wants_a_look(calm: Snapshot, standings: tuple[Standing, ...], line: str) -> None:
    assert of(calm, *standings) == line


def test_what_is_degraded_says_since_when(calm: Snapshot) -> None:
    sources = (
        SourceState(name="files", ok=False, at=NOW, since=NOW - 60),
        SourceState(name="mongodb", ok=False, at=NOW, since=NOW - 90_000, away="does not answer"),
    )
    unwritable = Unwritable(since=NOW - 120, error="disk full", lost=3)
    assert of(calm, standing("web"), sources=sources, unwritable=unwritable) == (
        "1 service is up; store cannot be written since 22:11; files wrong since 22:12; mongodb away since Nov 13 21:13"
    )


def patch(stage: Stage, **fields: object) -> Memory:
    steps = tuple(Step(service=name, at=NOW, generation=1) for name in ("web", "sla", "user"))
    first = replace(steps[0], done_at=NOW, back_at=NOW)
    row = Patch(number=1, name="p.patch.yaml", stage=stage, id="hotfix-1042", steps=(first, *steps[1:]))
    return Memory(patches=(replace(row, **fields),))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("memory", "line"),
    [
        (patch(Stage.VERIFIED), "1 service is up; patch hotfix-1042: verified"),
        (patch(Stage.ROLLING), "1 service is up; patch hotfix-1042: 1/3 services"),
        (patch(Stage.ROLLING_BACK), "1 service is up; patch hotfix-1042 goes back: 1/3 services"),
        (patch(Stage.APPLIED), "1 service is up"),
        (patch(Stage.APPLIED, asked="root"), "1 service is up; patch hotfix-1042 goes back: 1/3 services"),
        (patch(Stage.ROLLBACK_FAILED), "1 service is up"),
    ],
)
def test_patches_under_way(calm: Snapshot, memory: Memory, line: str) -> None:
    assert of(calm, standing("web"), memory=memory) == line


def test_a_patch_that_could_not_go_back_comes_first_while_its_services_are_not_well(calm: Snapshot) -> None:
    told = of(calm, standing("web", State.CRASH_LOOP), memory=patch(Stage.ROLLBACK_FAILED))
    assert told == "patch hotfix-1042 COULD NOT BE ROLLED BACK; 0 of 1 services are up; look at web (crash-loop)"


def test_it_is_one_line_of_bounded_width_whatever_it_has_to_tell(calm: Snapshot) -> None:
    sources = tuple(SourceState(name=f"source-{n}", ok=False, at=NOW, since=NOW) for n in range(20))
    crowded = of(calm, standing("web"), sources=sources)
    assert len(crowded) <= WIDTH
    assert crowded.endswith("; ...")
    observed = Observed(world=None, error="x" * 500, unknown_since=NOW)
    lost = of(calm, standing("web", State.UNKNOWN), observed=observed, desired=Desired())
    assert len(lost) == WIDTH
    assert lost.startswith("engine unknown since 22:13: xxx")


def test_jobs_are_counted_apart_and_keep_nothing_from_being_up(calm: Snapshot) -> None:
    declared = Desired(services=(job("report"), job("backup")))
    waits = standing("report", State.WAITING, ready=0, desired=1)
    told = of(calm, standing("web"), waits, standing("backup", State.SCHEDULED, desired=0), desired=declared)
    assert told == "1 service is up, 2 jobs"
    assert of(calm, waits, desired=Desired(services=(job("report"),))) == "0 services are up, 1 job"


def test_a_job_whose_last_run_went_wrong_is_named(calm: Snapshot) -> None:
    failed = standing("report", State.FAILED, desired=0)
    told = of(calm, standing("web"), failed, desired=Desired(services=(job("report"),)))
    assert told == "1 service is up, 1 job; look at report (failed)"


def test_a_group_that_comes_up_is_counted_without_its_jobs(calm: Snapshot) -> None:
    rising = standing("web", State.STARTING)
    told = of(calm, rising, standing("report", State.SCHEDULED, desired=0), desired=Desired(services=(job("report"),)))
    assert told == "core 0/1 ready; waiting for web"
