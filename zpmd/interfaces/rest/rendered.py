"""Answers that many ask for and that change with a pass alone: their JSON is made once for a snapshot.

Rules: what is kept is of one snapshot and of one tenant's reader ("" for whoever sees all), and nothing of it is given
for another. The instant at which it is asked is put into it each time. It is kept for KEPT_SECONDS at the most, for
what a view makes of that instant beside telling it. Many who ask at once wait for one rendering.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Response
from pydantic import TypeAdapter
from starlette.concurrency import run_in_threadpool

from zpmd.model.events import Snapshot

KEPT_SECONDS = 30.0
TENANTS_MOST = 64
"""Readers of so many tenants are remembered for one snapshot."""
NOW = b'"now":'
"""Within a string its quotes would be escaped: the first one is the key of the view itself."""


@dataclass(frozen=True, slots=True)
class _Made:
    at: float
    head: bytes
    tail: bytes | None
    """What comes after the instant; None where the view does not tell it."""

    def body(self, now: float) -> bytes:
        return self.head if self.tail is None else self.head + NOW + repr(now).encode() + self.tail


@dataclass(frozen=True, slots=True)
class _MadeOf:
    """Replaced as a whole: whoever looks meanwhile never finds what is of another snapshot."""

    snapshot: tuple[int, float]
    by_tenant: Mapping[str, _Made]


class Rendered:
    """The JSON of `view(snapshot, now)`, a value of `kind`. Thread-safe."""

    def __init__(self, kind: type[Any], view: Callable[[Snapshot, float], object]) -> None:
        self._adapter: TypeAdapter[Any] = TypeAdapter(kind)
        self._view = view
        self._lock = threading.Lock()
        self._made = _MadeOf((0, 0.0), {})

    async def answer(self, snapshot: Snapshot, now: float, tenant: str) -> Response:
        made = self._kept(snapshot, now, tenant)
        if made is None:
            made = await run_in_threadpool(self._make, snapshot, now, tenant)
        return Response(made.body(now), media_type="application/json")

    def _kept(self, snapshot: Snapshot, now: float, tenant: str) -> _Made | None:
        known = self._made
        made = known.by_tenant.get(tenant) if known.snapshot == (snapshot.number, snapshot.at) else None
        return made if made is not None and 0 <= now - made.at < KEPT_SECONDS else None

    def _make(self, snapshot: Snapshot, now: float, tenant: str) -> _Made:
        with self._lock:
            kept = self._kept(snapshot, now, tenant)
            if kept is not None:
                return kept
            made = _split(self._adapter.dump_json(self._view(snapshot, now)), now)
            of, known = (snapshot.number, snapshot.at), self._made
            others = known.by_tenant if known.snapshot == of and len(known.by_tenant) < TENANTS_MOST else {}
            self._made = _MadeOf(of, {**others, tenant: made})
            return made


def _split(body: bytes, now: float) -> _Made:
    head, found, rest = body.partition(NOW)
    if not found:
        return _Made(now, body, None)
    end = min(place for place in (rest.find(b","), rest.find(b"}")) if place >= 0)
    return _Made(now, head, rest[end:])
