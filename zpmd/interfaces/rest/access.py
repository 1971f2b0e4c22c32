"""Who may do what: one table of every route. What is not in it is refused, and a test fails for it.

Scopes do not contain one another: a token has those that it was given. Whoever comes over the unix socket has all of
them, as the kernel says who that is. A principal of one tenant gets of a route what its `Tenants` says; of a service
that is another tenant's he is told the same as of one that does not exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from fastapi import Request
from starlette.exceptions import HTTPException


class Scope(StrEnum):
    """READ looks; OPERATE starts, stops, restarts, holds; DEPLOY handles patches; ADMIN removes, and gives tokens."""

    READ = "read"
    OPERATE = "operate"
    DEPLOY = "deploy"
    ADMIN = "admin"


class Tenants(StrEnum):
    """What a principal of one tenant gets of a route."""

    NOTHING = "nothing"
    OWN = "own"
    """The route answers with what is the tenant's alone, or acts on nothing else."""
    ALL = "all"
    """There is nothing of a tenant in it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`scope` None: for everybody, also without a token."""

    scope: Scope | None
    tenants: Tenants = Tenants.NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who asks. `name` is the actor in journal and audit; `tenant` "" for one who may see all of them."""

    name: str
    scopes: frozenset[Scope]
    tenant: str = ""


RULES: Mapping[str, Rule] = {
    "GET /v1/status": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/plan": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/services/{name}": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/services/{name}/why": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/services/{name}/logs": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/events": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/wait": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/tenants": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/integrations": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/ports": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/logs": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/usage": Rule(Scope.READ, Tenants.OWN),
    "GET /v1/doctor": Rule(Scope.READ),
    "GET /metrics": Rule(Scope.READ),
    "GET /v1/openapi.json": Rule(Scope.READ, Tenants.ALL),
    "POST /v1/services/{name}/start": Rule(Scope.OPERATE, Tenants.OWN),
    "POST /v1/services/{name}/stop": Rule(Scope.OPERATE, Tenants.OWN),
    "POST /v1/services/{name}/restart": Rule(Scope.OPERATE, Tenants.OWN),
    "POST /v1/services/{name}/scale": Rule(Scope.OPERATE, Tenants.OWN),
    "POST /v1/services/{name}/hold": Rule(Scope.OPERATE, Tenants.OWN),
    "POST /v1/services/{name}/release": Rule(Scope.OPERATE, Tenants.OWN),
    "POST /v1/reload": Rule(Scope.OPERATE),
    "POST /v1/approve": Rule(Scope.ADMIN),
    "POST /v1/down": Rule(Scope.ADMIN),
    "POST /v1/up": Rule(Scope.ADMIN),
    "GET /v1/patches": Rule(Scope.READ),
    "GET /v1/patches/{id}": Rule(Scope.READ),
    "POST /v1/patches/plan": Rule(Scope.READ),
    "POST /v1/patches/{id}/revert": Rule(Scope.DEPLOY),
    # the product's own
    "POST /service/start": Rule(Scope.OPERATE, Tenants.OWN),
    "POST /service/stop": Rule(Scope.OPERATE, Tenants.OWN),
    "GET /status": Rule(Scope.READ, Tenants.OWN),
    "GET /tenant/list": Rule(Scope.READ, Tenants.OWN),
    "GET /integration/list": Rule(Scope.READ, Tenants.OWN),
}
"""By method and path of the route, as OpenAPI writes them."""


def principal(request: Request) -> Principal:
    """Who asks. Raises 401 where nobody is known: the server puts the peer of a unix socket there."""
    found: Principal | None = getattr(request.state, "principal", None)
    if found is None:
        raise HTTPException(401, "who are you? A token is needed here", {"WWW-Authenticate": "Bearer"})
    return found


def admit(request: Request) -> None:
    """A dependency of the whole application: nobody reaches an endpoint that the table does not let him reach."""
    rule = RULES.get(f"{request.method} {request.scope['route'].path_format}")
    if rule is None:
        raise HTTPException(403, "no rule says who may do this")
    if rule.scope is None:
        return
    who = principal(request)
    if rule.scope not in who.scopes:
        raise HTTPException(403, f"this takes the scope {rule.scope}; {who.name} has {', '.join(sorted(who.scopes))}")
    if who.tenant and rule.tenants is Tenants.NOTHING:
        raise HTTPException(403, f"this is about the whole site; {who.name} is for the tenant {who.tenant} alone")


def actor(request: Request) -> str:
    """Who asks, for the journal: never from anything in the request that nobody has vouched for."""
    return principal(request).name
