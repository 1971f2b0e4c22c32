"""Model values as JSON text and back, for what the store keeps whole: definitions, revisions, dossiers.

What has its default is left out, by the rule of container.py: a default means "as if not written". So a text of an
older zpmd lacks the newer fields and reads as if they were not written, and a field that this zpmd no longer knows is
ignored.
"""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")

_adapters: dict[type, TypeAdapter[Any]] = {}
"""By kind: one costs milliseconds to make. Two threads that make the same one at once lose nothing by it."""


class Unreadable(ValueError):
    """The text is not JSON of the kind asked for. Nothing of it counts."""


def _adapter(kind: type) -> TypeAdapter[Any]:
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def encode(value: object) -> str:
    """One line of JSON, without what has its default."""
    return _adapter(type(value)).dump_json(value, exclude_defaults=True).decode()


def decode(kind: type[T], text: str) -> T:
    """The value of `kind` that `encode` made the text of. Raises Unreadable."""
    try:
        value: T = _adapter(kind).validate_json(text)
    except ValidationError as error:
        raise Unreadable(f"cannot read a {kind.__name__}: {error.error_count()} fields are wrong") from error
    return value
