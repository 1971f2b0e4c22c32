"""A text that must not be seen: a password, a token, the value of a parameter that is marked as secret."""

from __future__ import annotations

from dataclasses import dataclass, field

HIDDEN = "***"


@dataclass(frozen=True, slots=True)
class Secret:
    """`value` is asked for by name where it is used; printing, formatting or logging a Secret shows `***`."""

    value: str = field(default="", repr=False)

    def __str__(self) -> str:
        return HIDDEN if self.value else ""

    def __bool__(self) -> bool:
        return bool(self.value)
