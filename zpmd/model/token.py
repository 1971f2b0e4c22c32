"""API keys as they are remembered: everything but the key itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """READ looks; OPERATE starts, stops, restarts, holds; DEPLOY handles patches; ADMIN removes, and gives tokens.

    None contains another."""

    READ = "read"
    OPERATE = "operate"
    DEPLOY = "deploy"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """One API key. `digest` is the SHA-256 of the whole key in hex: a key has 256 random bits, so nothing slower is
    needed. `tenant` "" for the whole site. None: it does not expire, was never used, is not revoked."""

    id: str
    digest: str
    name: str
    scopes: tuple[Scope, ...]
    made_at: float
    made_by: str
    tenant: str = ""
    expires_at: float | None = None
    used_at: float | None = None
    revoked_at: float | None = None

    def good(self, now: float) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)
