"""The laws of jobs can fail: each is shown a ledger, or a host, in which somebody has done what zpmd must never do."""

from __future__ import annotations

import dataclasses

import pytest
from loguru import logger

from tests.properties.test_invariants import CAUSE, apply, replica
from zpmd.model.action import RemoveReplica, RestartReplica, RunReplica, StopReplica
from zpmd.model.job import CatchUp, Ending, Mark, Run, RunsKept, Step
from zpmd.model.service import ServiceData
from zpmd.simulation import appliances, moves, schedule
from zpmd.simulation.breach import Violation
from zpmd.simulation.host import BEGINNING
from zpmd.simulation.site import Site
from zpmd.simulation.truth import Truth

FIRST = int(BEGINNING) + 100
"""When the report is due first; then every five minutes."""


@pytest.fixture
def site() -> Site:
    """The report has run once, and a run of the other job goes on, which somebody has asked for."""
    logger.disable("zpmd")
    site = Site(appliances.jobs())
    site.boot()
    schedule.run_for(site, 110)
    moves.perform(site, "job run tidy")
    schedule.run_for(site, 10)
    (due,) = [due for (job, due), row in site.job_laws.rows.items() if job == "tidy" and row.step is Step.RUNNING]
    assert due == BEGINNING + 110
    return site


def report(site: Site) -> Run:
    return site.job_laws.rows[("report", FIRST)]


def going(site: Site) -> Run:
    return site.job_laws.rows[("tidy", int(BEGINNING) + 110)]


def keep(site: Site, *rows: Run, **marks: float) -> None:
    """Somebody writes this into the ledger."""
    assert site.daemon is not None
    changed = {job: dataclasses.replace(site.learned.marks[job], until=until) for job, until in marks.items()}
    site.daemon.store.keep_runs(RunsKept(rows=rows, marks=changed))


def look(site: Site, **changed: object) -> None:
    """As if a pass had come to its end."""
    snapshot = site.daemon.board.latest() if site.daemon else None
    assert snapshot is not None
    at = site.clock.now()
    site.job_laws.passed(Truth.of(site), dataclasses.replace(snapshot, at=at, **changed))  # type: ignore[arg-type]


def decided(site: Site, action: StopReplica | RestartReplica | RemoveReplica) -> None:
    """As if a pass had decided this, and the planner's own checks had found nothing wrong with it."""
    site.job_laws.history.justified(Truth.of(site), action)


def broken(words: str) -> pytest.RaisesExc[Violation]:
    return pytest.raises(Violation, match=f"^jobs: .*{words}")


def declared(site: Site, job: str, **policy: object) -> ServiceData:
    found = site.source.desired.service(job)
    assert found is not None
    assert found.job is not None
    return dataclasses.replace(found, job=dataclasses.replace(found.job, **policy))  # type: ignore[arg-type]


# --- of the ledger ----------------------------------------------------------------------------------------------------


def test_a_due_instant_that_is_silent(site: Site) -> None:
    site.true.advance(400)
    with broken("and there is no row"):
        look(site)


def test_rows_that_are_complete_up_to_an_instant_and_are_not(site: Site) -> None:
    site.true.advance(400)
    keep(site, report=site.clock.now())
    with broken("and there is no row"):
        look(site)


def test_a_row_of_an_instant_that_was_none(site: Site) -> None:
    keep(site, Run(job="report", due=FIRST + 7))
    with broken("was not due"):
        look(site)


def test_two_rows_of_one_instant(site: Site) -> None:
    over = Run(job="report", due=FIRST - 300, until=FIRST, count=2, step=Step.ENDED, ending=Ending.MISSED_DOWN)
    keep(site, over, report=FIRST + 0.5)
    site.job_laws.moved()
    policy = declared(site, "report").job
    assert policy is not None
    with broken("two rows"):
        site.job_laws._each_once(policy, "report", ())


def test_a_row_that_goes_back(site: Site) -> None:
    keep(site, dataclasses.replace(going(site), step=Step.WAITING))
    with broken("goes back"):
        site.job_laws.moved()


def test_a_row_that_has_ended_and_ends_otherwise(site: Site) -> None:
    keep(site, dataclasses.replace(report(site), ending=Ending.FAILED))
    with broken("that has ended is another one"):
        site.job_laws.moved()


def test_a_row_that_goes(site: Site) -> None:
    site.job_laws.rows[("report", FIRST - 300)] = dataclasses.replace(report(site), due=FIRST - 300)
    site.job_laws.stale = True
    with broken("a row has gone"):
        site.job_laws.moved()


def test_a_success_whose_container_has_failed(site: Site) -> None:
    site.world.crash(going(site).container_id, 3)
    site.job_laws.moved()
    keep(site, dataclasses.replace(going(site), step=Step.ENDED, ending=Ending.OK, exit_code=0))
    with broken("its container ended with 3"):
        look(site)


def test_a_success_whose_container_goes_on(site: Site) -> None:
    keep(site, dataclasses.replace(going(site), step=Step.ENDED, ending=Ending.OK, exit_code=0))
    with broken("its container runs"):
        look(site)


def test_one_that_has_vanished_and_is_there(site: Site) -> None:
    keep(site, dataclasses.replace(going(site), step=Step.ENDED, ending=Ending.VANISHED))
    with broken("its container is there"):
        look(site)


