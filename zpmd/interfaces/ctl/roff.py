"""Text as man pages have it: the few requests that are needed, and characters that mean what they say. Pure."""

from __future__ import annotations

import re

_SPECIAL = {
    "\\": r"\(rs",
    "-": r"\-",
    "'": r"\(aq",
    "`": r"\(ga",
    "^": r"\(ha",
    "~": r"\(ti",
    '"': r"\(dq",
}
_CODE = re.compile(r"`([^`]+)`")


def escaped(text: str) -> str:
    """Text that stands for itself, also at the beginning of a line."""
    made = "".join(_SPECIAL.get(character, character) for character in text)
    return rf"\&{made}" if made.startswith(".") else made


def prose(text: str) -> str:
    """A paragraph: what stands in backticks is bold."""
    parts = _CODE.split(" ".join(text.split()))
    return "".join(bold(part) if n % 2 else escaped(part) for n, part in enumerate(parts)) or r"\&"


def bold(text: str) -> str:
    return rf"\fB{escaped(text)}\fR"


def title(name: str, section: int, date: str, version: str) -> list[str]:
    return [f'.TH "{escaped(name.upper())}" "{section}" "{date}" "{escaped(version)}" "zpmd"']


def section(name: str) -> list[str]:
    return [f'.SH "{escaped(name)}"']


def subsection(name: str) -> list[str]:
    return [f'.SS "{escaped(name)}"']


def paragraph(text: str) -> list[str]:
    return [".PP", prose(text)]


def item(term: str, text: str) -> list[str]:
    """`term` is roff already."""
    return [".TP", term, prose(text)]


def literal(lines: list[str]) -> list[str]:
    """Lines as they are."""
    return [".PP", ".RS 4", ".nf", *(escaped(line) or r"\&" for line in lines), ".fi", ".RE"]
