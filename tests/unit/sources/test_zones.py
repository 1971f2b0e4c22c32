"""Time zones by name, from the tzdata of the host."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from zpmd.sources.zones import zone


def test_a_zone_knows_its_offset() -> None:
    assert zone("Europe/Berlin").utcoffset(datetime(2026, 7, 1)) == timedelta(hours=2)


@pytest.mark.parametrize(
    "name",
    ["", "Europe", "Europe/", "europe/berlin", "../etc/passwd", "/etc/passwd", "right/Europe/Berlin", "localtime",
     "posix/UTC", "A" * 5000, "Europe/Ber\0lin", "tzdata.zi", "CET-1CEST"],
)  # fmt: skip
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no time zone of this host: write UTC, or a name like Europe/Berlin"):
        zone(name)


def test_a_misspelt_zone_is_found() -> None:
    with pytest.raises(ValueError, match="did you mean 'Australia/Lord_Howe'"):
        zone("Australia/LordHowe")


def test_utc_needs_no_tzdata() -> None:
    assert zone("UTC") is UTC
