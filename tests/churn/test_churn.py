"""A moment of the churn that `scripts/churn` makes for two hours: every actor gets to act, and figures come of it."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from tests.chaos.ledger import Kind
from tests.churn import experiment
from tests.churn.sampling import Sample
from tests.churn.verdict import MEASURES


def test_zpmd_is_churned_as_its_unit_starts_it() -> None:
    assert experiment.as_the_unit_has_it() == {"PYTHONUNBUFFERED": "1", "MALLOC_ARENA_MAX": "2"}


@pytest.mark.timeout(600)
def test_a_moment_of_churn_is_counted_and_judged(tmp_path: Path) -> None:
    seen: list[Sample] = []
    seed = random.SystemRandom().randrange(1_000_000)
    report = experiment.run(0.4, seed, every_seconds=1.0, each=seen.append, rest_seconds=2.0)
    assert report.broken == [], str(report)
    assert [finding.measure for finding in report.findings] == list(MEASURES)
    assert len(seen) == len(report.samples) >= 20
    assert min(one.rss for one in seen) >= min(one.anonymous for one in seen) > 10_000_000
    assert all(one.descriptors > 10 and one.threads > 5 and one.wal > 0 for one in seen)
    assert Kind.CRASHED in report.faults
    assert Kind.DAEMON_KILLED not in report.faults, "it is the same zpmd from the beginning to the end"
    for did in ("service file edited", "service added", "stream opened and dropped", "answer 201 to a POST"):
        assert report.done[did], f"nobody did this: {did}; done was {report.done}"
    assert report.passes > 10

    experiment.kept(report, tmp_path / "churn.json")
    kept = json.loads((tmp_path / "churn.json").read_text())
    assert kept["flat"] is report.flat
    assert [one["name"] for one in kept["findings"]] == [measure.name for measure in MEASURES]
    assert len(kept["samples"]) == len(seen)
    assert str(report).splitlines()[-1] == f"verdict: {'flat' if report.flat else 'NOT FLAT'}"
