"""The engine is killed in the midst of a run, and comes back: what it has cut short is tried again, and only that."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.integration.jobs.site import EVERY_SECONDS, NEVER, OFTEN, Jobs, site
from tests.lab.engine import LabEngine
from tests.lab.eventually import eventually

CUT_SHORT = """\
entrypoint: [/bin/sh, -c, "echo begins; sleep $${DURATION}; echo ends"]
"""
"""As the first process of a container a shell ignores SIGTERM: the engine kills it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """An engine that was killed at one instant, and is back since another, with these runs going on."""

    jobs: Jobs
    killed_at: float
    back_at: float
    retried: int
    single: int


@pytest.fixture(scope="module")
def gap(
    lab_engine: LabEngine, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Gap]:
    with site(lab_engine, tmp_path_factory.mktemp("gap"), request) as jobs:
        jobs.declare("often", OFTEN, DURATION=1)
        jobs.declare("retried", {**NEVER, "retries": 1, "retry_delay": "1s"}, CUT_SHORT, DURATION=8)
        jobs.declare("single", NEVER, CUT_SHORT, DURATION=60)
        jobs.daemon.start()
        retried, single = jobs.run("retried"), jobs.run("single")
        for job, due in (("retried", retried), ("single", single)):
            jobs.running(job, due)
        lab_engine.kill()
        killed_at = time.time()
        eventually(lambda: jobs.daemon.status()["state"] == "degraded", 20, "zpmd to know that it is gone", 0.1)
        lab_engine.start()
        yield Gap(jobs=jobs, killed_at=killed_at, back_at=time.time(), retried=retried, single=single)


def test_a_run_that_the_engine_has_cut_short_is_tried_again(gap: Gap) -> None:
    row = gap.jobs.ended("retried", gap.retried, 40)
    assert (row["ending"], row["tries"]) == ("ok", 2)
    assert len(set(gap.jobs.made("retried", gap.retried))) == 2
    assert gap.jobs.story("retried", gap.retried)["log_tail"][-1] == "ends"


def test_a_run_that_is_not_to_be_tried_again_has_failed(gap: Gap) -> None:
    row = gap.jobs.ended("single", gap.single)
    assert (row["ending"], row["tries"], row["exit_code"]) == ("failed", 1, 137)
    assert len(gap.jobs.made("single", gap.single)) == 1
    assert gap.jobs.story("single", gap.single)["log_tail"] == ["begins"]


def test_no_instant_is_silent_and_what_is_due_after_it_runs_as_ever(gap: Gap) -> None:
    gap.jobs.first("often", "ok", after=int(gap.back_at))
    gap.jobs.at_least("often", 2)
    rows = gap.jobs.rows("often")
    assert rows[0]["due_at"] <= gap.killed_at + EVERY_SECONDS
    assert {b["due_at"] - a["due_at"] for a, b in itertools.pairwise(rows)} == {EVERY_SECONDS}
    met = [row for row in rows if gap.killed_at - 2 * EVERY_SECONDS <= row["due_at"] <= gap.back_at + EVERY_SECONDS]
    assert {row["ending"] for row in rows if row not in met} <= {"ok", ""}
    assert {row["ending"] for row in met} <= {"ok", "failed", "failed-start", "missed-down", ""}
    assert sum(row["ending"] in ("failed", "failed-start") for row in met) <= 1, "cut short as it ran, or as it started"
