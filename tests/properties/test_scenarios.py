"""Every scenario goes as its script says, and ends converged and at rest."""

from __future__ import annotations

import pytest

from tests.properties.catalogue import SCENARIOS
from zpmd.simulation import session
from zpmd.simulation.registry import MOVES


def test_there_are_enough_of_them() -> None:
    assert len(SCENARIOS) >= 25


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_goes_as_its_script_says(name: str) -> None:
    ended = session.from_script(SCENARIOS[name])
    assert ended.violation is None, ended.trace


def test_the_scenarios_use_every_fault_and_every_wish_there_is() -> None:
    used = {line.split()[0] for text in SCENARIOS.values() for line in session.script_lines(text)}
    unused = {word for word, move in MOVES.items() if move.kind != "schedule"} - used
    assert unused <= {"approve", "crash-at", "declare", "down-volumes", "engine-mute", "lose-image", "pause",
                      "unpause", "release", "replicas"}  # fmt: skip  # random sessions use those
