"""API keys from their making to their end: over the API, with zpmctl, and in the file that remembers them."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.lab.eventually import eventually
from tests.unit.interfaces.conftest import Ctl
from tests.unit.interfaces.given import NOON, Surface
from tests.unit.interfaces.given_access import give, stranger, surface_for_strangers
from zpmd.interfaces import api_keys
from zpmd.model.token import Scope
from zpmd.redaction import redact

EVERY = tuple(Scope)


@pytest.fixture
def surface(tmp_path: Path) -> Iterator[Surface]:
    made = surface_for_strangers(tmp_path)
    made.publish()
    yield made
    made.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surface]:
    """For those who need no server of their own."""
    made = surface_for_strangers(tmp_path_factory.mktemp("site"))
    yield made
    made.close()


def test_a_key_has_its_form_and_no_two_are_the_same() -> None:
    made = [api_keys.mint() for _ in range(200)]
    assert len({key for _, key in made}) == 200
    for id, key in made:
        assert re.fullmatch(r"zpmd_[0-9a-f]{8}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}", key)
        assert api_keys.id_of(key) == id
        assert "zpmd" not in redact(f"it was {key}, they say")


def test_a_key_with_one_character_wrong_is_none() -> None:
    _, key = api_keys.mint()
    for place, character in enumerate(key):
        if character != "_":
            other = "a" if character != "a" else "b"
            assert api_keys.id_of(f"{key[:place]}{other}{key[place + 1 :]}") == ""
    for other in (key[:-1], f"{key}0", f" {key}", f"{key}\n", key.upper(), ""):
        assert api_keys.id_of(other) == ""


def test_a_made_key_opens_what_it_is_for_until_it_is_revoked(surface: Surface, api: httpx.Client) -> None:
    made = api.post("/v1/tokens", json={"name": "grafana", "scopes": ["read"]})
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    key, token = made.json()["key"], made.json()["token"]
    assert (token["name"], token["scopes"], token["state"], token["made_by"]) == ("grafana", ["read"], "good", "root")
    with stranger(surface, key) as grafana:
        assert grafana.get("/v1/status").status_code == 200
        assert grafana.post("/v1/reload").status_code == 403
        assert (
            api.post(f"/v1/tokens/{token['id']}/revoke").json()["detail"] == f"token {token['id']} (grafana) is revoked"
        )
        assert grafana.get("/v1/status").status_code == 401
    assert [(t["id"], t["state"]) for t in api.get("/v1/tokens").json()] == [(token["id"], "revoked")]
    assert "key" not in json.dumps(api.get("/v1/tokens").json())


def test_a_key_expires(surface: Surface, api: httpx.Client) -> None:
    body = {"name": "brief", "scopes": ["read"], "expires_in_seconds": 60}
    key = api.post("/v1/tokens", json=body).json()["key"]
    with stranger(surface, key) as brief:
        assert brief.get("/v1/whoami").json()["expires_at"] == surface.clock.at + 60
        surface.clock.at += 60
        assert brief.get("/v1/whoami").status_code == 401
    assert api.get("/v1/tokens").json()[0]["state"] == "expired"


def test_the_last_use_is_seen(surface: Surface, api: httpx.Client) -> None:
    with stranger(surface, give(surface, Scope.READ)) as somebody:
        assert api.get("/v1/tokens").json()[0]["used_at"] is None
        somebody.get("/v1/status")
        eventually(lambda: api.get("/v1/tokens").json()[0]["used_at"] == surface.clock.at, 20)


@pytest.mark.parametrize(
    ("maker", "asked", "status"),
    [
        ({"scopes": [Scope.ADMIN]}, {"scopes": ["admin"]}, 201),
        ({"scopes": [Scope.ADMIN]}, {"scopes": ["admin", "read"]}, 403),
        ({"scopes": [Scope.READ, Scope.OPERATE, Scope.DEPLOY]}, {"scopes": ["read"]}, 403),
        ({"scopes": EVERY, "tenant": "acme"}, {"scopes": ["read"], "tenant": "acme"}, 201),
        ({"scopes": EVERY, "tenant": "acme"}, {"scopes": ["read"], "tenant": "beta"}, 403),
        ({"scopes": EVERY, "tenant": "acme"}, {"scopes": ["read"]}, 201),
        ({"scopes": EVERY}, {"scopes": ["read"], "tenant": "beta"}, 201),
        ({"scopes": EVERY, "expires_at": NOON + 100}, {"scopes": ["read"], "expires_in_seconds": 50}, 201),
        ({"scopes": EVERY, "expires_at": NOON + 100}, {"scopes": ["read"], "expires_in_seconds": 500}, 403),
        ({"scopes": EVERY, "expires_at": NOON + 100}, {"scopes": ["read"]}, 201),
        ({"scopes": EVERY}, {"scopes": []}, 422),
        ({"scopes": EVERY}, {"scopes": ["root"]}, 422),
        ({"scopes": EVERY}, {"scopes": ["read"], "tenant": ""}, 422),
        ({"scopes": EVERY}, {"scopes": ["read"], "name": "a\nb"}, 422),
        ({"scopes": EVERY}, {"scopes": ["read"], "expires_in_seconds": 0}, 422),
    ],
)
def test_nobody_gives_more_than_he_has(site: Surface, maker: dict, asked: dict, status: int) -> None:  # type: ignore[type-arg]
    mine, before = dict(maker), site.store.tokens.all()
    with stranger(site, give(site, *mine.pop("scopes"), **mine)) as somebody:
        answer = somebody.post("/v1/tokens", json={"name": "made", **asked})
    assert answer.status_code == status, answer.text
    made = [token for token in site.store.tokens.all() if token not in before and token.name == "made"]
    assert len(made) == (1 if status == 201 else 0)
    for token in made:
        assert set(token.scopes) <= set(maker["scopes"])
        assert token.tenant == maker.get("tenant", asked.get("tenant", ""))
        assert token.expires_at is None if "expires_at" not in maker else token.expires_at <= maker["expires_at"]


def test_a_tenant_s_admin_sees_and_revokes_his_tenant_s_keys_alone(surface: Surface) -> None:
    foreign = [give(surface, Scope.READ), give(surface, Scope.READ, tenant="beta")]
    with stranger(surface, give(surface, *EVERY, tenant="acme")) as acme:
        assert {token["tenant"] for token in acme.get("/v1/tokens").json()} == {"acme"}
        for key in foreign:
            answer = acme.post(f"/v1/tokens/{api_keys.id_of(key)}/revoke")
            nowhere = acme.post("/v1/tokens/00000000/revoke")
            assert (answer.status_code, nowhere.status_code) == (404, 404)
            assert answer.text.replace(api_keys.id_of(key), "...") == nowhere.text.replace("00000000", "...")
            with stranger(surface, key) as still:
                assert still.get("/v1/whoami").status_code == 200


def test_an_answer_that_goes_on_ends_with_its_token(surface: Surface, api: httpx.Client) -> None:
    key = give(surface, Scope.READ)
    with stranger(surface, key) as reader, reader.stream("GET", "/v1/events?follow=true") as answer:
        lines = answer.iter_lines()
        api.post("/v1/reload")
        assert json.loads(next(lines))["verb"] == "reload"
        surface.store.tokens.revoke(api_keys.id_of(key), NOON)
        api.post("/v1/reload")
        assert list(lines) == []


def test_the_file_of_the_store_opens_nothing(surface: Surface, api: httpx.Client, tmp_path: Path) -> None:
    """A copy of the database, as it lies and as it can be read, has no key in it, and nothing that is one."""
    keys = [api.post("/v1/tokens", json={"name": f"n{n}", "scopes": ["read"]}).json()["key"] for n in range(3)]
    for key in keys:
        with stranger(surface, key) as used:
            assert used.get("/v1/status").status_code == 200
    files = b"".join(path.read_bytes() for path in tmp_path.glob("zpmd.db*"))
    with sqlite3.connect(f"file:{tmp_path}/zpmd.db?mode=ro", uri=True) as copy:
        dump = "\n".join(copy.iterdump())
    copy.close()
    for key in keys:
        secret = key.split("_")[2]
        assert secret.encode() not in files
        assert secret not in dump
    words = set(re.findall(r"[\w-]{16,}", dump))
    assert words
    with stranger(surface) as thief:
        for word in sorted(words):
            assert thief.get("/v1/whoami", headers={"Authorization": f"Bearer {word}"}).status_code == 401


def test_zpmctl_makes_lists_and_revokes(surface: Surface, ctl: Ctl) -> None:
    assert ctl("token", "list").out == "no tokens: `zpmctl token create NAME --scope read` makes one\n"
    made = ctl(
        "token", "create", "portal", "--scope", "read", "--scope", "operate", "--tenant", "acme", "--expires", "90d"
    )
    key = made.out.strip()
    (token,) = surface.store.tokens.all()
    assert token.digest == api_keys.digest(key)
    assert f"token {token.id} (portal) is made: keep the key, it is not shown again" in made.err
    assert (token.tenant, token.expires_at, token.scopes) == (
        "acme", surface.clock.at + 90 * 86_400, (Scope.OPERATE, Scope.READ),
    )  # fmt: skip
    assert ctl("token", "list").out.splitlines() == [
        "ID        NAME    STATE  SCOPES        TENANT  EXPIRES              USED   BY",
        f"{token.id}  portal  good   operate,read  acme    2024-02-13 12:00:01  never  root",
    ]
    assert ctl("token", "revoke", token.id).out == f"token {token.id} (portal) is revoked\n"
    assert json.loads(ctl("token", "list", "--json").out)[0]["state"] == "revoked"
    assert json.loads(ctl("token", "create", "x", "--scope", "read", "--json").out)["token"]["name"] == "x"
    assert (ctl("token", "revoke", "nope").code, ctl("token", "create", "x").code) == (4, 2)
    assert ctl("token", "create", "x", "--scope", "root").code == 2
