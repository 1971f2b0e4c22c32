"""The zones that jobs name: read with the sources, and kept where they are there no longer."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone, tzinfo

from tests.unit.planning.build import service
from zpmd.daemon.zones import Zones, utc_alone
from zpmd.model.job import JobPolicy
from zpmd.model.schedule import Every, Timetable
from zpmd.model.service import Desired, ServiceData


def job(name: str, zone: str) -> ServiceData:
    return service(name, job=JobPolicy(timetable=Timetable(schedules=(Every(60),), zone=zone)))


class Tzdata:
    """A host's, which is updated now and then."""

    def __init__(self, **hours: int) -> None:
        self.hours = hours
        self.asked: list[str] = []

    def __call__(self, name: str) -> tzinfo:
        self.asked.append(name)
        if name not in self.hours:
            raise ValueError(name)
        return timezone(timedelta(hours=self.hours[name]))


def test_the_zones_of_jobs_are_read_each_once_and_anew_each_time() -> None:
    host = Tzdata(Berlin=1, Lima=-5)
    zones = Zones(host)
    desired = Desired(services=(service("web"), job("a", "Berlin"), job("b", "Berlin"), job("c", "Lima")))
    zones.read(desired)
    assert host.asked == ["Berlin", "Lima"]
    assert zones.known == {"Berlin": timezone(timedelta(hours=1)), "Lima": timezone(timedelta(hours=-5))}
    host.hours["Berlin"] = 2
    zones.read(desired)
    assert zones.known["Berlin"] == timezone(timedelta(hours=2))


def test_one_that_is_gone_stays_as_it_was_and_one_that_never_was_is_left_out() -> None:
    host = Tzdata(Berlin=1)
    zones = Zones(host)
    desired = Desired(services=(job("a", "Berlin"), job("b", "Atlantis")))
    zones.read(desired)
    before = zones.known
    host.hours.clear()
    zones.read(desired)
    assert zones.known == before == {"Berlin": timezone(timedelta(hours=1))}
    assert (zones.told("a", 0.0), zones.told("b", 0.0), zones.told("gone", 0.0)) == (
        *("1970-01-01 01:00 UTC+01:00", "1970-01-01 00:00 UTC", "1970-01-01 00:00 UTC"),
    )
    zones.read(Desired(services=(job("b", "Atlantis"),)))
    assert zones.known == {}


def test_without_tzdata_there_is_utc() -> None:
    zones = Zones(utc_alone)
    zones.read(Desired(services=(job("a", "UTC"), job("b", "Europe/Berlin"))))
    assert zones.known == {"UTC": UTC}
