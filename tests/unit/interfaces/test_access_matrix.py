"""Every route, for everybody who may come: with each scope, for the site or a tenant, with a bad token or none.

The cases are generated from the routes that there are: one without a rule fails, as does a rule without a route.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.unit.interfaces.given import NOON, Surface
from tests.unit.interfaces.given_access import (
    DUE,
    FOREIGN,
    JOBS,
    OWN,
    SITE,
    endpoints,
    give,
    stranger,
    surface_for_strangers,
    two_tenants,
)
from zpmd.interfaces import api_keys
from zpmd.interfaces.rest.access import RULES, Scope, Tenants

EVERY = tuple(Scope)
ROUTES = sorted(RULES)
NARROWED = [route for route, rule in RULES.items() if rule.tenants is Tenants.OWN]
BODIES = {"scale": {"replicas": 2}}
"""What a verb takes beside nothing."""
LISTS = ["/v1/status", "/v1/plan", "/v1/events", "/v1/tenants", "/v1/integrations", "/v1/ports", "/v1/wait", "/status",
         "/tenant/list", "/integration/list", "/v1/jobs", "/v1/runs"]  # fmt: skip
"""Answers in which a tenant's things stand beside another's."""
FIRST_BYTES = 2000


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surface]:
    made = surface_for_strangers(tmp_path_factory.mktemp("site"))
    two_tenants(made)
    yield made
    made.close()


@pytest.fixture(scope="module")
def nobody(site: Surface) -> Iterator[httpx.Client]:
    with stranger(site) as client:
        yield client


@pytest.fixture(scope="module")
def keys(site: Surface) -> dict[tuple[Scope, str], str]:
    return {(scope, tenant): give(site, scope, tenant=tenant) for scope in EVERY for tenant in ("", "acme")}


@pytest.fixture(scope="module")
def bad(site: Surface) -> dict[str, str]:
    revoked = give(site, *EVERY, revoked_at=NOON)
    good = give(site, *EVERY)
    head = f"zpmd_{api_keys.id_of(good)}_{'A' * 43}"
    return {
        "revoked": f"Bearer {revoked}",
        "expired": f"Bearer {give(site, *EVERY, expires_at=NOON)}",
        "unknown": f"Bearer {api_keys.mint()[1]}",
        "mistyped": f"Bearer {good[:-8]}x{good[-7:]}",
        "of another's id": f"Bearer {head}_{api_keys.checksum(head)}",
        "digest": f"Bearer {api_keys.digest(good)}",
        "empty": "Bearer",
        "basic": f"Basic {good}",
        "token alone": good,
        "huge": f"Bearer {'x' * 9000}",
    }


def named(route: str, service: str) -> str:
    """Where a job is asked for, the one in the place of the service."""
    jobs = {**JOBS, "splunk-meta-1": "nightly-meta-1", "rebis": "rebis-dump"}
    return jobs.get(service, service) if "/v1/jobs/" in route else service


def sent(client: httpx.Client, route: str, authorization: str = "", name: str = OWN) -> tuple[int, str, httpx.Headers]:
    """What a route answers, and the beginning of it where it goes on."""
    method, path = route.split(" ")
    name = named(route, name)
    path = path.replace("{name}", name).replace("{id}", "0badc0de").replace("{due}", str(DUE))
    body = BODIES.get(path.rpartition("/")[2], {"serviceName": name} if path.startswith("/service/") else {})
    headers = {"Authorization": authorization} if authorization else {}
    more = {"json": body} if method == "POST" else {}
    with client.stream(method, path, headers=headers, **more) as answer:  # type: ignore[arg-type]
        if "event-stream" in answer.headers.get("content-type", ""):
            text = ""
            for chunk in answer.iter_text():
                text += chunk
                if "data:" in text or len(text) > FIRST_BYTES:
                    break
        else:
            text = answer.read().decode()
        return answer.status_code, text, answer.headers


def test_every_route_has_a_rule_and_every_rule_a_route(site: Surface) -> None:
    assert endpoints(site.app) == set(RULES)


@pytest.mark.parametrize("route", ROUTES)
def test_each_scope_opens_what_the_table_says_and_nothing_else(
    nobody: httpx.Client, keys: dict[tuple[Scope, str], str], route: str
) -> None:
    rule = RULES[route]
    for (scope, tenant), key in keys.items():
        status, text, _ = sent(nobody, route, f"Bearer {key}")
        may = rule.scope in (None, scope) and not (tenant and rule.scope and rule.tenants is Tenants.NOTHING)
        assert (status not in (401, 403)) is may, (scope, tenant, status, text)
        assert status < 500 or status == 503, (scope, tenant, status, text)


@pytest.mark.parametrize("route", ROUTES)
def test_whoever_has_no_good_token_gets_nothing(nobody: httpx.Client, bad: dict[str, str], route: str) -> None:
    if RULES[route].scope is not None:
        status, text, headers = sent(nobody, route)
        assert (status, headers["www-authenticate"]) == (401, 'Bearer realm="zpmd"'), text
        assert json.loads(text)["code"] == "unauthorized"
    answers = set()
    for kind, authorization in bad.items():
        status, text, headers = sent(nobody, route, authorization)
        assert (status, headers["content-type"]) == (401, "application/problem+json"), kind
        assert headers["www-authenticate"] == 'Bearer realm="zpmd", error="invalid_token"'
        answers.add(text)
    assert len(answers) == 1, "an answer tells what is wrong with a token"


def test_a_method_or_path_that_is_not_there_gives_nothing(nobody: httpx.Client) -> None:
    assert nobody.delete("/v1/status").status_code == 405
    assert nobody.get("/v1/nothing").status_code == 404
    assert nobody.head("/v1/openapi.json").status_code == 405


@pytest.mark.parametrize("route", [route for route in NARROWED if route.startswith("GET ")])
def test_a_tenant_reads_nothing_of_another_or_of_the_site(site: Surface, nobody: httpx.Client, route: str) -> None:
    status, text, _ = sent(nobody, route, f"Bearer {give(site, *EVERY, tenant='acme')}")
    assert status == 200, text
    assert "beta" not in text
    assert "redis" not in text


@pytest.mark.parametrize("path", LISTS)
def test_a_tenant_reads_what_is_his_and_the_site_reads_all(site: Surface, nobody: httpx.Client, path: str) -> None:
    _, own, _ = sent(nobody, f"GET {path}", f"Bearer {give(site, *EVERY, tenant='acme')}")
    _, every, _ = sent(nobody, f"GET {path}", f"Bearer {give(site, *EVERY)}")
    assert ("acme" in own, "acme" in every, "beta" in every) == (True, True, True)


@pytest.mark.parametrize(("foreign", "missing"), [(FOREIGN, "splunk-meta-1"), (SITE, "rebis"), ("*", "+")])
@pytest.mark.parametrize("route", [r for r in NARROWED if "{name}" in r or r.startswith("POST /service/")])
def test_what_is_another_s_is_as_good_as_not_there(
    site: Surface, nobody: httpx.Client, route: str, foreign: str, missing: str
) -> None:
    acme = f"Bearer {give(site, *EVERY, tenant='acme')}"
    before = site.store.memory(), site.store.journal()
    status, text, _ = sent(nobody, route, acme, name=foreign)
    same, said, _ = sent(nobody, route, acme, name=missing)
    assert (status, same) == (404, 404), text
    assert text.replace(named(route, foreign), "...") == said.replace(named(route, missing), "...")
    assert (site.store.memory(), site.store.journal()) == before


def test_a_tenant_operates_what_is_his(site: Surface, nobody: httpx.Client) -> None:
    acme = f"Bearer {give(site, Scope.OPERATE, tenant='acme')}"
    status, text, _ = sent(nobody, "POST /v1/services/{name}/stop", acme)
    assert (status, json.loads(text)["services"]) == (202, [OWN])
    assert site.store.journal()[-1].actor == "token:operate of acme"
    assert sent(nobody, "POST /v1/services/{name}/start", acme)[0] == 202


def test_a_token_is_itself_over_the_unix_socket_too(site: Surface, tmp_path: Path) -> None:
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(site.socket)), base_url="http://zpmd") as client:
        assert sorted(client.get("/v1/whoami").json()["scopes"]) == sorted(Scope)
        acme = {"Authorization": f"Bearer {give(site, Scope.READ, tenant='acme')}"}
        assert client.get("/v1/whoami", headers=acme).json() == {
            "name": "token:read of acme", "scopes": ["read"], "tenant": "acme", "expires_at": None,
        }  # fmt: skip
        assert client.post("/v1/down", headers=acme).status_code == 403
        assert client.get("/v1/whoami", headers={"Authorization": "Bearer wrong"}).status_code == 401
