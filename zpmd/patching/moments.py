"""Moments as a patch file writes them: RFC 3339 with whole seconds and a zone, or a date. Pure."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
MOMENT = re.compile(
    rf"({DATE.pattern})[Tt ]([0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}})([Zz]|[+-][0-9]{{2}}:[0-9]{{2}})", re.ASCII
)
LAST = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


def seconds(text: str) -> float:
    """Unix seconds of a moment with its zone; of a date, its end in UTC. Raises ValueError."""
    try:
        if DATE.fullmatch(text):
            day = datetime.combine(date.fromisoformat(text), time(), UTC)
            return _nearby(day + timedelta(days=1))
        if match := MOMENT.fullmatch(text):
            day_text, clock, zone = match.groups()
            return _nearby(datetime.fromisoformat(f"{day_text}T{clock}{zone.upper()}"))
    except (ValueError, OverflowError) as error:
        raise ValueError("is no day or time that there is: write for example 2027-01-31") from error
    raise ValueError("is not a moment: write 2027-01-31, or 2027-01-31T18:00:00Z")


def text(unix_seconds: float) -> str:
    """Whole Unix seconds in UTC, as `seconds` reads them."""
    return datetime.fromtimestamp(unix_seconds, UTC).replace(tzinfo=None).isoformat() + "Z"


def _nearby(moment: datetime) -> float:
    """Unix seconds of what can also be written in UTC."""
    found = moment.timestamp()
    if not 0 <= found < LAST:
        raise ValueError
    return found
