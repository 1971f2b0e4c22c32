"""Two minutes of the chaos that `scripts/chaos` makes for as long as one likes."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.chaos import experiment
from tests.chaos.ledger import Kind


@pytest.mark.timeout(600)
def test_two_minutes_of_chaos_leave_no_trace(artifacts: Path) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    report = experiment.run(minutes=2, seed=seed, artifacts=artifacts)
    assert report.held, str(report)
    assert report.explained.total() > 0, "nothing was restarted, so nothing was proved"
    assert {Kind.DAEMON_KILLED, Kind.CRASHED} <= set(report.faults)
