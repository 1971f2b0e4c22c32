"""Compose's notations for amounts: durations, sizes, numbers. Pure; each raises ValueError that says what to write."""

from __future__ import annotations

import math
import re

SECONDS = {
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3,
    "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0,
}  # fmt: skip
DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h|d|w)")
SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([kmgtp]?)i?b?", re.IGNORECASE)
MULTIPLES = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
LONGEST_NUMBER = 32
"""Digits; more than that is no amount, and Python refuses to convert some thousands of them."""


def duration(text: str) -> float:
    """Seconds of `1h5m30s20ms`; a bare number is refused, except 0."""
    if text.strip() == "0":
        return 0.0
    at, seconds = 0, 0.0
    while at < len(text) and (part := DURATION_PART.match(text, at)):
        if len(part.group(1)) > LONGEST_NUMBER:
            break
        seconds += float(part.group(1)) * SECONDS[part.group(2)]
        at = part.end()
    if not text or at < len(text) or len(text) > 128:
        hint = f"write {text}s" if text.isdecimal() and len(text) < 10 else "write for example 90s, 1m30s or 500ms"
        raise ValueError(f"is not a duration: {hint}")
    # Sums of milliseconds must not differ from the same duration written in seconds, or equal specs hash differently.
    return round(seconds, 9)


def size(text: str) -> int:
    """Bytes of `512m`, `1.5g`, `64kb`, `1GiB`: all multiples are of 1024, as Docker has them."""
    match = SIZE.fullmatch(text.strip())
    if not match or len(match.group(1)) > LONGEST_NUMBER:
        raise ValueError("is not a size: write bytes, or for example 512k, 64m, 1.5g")
    return int(float(match.group(1)) * 1024 ** MULTIPLES[match.group(2).lower()])


def integer(text: str) -> int:
    """A whole number, decimal (also with leading zeros), 0o octal or 0x hexadecimal."""
    word = text.strip()
    if not INTEGER.fullmatch(word) or len(word) > LONGEST_NUMBER:
        raise ValueError("is not a whole number")
    return int(word, 10 if word[:2] not in ("0o", "0x") else 0)


def number(text: str) -> float:
    """A finite decimal number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or "_" in text:
        raise ValueError("is not a number")
    return value


def file_mode(text: str, quoted: bool) -> int:
    """Permission bits: `0440`, `0o440`, "0440" and "440" are octal, a plain 288 is decimal, as Compose reads them."""
    word = text.strip().lower().removeprefix("0o")
    octal = quoted or text.strip().startswith("0")
    if not re.fullmatch(r"[0-7]{1,5}" if octal else r"[0-9]{1,5}", word):
        raise ValueError("is not a file mode: write octal digits, for example 0440")
    return int(word, 8 if octal else 10)
