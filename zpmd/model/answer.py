"""What was answered to a write that came with an Idempotency-Key."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`asked` tells the request from others: a digest of its method, path, query and body."""

    actor: str
    key: str
    asked: str
    at: float
    status: int
    body: str
