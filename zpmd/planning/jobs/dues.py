"""When a job is due next, worked out once: an idle job is asked in every pass, and answers the same for hours."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, tzinfo
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from zpmd.model.schedule import Due, Every, Timetable
from zpmd.planning.schedules import due_after, starts_at

JOBS = 16_384
"""How many answers are remembered: more than any host has jobs."""
SHOWN = 4096
LOOK_AHEAD = 10_000
"""A change of the clock repeats an hour, or in the history of some places a day: 1440 minutes."""


class Next(NamedTuple):
    """The first due instant after another, and when the next run starts; None: no more run is to come."""

    at: float
    starts_at: float | None


_last: dict[str, tuple[float, tzinfo, Timetable, Next | None]] = {}
"""By the job."""


def upcoming(job: str, timetable: Timetable, zone: tzinfo, after: float) -> Next | None:
    """The answer of before, where the question is the one of before: of each job only the last one is kept."""
    last = _last.get(job)
    if last is not None and last[0] == after and last[1] is zone and last[2] == timetable:
        return last[3]
    found = _upcoming(job, timetable, zone, after)
    if len(_last) >= JOBS:
        _last.clear()
    _last[job] = after, zone, timetable, found
    return found


def _upcoming(job: str, timetable: Timetable, zone: tzinfo, after: float) -> Next | None:
    first = None
    for due in islice(due_after(timetable, zone, after), LOOK_AHEAD):
        first = due.at if first is None else first
        if due.runs:
            return Next(first, starts_at(job, due, timetable.jitter_seconds))
    return None if first is None else Next(first, None)


def between(timetable: Timetable, zone: tzinfo, after: float, until: float, most: int) -> list[Due]:
    """The first of those after `after` and not after `until`."""
    found: Iterator[Due] = due_after(timetable, zone, after, until)
    return list(islice(found, most))


@lru_cache(maxsize=JOBS)
def digest(timetable: Timetable) -> str:
    """Another one: other instants are due. Jitter moves none."""
    texts = sorted(f"every {s.seconds}" if isinstance(s, Every) else s.text for s in timetable.schedules)
    return hashlib.sha256("\n".join([timetable.zone, *texts]).encode()).hexdigest()[:16]


@lru_cache(maxsize=SHOWN)
def shown(at: float, zone: tzinfo) -> str:
    """As in `2026-03-29 03:30 CEST`; with seconds where there are any."""
    local = datetime.fromtimestamp(at, zone)
    return local.strftime("%Y-%m-%d %H:%M %Z" if local.second == 0 else "%Y-%m-%d %H:%M:%S %Z")
