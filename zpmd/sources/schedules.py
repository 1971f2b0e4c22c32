"""`every: 15m`, and anything else that a schedule may be written as, beside a cron expression (cron.py). Pure."""

from __future__ import annotations

from typing import Final

from zpmd.model.schedule import Every
from zpmd.sources import units

SHORTEST_SECONDS: Final = 10
"""A container takes a third of a second to start, and about as long to end."""
LONGEST_SECONDS: Final = 366 * 86_400


def every(text: str) -> Every:
    """Raises ValueError that says what to write."""
    seconds = units.duration(text)
    if seconds != int(seconds):
        raise ValueError("is no whole number of seconds: write for example 10s, 15m or 1h30m")
    if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        raise ValueError("is out of range: write 10s to 366d, or a cron expression for a date")
    return Every(int(seconds))
