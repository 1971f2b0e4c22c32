"""Timetables by what is written, and dues as lines of text, for tests of schedules."""

from __future__ import annotations

import math
from datetime import datetime
from itertools import islice

from zpmd.model.schedule import Cron, Due, Schedule, Timetable
from zpmd.planning.schedules import due_after
from zpmd.sources.cron import cron
from zpmd.sources.schedules import every
from zpmd.sources.zones import zone


def schedule(text: str) -> Schedule:
    """A cron expression, or `every 15m`."""
    if text.startswith("every "):
        return every(text.removeprefix("every "))
    read = cron(text)
    assert isinstance(read, Cron), read
    return read


def timetable(*texts: str, zone: str = "UTC") -> Timetable:
    return Timetable(schedules=tuple(schedule(text) for text in texts), zone=zone)


def instant(text: str, name: str = "UTC") -> float:
    """Unix seconds of `2026-03-29 02:30` in that zone, the first time where it comes twice."""
    return datetime.fromisoformat(text).replace(tzinfo=zone(name)).timestamp()


def dues(table: Timetable, after: float, until: float = math.inf, count: int | None = None) -> list[Due]:
    return list(islice(due_after(table, zone(table.zone), after, until), count))


def line(due: Due, name: str) -> str:
    """`2026-03-29 03:00 +02:00 moved, instead of 2026-03-29 02:30`."""
    local = datetime.fromtimestamp(due.at, zone(name))
    mark = "" if due.mark == "ordinary" else f" {due.mark}"
    instead = f", instead of {' and '.join(due.instead_of)}" if due.instead_of else ""
    return f"{local:%a %Y-%m-%d %H:%M} {local.isoformat()[19:]}{mark}{instead}"


def lines(*texts: str, zone: str = "UTC", after: str, count: int) -> list[str]:
    """The next `count` dues after a time of that zone."""
    table = timetable(*texts, zone=zone)
    return [line(due, zone) for due in dues(table, instant(after, zone), count=count)]
