"""When jobs are due, told as text: ordinary days, the nights on which clocks are changed, and the ends of time."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, tzinfo
from itertools import islice, pairwise

import pytest

from tests.unit.planning.dues import dues, instant, lines, timetable
from zpmd.model.schedule import Due, Every, Mark, Timetable
from zpmd.planning.schedules import due_after, starts_at
from zpmd.sources.zones import zone

BERLIN, NEW_YORK, LORD_HOWE = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"


# --- ordinary days ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("0 3 * * *", ["Tue 2026-01-06 03:00", "Wed 2026-01-07 03:00", "Thu 2026-01-08 03:00"]),
        ("*/20 3 * * *", ["Tue 2026-01-06 03:00", "Tue 2026-01-06 03:20", "Tue 2026-01-06 03:40"]),
        ("0 3 * * sun", ["Sun 2026-01-11 03:00", "Sun 2026-01-18 03:00", "Sun 2026-01-25 03:00"]),
        ("0 3 * * 7", ["Sun 2026-01-11 03:00", "Sun 2026-01-18 03:00", "Sun 2026-01-25 03:00"]),
        ("0 3 * * fri-sun", ["Fri 2026-01-09 03:00", "Sat 2026-01-10 03:00", "Sun 2026-01-11 03:00"]),
        ("0 3 13 * *", ["Tue 2026-01-13 03:00", "Fri 2026-02-13 03:00", "Fri 2026-03-13 03:00"]),
        ("0 3 13 * fri", ["Fri 2026-01-09 03:00", "Tue 2026-01-13 03:00", "Fri 2026-01-16 03:00"]),
        ("0 3 31 * *", ["Sat 2026-01-31 03:00", "Tue 2026-03-31 03:00", "Sun 2026-05-31 03:00"]),
        ("0 3 29 2 *", ["Tue 2028-02-29 03:00", "Sun 2032-02-29 03:00", "Fri 2036-02-29 03:00"]),
        ("0 3 31 2 mon", ["Mon 2026-02-02 03:00", "Mon 2026-02-09 03:00", "Mon 2026-02-16 03:00"]),
        ("59 23 31 12 *", ["Thu 2026-12-31 23:59", "Fri 2027-12-31 23:59", "Sun 2028-12-31 23:59"]),
        ("0 3 * jan,mar sat,tue", ["Tue 2026-01-06 03:00", "Sat 2026-01-10 03:00", "Tue 2026-01-13 03:00"]),
        ("0 3 * mar tue", ["Tue 2026-03-03 03:00", "Tue 2026-03-10 03:00", "Tue 2026-03-17 03:00"]),
        ("0 3 1 mar,apr *", ["Sun 2026-03-01 03:00", "Wed 2026-04-01 03:00", "Mon 2027-03-01 03:00"]),
        ("@weekly", ["Sun 2026-01-11 00:00", "Sun 2026-01-18 00:00", "Sun 2026-01-25 00:00"]),
        ("every 7h", ["Mon 2026-01-05 16:00", "Mon 2026-01-05 23:00", "Tue 2026-01-06 06:00"]),
    ],
)
def test_on_ordinary_days(text: str, due: list[str]) -> None:
    assert lines(text, after="2026-01-05 12:00", count=3) == [f"{each} +00:00" for each in due]


def test_the_last_days_and_the_first_day_of_a_month_are_days() -> None:
    assert lines("0 3 * * tue,wed", after="2026-03-30 12:00", count=2) == [
        "Tue 2026-03-31 03:00 +00:00",
        "Wed 2026-04-01 03:00 +00:00",
    ]


def test_what_is_due_right_now_is_not_after_now_and_is_until_now() -> None:
    table, three = timetable("0 3 * * *"), instant("2026-01-06 03:00")
    assert dues(table, three - 0.001, three) == [Due(at=three)]
    assert dues(table, three, three + 86_399) == []
    assert dues(table, three - 1, three - 0.001) == []
    assert dues(table, three, three) == []
    assert dues(table, three, three - 86_400 * 3) == []


def test_several_schedules_are_due_in_order_and_once_at_the_same_time() -> None:
    assert lines("0 4 * * *", "0 */2 * * mon", "every 6h", after="2026-01-05 01:00", count=7) == [
        "Mon 2026-01-05 02:00 +00:00",
        "Mon 2026-01-05 04:00 +00:00",
        "Mon 2026-01-05 06:00 +00:00",
        "Mon 2026-01-05 08:00 +00:00",
        "Mon 2026-01-05 10:00 +00:00",
        "Mon 2026-01-05 12:00 +00:00",
        "Mon 2026-01-05 14:00 +00:00",
    ]


def test_no_schedule_is_never_due() -> None:
    assert dues(Timetable(schedules=()), 0.0) == []


# --- a period ---------------------------------------------------------------------------------------------------------


def test_a_period_counts_from_the_epoch_whenever_it_is_asked() -> None:
    table = Timetable(schedules=(Every(900),))
    assert [due.at for due in dues(table, 1000.5, 2800)] == [1800.0, 2700.0]
    assert [due.at for due in dues(table, 1799.9, 2700)] == [1800.0, 2700.0]
    assert [due.at for due in dues(table, -1000, 0)] == [-900.0, 0.0]


@pytest.mark.parametrize("day", ["2026-03-29 00:00", "2026-10-25 00:00"])
def test_a_period_goes_on_through_a_change_of_the_clock(day: str) -> None:
    found = dues(timetable("every 15m", zone=BERLIN), instant(day, BERLIN), count=20)
    assert {b.at - a.at for a, b in pairwise(found)} == {900.0}
    assert {due.mark for due in found} == {Mark.ORDINARY}


# --- the clock is put forward -----------------------------------------------------------------------------------------


def test_a_time_that_the_clock_skips_is_due_when_the_gap_ends() -> None:
    assert lines("30 2 * * *", zone=BERLIN, after="2026-03-28 02:00", count=3) == [
        "Sat 2026-03-28 02:30 +01:00",
        "Sun 2026-03-29 03:00 +02:00 moved, instead of 2026-03-29 02:30",
        "Mon 2026-03-30 02:30 +02:00",
    ]


def test_once_the_gap_has_ended_nothing_of_it_is_due_any_more() -> None:
    end_of_gap = instant("2026-03-29 03:00", BERLIN)
    for after in (end_of_gap, end_of_gap + 0.5, end_of_gap + 1):
        assert dues(timetable("30 2 * * *", zone=BERLIN), after, end_of_gap + 3600) == []


def test_all_times_that_the_clock_skips_are_due_once() -> None:
    assert lines("0,30 2 * * *", zone=NEW_YORK, after="2026-03-08 00:00", count=2) == [
        "Sun 2026-03-08 03:00 -04:00 moved, instead of 2026-03-08 02:00 and 2026-03-08 02:30",
        "Mon 2026-03-09 02:00 -04:00",
    ]


def test_where_a_run_is_due_at_the_end_of_the_gap_anyway_it_stands_for_the_skipped_times_too() -> None:
    assert lines("0 2,3 * * *", zone=BERLIN, after="2026-03-29 00:00", count=2) == [
        "Sun 2026-03-29 03:00 +02:00, instead of 2026-03-29 02:00",
        "Mon 2026-03-30 02:00 +02:00",
    ]
    assert lines("30 2 * * *", "45 2 * * *", "0 * * * *", zone=BERLIN, after="2026-03-29 01:30", count=2) == [
        "Sun 2026-03-29 03:00 +02:00, instead of 2026-03-29 02:30 and 2026-03-29 02:45",
        "Sun 2026-03-29 04:00 +02:00",
    ]


def test_two_schedules_that_are_moved_are_due_once() -> None:
    assert lines("30 2 * * *", "45 2 * * *", zone=BERLIN, after="2026-03-29 00:00", count=1) == [
        "Sun 2026-03-29 03:00 +02:00 moved, instead of 2026-03-29 02:30 and 2026-03-29 02:45"
    ]


def test_a_rhythm_is_not_made_up_for_a_gap() -> None:
    assert lines("*/30 * * * *", zone=BERLIN, after="2026-03-29 01:00", count=3) == [
        "Sun 2026-03-29 01:30 +01:00",
        "Sun 2026-03-29 03:00 +02:00",
        "Sun 2026-03-29 03:30 +02:00",
    ]
    assert lines("*/30 2 * * *", zone=BERLIN, after="2026-03-28 02:10", count=2) == [
        "Sat 2026-03-28 02:30 +01:00",
        "Mon 2026-03-30 02:00 +02:00",
    ]


def test_half_an_hour_is_skipped_on_lord_howe() -> None:
    assert lines("0,15,30 2 * * *", zone=LORD_HOWE, after="2026-10-04 00:00", count=2) == [
        "Sun 2026-10-04 02:30 +11:00, instead of 2026-10-04 02:00 and 2026-10-04 02:15",
        "Mon 2026-10-05 02:00 +11:00",
    ]


def test_midnight_is_skipped_where_the_clock_is_changed_at_midnight() -> None:
    assert lines("@daily", zone="Asia/Beirut", after="2022-03-26 12:00", count=2) == [
        "Sun 2022-03-27 01:00 +03:00 moved, instead of 2022-03-27 00:00",
        "Mon 2022-03-28 00:00 +03:00",
    ]


def test_a_day_that_never_was_is_made_up_for_as_the_next_begins() -> None:
    assert lines("30 2 30 * *", zone="Pacific/Apia", after="2011-12-01 00:00", count=2) == [
        "Sat 2011-12-31 00:00 +14:00 moved, instead of 2011-12-30 02:30",
        "Mon 2012-01-30 02:30 +14:00",
    ]
    assert lines("0 */6 * * *", zone="Pacific/Apia", after="2011-12-29 12:00", count=2) == [
        "Thu 2011-12-29 18:00 -10:00",
        "Sat 2011-12-31 00:00 +14:00",
    ]


# --- the clock is put back --------------------------------------------------------------------------------------------


def test_a_time_that_comes_twice_is_due_the_first_time_and_the_second_is_told() -> None:
    assert lines("30 2 * * *", zone=BERLIN, after="2026-10-24 12:00", count=3) == [
        "Sun 2026-10-25 02:30 +02:00",
        "Sun 2026-10-25 02:30 +01:00 repeated",
        "Mon 2026-10-26 02:30 +01:00",
    ]


def test_the_hour_after_is_not_taken_for_a_repetition() -> None:
    assert lines("0 1,2,3 * * *", zone=BERLIN, after="2026-10-25 00:00", count=4) == [
        "Sun 2026-10-25 01:00 +02:00",
        "Sun 2026-10-25 02:00 +02:00",
        "Sun 2026-10-25 02:00 +01:00 repeated",
        "Sun 2026-10-25 03:00 +01:00",
    ]


def test_a_repetition_is_told_to_one_who_asks_in_between_too() -> None:
    between = instant("2026-10-25 01:10")
    assert dues(timetable("30 2 * * *", zone=BERLIN), between, count=1) == [
        Due(at=instant("2026-10-25 01:30"), mark=Mark.REPEATED)
    ]


def test_only_a_repetition_has_no_run() -> None:
    assert [Due(at=0.0, mark=mark).runs for mark in Mark] == [True, True, False]


def test_a_rhythm_goes_on_through_the_repeated_hour() -> None:
    assert lines("*/30 2 * * *", zone=BERLIN, after="2026-10-25 00:00", count=5) == [
        "Sun 2026-10-25 02:00 +02:00",
        "Sun 2026-10-25 02:30 +02:00",
        "Sun 2026-10-25 02:00 +01:00",
        "Sun 2026-10-25 02:30 +01:00",
        "Mon 2026-10-26 02:00 +01:00",
    ]


def test_what_another_schedule_has_due_in_the_repeated_hour_is_due() -> None:
    assert lines("30 2 * * *", "*/30 * * * *", zone=BERLIN, after="2026-10-25 02:10", count=3) == [
        "Sun 2026-10-25 02:30 +02:00",
        "Sun 2026-10-25 02:00 +01:00",
        "Sun 2026-10-25 02:30 +01:00",
    ]


def test_half_an_hour_comes_twice_on_lord_howe() -> None:
    assert lines("0,45 1,2 * * *", zone=LORD_HOWE, after="2026-04-05 00:00", count=5) == [
        "Sun 2026-04-05 01:00 +11:00",
        "Sun 2026-04-05 01:45 +11:00",
        "Sun 2026-04-05 01:45 +10:30 repeated",
        "Sun 2026-04-05 02:00 +10:30",
        "Sun 2026-04-05 02:45 +10:30",
    ]
    assert lines("0 */9 * * *", zone=LORD_HOWE, after="2026-04-05 01:00", count=2) == [
        "Sun 2026-04-05 09:00 +10:30",
        "Sun 2026-04-05 18:00 +10:30",
    ]


def test_a_midnight_that_comes_twice_belongs_to_two_days() -> None:
    """Newfoundland put its clocks back from 00:01 to 23:01 until 2011."""
    assert lines("0 0 * * *", "30 23 * * *", zone="America/St_Johns", after="2010-11-06 22:00", count=5) == [
        "Sat 2010-11-06 23:30 -02:30",
        "Sun 2010-11-07 00:00 -02:30",
        "Sat 2010-11-06 23:30 -03:30 repeated",
        "Sun 2010-11-07 00:00 -03:30 repeated",
        "Sun 2010-11-07 23:30 -03:30",
    ]


def test_a_day_that_came_twice_has_its_run_once() -> None:
    """Alaska changed sides of the date line, and its clocks showed a whole day again."""
    assert lines("30 16 * * *", zone="America/Sitka", after="1867-10-17 17:00", count=4) == [
        "Fri 1867-10-18 16:30 +14:58:47",
        "Fri 1867-10-18 16:30 -09:01:13 repeated",
        "Sat 1867-10-19 16:30 -09:01:13",
        "Sun 1867-10-20 16:30 -09:01:13",
    ]


# --- the ends of time, and the cost -----------------------------------------------------------------------------------


def test_time_ends_with_the_year_9999() -> None:
    assert lines("59 23 31 12 *", after="9998-01-01 00:00", count=5) == [
        "Thu 9998-12-31 23:59 +00:00",
        "Fri 9999-12-31 23:59 +00:00",
    ]
    for name in ("Pacific/Kiritimati", "America/Adak", "UTC"):
        last = dues(timetable("* * * * *", zone=name), instant("9999-12-31 23:00") - 86_400)
        assert last[-1].at == pytest.approx(253_402_300_740, abs=14 * 3600)
        assert dues(timetable("0 0 29 2 *", zone=name), instant("9996-03-01 00:00") + 86_400) == []
    assert [due.at for due in dues(Timetable(schedules=(Every(1),)), 253_402_300_797)] == [253402300798, 253402300799]
    assert dues(timetable("every 1d"), 253_402_300_799 - 86_400, math.inf) == [Due(at=253_402_214_400.0)]


def test_time_begins_with_the_year_1() -> None:
    for name in ("Pacific/Kiritimati", "America/Adak", "UTC"):
        assert len(dues(timetable("0 0 1 1 *", zone=name), -math.inf, count=3)) == 3
    assert dues(timetable("0 0 1 1 *"), -math.inf, count=1) == [Due(at=-62_135_596_800.0)]


def test_a_zone_without_an_answer_is_utc() -> None:
    assert next(due_after(timetable("0 3 * * *"), Silent(), 0.0)).at == 10_800.0


class Silent(tzinfo):
    def utcoffset(self, at: datetime | None) -> None:
        return None

    def fromutc(self, at: datetime) -> datetime:
        return at


class Counting(tzinfo):
    """A zone, and how often its offset was asked for."""

    def __init__(self, counted: tzinfo) -> None:
        self.counted = counted
        self.asked = 0

    def utcoffset(self, at: datetime | None) -> timedelta | None:
        self.asked += 1
        return self.counted.utcoffset(at)

    def fromutc(self, at: datetime) -> datetime:
        return self.counted.fromutc(at.replace(tzinfo=self.counted)).replace(tzinfo=self)


@pytest.mark.parametrize("text", ["* * * * *", "0 3 * * *", "0 0 1 1 *", "0 0 29 2 *"])
def test_the_next_due_is_found_without_walking_there(text: str) -> None:
    """Asked in March 2096 for 29 February: the next is in 2104."""
    berlin = Counting(zone(BERLIN))
    assert next(due_after(timetable(text), berlin, instant("2096-03-02 05:03")))
    assert berlin.asked < 20


def test_what_nobody_asks_for_is_not_worked_out() -> None:
    berlin = Counting(zone(BERLIN))
    assert len(list(islice(due_after(timetable("* * * * *"), berlin, 0.0), 1000))) == 1000
    assert berlin.asked < 20


# --- jitter -----------------------------------------------------------------------------------------------------------


def test_jitter_is_the_same_each_time_and_differs_between_jobs_and_runs() -> None:
    due, next_due = Due(at=1_000_000.0), Due(at=1_086_400.0)
    assert starts_at("report-acme", due, 600) == 1_000_293.556, "also by a later zpmd"
    assert starts_at("report-acme", due, 600) != starts_at("report-beta", due, 600)
    assert starts_at("report-acme", due, 600) - due.at != starts_at("report-acme", next_due, 600) - next_due.at
    assert starts_at("report-acme", due, 0) == due.at


def test_jitter_spreads_a_thousand_jobs_of_one_second() -> None:
    delays = sorted(starts_at(f"report-{n}", Due(at=1_000_000.0), 600) - 1_000_000.0 for n in range(1000))
    assert delays[0] >= 0
    assert delays[-1] <= 600
    per_minute = [sum(1 for delay in delays if minute * 60 <= delay < minute * 60 + 60) for minute in range(10)]
    assert min(per_minute) > 60
    assert max(per_minute) < 140
