"""Secrets that are known, found in any text: as they are, and in the forms in which programs pass them on.

Rules:
1. A secret of fewer than 4 characters is not looked for: it is in every other text, and masking it there would tell it.
   One of 4 to 7 is masked where it stands alone, so that a name or a number that it is part of stays what it is. A
   longer one is masked wherever it is. Words that are part of every answer (true, none, ...) are no secrets.
2. Forms: JSON, Python, URL-quoted, hex, base64 at each of the three offsets at which it may stand in something longer.
3. What was once known stays known while the process lives (the newest LARGEST values): old containers still say it.
4. Any number of threads may learn and mask at once. While nothing is known, masking costs nothing; otherwise, however
   many secrets there are, about 0.1 us a character, and 0.3 us where the text is full of beginnings of secrets.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus

from zpmd.model.text import printable

MASK: Final = "***"
SHORTEST: Final = 4
ANYWHERE: Final = 8
"""From this length on a secret is masked inside of words as well."""
LARGEST: Final = 20_000
WORDS: Final = frozenset({"true", "false", "none", "null", "default", "enabled", "disabled", MASK})

Bucket = dict[int, set[str]]
"""Forms that begin alike, by their length."""


class Known:
    """Secret values, to be masked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, None] = {}
        self._index: dict[str, Bucket] = {}
        """By the first SHORTEST characters."""

    def learn(self, values: Iterable[str]) -> None:
        """Cheap for values that are known already."""
        fresh = {v: None for v in values if v not in self._values and len(v) >= SHORTEST and v.lower() not in WORDS}
        if not fresh:
            return
        with self._lock:
            self._values.update(fresh)
            index = self._index
            if len(self._values) > LARGEST:
                fresh = self._values = dict.fromkeys(list(self._values)[-LARGEST // 2 :])
                index = {}
            for value in fresh:
                _put(index, value)
            self._index = index

    def mask(self, text: str) -> str:
        """The text with `***` in place of every known secret."""
        index = self._index
        if not index or len(text) < SHORTEST:
            return text
        hits = [i for i in range(len(text) - SHORTEST + 1) if text[i : i + SHORTEST] in index]
        if not hits:
            return text
        pieces, done, end = [], 0, 0
        for start in hits:
            stop = start + _length_at(index[text[start : start + SHORTEST]], text, start)
            if stop == start:
                continue
            if start >= end:  # else it overlaps what is masked already
                pieces += [text[done:start], MASK]
            end = done = max(end, stop)
        return "".join(pieces) + text[done:]


def forms(value: str) -> Iterator[str]:
    """The value and what becomes of it on the way through other programs."""
    yield value
    if len(value) < ANYWHERE - 2:
        return  # their forms are as short as words
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield printable(value)  # as complaints have it
    escaped = printable(value.replace("\\", "\\\\"))  # as Python prints it, alone or within something longer
    yield escaped
    yield escaped.replace("'", "\\'")
    yield quote(value, safe="", errors="replace")
    yield quote(value, errors="replace")
    yield quote_plus(value, errors="replace")
    raw = value.encode(errors="surrogatepass")
    yield raw.hex()
    yield raw.hex().upper()
    for offset in range(3):
        # the characters that share bits with what stands before or after differ from text to text
        encoded = base64.b64encode(bytes(offset) + raw).decode()
        shared = len(raw) + offset
        inner = encoded[(0, 2, 3)[offset] : shared * 8 // 6]
        yield inner
        yield inner.translate(str.maketrans("+/", "-_"))


def _put(index: dict[str, Bucket], value: str) -> None:
    """Other threads look things up meanwhile: what they go through is replaced, and sets only grow."""
    for form in forms(value):
        if len(form) < (SHORTEST if form == value else ANYWHERE):
            continue
        bucket = index.get(form[:SHORTEST], {})
        if len(form) in bucket:
            bucket[len(form)].add(form)
        else:
            index[form[:SHORTEST]] = {**bucket, len(form): {form}}


def _length_at(bucket: Bucket, text: str, start: int) -> int:
    """How long the longest secret is that begins here; 0: none does."""
    longest = 0
    for length, forms_ in bucket.items():
        if length > longest:
            form = text[start : start + length]
            if form in forms_ and _stands(form, text, start):
                longest = length
    return longest


def _stands(form: str, text: str, start: int) -> bool:
    """Whether it may be masked here: a short one only where it stands alone."""
    if len(form) >= ANYWHERE:
        return True
    before, after = text[start - 1 : start] if start else "", text[start + len(form) : start + len(form) + 1]
    return not (_in_a_word(before) or _in_a_word(after))


def _in_a_word(character: str) -> bool:
    return character.isalnum() or (character != "" and character in "_-")
