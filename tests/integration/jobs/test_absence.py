"""zpmd is killed in the midst of runs, and away while others are due: nothing is lost, nothing is done twice."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.integration.jobs.site import EVERY_SECONDS, NEVER, OFTEN, Jobs, Row, site
from tests.lab.engine import LabEngine
from tests.lab.eventually import eventually

MISSED = 2
"""How many instants are due while zpmd is away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """A zpmd that was killed at one instant, and is back since another. `short` and `long` are runs that were going on
    when it was killed: the first ended without it."""

    jobs: Jobs
    killed_at: float
    back_at: float
    short: int
    long: int

    def missed(self, job: str) -> list[Row]:
        """Its rows of what was due while nobody looked, all of which have ended."""

        def found() -> list[Row]:
            rows = [row for row in self.jobs.rows(job) if self.killed_at < row["due_at"] <= self.back_at]
            return rows if len(rows) >= MISSED and all(row["step"] == "ended" for row in rows) else []

        return eventually(found, 30, f"the end of what {job} has missed", 0.2)


@pytest.fixture(scope="module")
def absence(
    lab_engine: LabEngine, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Absence]:
    with site(lab_engine, tmp_path_factory.mktemp("absence"), request) as jobs:
        for word in ("none", "latest", "all"):
            jobs.declare(word, {**OFTEN, "catch_up": word}, DURATION=1)
        jobs.declare("late", {**OFTEN, "catch_up": "all", "deadline": "5s"})
        jobs.declare("short", NEVER, DURATION=8, EXIT_CODE=3)
        jobs.declare("long", NEVER, DURATION=35)
        jobs.daemon.start()
        short, long = jobs.run("short"), jobs.run("long")
        for job, due in (("short", short), ("long", long)):
            jobs.running(job, due)
        jobs.daemon.kill()
        killed_at = time.time()
        away_until = (int(killed_at) // EVERY_SECONDS + MISSED) * EVERY_SECONDS + 1
        eventually(lambda: time.time() >= away_until, 3 * EVERY_SECONDS, "enough instants to be due", 0.1)
        back_at = time.time()
        jobs.daemon.start()
        yield Absence(jobs=jobs, killed_at=killed_at, back_at=back_at, short=short, long=long)


def test_a_run_that_ended_while_zpmd_was_away_is_told_as_the_engine_has_it(absence: Absence) -> None:
    row = absence.jobs.ended("short", absence.short)
    assert (row["ending"], row["exit_code"], row["tries"]) == ("failed", 3, 1)
    assert 7.9 <= row["lasted_seconds"] < 8 + EVERY_SECONDS
    assert absence.killed_at < row["finished_at"] < absence.back_at
    assert "ends with 3" in absence.jobs.story("short", absence.short)["log_tail"][-1]


def test_a_run_that_goes_on_over_a_kill_of_zpmd_is_followed_to_its_end(absence: Absence) -> None:
    row = absence.jobs.ended("long", absence.long, 60)
    assert (row["ending"], row["exit_code"], row["tries"]) == ("ok", 0, 1)
    assert row["started_at"] < absence.killed_at
    assert row["finished_at"] > absence.back_at
    assert absence.jobs.made("long", absence.long) == [row["container_id"]]


def test_nothing_is_made_up_for_where_that_is_not_wanted(absence: Absence) -> None:
    rows = absence.missed("none")
    assert [row["ending"] for row in rows] == ["missed-down"] * len(rows)
    assert all(absence.jobs.boxes("none", row["due_at"]) == [] for row in rows)


def test_the_latest_of_what_was_missed_is_made_up_for(absence: Absence) -> None:
    *before, last = absence.missed("latest")
    assert [row["ending"] for row in before] == ["missed-down"] * len(before)
    assert (last["ending"], last["caught_up"]) == ("ok", True)
    assert last["started_at"] >= absence.back_at


def test_all_that_was_missed_is_made_up_for_one_after_the_other(absence: Absence) -> None:
    rows = absence.missed("all")
    assert [(row["ending"], row["caught_up"]) for row in rows] == [("ok", True)] * len(rows)
    assert all(a["finished_at"] <= b["started_at"] for a, b in itertools.pairwise(rows))


def test_what_was_missed_for_longer_than_its_deadline_is_not_made_up_for(absence: Absence) -> None:
    first, *_ = absence.missed("late")
    assert first["ending"] == "missed-down"
    assert "its deadline of 5 s is over" in first["reason"]


def test_no_instant_of_the_absence_is_silent_and_what_is_due_after_it_runs_as_ever(absence: Absence) -> None:
    for job in ("none", "latest", "all", "late"):
        absence.jobs.first(job, "ok", after=int(absence.back_at))
        rows = absence.jobs.rows(job)
        assert {b["due_at"] - a["due_at"] for a, b in itertools.pairwise(rows)} == {EVERY_SECONDS}, job
        assert rows[0]["due_at"] <= absence.killed_at + EVERY_SECONDS
