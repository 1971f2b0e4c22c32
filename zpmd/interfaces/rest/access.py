"""Who may do what: one table of every route. What is not in it is refused, and a test fails for it.

Scopes do not contain one another: a token has those that it was given. Whoever comes over the unix socket has all of
them, as the kernel says who that is. A principal of one tenant gets of a route what its `Tenants` says; of a service
that is another tenant's he is told the same as of one that does not exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from zpmd.model.token import Scope

__all__ = ["ASKING", "RULES", "UNKNOWN", "Principal", "Rule", "Scope", "Tenants", "actor", "admit", "principal"]

UNKNOWN: Mapping[str, str] = {"WWW-Authenticate": 'Bearer realm="zpmd"'}
"""The headers of a 401."""


class Tenants(StrEnum):
    """What a principal of one tenant gets of a route."""

    NOTHING = "nothing"
    OWN = "own"
    """The route answers with what is the tenant's alone, or acts on nothing else."""
    ALL = "all"
    """There is nothing of a tenant in it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`scope` None: for everybody, also without a token, as far as the endpoint itself does not ask who that is."""

    scope: Scope | None
    tenants: Tenants = Tenants.NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who asks. `name` is the actor in journal and audit; `tenant` "" for one who may see all of them.

    `expires_at` is when that ends, None: never. `key` is the id of the API key that he came with, "" for another way.
    """

    name: str
    scopes: frozenset[Scope]
    tenant: str = ""
    expires_at: float | None = None
    key: str = ""


ASKING: ContextVar[Principal | None] = ContextVar("asking", default=None)
"""Who was let in, for what is worked out for him (own.py). Set by `admit`, in the context of one request."""


RULES: Mapping[str, Rule] = {
    "GET /v1/status": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/plan": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/services/{name}": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/services/{name}/why": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/why/{name}": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/dossiers": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/services/{name}/logs": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/events": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/services": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/intents": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/holds": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/approvals": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/journal": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/version": Rule(Scope.READ, Tenants.ALL),
    "GET /v1/health": Rule(None, Tenants.ALL),
    "GET /v1/ready": Rule(None, Tenants.ALL),
    "GET /v1/feed": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/wait": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/tenants": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/integrations": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/ports": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/logs": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/usage": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/jobs": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/jobs/{name}": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/jobs/{name}/runs": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/jobs/{name}/runs/{due}": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/jobs/{name}/next": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/runs": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/doctor": Rule(Scope.READ),
    "GET /v1/audit": Rule(Scope.ADMIN),
    "GET /metrics": Rule(Scope.READ),
    "GET /v1/openapi.json": Rule(Scope.READ, Tenants.ALL),
    "POST /v1/services/{name}/start": Rule(Scope.OPERATE, Tenants.OWN),
    "POST /v1/services/{name}/stop": Rule(Scope.OPERATE, Tenants.OWN),
    "POST /v1/services/{name}/restart": Rule(Scope.OPERATE, Tenants.OWN),
    "POST /v1/services/{name}/scale": Rule(Scope.OPERATE, Tenants.OWN),
    "POST /v1/services/{name}/hold": Rule(Scope.OPERATE, Tenants.OWN),
    "POST /v1/services/{name}/release": Rule(Scope.OPERATE, Tenants.OWN),
    "POST /v1/jobs/{name}/run": Rule(Scope.OPERATE, Tenants.OWN),
    "POST /v1/jobs/{name}/suspend": Rule(Scope.OPERATE, Tenants.OWN),
    "POST /v1/jobs/{name}/resume": Rule(Scope.OPERATE, Tenants.OWN),
    "POST /v1/reload": Rule(Scope.OPERATE),
    "POST /v1/approve": Rule(Scope.ADMIN),
    "POST /v1/down": Rule(Scope.ADMIN),
    "POST /v1/up": Rule(Scope.ADMIN),
    "GET /v1/whoami": Rule(None, Tenants.ALL),
    "GET /v1/tokens": Rule(Scope.ADMIN, Tenants.OWN),
    "POST /v1/tokens": Rule(Scope.ADMIN, Tenants.OWN),
    "POST /v1/tokens/{id}/revoke": Rule(Scope.ADMIN, Tenants.OWN),
    "GET /v1/patches": Rule(Scope.READ),
    "GET /v1/patches/{id}": Rule(Scope.READ),
    "POST /v1/patches": Rule(Scope.DEPLOY),
    "POST /v1/patches/plan": Rule(Scope.READ),
    "POST /v1/patches/{id}/revert": Rule(Scope.DEPLOY),
    # the dashboard: its page and its door are for everybody, what it shows is not
    "GET /": Rule(None, Tenants.ALL),
    "GET /ui/{version}/{name}": Rule(None, Tenants.ALL),
    "GET /session": Rule(None, Tenants.ALL),
    "POST /session": Rule(None, Tenants.ALL),
    "POST /session/end": Rule(None, Tenants.ALL),
    # the product's own
    "POST /service/start": Rule(Scope.OPERATE, Tenants.OWN),
    "POST /service/stop": Rule(Scope.OPERATE, Tenants.OWN),
    "GET /status": Rule(Scope.READ, Tenants.OWN),
    "GET /tenant/list": Rule(Scope.READ, Tenants.OWN),
    "GET /integration/list": Rule(Scope.READ, Tenants.OWN),
}
"""By method and path of the route, as OpenAPI writes them."""


_PATHS = [(method, compile_path(path)[0]) for method, path in (route.split(" ") for route in RULES)]


def methods(path: str) -> tuple[str, ...]:
    """What can be asked of a path; of one that is named in the table, what it is named for."""
    named = {method for method in (route.split(" ")[0] for route in RULES) if f"{method} {path}" in RULES}
    return tuple(sorted(named or {method for method, pattern in _PATHS if pattern.match(path)}))


def principal(request: Request) -> Principal:
    """Who asks. Raises 401 where nobody is known: the server puts the peer of a unix socket there."""
    found: Principal | None = getattr(request.state, "principal", None)
    if found is None:
        raise HTTPException(401, "who are you? A token is needed here", dict(UNKNOWN))
    return found


async def admit(request: Request) -> None:
    """Nobody reaches an endpoint that the table does not let him reach. Every StrictRoute asks it before it reads the
    body of a request; for a route of another kind it is a dependency of the whole application."""
    rule = RULES.get(f"{request.method} {request.scope['route'].path_format}")
    if rule is None:
        raise HTTPException(403, "no rule says who may do this")
    if rule.scope is not None:
        _allowed(rule, rule.scope, principal(request))
    ASKING.set(getattr(request.state, "principal", None))


def _allowed(rule: Rule, scope: Scope, who: Principal) -> None:
    """Raises 403."""
    if scope not in who.scopes:
        has = ", ".join(sorted(who.scopes)) or "none"
        raise HTTPException(403, f"this takes the scope {scope}; {who.name} has {has}")
    if who.tenant and rule.tenants is Tenants.NOTHING:
        raise HTTPException(403, f"this is about the whole site; {who.name} is for the tenant {who.tenant} alone")


def actor(request: Request) -> str:
    """Who asks, for the journal: never from anything in the request that nobody has vouched for."""
    return principal(request).name
