"""Secrets are taken out of text, as a last line behind code that does not put them there: those that are known by what
they are (known.py), others by their looks.

Rules: too much rather than too little, never an exception, and linear in the length of the text (every repetition that
can fail is bounded), because the text may come from anybody. It is for texts alone: names, which programs read again,
are not masked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from zpmd.known import MASK, Known

__all__ = ["KNOWN", "MASK", "by_looks", "environment_secrets", "names_a_secret", "redact", "redact_lines"]

KNOWN: Final = Known()
"""The secrets that this process has met."""

_NAMES: Final = r"(?:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|private[_-]?key|access[_-]?key|credentials?)"

_RULES: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    # scheme://user:password@host; up to the last @ of the word, because passwords contain unescaped ones
    (re.compile(r"(://[^\s/:@]{0,256}:)\S{1,1024}@"), rf"\1{MASK}@"),
    # one that has no end is taken to the end of the text: too much, and still linear
    (re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END|\Z)", re.DOTALL), f"{MASK} -----END"),
    (re.compile(r"\b(bearer|basic)\s{1,8}[\w.~+/=-]{6,}", re.IGNORECASE), rf"\1 {MASK}"),
    (re.compile(r"\bzpmd_\w{1,64}_[\w-]{16,}"), MASK),
    # name=value, name: value, "name": "value"
    (
        re.compile(
            rf"({_NAMES}[\w-]{{0,64}}[\"']?\s{{0,8}}[=:]\s{{0,8}})"
            r"(?:\"(?:[^\"\\]|\\.){0,4096}\"?|'(?:[^'\\]|\\.){0,4096}'?|[^\s,;&\"'})\]]+)",
            re.IGNORECASE | re.DOTALL,
        ),
        rf"\1{MASK}",
    ),
)
_NAME: Final = re.compile(_NAMES, re.IGNORECASE)
_POINTER: Final = re.compile(r"[_-](?:file|path|dir|name|user|id|ttl|url)$", re.IGNORECASE)
"""Ends of names of variables that are about a secret without being one."""


def redact(text: str) -> str:
    """The text with `***` in place of what is known to be a secret, or looks like one."""
    return by_looks(KNOWN.mask(text))


def by_looks(text: str) -> str:
    """The text with `***` in place of what looks like a secret: for a name, in which a known one may happen to be."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def redact_lines(lines: Iterable[str]) -> tuple[str, ...]:
    """Lines of one text: a secret may reach over several of them."""
    text = "\n".join(lines)
    return tuple(redact(text).split("\n")) if text else tuple(lines)


@lru_cache(maxsize=4096)
def names_a_secret(name: str) -> bool:
    """Whether a value by this name is to be hidden whatever it looks like."""
    return _NAME.search(name) is not None


def environment_secrets(environment: Iterable[tuple[str, str | None]]) -> list[str]:
    """The values of variables that are secrets by their names."""
    return [value for name, value in environment if value and _holds_a_secret(name)]


@lru_cache(maxsize=4096)
def _holds_a_secret(name: str) -> bool:
    return names_a_secret(name) and not _POINTER.search(name)
