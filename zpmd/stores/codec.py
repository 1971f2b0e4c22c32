"""Model values as JSON text and back, for what the store keeps whole: definitions, revisions, dossiers.

What has its default is left out, by the rule of container.py: a default means "as if not written". So a text of an
older zpmd lacks the newer fields and reads as if they were not written, and a field that this zpmd no longer knows is
ignored.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

T = TypeVar("T")

LARGEST = 2**63
"""Every number that zpmd keeps, in seconds, bytes or tries, is far below."""

_adapters: dict[type, TypeAdapter[Any]] = {}
_readers: dict[type, TypeAdapter[Any]] = {}
"""By kind: one costs milliseconds to make. Two threads that make the same one at once lose nothing by it."""


class Unreadable(ValueError):
    """The text is not JSON of the kind asked for. Nothing of it counts."""


def _adapter(kind: type) -> TypeAdapter[Any]:
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def _reader(kind: type[T]) -> TypeAdapter[tuple[T]]:
    """Reads one of `kind` within a list: only so the library takes a setting for it. By its own it would keep every
    text below 64 characters that it ever read, up to 16,384 of them: lines of logs, all of them different."""
    if kind not in _readers:
        _readers[kind] = TypeAdapter(tuple[kind], config=ConfigDict(cache_strings="keys"))  # type: ignore[valid-type]
    return _readers[kind]


def encode(value: object) -> str:
    """One line of JSON, without what has its default."""
    return _adapter(type(value)).dump_json(value, exclude_defaults=True).decode()


def decode(kind: type[T], text: str) -> T:
    """The value of `kind` that `encode` made the text of. Raises Unreadable."""
    try:
        (value,) = _reader(kind).validate_json(f"[{text}]")
        # 1e999 is valid to the validator, infinite to who reads it, and null to who writes it again
        json.loads(text, parse_int=_bounded, parse_float=_bounded, parse_constant=_no_number)
    except ValidationError as error:  # and no cause: it quotes what it read, which may be a secret
        raise Unreadable(f"cannot read a {kind.__name__}: {error.error_count()} fields are wrong") from None
    except ValueError as error:
        raise Unreadable(f"cannot read a {kind.__name__}: {error}") from None
    return value


def _bounded(text: str) -> float:
    number = float(text)
    if not abs(number) < LARGEST:
        raise ValueError(f"the number {text[:40]} is beyond what zpmd writes")
    return number


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")
