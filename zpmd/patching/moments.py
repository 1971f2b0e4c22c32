"""Moments as a patch file writes them: RFC 3339 with whole seconds and a zone, or a date. Pure."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
MOMENT = re.compile(
    rf"({DATE.pattern})[Tt ]([0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}})([Zz]|[+-][0-9]{{2}}:[0-9]{{2}})", re.ASCII
)


def seconds(text: str) -> float:
    """Unix seconds of a moment with its zone; of a date, its end in UTC. Raises ValueError."""
    try:
        if DATE.fullmatch(text):
            day = datetime.combine(date.fromisoformat(text), time(), UTC)
            return (day + timedelta(days=1)).timestamp()
        if match := MOMENT.fullmatch(text):
            day_text, clock, zone = match.groups()
            return datetime.fromisoformat(f"{day_text}T{clock}{zone.upper().replace('Z', '+00:00')}").timestamp()
    except (ValueError, OverflowError) as error:
        raise ValueError("is not in the calendar: write for example 2027-01-31") from error
    raise ValueError("is not a moment: write 2027-01-31, or 2027-01-31T18:00:00Z")


def text(seconds: float) -> str:
    """Whole Unix seconds in UTC, as `seconds` reads them."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
