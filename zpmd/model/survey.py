"""What an engine says of all that is on it, in its own words: JSON of the Engine API, not yet understood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

Json = Mapping[str, Any]
NOTHING: Json = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """Inspections of all containers, running or not; of their images by id; of volumes and networks by name. `about`
    is the engine's `/info`."""

    containers: tuple[Json, ...] = ()
    images: Mapping[str, Json] = field(default_factory=lambda: MappingProxyType({}))
    volumes: Mapping[str, Json] = field(default_factory=lambda: MappingProxyType({}))
    networks: Mapping[str, Json] = field(default_factory=lambda: MappingProxyType({}))
    about: Json = field(default_factory=lambda: NOTHING)
