"""The shapes of tokens as people see them. The rules of views.py hold here too; no view but one has a key in it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenView:
    """An API key, without the key. `state` is good, expired or revoked; `tenant` "" for the whole site."""

    id: str
    name: str
    scopes: tuple[str, ...]
    tenant: str
    state: str
    made_at: float
    made_by: str
    expires_at: float | None
    used_at: float | None
    revoked_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeTokenView:
    """A key that was just made: `key` is shown here, and nowhere again."""

    key: str
    token: TokenView


@dataclass(frozen=True, slots=True, kw_only=True)
class WhoView:
    """Who asks, as zpmd sees him. `expires_at` is that of his token."""

    name: str
    scopes: tuple[str, ...]
    tenant: str
    expires_at: float | None
