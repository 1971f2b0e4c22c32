"""The canonical hash of a spec: two containers with the same hash mean the same.

It is written into a label when a container is made, and compared on every pass. Rules that keep a new zpmd from
recreating what means the same (docker/compose#11335 is what happens without them):

1. The text that is hashed is ours alone: sorted keys, defaults left out, no library's serialisation.
2. A new field has a default and is left out while it has it, so its arrival changes no hash.
3. When a meaning does change, SCHEMA is raised, and `spec_hash(..., schema=old)` keeps computing the old form. A label
   is always compared in its own schema.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from enum import Enum
from typing import NamedTuple
from weakref import ReferenceType, ref

from zpmd.model.container import Container

SCHEMA = 1
_LABEL = re.compile(r"(?P<schema>[1-9][0-9]{0,5}):[^:]+", re.ASCII)


class _Known(NamedTuple):
    text: str
    owner: ReferenceType[Container]
    """Takes the entry away when its container goes."""


_known: dict[ReferenceType[Container], _Known] = {}
"""What has been worked out, for as long as somebody has the container: every pass asks for all of them again. A cache
that keeps what it was asked for would keep every edition of every service that there ever was. A reference compares as
its container does, but remembers its hash: one that has been asked for is found without looking at what it says."""


def spec_hash(container: Container, schema: int = SCHEMA) -> str:
    """`<schema>:<24 hex digits>` of SHA-256 over the canonical text.

    Raises ValueError for a schema that this zpmd does not know.
    """
    if schema != SCHEMA:
        raise ValueError(f"cannot compute a spec hash of schema {schema}: this zpmd knows {SCHEMA}")
    key = ref(container)
    known = _known.get(key)
    if known is not None and known.owner() is container:
        return known.text
    text = known.text if known is not None else _worked_out(container)
    _known.pop(key, None)  # an equal one's, which this container may outlive
    _known[key] = _Known(text, ref(container, lambda _: _known.pop(key, None)))
    return text


def _worked_out(container: Container) -> str:
    text = json.dumps(canonical(container), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return f"{SCHEMA}:{hashlib.sha256(text.encode()).hexdigest()[:24]}"


def same_meaning(container: Container, label: str) -> bool:
    """Whether a container that carries `label` was made from a spec with this meaning.

    A label of a schema that we do not know was written by a newer zpmd: it counts as the same, because recreating what
    cannot be judged would be acting without evidence. A label that no zpmd ever wrote counts as another meaning.
    """
    written = _LABEL.fullmatch(label)
    if written is None:
        return False
    schema = int(written["schema"])
    return schema > SCHEMA or spec_hash(container, schema) == label


def canonical(value: object) -> object:
    """The value as plain JSON data, without anything that has its default."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: canonical(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if getattr(value, field.name) != field.default
        }
    if isinstance(value, tuple):
        return [canonical(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
