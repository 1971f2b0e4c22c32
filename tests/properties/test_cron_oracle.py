"""Ten thousand cron expressions, each from an instant and in a zone, against an independent reading: cronsim.

cronsim (Healthchecks' own, kept up to date) follows Debian's cron as zpmd does, by other means: it ticks along the
clock. croniter was looked at too: in autumn it has a fixed time due twice, and a step beside a weekday means either.

Where cronsim differs by intent or by mistake:
- it tells a moved time once for each time that was skipped, and zpmd once for all: doubles are left out here;
- it has no word for the second of two equal times: what zpmd marks as repeated is left out here;
- a rhythm loses its hours to steps of 60 minutes where a clock is changed by 30 (`* 9 * * *` on Lord Howe is due at
  9:30 only): rhythms of that zone are compared with the definition instead, in test_due_laws.py.
"""

from __future__ import annotations

import random
from datetime import datetime
from itertools import islice

import pytest
from cronsim import CronSim

from tests.properties.crontexts import SINCE, UNTIL, changes, expression
from zpmd.model.schedule import Cron, Timetable
from zpmd.planning.schedules import due_after
from zpmd.sources.cron import cron
from zpmd.sources.zones import zone

CASES = 2_500
COUNT = 12
DAY = 86_400
NEAR_A_CHANGE = 0.7
"""The share of the instants that are within hours of one."""
YEAR_2026 = 1_767_225_600
HALF_HOURS = "Australia/Lord_Howe"
ZONES = ("Europe/Berlin", "America/New_York", HALF_HOURS, "UTC")


@pytest.mark.parametrize("name", ZONES)
def test_2500_random_expressions_are_due_when_an_independent_reader_has_them(name: str) -> None:
    chance = random.Random(f"schedules in {name}")
    compared, refused, rhythms, moved, repeated = 0, 0, 0, 0, 0
    while compared < CASES:  # the same ones each time
        text, after = expression(chance), _instant(chance, name)
        read = cron(text)
        if not isinstance(read, Cron):
            refused += 1
            continue
        if name == HALF_HOURS and not read.fixed:
            rhythms += 1
            continue
        due = list(islice(due_after(Timetable(schedules=(read,), zone=name), zone(name), after), COUNT))
        ours = [each.at for each in due if each.runs]
        assert ours == theirs(text, name, after, len(ours)), f"{text!r} in {name} after {after}"
        compared += 1
        moved += any(each.instead_of for each in due)
        repeated += any(not each.runs for each in due)
    assert refused < compared, "most of what is made up can be read"
    assert name == "UTC" or min(moved, repeated) >= 50, f"few nights of a change: {moved} moved, {repeated} repeated"


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("text", ["30 2 * * *", "0 0 * * mon", "0 3 1 * *", "15,45 1-3 * * *", "0 0 29 2 *"])
def test_years_of_a_schedule_are_the_same_too(text: str, name: str) -> None:
    read = cron(text)
    assert isinstance(read, Cron)
    due = islice(due_after(Timetable(schedules=(read,)), zone(name), YEAR_2026, UNTIL), 1500)
    ours = [each.at for each in due if each.runs]
    assert ours == theirs(text, name, YEAR_2026, len(ours))
    assert len(ours) >= 3


def theirs(text: str, name: str, after: float, count: int) -> list[float]:
    """The next `count`. cronsim goes by the local time, which may be later than one that is still to come: it is given
    a start some hours before."""
    found: list[float] = []
    for each in CronSim(text, datetime.fromtimestamp(after - DAY / 8, zone(name))):
        at = each.timestamp()
        if at > after and at not in found[-1:]:
            found.append(at)
        if len(found) >= count:
            break
    return found


def _instant(chance: random.Random, name: str) -> int:
    if changes(name) and chance.random() < NEAR_A_CHANGE:
        return chance.choice(changes(name)) + chance.randint(-DAY // 4, 7200)
    return chance.randint(SINCE, UNTIL)
