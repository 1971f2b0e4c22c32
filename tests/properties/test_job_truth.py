"""The truth of the simulated world and the planner agree on what is due, and have not a line in common."""

from __future__ import annotations

import dataclasses

import pytest

from tests.properties.test_due_laws import FOUR, ODD
from tests.unit.planning.dues import dues, instant, timetable
from zpmd.model.schedule import Every
from zpmd.simulation import job_truth


@pytest.mark.parametrize("zone", [*FOUR, *ODD[:4]])
def test_the_truth_and_the_planner_agree_on_what_is_due(zone: str) -> None:
    """Over a year, with several schedules at once."""
    table = timetable("30 2 * * *", "*/30 1-3 * * sun", "0 0 1 * *", zone=zone)
    table = dataclasses.replace(table, schedules=(*table.schedules, Every(61_200)))
    start, end = instant("2024-01-01 00:00"), instant("2025-01-01 00:00")
    ours = job_truth.dues(table, start, end)
    assert ours == dues(table, start, end)
    assert len(ours) > 800
    assert ours[:3] == job_truth.dues(table, start, ours[2].at)
