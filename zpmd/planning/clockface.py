"""How the clock of a time zone is set: what it is ahead of UTC, and when that changes.

A zone comes as a `tzinfo`, made by whoever may read files (zpmd/sources/zones.py), and is asked nothing but its offset
at an instant. Everything here is in whole seconds: Unix seconds for instants, and `local seconds` for what the clock
shows, which are Unix seconds plus the offset.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

EPOCH: Final = datetime(1970, 1, 1)
AWARE_EPOCH: Final = EPOCH.replace(tzinfo=UTC)
DAY: Final = 86_400
"""Also the bound of every offset: tzinfo has none of a day or more."""

FIRST: Final = -62_135_596_800
"""0001-01-01 00:00:00, where datetime begins, as local seconds."""
LAST: Final = 253_402_300_799
"""9999-12-31 23:59:59, where it ends."""


def offset(zone: tzinfo, at: int) -> int:
    """What the clock is ahead of UTC at this instant. On the outermost two days of datetime it is as next to them."""
    within = min(max(at, FIRST + 2 * DAY), LAST - 2 * DAY)
    ahead = (AWARE_EPOCH + timedelta(seconds=within)).astimezone(zone).utcoffset()
    return _seconds(ahead)


def steady_until(zone: tzinfo, start: int, ahead: int) -> int:
    """The next change of the clock after `start`, where it is `ahead`; a day later where it is not changed until then.

    Looked for by a day at a time: no zone changes twice within one (the closest in tzdata 2025b are four days apart,
    Freetown in September 1939).
    """
    same, other = start, start + DAY
    if offset(zone, other) == ahead:
        return other
    while other - same > 1:
        middle = (same + other) // 2
        if offset(zone, middle) == ahead:
            same = middle
        else:
            other = middle
    return other


def shown_before(zone: tzinfo, local: int, ahead: int) -> bool:
    """Whether the clock, now `ahead` and showing `local`, has shown the same once already."""
    if not FIRST + DAY < local < LAST - DAY:
        return False
    first = (EPOCH + timedelta(seconds=local)).replace(tzinfo=zone, fold=0)
    return _seconds(first.utcoffset()) > ahead


def told(local: int) -> str:
    """As in `2026-03-29 02:30`."""
    return (EPOCH + timedelta(seconds=local)).isoformat(" ", "minutes")


def _seconds(ahead: timedelta | None) -> int:
    """A zone without an answer is UTC."""
    return ahead // timedelta(seconds=1) if ahead else 0
