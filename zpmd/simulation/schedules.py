"""Schedules by what is written, for scripts and appliances."""

from __future__ import annotations

from zpmd.model.schedule import Cron, Schedule
from zpmd.sources.cron import cron
from zpmd.sources.schedules import every

SPARSE = ("every 4m", "every 7m", "*/5 * * * *", "13,43 * * * *", "every 11m", "30 2 * * *")
"""Schedules of random sessions: due a few times in one, with time to come to rest between."""


def schedule_of(text: str) -> Schedule:
    """`every 15m`, or a cron expression. Raises ValueError."""
    if text.startswith("every "):
        return every(text.removeprefix("every "))
    read = cron(text)
    if not isinstance(read, Cron):
        raise ValueError(f"no schedule: {text!r}")
    return read