def test_one_that_could_not_be_started_and_was(site: Site) -> None:
    keep(site, dataclasses.replace(going(site), step=Step.ENDED, ending=Ending.FAILED_START))
    with broken("it was started"):
        look(site)


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        (Ending.MISSED_DOWN, "somebody looked"),
        (Ending.SKIPPED_OVERLAP, "overlaps with nothing"),
        (Ending.HELD, "nobody holds it"),
        (Ending.SUSPENDED, "nobody has suspended it"),
        (Ending.TOO_LATE, "not too late"),
        (Ending.REPLACED, "nothing replaces it"),
        (Ending.REPEATED, "its due instant is ordinary"),
    ],
)
def test_an_ending_that_has_no_reason(site: Site, ending: Ending, words: str) -> None:
    schedule.run_for(site, 200)
    site.true.advance(85)
    keep(site, Run(job="report", due=FIRST + 300, step=Step.ENDED, ending=ending), report=FIRST + 300)
    with broken(words):
        look(site)


def test_one_that_goes_on_its_way_although_it_is_held(site: Site) -> None:
    moves.perform(site, "hold report 600")
    schedule.run_for(site, 200)
    site.true.advance(85)
    keep(site, Run(job="report", due=FIRST + 300), report=FIRST + 300)
    with broken("people do not want it"):
        look(site)


def test_one_that_begins_beside_another(site: Site) -> None:
    keep(site, Run(job="tidy", due=int(site.clock.now()), step=Step.STARTING, tries=1, asked="ann"))
    with broken("begins beside another"):
        look(site)


def test_one_that_begins_after_its_deadline(site: Site) -> None:
    late = declared(site, "report", deadline_seconds=5.0)
    row = Run(job="report", due=FIRST + 300, step=Step.STARTING, tries=1)
    with broken("after its deadline"):
        site.job_laws._begins(late.job, row, FIRST + 306.0)


def test_a_job_that_owes_nothing_any_more_for_no_reason(site: Site) -> None:
    assert site.daemon is not None
    site.daemon.store.keep_runs(RunsKept(marks={"report": Mark("another", site.clock.now())}))
    with broken("owes nothing any more"):
        look(site)


# --- of the containers ------------------------------------------------------------------------------------------------


def a_run(site: Site, **changed: object) -> RunReplica:
    row = going(site)
    service = declared(site, "tidy")
    fields: dict[str, object] = {"slot": row.due, "due": row.due, "attempt": 1, **changed}
    return RunReplica(service=service, cause=CAUSE, **fields)  # type: ignore[arg-type]


def test_two_containers_of_one_try(site: Site) -> None:
    box = site.world.boxes[going(site).container_id]
    site.world.put(dataclasses.replace(box, id="other", name="other"))
    with broken("two containers of tidy"):
        site.job_laws.moved()


def test_a_run_that_is_begun_again(site: Site) -> None:
    site.world.remove_by_hand(going(site).container_id)
    with broken("is begun again"):
        apply(site, a_run(site))


def test_a_container_without_its_row(site: Site) -> None:
    due = going(site).due + 1
    with broken("on the disk its row is None"):
        apply(site, a_run(site, slot=due, due=due))


def test_a_try_beside_the_one_before_it(site: Site) -> None:
    keep(site, dataclasses.replace(going(site), step=Step.STARTING, tries=2))
    with broken("there are to be 0 retries"):
        apply(site, a_run(site, attempt=2))


def test_more_runs_than_the_host_is_to_carry(site: Site) -> None:
    site.limits = dataclasses.replace(site.limits, runs_at_once=0)
    with broken("1 runs go on, 0 are allowed"):
        site.job_laws.moved()


def test_a_run_that_is_stopped_for_no_reason(site: Site) -> None:
    found = replica(site, str(going(site).job) + f"/{going(site).due}")
    with broken("nothing asks for that"):
        decided(site, StopReplica(replica=found, cause=CAUSE))


def test_a_run_that_is_restarted(site: Site) -> None:
    found = replica(site, f"tidy/{going(site).due}")
    with broken("a run is not restarted"):
        decided(site, RestartReplica(replica=found, cause=CAUSE))


def test_a_run_that_is_removed_as_it_goes_on(site: Site) -> None:
    found = replica(site, f"tidy/{going(site).due}")
    with broken("would remove a run that goes on"):
        decided(site, RemoveReplica(replica=found, cause=CAUSE))


def test_a_container_that_goes_before_it_was_heard(site: Site) -> None:
    site.world.crash(going(site).container_id, 1)
    found = replica(site, f"tidy/{going(site).due}")
    with broken("what it said was not kept"):
        decided(site, RemoveReplica(replica=found, cause=CAUSE))


def test_what_is_made_up_for_is_told_from_what_was_missed(site: Site) -> None:
    policy = declared(site, "report", catch_up=CatchUp.LATEST, deadline_seconds=1000.0).job
    assert policy is not None
    missed = [Run(job="report", due=due, step=Step.ENDED, ending=Ending.MISSED_DOWN) for due in (100, 400)]
    site.job_laws._caught_up(policy, [*missed, Run(job="report", due=700, caught_up=True)], 800.0)
    with broken("0 missed|are made up for"):
        site.job_laws._caught_up(policy, [*missed], 800.0)
    with broken("are made up for"):
        site.job_laws._caught_up(policy, [Run(job="report", due=700, caught_up=True)], 1701.0)
