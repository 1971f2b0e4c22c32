"""What containers use of their host, as counted at one instant."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """One running container. `cpu_seconds` counts from its start: a rate takes two readings. `memory_bytes` is what it
    would take to run without it: page cache that the kernel can drop is not in it. `memory_limit_bytes` None: no limit.
    """

    cpu_seconds: float
    memory_bytes: int
    memory_limit_bytes: int | None = None
