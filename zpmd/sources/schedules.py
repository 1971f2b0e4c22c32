"""`every: 15m`, and anything else that a schedule may be written as, beside a cron expression (cron.py). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import tzinfo
from itertools import pairwise
from typing import Final

from zpmd.model.schedule import Cron, Every, Schedule
from zpmd.planning import clockface
from zpmd.sources import units

SHORTEST_SECONDS: Final = 10
"""A container takes a third of a second to start, and about as long to end."""
MINUTE, HOUR, DAY = 60, 3600, 86_400
LONGEST_SECONDS: Final = 366 * DAY
YEARS: Final = (1_767_225_600, 1_830_297_600)
"""2026 and 2027: a clock that is put forward each year is in them."""


def every(text: str) -> Every:
    """Raises ValueError that says what to write."""
    seconds = units.duration(text)
    if seconds != int(seconds):
        raise ValueError("is no whole number of seconds: write for example 10s, 15m or 1h30m")
    if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        raise ValueError("is out of range: write 10s to 366d, or a cron expression for a date")
    return Every(int(seconds))


def apart_seconds(schedules: Iterable[Schedule]) -> float:
    """No two runs by the clock are closer than this, of all days taken together. Of an `every` beside cron expressions
    its own period counts."""
    together = tuple(schedules)
    times = sorted({h * HOUR + m * MINUTE for s in together if isinstance(s, Cron) for h in s.hours for m in s.minutes})
    gaps = [later - time for time, later in pairwise([*times, *(time + DAY for time in times[:1])])]
    return float(min([*gaps, *(s.seconds for s in together if isinstance(s, Every))], default=DAY))


def skipped_whole(cron: Cron, zone: tzinfo) -> str:
    """The times, `02:00 to 03:00`, that the clock of the zone skips on some days, where a job that means a rhythm has
    all its runs of a day within them: it has none then. "" where that cannot be."""
    if cron.fixed or len(cron.hours) == 24:
        return ""
    for start, end in skipped(zone):
        if all(start <= hour * HOUR + minute * MINUTE < end for hour in cron.hours for minute in cron.minutes):
            return f"{_clock(start)} to {_clock(end)}"
    return ""


def skipped(zone: tzinfo) -> Iterator[tuple[int, int]]:
    """What the clock skips when it is put forward, from and to in seconds of the day."""
    at, end = YEARS
    while at < end:
        before = clockface.offset(zone, at)
        at = clockface.steady_until(zone, at, before)
        forward = clockface.offset(zone, at) - before
        if forward > 0:
            start = (at + before) % DAY
            yield start, start + forward


def _clock(seconds: int) -> str:
    return f"{seconds // HOUR % 24:02}:{seconds % HOUR // MINUTE:02}"
