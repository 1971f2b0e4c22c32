"""The laws of being due: by definition, minute by minute; and the same whatever windows time is looked at through."""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.crontexts import SINCE, UNTIL, changes, expression
from tests.unit.planning.dues import instant
from zpmd.model.schedule import Cron, Due, Every, Mark, Timetable
from zpmd.planning.schedules import due_after, starts_at
from zpmd.sources.cron import cron
from zpmd.sources.zones import zone

DAY = 86_400
MINUTE = 60
FOUR = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC")
ODD = (
    *("Pacific/Apia", "Pacific/Kwajalein", "America/St_Johns", "Asia/Beirut", "Africa/Casablanca", "Asia/Kathmandu"),
    *("Antarctica/Troll", "Antarctica/Casey", "Africa/Monrovia", "Europe/Dublin", "America/Havana", "Asia/Gaza"),
)
"""A day left out; changes at midnight and around it, of two hours and of three; quarters of hours, and seconds."""


@functools.cache
def zones() -> list[str]:
    return sorted(available_timezones())


def read(text: str) -> Cron | None:
    found = cron(text)
    return found if isinstance(found, Cron) else None


crons = st.integers(0, 10**9).map(lambda seed: read(expression(random.Random(seed)))).filter(bool)
schedules = st.one_of(crons, st.integers(10, 10 * DAY).map(Every))
tables = st.lists(schedules, min_size=1, max_size=3).map(lambda found: Timetable(schedules=tuple(found)))
names = st.sampled_from(FOUR) | st.sampled_from(ODD) | st.deferred(lambda: st.sampled_from(zones()))


@st.composite
def places(draw: st.DrawFn, within: int = 2 * DAY) -> tuple[str, int]:
    """A zone, and an instant: near a change of its clock where it has any, or anywhere."""
    name = draw(names)
    near = draw(st.booleans()) and changes(name)
    centre = draw(st.sampled_from(near)) if near else draw(st.integers(SINCE, UNTIL))
    return name, centre + draw(st.integers(-within, within))


# --- by definition ----------------------------------------------------------------------------------------------------


def by_definition(schedule: Cron, name: str, start: int, end: int) -> Iterator[Due]:
    """What is due after `start` and until `end`, by looking at the clock once a minute. Whole minutes of UTC only.

    Fixed times that are skipped are those between what the clock showed and what it shows a minute later.
    """
    before = _shown(name, start)
    for at in range(start + MINUTE, end + 1, MINUTE):
        local = _shown(name, at)
        naive, skipped = local.replace(tzinfo=None, fold=0), []
        expected = before.replace(tzinfo=None, fold=0) + timedelta(minutes=1)
        while schedule.fixed and expected < naive:
            if _matches(schedule, expected):
                skipped.append(f"{expected:%Y-%m-%d %H:%M}")
            expected += timedelta(minutes=1)
        if _matches(schedule, naive):
            repeated = schedule.fixed and local.fold
            yield Due(at=at, mark=Mark.REPEATED if repeated else Mark.ORDINARY, instead_of=tuple(skipped))
        elif skipped:
            yield Due(at=at, mark=Mark.MOVED, instead_of=tuple(skipped))
        before = local


def _shown(name: str, at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC).astimezone(_kept(name))


@functools.cache
def _kept(name: str) -> object:
    return zone(name)


def _matches(schedule: Cron, local: datetime) -> bool:
    if local.minute not in schedule.minutes or local.hour not in schedule.hours or local.month not in schedule.months:
        return False
    day, weekday = local.day in schedule.days, local.isoweekday() % 7 in schedule.weekdays
    return (day and weekday) if schedule.any_day or schedule.any_weekday else (day or weekday)


