"""Who comes with a bearer token: an API key of ours, or a JSON Web Token of a signer that the settings name.

It is asked for every request, and again while an answer goes on: it works in memory, and never waits for the disk.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

from loguru import logger

from zpmd.errors import StoreError
from zpmd.interfaces import api_keys
from zpmd.interfaces.rest.access import Principal
from zpmd.interfaces.rest.json_web_tokens import Signer
from zpmd.model.token import ApiToken
from zpmd.ports import Tokens

LONGEST = 4096
"""Characters of a bearer token."""
NOBODY = "0" * 64
"""What a key that nobody has is compared with, so that an unknown id takes as long as a wrong key."""
USED_EVERY_SECONDS = 60.0


class Authenticator:
    """Thread-safe. `now` is wall time."""

    def __init__(self, tokens: Tokens, now: Callable[[], float], signer: Signer | None = None) -> None:
        self.tokens = tokens
        self.now = now
        self._signer = signer

    def principal(self, bearer: str) -> Principal | None:
        """Who has this token; None where it is unknown, wrong, expired or revoked. Never raises."""
        if len(bearer) > LONGEST or not bearer.isascii():
            return None
        id = api_keys.id_of(bearer)
        if id:
            found = self.tokens.find(id)
            right = hmac.compare_digest(api_keys.digest(bearer), found.digest if found else NOBODY)
            return _principal(found) if found and right and found.good(self.now()) else None
        return self._signer.principal(bearer) if self._signer is not None else None

    def holds(self, who: Principal) -> bool:
        """Whether he whom `principal` gave still is who he was: not revoked, not expired."""
        if who.key:
            found = self.tokens.find(who.key)
            return found is not None and found.good(self.now())
        return who.expires_at is None or self.now() < who.expires_at

    def used_long_ago(self, who: Principal) -> bool:
        """Whether it is time to remember that he was here."""
        found = self.tokens.find(who.key) if who.key else None
        return found is not None and (found.used_at is None or self.now() >= found.used_at + USED_EVERY_SECONDS)

    def remember(self, who: Principal) -> None:
        """May wait for the disk."""
        try:
            self.tokens.used(who.key, self.now())
        except StoreError as error:
            logger.debug("api: not recorded that {} was here: {}", who.name, error)


def _principal(token: ApiToken) -> Principal:
    return Principal(
        name=f"token:{token.name}",
        scopes=frozenset(token.scopes),
        tenant=token.tenant,
        expires_at=token.expires_at,
        key=token.id,
    )
