"""Cron expressions of every shape that is read, by a seed; and the changes of a zone's clock, found without zpmd."""

from __future__ import annotations

import functools
import random
from datetime import UTC, datetime, timedelta

from zpmd.sources.zones import zone

MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
SINCE, UNTIL = 0, 2_145_916_800
"""1970 to 2038, Unix seconds: all offsets are whole minutes by then, but Liberia's until 1972."""


def expression(chance: random.Random) -> str:
    """Five fields: half of them for every day, and half of them for its first hours, when clocks are changed.

    Some are refused: never due, or read differently by different crons.
    """
    times = [_field(chance, 0, 59, []), _field(chance, 0, chance.choice([4, 23]), [])]
    if chance.random() < 0.5:
        return " ".join([*times, "*", "*", "*"])
    days = [_field(chance, 1, 31, []), _field(chance, 1, 12, MONTHS), _field(chance, 0, 7, WEEKDAYS)]
    return " ".join([*times, *days])


def _field(chance: random.Random, low: int, high: int, names: list[str]) -> str:
    kind = chance.random()
    if kind < 0.2:
        return "*"
    if kind < 0.3:
        return f"*/{chance.randint(1, (high - low) // 2)}"
    return ",".join(_part(chance, low, high, names) for _ in range(chance.choice([1, 1, 1, 2, 3])))


def _part(chance: random.Random, low: int, high: int, names: list[str]) -> str:
    if chance.random() < 0.5:
        return _value(chance.randint(low, high), low, names if chance.random() < 0.3 else [])
    first, last = sorted((chance.randint(low, high), chance.randint(low, high)))
    if last > first and chance.random() < 0.5:
        return f"{first}-{last}/{chance.randint(1, last - first)}"
    return f"{first}-{last}"


def _value(value: int, low: int, names: list[str]) -> str:
    return names[(value - low) % len(names)] if names else str(value)


@functools.cache
def changes(name: str) -> tuple[int, ...]:
    """All instants from SINCE to UNTIL at which the clock of the zone is changed."""
    within, found, at = zone(name), [], SINCE
    while at < UNTIL:
        if ahead(within, at) != ahead(within, at + 86_400):
            found.append(next(s for s in range(at, at + 86_401, 60) if ahead(within, s) != ahead(within, at)))
        at += 86_400
    return tuple(found)


def ahead(within: object, at: int) -> timedelta | None:
    return datetime.fromtimestamp(at, UTC).astimezone(within).utcoffset()  # type: ignore[arg-type]
