"""The part of the REST API that is about API keys: giving them out, listing and revoking them, and who one is.

Rules:
1. Nobody gives more than he has: no scope, no tenant and no time beyond his own.
2. Whoever is for one tenant sees and revokes that tenant's keys alone; another's is as good as none.
3. A key is in the answer to its making, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request, Response
from loguru import logger
from starlette.exceptions import HTTPException

from zpmd.errors import NotFound
from zpmd.interfaces import api_keys
from zpmd.interfaces.asked import Nothing, TokenBody
from zpmd.interfaces.rest.access import Principal, principal
from zpmd.interfaces.rest.problems import StrictRoute
from zpmd.interfaces.rest.recording import about
from zpmd.interfaces.token_views import MadeTokenView, TokenView, WhoView
from zpmd.interfaces.views import DoneView
from zpmd.messages import NOTICE
from zpmd.model.token import ApiToken
from zpmd.ports import Tokens


def router(tokens: Tokens, now: Callable[[], float]) -> APIRouter:
    made = APIRouter(prefix="/v1", route_class=StrictRoute, tags=["tokens"])

    @made.get("/whoami")
    async def whoami(request: Request) -> WhoView:
        """Who asks, and what he may."""
        who = principal(request)
        return WhoView(
            name=who.name,
            scopes=tuple(sorted(who.scopes)),
            tenant=who.tenant,
            expires_at=who.expires_at,
        )

    @made.get("/tokens")
    def list_tokens(request: Request) -> list[TokenView]:
        """API keys that were given out, without the keys."""
        who = principal(request)
        return [token_view(token, now()) for token in tokens.all() if who.tenant in ("", token.tenant)]

    @made.post("/tokens", status_code=201)
    def make_token(body: TokenBody, request: Request, response: Response) -> MadeTokenView:
        """Give out an API key; it is shown this once."""
        who = principal(request)
        id, key = api_keys.mint()
        token = _token(body, who, id, api_keys.digest(key), now())
        tokens.keep(token)
        about(request, f"token:{id}", {"name": token.name, "scopes": sorted(token.scopes), "tenant": token.tenant})
        logger.log(NOTICE, "api: token {} ({}) made by {}", token.name, token.id, who.name)
        response.headers["Cache-Control"] = "no-store"
        return MadeTokenView(key=key, token=token_view(token, now()))

    @made.post("/tokens/{id}/revoke", status_code=202)
    def revoke_token(id: str, request: Request, _body: Nothing | None = None) -> DoneView:
        """End an API key, at once."""
        who = principal(request)
        found = tokens.find(id)
        if found is None or who.tenant not in ("", found.tenant):
            raise NotFound(f"no token {id}: `zpmctl token list` has those that there are")
        tokens.revoke(id, now())
        about(request, f"token:{id}", {"name": found.name, "revoked": True})
        logger.log(NOTICE, "api: token {} ({}) revoked by {}", found.name, id, who.name)
        return DoneView(detail=f"token {id} ({found.name}) is revoked", at=now())

    return made


def token_view(token: ApiToken, now: float) -> TokenView:
    state = "revoked" if token.revoked_at is not None else "good" if token.good(now) else "expired"
    return TokenView(
        id=token.id,
        name=token.name,
        scopes=tuple(scope.value for scope in token.scopes),
        tenant=token.tenant,
        state=state,
        made_at=token.made_at,
        made_by=token.made_by,
        expires_at=token.expires_at,
        used_at=token.used_at,
        revoked_at=token.revoked_at,
    )


def _token(body: TokenBody, maker: Principal, id: str, digest: str, now: float) -> ApiToken:
    """Raises 403 for more than the maker has."""
    if more := frozenset(body.scopes) - maker.scopes:
        raise HTTPException(
            403, f"{maker.name} cannot give the scope {', '.join(sorted(more))}, which he does not have"
        )
    tenant = body.tenant if body.tenant is not None else maker.tenant
    if maker.tenant not in ("", tenant):
        raise HTTPException(
            403, f"{maker.name} is for the tenant {maker.tenant} alone: so are the tokens that he makes"
        )
    expires_at = maker.expires_at if body.expires_in_seconds is None else now + body.expires_in_seconds
    if maker.expires_at is not None and expires_at is not None and expires_at > maker.expires_at:
        raise HTTPException(403, f"{maker.name} cannot give a token that is good for longer than his own")
    return ApiToken(
        id=id,
        digest=digest,
        name=body.name,
        scopes=tuple(sorted(frozenset(body.scopes))),
        tenant=tenant,
        made_at=now,
        made_by=maker.name,
        expires_at=expires_at,
    )
