"""The time zones that jobs name: read anew whenever sources are, because tzdata is updated while zpmd runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, tzinfo
from types import MappingProxyType

from zpmd.model.service import Desired
from zpmd.planning.jobs.dues import shown

Zone = Callable[[str], tzinfo]
"""A zone by its IANA name. Raises ValueError where this host does not know it."""


def utc_alone(name: str) -> tzinfo:
    """A `Zone` for where there is no tzdata to be read."""
    if name == "UTC":
        return UTC
    raise ValueError(f"{name} is no time zone here: there is UTC")


class Zones:
    """Used by the loop's thread alone."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._known: Mapping[str, tzinfo] = MappingProxyType({})
        self._of: dict[str, str] = {}

    @property
    def known(self) -> Mapping[str, tzinfo]:
        """By name, without those that were never there."""
        return self._known

    def read(self, desired: Desired) -> None:
        """Those that jobs name. One that is there no longer stays as it was."""
        found: dict[str, tzinfo] = {}
        self._of = {s.name: s.job.timetable.zone for s in desired.services if s.job is not None}
        for name in sorted(set(self._of.values())):
            try:
                found[name] = self._zone(name)
            except ValueError:
                if name in self._known:
                    found[name] = self._known[name]
        self._known = MappingProxyType(found)

    def told(self, job: str, at: float) -> str:
        """An instant as the clock of the job's zone shows it; where that is not known, as UTC does."""
        return shown(at, self._known.get(self._of.get(job, ""), UTC))
