"""Planted secrets, and the search for them everywhere: in texts, in files, and in whole folders.

A scenario gives PLANTED values to its rows and settings, and in the end scans whatever can be seen or kept: logs, API
answers, labels, journal rows, errors, the bytes of the database with its log. What is allowed to hold a secret (the
mounted secret files, the key) is named as `but`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

PLANTED = {
    "db_password": "pl4nted/db+pass wörd=1",
    "backup_password": 'pl4nted"backup\\pass@2',
    "api_token": "pl4nted-api-token-0003",
    "mongo_password": "pl4nted:mongo?pass%4",
}
"""By what they are for. Each has what some way of quoting changes, so that every form is another text."""

CONTEXT = 40


class SecretFound(AssertionError):
    """Where, which, and in what form."""


def forms(value: str) -> dict[str, bytes]:
    """What a secret may look like on its way out, by the name of the form. Made on its own, and not with the code that
    is under test."""
    raw = value.encode()
    found = {
        "plain": raw,
        "JSON": json.dumps(value)[1:-1].encode(),
        "JSON in UTF-8": json.dumps(value, ensure_ascii=False)[1:-1].encode(),
        "repr": repr(value)[1:-1].encode(),
        "URL": quote(value, safe="").encode(),
        "URL path": quote(value).encode(),
        "form": quote_plus(value).encode(),
        "hex": raw.hex().encode(),
        "HEX": raw.hex().upper().encode(),
        "UTF-16": value.encode("utf-16-le"),
    }
    for before in range(3):
        # of what stands in the middle of something longer, the whole groups that are its own
        start = -before % 3
        inner = raw[start : start + (len(raw) - start) // 3 * 3]
        found[f"base64 after {before}"] = base64.b64encode(inner)
        found[f"URL base64 after {before}"] = base64.urlsafe_b64encode(inner)
    return found


def scan(*places: object, but: tuple[Path, ...] = ()) -> int:
    """Look through texts, bytes, files and folders (a Path), and anything else as it prints. Returns how many bytes
    were looked through, for a scenario to see that it was not nothing. Raises SecretFound."""
    looked = 0
    for number, place in enumerate(places, 1):
        for name, content in _contents(place, f"text {number}", but):
            looked += len(content)
            _search(name, content)
    return looked


def _contents(place: object, name: str, but: tuple[Path, ...]) -> Iterator[tuple[str, bytes]]:
    match place:
        case Path():
            if any(place == b or b in place.parents for b in but):
                return
            if place.is_dir():
                for inside in sorted(place.iterdir()):
                    yield from _contents(inside, "", but)
            elif place.is_file():
                yield str(place), place.name.encode() + b"\n" + place.read_bytes()
        case bytes():
            yield name, place
        case str():
            yield name, place.encode(errors="surrogateescape")
        case _:
            yield name, f"{place}\n{place!r}".encode(errors="surrogateescape")


def _search(name: str, content: bytes) -> None:
    for purpose, value in PLANTED.items():
        for form, text in forms(value).items():
            at = content.find(text)
            if at >= 0:
                around = content[max(0, at - CONTEXT) : at + len(text) + CONTEXT]
                raise SecretFound(f"{name}: {purpose} as {form}, at byte {at}: {around!r}")
