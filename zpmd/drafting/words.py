"""Amounts and texts as a Compose file writes them; and a mapping that knows what of it nobody has looked at."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

UNITS = ((3_600_000_000_000, "h"), (60_000_000_000, "m"), (1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us"),
         (1, "ns"))  # fmt: skip
MULTIPLES = ((1 << 30, "g"), (1 << 20, "m"), (1 << 10, "k"))
UNNAMED = re.compile(r"[^a-zA-Z0-9_.-]+")


def duration(nanoseconds: int) -> str:
    """`1m30s`."""
    parts, left = [], nanoseconds
    for unit, word in UNITS:
        count, left = divmod(left, unit)
        parts += [f"{count}{word}"] if count else []
    return "".join(parts) or "0s"


def size(count: int) -> str | int:
    """`512m`; bytes where no multiple is exact."""
    return next((f"{count // unit}{word}" for unit, word in MULTIPLES if count and not count % unit), count)


def name_of(text: str) -> str:
    """The text as a key or a service name: what these cannot have becomes a dash."""
    return UNNAMED.sub("-", text).strip("-._") or "unnamed"


def doubled(value: Any) -> Any:
    """The value with every dollar sign doubled, because a single one would begin a variable. Keys have none."""
    match value:
        case str():
            return value.replace("$", "$$")
        case Mapping():
            return {key: doubled(item) for key, item in value.items()}
        case list() | tuple():
            return [doubled(item) for item in value]
        case _:
            return value


class Facts:
    """A mapping of the engine's that is taken apart, key by key: `left` is what would be dropped in silence."""

    def __init__(self, values: Mapping[str, Any] | None) -> None:
        self._values = dict(values or {})
        self._taken: set[str] = set()

    def take(self, key: str, default: Any = None) -> Any:
        """The value of a key, the default where there is none or where it says nothing."""
        self._taken.add(key)
        value = self._values.get(key)
        return default if value is None else value

    def ignore(self, *keys: str) -> None:
        self._taken.update(keys)

    def left(self) -> Iterator[tuple[str, Any]]:
        for key, value in self._values.items():
            if key not in self._taken and value not in (None, "", 0, False, [], {}):
                yield key, value