@settings(max_examples=100, deadline=None)
@given(schedule=crons, place=places(DAY // 2))
def test_a_job_is_due_as_the_clock_on_the_wall_has_it_minute_by_minute(schedule: Cron, place: tuple[str, int]) -> None:
    name, centre = place
    start = max(centre, 63_936_000) // MINUTE * MINUTE  # 1972: before, Monrovia is off by seconds
    table, end = Timetable(schedules=(schedule,)), start + DAY
    assert list(due_after(table, zone(name), start, end)) == list(by_definition(schedule, name, start, end))


MARKS = {
    "Europe/Berlin": [4376, 0, 4],
    "America/New_York": [4376, 0, 4],
    "Australia/Lord_Howe": [4378, 0, 2],
    "UTC": [4380, 0, 0],
}
"""Ordinary ones, moved, repeated: at the end of each gap one is due anyway."""


@pytest.mark.parametrize("name", FOUR)
def test_a_whole_year_is_as_the_clock_on_the_wall_has_it(name: str) -> None:
    start, end = int(instant("2026-01-01 00:00")), int(instant("2027-01-01 00:00"))
    schedule = read("0,15,30,45 1-3 * * *")
    assert schedule
    ours = list(due_after(Timetable(schedules=(schedule,)), zone(name), start, end))
    assert ours == list(by_definition(schedule, name, start, end))
    assert [sum(due.mark is mark for due in ours) for mark in Mark] == MARKS[name]


@pytest.mark.parametrize(
    ("text", "runs"),
    [("30 2 * * *", 365), ("0 0 * * *", 365), ("* * * * *", 525_600), ("0 * * * *", 8760), ("0,30 1-3 * * *", 2190)],
)
@pytest.mark.parametrize("name", FOUR)
def test_each_slot_of_a_year_has_one_due(text: str, runs: int, name: str) -> None:
    """Fixed times run as often as there are days; a rhythm as often as there are hours, but for the full hour that
    Lord Howe skips in spring: in autumn it is no full hour that comes twice."""
    if (text, name) == ("0 * * * *", "Australia/Lord_Howe"):
        runs -= 1
    schedule = read(text)
    assert schedule
    start, end = instant("2026-01-01 00:00", name) - 1, instant("2027-01-01 00:00", name) - 1
    last, ran, merged = -math.inf, 0, 0
    for due in due_after(Timetable(schedules=(schedule,)), zone(name), start, end):
        assert due.at > last
        last, ran = due.at, ran + due.runs
        merged += max(0, len(due.instead_of) - (due.mark is Mark.MOVED))
    assert ran + merged == runs


# --- whatever windows time is looked at through -----------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(table=tables, place=places(), cuts=st.lists(st.floats(0, 5 * DAY), max_size=6), data=st.data())
def test_windows_that_meet_have_each_due_exactly_once(
    table: Timetable, place: tuple[str, int], cuts: list[float], data: st.DataObject
) -> None:
    """due_after(a, b) and due_after(b, c) are due_after(a, c), also where b is a due instant or a change."""
    name, start = place
    within, end = zone(name), start + 2 * DAY
    whole = list(islice(due_after(table, within, start, end), 4000))
    if whole and len(whole) < 4000:
        cuts += [data.draw(st.sampled_from(whole)).at - start for _ in range(2)]
    bounds = sorted({start, *(start + cut for cut in cuts if cut < 2 * DAY), end})
    parts = [due for a, b in pairwise(bounds) for due in due_after(table, within, a, b)]
    assert parts[:4000] == whole


@settings(max_examples=100, deadline=None)
@given(table=tables, place=places())
def test_dues_are_ascending_whole_seconds_after_what_is_asked(table: Timetable, place: tuple[str, int]) -> None:
    name, start = place
    found = list(islice(due_after(table, zone(name), start), 200))
    assert all(due.at > start and due.at == int(due.at) for due in found)
    assert all(a.at < b.at for a, b in pairwise(found))
    assert found, "every expression that is read is due again"


@settings(max_examples=100, deadline=None)
@given(table=tables, place=places())
def test_the_next_is_the_first_of_all_that_follow(table: Timetable, place: tuple[str, int]) -> None:
    name, start = place
    for before, due in pairwise(islice(due_after(table, zone(name), start), 20)):
        assert next(due_after(table, zone(name), before.at)) == due
        assert next(due_after(table, zone(name), due.at - 0.5)) == due


@settings(max_examples=100, deadline=None)
@given(table=tables, place=places())
def test_several_schedules_are_due_when_any_of_them_is(table: Timetable, place: tuple[str, int]) -> None:
    name, start = place
    within, end = zone(name), start + DAY
    alone: dict[float, list[Due]] = {}
    for each in table.schedules:
        for due in due_after(Timetable(schedules=(each,)), within, start, end):
            alone.setdefault(due.at, []).append(due)
    together = list(due_after(table, within, start, end))
    assert [due.at for due in together] == sorted(alone)
    for due in together:
        assert due.runs == any(each.runs for each in alone[due.at])
        assert set(due.instead_of) == {told for each in alone[due.at] for told in each.instead_of}


@given(st.text(max_size=40), st.integers(0, UNTIL), st.floats(0, 7 * DAY))
def test_jitter_is_never_early_and_never_more_than_allowed(job: str, at: int, jitter: float) -> None:
    starts = starts_at(job, Due(at=float(at)), jitter)
    assert at <= starts <= at + jitter + 0.001
    assert starts == starts_at(job, Due(at=float(at)), jitter)
