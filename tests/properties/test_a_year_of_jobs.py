"""A year of jobs in virtual time, from wake to wake: each due instant has one row, whatever happens."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import pytest
from loguru import logger

from tests.unit.planning.dues import instant, schedule
from zpmd.model.job import CatchUp, Ending, JobPolicy, Run
from zpmd.model.policy import Limits
from zpmd.model.schedule import Due, Mark, Timetable
from zpmd.simulation import appliances, job_truth, moves
from zpmd.simulation import schedule as scheduler
from zpmd.simulation.host import BEGINNING
from zpmd.simulation.site import Site

FOUR = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC")
HOUR, DAY = 3600.0, 86_400.0
YEAR = 365 * DAY
NEVER_SECONDS = 1e9
"""No resync: what a plan does not name as an instant to wake at does not happen."""
TIMETABLES = {"nightly": "15 2 * * *", "sundays": "*/30 2 * * sun", "monthly": "@monthly", "often": "every 100h"}


def a_site(zone: str, catch_up: Mapping[str, CatchUp] = MappingProxyType({})) -> Site:
    """A host whose jobs are all in this zone, and end well after two seconds."""
    logger.disable("zpmd")
    jobs = [
        appliances.a_job(
            name,
            JobPolicy(
                timetable=Timetable(schedules=(schedule(text),), zone=zone),
                catch_up=catch_up.get(name, CatchUp.LATEST),
                keep_succeeded=1,
            ),
        )
        for name, text in TIMETABLES.items()
    ]
    site = Site(appliances.appliance(*jobs), limits=Limits(), resync_seconds=NEVER_SECONDS)
    site.trace.muted = True
    site.boot()
    return site


def truth_of(zone: str, job: str, since: float, until: float) -> list[Due]:
    return job_truth.dues(Timetable(schedules=(schedule(TIMETABLES[job]),), zone=zone), since, until)


def rows_of(site: Site, job: str) -> Mapping[int, Run]:
    return {due: row for (name, due), row in site.job_laws.ever.items() if name == job}


def covered(rows: Mapping[int, Run], dues: list[Due]) -> Counter[str]:
    """How often each due instant has a row, by what became of it: none and two are told as such."""
    found = Counter[str]()
    long = [row for row in rows.values() if row.until is not None]
    for due in dues:
        over = [row for row in long if row.due <= due.at <= (row.until or 0)]
        alone = [rows[int(due.at)]] if int(due.at) in rows and rows[int(due.at)] not in over else []
        word = str((over + alone)[0].ending) if over or alone else ""
        found[word if len(over + alone) == 1 else f"{len(over + alone)} rows"] += 1
    return found


@pytest.mark.parametrize("zone", FOUR)
def test_in_a_year_each_due_instant_has_one_row_and_one_run(zone: str) -> None:
    site = a_site(zone)
    scheduler.run_for(site, YEAR)
    for job in TIMETABLES:
        dues = truth_of(zone, job, BEGINNING, BEGINNING + YEAR)
        rows = rows_of(site, job)
        assert {int(due.at) for due in dues} == rows.keys()
        repeated = sum(due.mark is Mark.REPEATED for due in dues)
        expected = {str(Ending.OK): len(dues) - repeated} | ({str(Ending.REPEATED): repeated} if repeated else {})
        assert covered(rows, dues) == expected
        assert all(rows[int(due.at)].instead_of == due.instead_of for due in dues)
    assert sum(site.job_laws.history.starts.values()) == site.counts["runs begun"]
    changed = {due.mark for due in truth_of(zone, "nightly", BEGINNING, BEGINNING + YEAR)}
    assert changed == ({Mark.ORDINARY} if zone == "UTC" else changed | {Mark.MOVED})


@pytest.mark.parametrize("zone", FOUR)
def test_zpmd_is_down_over_any_window(zone: str) -> None:
    """Of an hour, nights, or half a year, also over both changes of the clock."""
    catch_up = {"nightly": CatchUp.LATEST, "sundays": CatchUp.ALL, "often": CatchUp.NONE}
    site, chance = a_site(zone, catch_up), random.Random(zone)
    while site.true.now() < BEGINNING + YEAR:
        scheduler.run_for(site, chance.choice((HOUR, DAY, 9 * DAY)) * chance.random())
        site.kill("for a while")
        site.true.advance(chance.choice((HOUR, 3 * DAY, 30 * DAY, 150 * DAY)) * chance.random())
        site.boot()
    scheduler.run_for(site, HOUR)
    caught = Counter(job for (job, _), row in site.job_laws.ever.items() if row.caught_up)
    for job in TIMETABLES:
        found = covered(rows_of(site, job), truth_of(zone, job, BEGINNING, site.clock.now()))
        assert found[""] == 0
        assert [word for word in found if word.endswith("rows")] == []
        assert (caught[job] > 0) is (catch_up.get(job) is not CatchUp.NONE)
        assert (found[Ending.MISSED_DOWN] > 0) is (job != "sundays")


@pytest.mark.parametrize("jump", [HOUR, DAY, -HOUR, -DAY])
@pytest.mark.parametrize("zone", FOUR)
def test_the_clock_jumps_and_no_due_instant_is_silent_or_runs_twice(zone: str, jump: float) -> None:
    """At each hour of a day around a change of the clock, and back two days later."""
    change = instant("2024-03-10 00:00" if zone == "America/New_York" else "2024-03-31 00:00", "UTC")
    change = instant("2024-04-06 12:00", "UTC") if zone == "Australia/Lord_Howe" else change
    for hour in (0, 11, 22):
        site = a_site(zone)
        moves.perform(site, f"clock {change - BEGINNING - DAY + hour * HOUR:.0f}")
        began = site.clock.now()
        scheduler.run_for(site, DAY)
        moves.perform(site, f"clock {jump:.0f}")
        scheduler.run_for(site, 2 * DAY)
        moves.perform(site, f"clock {-jump:.0f}")
        scheduler.run_for(site, 2 * DAY)
        assert max(site.job_laws.history.starts.values()) == 1
        for job in TIMETABLES:
            found = covered(rows_of(site, job), truth_of(zone, job, began, site.clock.now()))
            assert found[""] == 0
            assert [word for word in found if word.endswith("rows")] == []


def in_crowds(site: Site, seconds: float) -> None:
    """So long time goes by in which workers begin all that waits for them at once, and all that ends at an instant is
    told in one pass."""
    until, daemon = site.true.now() + seconds, site.daemon
    assert daemon is not None
    while site.true.now() < until:
        for subject in list(daemon.workers.waiting):
            site.begin(subject)
        for subject in daemon.workers.over():
            site.hand_over(subject)
        if site.pass_is_due:
            site.make_pass()
        elif not daemon.workers.waiting:
            site.true.advance_to(min(until, site.next_instant() or until))
        site.invariants.moved()


def test_a_thousand_jobs_due_in_one_second_all_run_ten_at_a_time() -> None:
    logger.disable("zpmd")
    table = Timetable(schedules=(schedule("0 0 * * *"),))
    one = appliances.a_job("one", JobPolicy(timetable=table, keep_succeeded=0))
    jobs = [replace(one, name=f"j{n}") for n in range(1000)]
    site = Site(appliances.appliance(*jobs), limits=Limits(runs_at_once=10), resync_seconds=NEVER_SECONDS)
    site.trace.muted = True
    site.boot()
    in_crowds(site, 1.5 * HOUR)
    assert len(site.job_laws.ever) == 0
    in_crowds(site, 0.6 * HOUR)
    rows = list(site.job_laws.ever.values())
    assert Counter(row.job for row in rows) == Counter({f"j{n}": 1 for n in range(1000)})
    assert Counter(row.ending for row in rows) == {Ending.OK: 1000}
    assert site.counts["most runs at once"] == 10
    assert len(site.job_laws.history.starts) == 1000
