"""Time zones by name, from the host's own tzdata. It reads files, so that nobody who decides has to."""

from __future__ import annotations

from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from zpmd.sources.nodes import shortened
from zpmd.sources.reading import suggestion

ELSEWHERE = ("posix/", "right/", "localtime", "posixrules")
"""Names under which tzdata has the same again, with leap seconds in Unix time (`right/`), or what a host is set to."""


def zone(name: str) -> tzinfo:
    """An IANA zone: `UTC`, `Europe/Berlin`. Read anew each time: tzdata is updated while zpmd runs.

    Raises ValueError that says what to write.
    """
    if name == "UTC":
        return UTC  # the default needs no tzdata
    try:
        if name.startswith(ELSEWHERE):
            raise ZoneInfoNotFoundError
        return ZoneInfo.no_cache(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = suggestion(name, available_timezones())
        raise ValueError(
            f"{shortened(name)!r} is no time zone of this host: write UTC, or a name like Europe/Berlin{known}"
        ) from None
