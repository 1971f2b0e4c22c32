"""Time zones by name, from the host's own tzdata. It reads files, so that nobody who decides has to."""

from __future__ import annotations

import os
from datetime import UTC, tzinfo
from zoneinfo import TZPATH, ZoneInfo, ZoneInfoNotFoundError, available_timezones

from zpmd.sources.nodes import shortened
from zpmd.sources.reading import suggestion

ELSEWHERE = ("posix/", "right/", "localtime", "posixrules")
"""Names under which tzdata has the same again, with leap seconds in Unix time (`right/`), or what a host is set to."""

Stamp = tuple[int, ...]


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


class SteadyZones:
    """`zone`, which gives the same object again while its file is the same: what was worked out by it still counts."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Stamp, tzinfo]] = {}

    def __call__(self, name: str) -> tzinfo:
        known, stamp = self._known.get(name), _stamp(name)
        if known is not None and known[0] == stamp:
            return known[1]
        found = zone(name)
        self._known[name] = (stamp, found)
        return found


def _stamp(name: str) -> Stamp:
    """What tells a file of tzdata from the one that takes its place; () where there is none."""
    for folder in TZPATH:
        try:
            status = os.stat(os.path.join(folder, name))
        except (OSError, ValueError):
            continue
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
    return ()
