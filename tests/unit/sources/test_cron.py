"""Cron expressions as they are read, and each refusal at its column with what to write instead."""

from __future__ import annotations

import pytest

from zpmd.model.schedule import Cron
from zpmd.sources.cron import Fault, cron

EVERY_MINUTE = tuple(range(60))
EVERY_HOUR = tuple(range(24))
EVERY_DAY = tuple(range(1, 32))
EVERY_MONTH = tuple(range(1, 13))
ALL_WEEK = tuple(range(7))


def read(text: str) -> Cron:
    expression = cron(text)
    assert isinstance(expression, Cron), expression
    return expression


def faults(text: str) -> list[tuple[int, str]]:
    found = cron(text)
    assert isinstance(found, tuple), f"{text!r} is read"
    return [(fault.column, fault.message) for fault in found]


def test_five_stars_are_every_minute() -> None:
    assert read("* * * * *") == Cron(
        text="* * * * *",
        minutes=EVERY_MINUTE,
        hours=EVERY_HOUR,
        days=EVERY_DAY,
        months=EVERY_MONTH,
        weekdays=ALL_WEEK,
        any_day=True,
        any_weekday=True,
        fixed=False,
    )


@pytest.mark.parametrize(
    ("word", "minutes"),
    [("7", (7,)), ("07", (7,)), ("1,3,2,3", (1, 2, 3)), ("5-8", (5, 6, 7, 8)), ("5-5", (5,)), ("5-10/2", (5, 7, 9)),
     ("*/20", (0, 20, 40)), ("*/59", (0, 59)), ("*/1", EVERY_MINUTE), ("58-59,0-1", (0, 1, 58, 59))],
)  # fmt: skip
def test_values_lists_ranges_and_steps(word: str, minutes: tuple[int, ...]) -> None:
    assert read(f"{word} 3 * * *").minutes == minutes


@pytest.mark.parametrize(
    ("word", "weekdays"),
    [("0", (0,)), ("7", (0,)), ("sun", (0,)), ("SUN", (0,)), ("mon-fri", (1, 2, 3, 4, 5)), ("6-7", (0, 6)),
     ("fri-sun", (0, 5, 6)), ("5-0", (0, 5, 6)), ("sun-tue", (0, 1, 2)), ("0-7", ALL_WEEK), ("*/2", (0, 2, 4, 6)),
     ("1-7/2", (0, 1, 3, 5)), ("sat,sun", (0, 6)), ("0,7", (0,)), ("0-0", (0,))],
)  # fmt: skip
def test_0_and_7_are_sunday_and_days_have_names(word: str, weekdays: tuple[int, ...]) -> None:
    assert read(f"0 3 * * {word}").weekdays == weekdays


@pytest.mark.parametrize(
    ("word", "months"), [("jan", (1,)), ("Feb-APR", (2, 3, 4)), ("12,1", (1, 12)), ("*/6", (1, 7))]
)
def test_months_have_names(word: str, months: tuple[int, ...]) -> None:
    assert read(f"0 3 1 {word} *").months == months


@pytest.mark.parametrize(
    ("word", "same"),
    [("@hourly", "0 * * * *"), ("@daily", "0 0 * * *"), ("@midnight", "0 0 * * *"), ("@weekly", "0 0 * * 0"),
     ("@monthly", "0 0 1 * *"), ("@yearly", "0 0 1 1 *"), ("@annually", "0 0 1 1 *"), (" @Daily ", "0 0 * * *")],
)  # fmt: skip
def test_a_word_stands_for_an_expression_and_is_shown_as_it_was_written(word: str, same: str) -> None:
    one, other = read(word), read(same)
    assert one.text == word.strip()
    assert {**_fields(one), "text": ""} == {**_fields(other), "text": ""}


