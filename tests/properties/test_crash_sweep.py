"""The death of the daemon at any boundary of an effect changes nothing about how a scenario ends."""

from __future__ import annotations

import sys
from collections import Counter

import pytest
from loguru import logger

from tests.properties import sweep
from tests.properties.catalogue import SCENARIOS
from tests.properties.processes import processes


def jobs() -> list[tuple[str, int]]:
    """Scenarios, each with the number of boundaries that are left to another: an appliance comes up in the same way in
    all of its scenarios, and is swept while it does so in the first of them. The longest come first."""
    logger.disable("zpmd")
    found, swept_already = [], set[str]()
    for name in sorted(SCENARIOS):
        appliance, boundaries = sweep.shared_beginning(SCENARIOS[name])
        found.append((name, boundaries if appliance in swept_already else 0))
        swept_already.add(appliance)
    return sorted(found, reverse=True)


def swept(job: tuple[str, int]) -> tuple[Counter[str], Counter[str], list[str]]:
    """(cases by how, cases by boundary, what went wrong) of one scenario."""
    name, after = job
    logger.disable("zpmd")
    ways, boundaries, wrong = Counter[str](), Counter[str](), []
    clean = sweep.clean(SCENARIOS[name])
    expected = sweep.end_state(clean.site)
    if clean.violation is not None:
        wrong.append(f"{name}, clean: {clean.violation}")
    for case, ended in sweep.outcomes(SCENARIOS[name], sweep.cases(clean, after)):
        ways[case.how] += 1
        boundaries[case.boundary] += 1
        if ended.violation:
            wrong.append(f"{name}, {case}: {ended.violation}")
        elif ended.state != expected:
            wrong.append(f"{name}, {case}: it ends as {ended.state}, clean as {expected}")
    return ways, boundaries, wrong


@pytest.mark.timeout(3600)
def test_a_scenario_ends_the_same_wherever_the_daemon_dies(capsys: pytest.CaptureFixture[str]) -> None:
    ways, boundaries, wrong = Counter[str](), Counter[str](), []
    with processes() as crew:
        for some_ways, some_boundaries, some_wrong in crew.map(swept, crew.submit(jobs).result()):
            ways += some_ways
            boundaries += some_boundaries
            wrong += some_wrong
    with capsys.disabled():
        listed = ", ".join(f"{number} {how}" for how, number in sorted(ways.items()))
        at = f"{len(SCENARIOS)} scenarios, {len(boundaries)} kinds of boundary"
        sys.stderr.write(f"\ncrash sweep: {at}, {sum(ways.values())} cases ({listed})\n")
    assert wrong == [], f"{len(wrong)} of {sum(ways.values())}"
    assert sum(ways.values()) >= 1500
    assert len(boundaries) >= 70


COMPARED = {
    "01-cold-start": 13,
    "11-an-update-that-fails-goes-back": 17,
    "51-a-row-comes-changes-and-goes": 41,
    "70-going-back-fails": 43,
}
"""Scenarios, and every how manieth case of them."""


@pytest.mark.parametrize("name", COMPARED)
def test_what_forks_at_a_boundary_goes_on_as_what_ran_from_the_beginning(name: str) -> None:
    """Boundary for boundary, and line for line of the trace."""
    script = SCENARIOS[name]
    chosen = list(sweep.cases(sweep.clean(script)))[:: COMPARED[name]]
    told = dict(sweep.outcomes(script, chosen, muted=False))
    assert list(told) == chosen
    died = 0
    for case, outcome in told.items():
        assert outcome == sweep.crashed(script, case, muted=False), str(case)
        died += any("zpmd is killed" in line for line in outcome.story)
    assert died > len(told) / 2, "nobody dies in them"
