"""In which fields two definitions of a container differ: names, never what stands in them, as passwords do.

`environment.LEVEL`, `mounts[/data].read_only`, `healthcheck.interval_seconds`; the image alone with both its values.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from zpmd.model.container import Container

KEYS = ("target", "network", "name", "path", "source")
"""What tells the members of a tuple apart, the first of these that they have."""


def fields(old: Container, new: Container) -> tuple[str, ...]:
    """Sorted; empty for two that mean the same."""
    named = set(_different("", old, new))
    if "image" in named:
        named = (named - {"image"}) | {f"image {old.image} -> {new.image}"}
    return tuple(sorted(named))


def _different(path: str, old: object, new: object) -> Iterator[str]:
    if old == new:
        return
    if dataclasses.is_dataclass(old) and not isinstance(old, type) and type(old) is type(new):
        for field in dataclasses.fields(old):
            inner = f"{path}.{field.name}" if path else field.name
            yield from _different(inner, getattr(old, field.name), getattr(new, field.name))
        return
    ours, theirs = _members(old), _members(new)
    if ours is None or theirs is None:
        yield path
        return
    found = [
        name
        for key in sorted(ours.keys() | theirs.keys())
        for name in _different(f"{path}{key}", ours.get(key), theirs.get(key))
    ]
    yield from found or [path]  # the order alone


def _members(value: object) -> dict[str, object] | None:
    """The members of a tuple by what tells them apart; None where nothing does, or it is no tuple."""
    if not isinstance(value, tuple):
        return None
    if all(isinstance(m, tuple) and len(m) == 2 and isinstance(m[0], str) for m in value):
        return {f".{name}": content for name, content in value}
    members: dict[str, object] = {}
    for member in value:
        key = next((getattr(member, key) for key in KEYS if hasattr(member, key)), None)
        if key is None or f"[{key}]" in members:
            return None
        members[f"[{key}]"] = member
    return members
