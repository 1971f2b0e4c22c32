"""Schedules in words: "at 02:00 every day", "every 15 minutes". Pure.

What would take more words than its expression has fields is told by the expression alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from zpmd.model.schedule import Cron, Every, Schedule

TIMES_TOLD = 4
WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
MONTHS = ("January", "February", "March", "April", "May", "June",
          "July", "August", "September", "October", "November", "December")  # fmt: skip
UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def written(schedule: Schedule) -> str:
    """As a service file has it."""
    return schedule.text if isinstance(schedule, Cron) else f"every {short(schedule.seconds)}"


def spoken(schedule: Schedule) -> str:
    """ "" where the expression says it better."""
    if isinstance(schedule, Every):
        return _every(schedule)
    times = _times(schedule) if schedule.fixed else _rhythm(schedule)
    return f"{times} {_days(schedule)}".rstrip() if times else ""


def short(seconds: float) -> str:
    """An exact duration as files have it: "15m", "1h30m"."""
    left, parts = round(seconds), []
    for size, unit in UNITS:
        count, left = divmod(left, size)
        parts += [f"{count}{unit[0]}"] if count else []
    return "".join(parts) or "0s"


def _every(every: Every) -> str:
    for size, unit in UNITS:
        count, rest = divmod(every.seconds, size)
        if count and not rest:
            return f"every {unit}" if count == 1 else f"every {count} {unit}s"
    return f"every {short(every.seconds)}"


def _times(cron: Cron) -> str:
    """When on a day; "" for what is too much."""
    if len(cron.minutes) * len(cron.hours) > TIMES_TOLD:
        return ""
    return "at " + _listed([f"{hour:02}:{minute:02}" for hour in cron.hours for minute in cron.minutes])


def _rhythm(cron: Cron) -> str:
    step = _step(cron.minutes, 60)
    if len(cron.hours) == 24 and step:
        return "every minute" if step == 1 else f"every {step} minutes"
    hours = "every hour" if len(cron.hours) == 24 else ""
    if not hours and (gap := _step(cron.hours, 24)):
        hours = f"every {gap} hours"
    if hours and len(cron.minutes) == 1:
        return f"{hours}, at minute {cron.minutes[0]}" if cron.minutes[0] else hours
    return ""


def _step(values: Sequence[int], whole: int) -> int:
    """The distance between several, where that is the same all around from 0; 0 elsewhere."""
    gaps = {after - before for before, after in pairwise([*values, values[0] + whole])}
    return gaps.pop() if values[0] == 0 and len(values) > 1 and len(gaps) == 1 else 0


def _days(cron: Cron) -> str:
    months = f" in {_listed([MONTHS[month - 1] for month in cron.months])}" if len(cron.months) < 12 else ""
    if cron.any_day and cron.any_weekday:
        return ("every day" if cron.fixed or months else "").strip() + months
    which = []
    if not cron.any_day:
        which.append(f"on day {_listed([str(day) for day in cron.days])}" + (months or " of the month"))
    if not cron.any_weekday:
        which.append(f"on {_listed(_weekdays(cron.weekdays))}" + (months if cron.any_day else ""))
    return ", and ".join(which)


def _weekdays(days: Sequence[int]) -> list[str]:
    if len(days) > 2 and all(after - before == 1 for before, after in pairwise(days)):
        return [f"{WEEKDAYS[days[0]]} to {WEEKDAYS[days[-1]]}"]
    return [WEEKDAYS[day] for day in days]


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
