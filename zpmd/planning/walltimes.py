"""Which times on the wall a cron expression means, on a clock that nobody ever changes.

Local seconds (clockface.py) throughout. Months and days that do not match are passed over whole, so that the next
29 February costs as much as the next minute.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import date
from typing import Final

from zpmd.model.schedule import Cron
from zpmd.planning.clockface import DAY, FIRST, LAST

EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
LAST_DAY: Final = LAST // DAY
FIRST_DAY: Final = FIRST // DAY
MINUTE: Final = 60
HOUR: Final = 3600


def walltimes(cron: Cron, start: int, end: int = LAST + 1) -> Iterator[int]:
    """All that match and are not before `start` but before `end`, ascending."""
    day = next_day(cron, start // DAY)
    while day is not None and day * DAY < end:
        for hour in cron.hours:
            begins = day * DAY + hour * HOUR
            if begins + HOUR <= start:
                continue
            for minute in cron.minutes:
                at = begins + minute * MINUTE
                if at >= end:
                    return
                if at >= start:
                    yield at
        day = next_day(cron, day + 1)


def next_day(cron: Cron, day: int) -> int | None:
    """The first day that matches, from this one on, counted from 1970-01-01; None after the year 9999.

    It always is within eight years: a day that is in no month at all is refused where an expression is read.
    """
    if day > LAST_DAY:
        return None
    on: date | None = date.fromordinal(max(day, FIRST_DAY) + EPOCH_DAY)
    while on:
        found = _in_month(cron, on) if on.month in cron.months else None
        if found:
            return found.toordinal() - EPOCH_DAY
        on = _first_of_next(cron, on)
    return None


def _in_month(cron: Cron, on: date) -> date | None:
    """The first day that matches, from this one on, in its month."""
    last = monthrange(on.year, on.month)[1]
    if cron.any_weekday:
        return next((on.replace(day=day) for day in cron.days if on.day <= day <= last), None)
    for day in range(on.day, last + 1):
        if (on.weekday() + 1 + day - on.day) % 7 in cron.weekdays or (not cron.any_day and day in cron.days):
            return on.replace(day=day)
    return None


def _first_of_next(cron: Cron, on: date) -> date | None:
    """The first of the next month that may match."""
    later = next((month for month in cron.months if month > on.month), None)
    if later:
        return date(on.year, later, 1)
    return date(on.year + 1, cron.months[0], 1) if on.year < date.max.year else None