@pytest.mark.parametrize(
    ("text", "any_day", "any_weekday"),
    [("0 3 * * *", True, True), ("0 3 1 * *", False, True), ("0 3 * * mon", True, False), ("0 3 1 * mon", False, False),
     ("0 3 1-31 * mon", False, False), ("0 3 */1 * mon", True, False), ("0 3 */2 * */1", False, True),
     ("0 3 */2 * *", False, True),
     ("0 3 * * */2", True, False), ("0 3 1-31/2 * mon", False, False)],
)  # fmt: skip
def test_a_day_that_is_not_a_star_is_asked_for(text: str, any_day: bool, any_weekday: bool) -> None:
    expression = read(text)
    assert (expression.any_day, expression.any_weekday) == (any_day, any_weekday)


@pytest.mark.parametrize(
    ("text", "fixed"),
    [("0 3 * * *", True), ("@daily", True), ("0,30 3-5 * * *", True), ("0 0-23 * * *", True), ("*/5 3 * * *", False),
     ("5 */3 * * *", False), ("@hourly", False), ("* * * * *", False)],
)  # fmt: skip
def test_a_star_in_minute_or_hour_means_a_rhythm_and_no_fixed_times(text: str, fixed: bool) -> None:
    assert read(text).fixed is fixed


def test_fields_are_parted_by_any_blanks() -> None:
    assert _fields(read("  0\t3   * * *  ")) == {**_fields(read("0 3 * * *")), "text": "0\t3   * * *"}


