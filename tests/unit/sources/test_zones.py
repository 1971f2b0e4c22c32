"""Time zones by name, from the tzdata of the host."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from zpmd.sources import zones
from zpmd.sources.zones import SteadyZones, zone


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


def test_a_zone_is_the_same_object_until_its_file_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is worked out by a zone is kept for as long as that is the same one."""
    host = Path("/usr/share/zoneinfo")
    monkeypatch.setattr(zones, "TZPATH", (str(tmp_path),))
    zoneinfo.reset_tzpath((tmp_path,))
    try:
        (tmp_path / "Here").write_bytes((host / "Europe/Berlin").read_bytes())
        steady = SteadyZones()
        before = steady("Here")
        assert steady("Here") is before
        (tmp_path / "new").write_bytes((host / "America/Lima").read_bytes())
        (tmp_path / "new").rename(tmp_path / "Here")
        assert steady("Here").utcoffset(datetime(2026, 7, 1)) == timedelta(hours=-5)
        assert before.utcoffset(datetime(2026, 7, 1)) == timedelta(hours=2)
        (tmp_path / "Here").unlink()
        with pytest.raises(ValueError, match="is no time zone of this host"):
            steady("Here")
    finally:
        zoneinfo.reset_tzpath()
