"""Schedules by a period."""

from __future__ import annotations

import pytest

from zpmd.model.schedule import Every
from zpmd.sources.schedules import every


@pytest.mark.parametrize(("text", "seconds"), [("15m", 900), ("10s", 10), ("1h30m", 5400), ("366d", 31_622_400)])
def test_a_period_is_whole_seconds(text: str, seconds: int) -> None:
    assert every(text) == Every(seconds)


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("15", "is not a duration: write 15s"),
        ("10.5s", "is no whole number of seconds: write for example 10s, 15m or 1h30m"),
        ("9s", "is out of range: write 10s to 366d, or a cron expression for a date"),
        ("0", "is out of range"),
        ("367d", "is out of range"),
        ("99999999999999999999999999w", "is out of range"),
    ],
)
def test_what_is_no_period_says_what_to_write(text: str, instead: str) -> None:
    with pytest.raises(ValueError, match=instead):
        every(text)