REFUSED: dict[str, list[tuple[int, str]]] = {
    "60 3 * * *": [(1, "60 is no minute: write 0 to 59")],
    "0 24 * * *": [(3, "24 is no hour: write 0 to 23")],
    "0 0 0 * *": [(5, "0 is no day: write 1 to 31")],
    "0 0 * 13 *": [(7, "13 is no month: write 1 to 12 or jan to dec")],
    "0 0 * * 8": [(9, "8 is no weekday: write 0 to 7 or sun to sat")],
    "0 0 * march Monday": [(7, "'march' is no month: write mar"), (13, "'Monday' is no weekday: write mon")],
    "a 3,x * * *": [(1, "'a' is no minute: write 0 to 59"), (5, "'x' is no hour: write 0 to 23")],
    "1,,2 3 * * *": [(3, "a minute is missing here: write 0 to 59")],
    "1- 3 * * *": [(3, "a minute is missing here: write 0 to 59")],
    "-1 3 * * *": [(1, "a minute is missing here: write 0 to 59")],
    "1-2-3 3 * * *": [(3, "'2-3' is no minute: write 0 to 59")],
    "٣ 3 * * *": [(1, "'٣' is no minute: write 0 to 59")],
    "99999 3 * * *": [(1, "'99999' is no minute: write 0 to 59")],
    "0 22-3 * * *": [(3, "'22-3' runs backwards: write 22-23,0-3")],
    "0 23-0 * * *": [(3, "'23-0' runs backwards: write 23,0")],
    "0 0 * nov-feb *": [(7, "'nov-feb' runs backwards: write 11-12,1-2")],
    "0 0 * * sat-mon": [(9, "'sat-mon' runs backwards: write 6,0-1")],
    "0 0 * * 7-2": [(9, "'7-2' runs backwards: write 0-2")],
    "*/0 * * * *": [(3, "'0' is no step: write a number from 1, as in */15")],
    "*/ * * * *": [(3, "'' is no step: write a number from 1, as in */15")],
    "1-5/x 3 * * *": [(5, "'x' is no step: write a number from 1, as in */15")],
    "5/10 * * * *": [(2, "a step needs a range: write 5-59/10")],
    "0 0 * * 1/2": [(10, "a step needs a range: write 1-6/2")],
    "*/90 * * * *": [(3, "a step of 90 is the minute 0 alone: write 0, or `every: 90m`")],
    "0 */24 * * *": [(5, "a step of 24 is the hour 0 alone: write 0, or `every: 24h`")],
    "0 0 */31 * *": [(7, "a step of 31 is the day 1 alone: write 1, or `every: 31d`")],
    "0 0 1 */12 *": [(9, "a step of 12 is the month 1 alone: write 1")],
    "*,5 3 * * *": [(1, "'*' in a list is every minute already: write one of both")],
    "? 3 * * *": [(1, "'?' is not read here: write *")],
    "0 0 L * *": [(5, "'L' is not read here: write 1, early on the day after, or 28-31 and let the command look")],
    "0 0 * * mon#1": [
        (9, "'mon#1' is not read here: write * for it, 1-7 or 8-14 as the day, and let the command look at it")
    ],
    "0 0 * * 5L": [
        (9, "'5L' is not read here: write * for it, 1-7 or 8-14 as the day, and let the command look at it")
    ],
    "0 3 */2 * mon": [
        (5, "'*/2' beside 'mon' asks for both in Debian's cron, for either in Kubernetes: write 1-31/2 for either; "
            "for both, * for one of them, and let the command look at it")
    ],
    "0 3 1,2 * */2": [
        (11, "'*/2' beside '1,2' asks for both in Debian's cron, for either in Kubernetes: write 0-6/2 for either; "
             "for both, * for one of them, and let the command look at it")
    ],
    "0 3 31 2 *": [(5, "is never due: there is no day 31 in February, write 29 or another month")],
    "0 3 30-31 feb *": [(5, "is never due: there is no day 30 in February, write 29 or another month")],
    "0 3 31 2,apr,6 *": [(5, "is never due: there is no day 31 in February, April or June, write 30 or another month")],
    "@reboot": [(1, 'names no time: leave the schedule out and write `restart: "no"`, for what runs once')],
    " @every 15m": [(2, "is no cron expression here: write `every: 15m`")],
    "@dayly": [
        (1, "'@dayly' is not known: write one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually, "
            "did you mean '@daily'?")
    ],
    "0 0 3 * * *": [(1, "has six fields: leave out the seconds, five are minute hour day month weekday")],
    "0 0 3 ? * MON-FRI": [(1, "has six fields: leave out the seconds, five are minute hour day month weekday")],
    "0 3 * * * root backup": [(11, "follows the five fields: what is to run is the service's `command`")],
    "0 3 * * * backup": [(11, "follows the five fields: what is to run is the service's `command`")],
    "0 3 * *": [(8, "ends before its weekday: write five fields, `0 3 * * *` for 03:00")],
    "": [(1, "ends before its minute, hour, day, month, weekday: write five fields, `0 3 * * *` for 03:00")],
    "CRON_TZ=UTC 0 3 * * *": [
        (1, "sets a variable: the time zone has a key of its own, and so has the environment")
    ],
    "0 3 * * *" + " " * 1100: [(1025, "is too long for a cron expression: it has more than 1024 characters")],
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:40] or "nothing")
def test_what_is_not_read_is_refused_at_its_column_with_what_to_write_instead(text: str) -> None:
    assert faults(text) == REFUSED[text]


def test_the_29th_of_february_and_a_31st_in_some_months_are_days() -> None:
    assert read("0 3 29 2 *").days == (29,)
    assert read("0 3 31 * *").days == (31,)
    assert read("0 3 31 2 mon").months == (2,), "the Mondays of February"


def test_what_is_advised_can_be_written() -> None:
    for text in ("22-23,0-3 3 * * *", "0 22-23,0-3 * * *", "5-59/10 * * * *", "0 3 1-31/2 * mon", "0 3 1,2 * 0-6/2"):
        assert read(text)


def test_a_fault_is_a_value() -> None:
    assert cron("60 3 * * *") == (Fault(column=1, message="60 is no minute: write 0 to 59"),)


def _fields(expression: Cron) -> dict[str, object]:
    return {name: getattr(expression, name) for name in Cron.__dataclass_fields__}
