"""Secrets are taken out of text by their looks, as a last line behind code that does not put them there.

Rules: too much rather than too little, never an exception, and linear in the length of the text (every repetition that
can fail is bounded), because the text may come from anybody.
"""

from __future__ import annotations

import re
from typing import Final

MASK: Final = "***"

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


def redact(text: str) -> str:
    """The text with `***` in place of whatever looks like a secret."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def names_a_secret(name: str) -> bool:
    """Whether a value by this name is to be hidden whatever it looks like."""
    return _NAME.search(name) is not None
