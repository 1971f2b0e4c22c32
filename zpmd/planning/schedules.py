"""Which instants a job is due at: each exactly once, in order, whatever is done to the clock on the wall.

The clock is followed along its stretches between two changes, in UTC, which is never changed:

1. Within a stretch, a time on the wall is one instant.
2. Where it is put forward, times are skipped. A job of fixed times (`Cron.fixed`) that was to run at any of them is due
   once, at the end of the gap, however long that is; of the others nothing is made up.
3. Where it is put back, times come again. A job of fixed times is due at the first of both, and the second is told as
   REPEATED, so that it has its row in the ledger; the others are due both times.

That is Debian's cron for changes of less than three hours (cron(8), "Notes"). Longer ones, which it takes for
corrections of the clock, are no different here: where Samoa left out 30 December 2011, a job of the 30th is due as the
31st begins.

A due instant is a function of timetable and zone alone: windows that meet give neither more nor less than the whole.
"""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Iterator, Sequence
from datetime import tzinfo
from itertools import groupby
from operator import attrgetter

from zpmd.model.schedule import Cron, Due, Every, Mark, Schedule, Timetable
from zpmd.planning import clockface
from zpmd.planning.clockface import DAY, FIRST, LAST
from zpmd.planning.walltimes import walltimes

RANK = (Mark.REPEATED, Mark.MOVED, Mark.ORDINARY)
"""Of several schedules that are due at the same instant the highest counts."""


def due_after(timetable: Timetable, zone: tzinfo, after: float, until: float = math.inf) -> Iterator[Due]:
    """All that is due after `after` and not after `until`, ascending, worked out as they are asked for.

    `zone` is what `timetable.zone` names. Take the first few with `itertools.islice`. It ends with the year 9999.
    """
    start = math.floor(max(after, FIRST - DAY)) + 1
    end = math.floor(min(until, LAST + DAY)) + 1
    each = [_of_one(schedule, zone, start, end) for schedule in timetable.schedules]
    for _, same in groupby(heapq.merge(*each, key=attrgetter("at")), key=attrgetter("at")):
        yield _together(list(same))


def starts_at(job: str, due: Due, jitter_seconds: float) -> float:
    """When its run is to start: up to `jitter_seconds` after it is due, to the millisecond.

    The same each time it is asked, and as good as chance between jobs and between the runs of one.
    """
    digest = hashlib.sha256(f"{job}\n{due.at:.0f}".encode()).digest()
    share = int.from_bytes(digest[:6], "big") / 2**48
    return due.at + round(jitter_seconds * share, 3)


def _of_one(schedule: Schedule, zone: tzinfo, start: int, end: int) -> Iterator[Due]:
    match schedule:
        case Cron():
            return _of_cron(schedule, zone, start, end)
        case Every():
            return _of_every(schedule, start, end)


def _of_every(every: Every, start: int, end: int) -> Iterator[Due]:
    first = -(-start // every.seconds) * every.seconds
    return (Due(at=float(at)) for at in range(first, min(end, LAST + 1), every.seconds))


def _of_cron(cron: Cron, zone: tzinfo, start: int, end: int) -> Iterator[Due]:
    """The dues at instants from `start` to before `end`, a stretch of the clock after the other.

    No clock is a day or more off UTC. So until a day before the next local time that matches, were it UTC, there is
    nothing to look for, and changes of the clock until then are of no interest.
    """
    while (upcoming := next(walltimes(cron, start - DAY), None)) is not None:
        start = max(start, upcoming - DAY)
        if start >= end:
            return
        before, ahead = clockface.offset(zone, start - 1), clockface.offset(zone, start)
        stop = min(end, clockface.steady_until(zone, start, ahead))
        if cron.fixed and before < ahead and (skipped := tuple(walltimes(cron, start + before, start + ahead))):
            yield Due(at=float(start), mark=Mark.MOVED, instead_of=tuple(map(clockface.told, skipped)))
        again = cron.fixed
        for local in walltimes(cron, start + ahead, stop + ahead):
            # once one is new, so are all that follow it, as far as the clock is steady
            again = again and clockface.shown_before(zone, local, ahead)
            yield Due(at=float(local - ahead), mark=Mark.REPEATED if again else Mark.ORDINARY)
        start = stop


def _together(same: Sequence[Due]) -> Due:
    """What several schedules make of one instant."""
    if len(same) == 1:
        return same[0]
    mark = max((due.mark for due in same), key=RANK.index)
    return Due(at=same[0].at, mark=mark, instead_of=tuple(sorted({told for due in same for told in due.instead_of})))
