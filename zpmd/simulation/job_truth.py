"""When jobs are due, told without the planner: by what the clock on the wall shows, minute after minute.

Times that are fixed and skipped are those between what the clock showed and what it shows a minute later; a time is
repeated where the clock has shown it before. An hour in which the clock goes on by an hour is looked at only at the
minutes that the schedule names.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo

from zpmd.model.schedule import Cron, Due, Every, Mark, Schedule, Timetable
from zpmd.sources.zones import zone

MINUTE, HOUR = 60, 3600
RANK = {Mark.REPEATED: 0, Mark.MOVED: 1, Mark.ORDINARY: 2}


def dues(timetable: Timetable, after: float, until: float) -> list[Due]:
    """What is due after `after` and not after `until`, ascending. Of an instant at which several schedules are due the
    one that says the most counts: an ordinary time before one that was moved, and that before a repeated one."""
    found: dict[float, list[Due]] = {}
    for schedule in timetable.schedules:
        for due in _of_one(schedule, timetable.zone, after, until):
            found.setdefault(due.at, []).append(due)
    return [_as_one(found[at]) for at in sorted(found)]


def _as_one(same: list[Due]) -> Due:
    if len(same) == 1:
        return same[0]
    mark = max((due.mark for due in same), key=RANK.__getitem__)
    return Due(at=same[0].at, mark=mark, instead_of=tuple(sorted({told for due in same for told in due.instead_of})))


def _of_one(schedule: Schedule, name: str, after: float, until: float) -> Iterator[Due]:
    if isinstance(schedule, Every):
        first = int(after // schedule.seconds + 1) * schedule.seconds
        yield from (Due(at=float(at)) for at in range(first, int(until // 1) + 1, schedule.seconds))
        return
    if after // MINUTE == until // MINUTE:
        return  # no whole minute lies between
    for due in _of_cron(schedule, _kept(name), int(after // MINUTE) * MINUTE, int(until // MINUTE) * MINUTE):
        if after < due.at <= until:
            yield due


def _of_cron(cron: Cron, kept: tzinfo, start: int, end: int) -> Iterator[Due]:
    """Of the minutes from `start` to `end`, both of them whole minutes."""
    at = start
    while at <= end:
        over = min(end, at - at % HOUR + HOUR - MINUTE)
        before, last = _shown(kept, at - MINUTE), _shown(kept, over)
        if _naive(last) - _naive(before) == timedelta(seconds=over - at + MINUTE):
            minutes = _named(cron, at, over, _naive(before).minute + 1)
        else:
            minutes = list(range(at, over + 1, MINUTE))
        for minute in minutes:
            yield from _at(cron, kept, minute)
        at = over + MINUTE


def _named(cron: Cron, at: int, over: int, minute: int) -> list[int]:
    """The instants of a steady stretch at which the clock shows a minute that is named; at `at` it shows `minute`."""
    return [at + n * MINUTE for n in range((over - at) // MINUTE + 1) if (minute + n) % 60 in cron.minutes]


def _at(cron: Cron, kept: tzinfo, at: int) -> Iterator[Due]:
    local = _shown(kept, at)
    naive, skipped = _naive(local), []
    expected = _naive(_shown(kept, at - MINUTE)) + timedelta(minutes=1)
    while cron.fixed and expected < naive:
        if _matches(cron, expected):
            skipped.append(f"{expected:%Y-%m-%d %H:%M}")
        expected += timedelta(minutes=1)
    if _matches(cron, naive):
        mark = Mark.REPEATED if cron.fixed and local.fold else Mark.ORDINARY
        yield Due(at=float(at), mark=mark, instead_of=tuple(skipped))
    elif skipped:
        yield Due(at=float(at), mark=Mark.MOVED, instead_of=tuple(skipped))


@functools.cache
def _kept(name: str) -> tzinfo:
    return zone(name)


def _shown(kept: tzinfo, at: int) -> datetime:
    return datetime.fromtimestamp(at, kept)


def _naive(local: datetime) -> datetime:
    return local.replace(tzinfo=None, fold=0)


def _matches(cron: Cron, local: datetime) -> bool:
    if local.minute not in cron.minutes or local.hour not in cron.hours or local.month not in cron.months:
        return False
    day, weekday = local.day in cron.days, local.isoweekday() % 7 in cron.weekdays
    return (day and weekday) if cron.any_day or cron.any_weekday else (day or weekday)
