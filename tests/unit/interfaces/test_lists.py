"""What the API lists beside what zpmctl shows: services, intents, holds, approvals, the journal; and how zpmd does."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import pytest

import zpmd
from tests.unit.interfaces.given import NOON, Surface, snapshot, standing
from zpmd.interfaces.listings import readiness
from zpmd.interfaces.rest.access import Principal, Scope
from zpmd.model.cause import Cause, Code
from zpmd.model.events import Entry, Unwritable
from zpmd.model.memory import Down, Hold
from zpmd.model.observed import Observed
from zpmd.model.plan import Plan, State, Waiting
from zpmd.model.service import Group


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["redis", "zona_user", "splunk"]),
        ({"group": "core"}, ["zona_user"]),
        ({"state": "crash-loop"}, ["splunk"]),
        ({"tenant": "acme", "state": "crash-loop"}, ["splunk"]),
        ({"tenant": "nobody"}, []),
    ],
)
def test_services_are_listed_by_group_state_and_tenant(
    surface: Surface, api: httpx.Client, query: dict[str, str], names: list[str]
) -> None:
    surface.publish(
        standing("redis", Group.SYSTEM),
        standing("zona_user"),
        standing("splunk", Group.APP, tenant="acme", state=State.CRASH_LOOP, ready=0),
    )
    view = api.get("/v1/services", params=query).json()
    assert [s["name"] for s in view["services"]] == names
    assert (view["number"], view["at"]) == (1, surface.clock.at)


def test_a_filter_that_is_none_is_refused_with_all_that_is_wrong(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    answer = api.get("/v1/services", params={"group": "all", "state": "gone", "limit": 3})
    assert answer.status_code == 422
    assert [(e["in"], e["pointer"]) for e in answer.json()["errors"]] == [("query", "/limit")]
    answer = api.get("/v1/services", params={"group": "all", "state": "gone"})
    assert [(e["in"], e["pointer"]) for e in answer.json()["errors"]] == [("query", "/group"), ("query", "/state")]


def test_what_operators_asked_for_and_still_holds_is_listed(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    api.post("/v1/services/redis/stop")
    api.post("/v1/services/zona_user/restart")
    api.post("/v1/services/zona_user/scale", json={"replicas": 3})
    api.post("/v1/services/zona_user/hold", json={"reason": "its disk", "for_seconds": 60})
    surface.store.set_down(Down.CONTAINERS)
    surface.publish()
    assert api.get("/v1/intents").json() == {
        "now": surface.clock.at,
        "down": "containers",
        "services": [
            {"service": "redis", "stopped": True, "scaled": None, "generation": 0, "approved": False, "suspended": ""},
            {
                "service": "zona_user",
                "stopped": False,
                "scaled": 3,
                "generation": 1,
                "approved": False,
                "suspended": "",
            },
        ],
    }
    (hold,) = api.get("/v1/holds").json()["holds"]
    assert (hold["service"], hold["reason"]) == ("zona_user", "its disk")


def test_holds_that_have_ended_are_not_listed(surface: Surface, api: httpx.Client) -> None:
    surface.store.hold(Hold(service="*", owner="root", reason="", since=NOON - 10, until=NOON - 1))
    surface.publish()
    assert api.get("/v1/holds").json()["holds"] == []


def test_removals_that_wait_for_an_approval_are_listed_with_those_that_have_one(
    surface: Surface, api: httpx.Client
) -> None:
    surface.store.approve(["misp"])
    held = Waiting(subject="kafka/1", service="kafka", cause=Cause(Code.MASS_REMOVAL, "3 of 4 would go"))
    surface.publish(standing("kafka"), plan=Plan(waiting=(held,), standings=(standing("kafka"),)))
    view = api.get("/v1/approvals").json()
    assert [(w["service"], w["text"]) for w in view["held"]] == [("kafka", "3 of 4 would go")]
    assert view["approved"] == ["misp"]


def test_the_journal_is_read_forwards_and_backwards_by_pages(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    ids = [
        surface.store.begin(
            Entry(
                id=0, at=NOON + n, kind=("action", "note")[n % 2], verb="start", subject="x", code=f"c{n % 3}", text=""
            )
        )
        for n in range(9)
    ]

    def page(**query: Any) -> tuple[list[int], bool]:
        view = api.get("/v1/journal", params=query).json()
        return [e["id"] for e in view["entries"]], view["more"]

    assert page() == (ids, False)
    assert page(limit=4) == (ids[5:], True), "the newest"
    assert page(limit=4, before=ids[5]) == (ids[1:5], True)
    assert page(limit=4, before=ids[1]) == (ids[:1], False)
    assert page(limit=4, after=0) == (ids[:4], True), "the oldest"
    assert page(limit=5, after=ids[3]) == (ids[4:], False)
    assert page(kind="note") == (ids[1::2], False)
    assert page(code="c2", since=NOON + 3) == ([ids[5], ids[8]], False)
    assert page(until=NOON + 2) == (ids[:2], False)
    assert page(actor="nobody") == ([], False)
    assert api.get("/v1/journal", params={"limit": 501}).status_code == 422


def test_health_and_version(surface: Surface, api: httpx.Client) -> None:
    assert api.get("/v1/health").json() == {"status": "ok"}
    assert api.get("/v1/version").json() == {"version": zpmd.__version__, "api": "v1"}


def test_readiness_follows_the_passes(surface: Surface, api: httpx.Client) -> None:
    before = api.get("/v1/ready")
    assert (before.status_code, before.json()["reasons"]) == (503, ["the first pass has not ended"])
    surface.publish(watchers={"files": True})
    assert api.get("/v1/ready").json() == {"ready": True, "reasons": []}
    surface.clock.at += 91
    silent = api.get("/v1/ready")
    assert (silent.status_code, silent.json()["reasons"]) == (503, ["loop: no pass for 91 s"])


def test_what_is_blind_deaf_or_forgetful_is_not_ready() -> None:
    bad = replace(
        snapshot(),
        observed=Observed(world=None, error="connection refused"),
        watchers={"files": False, "engine events": True},
        unwritable=Unwritable(since=NOON, error="disk full", lost=3),
    )
    assert readiness(bad, NOON, 90).reasons == (
        "engine: connection refused",
        "watcher: files is not alive",
        "store: disk full",
    )


def test_who_comes_without_a_token_hears_no_reasons(surface: Surface) -> None:
    surface.publish(watchers={"files": False})

    def ready(who: Principal | None) -> dict[str, Any]:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await surface.app({**scope, "state": {"principal": who} if who else {}}, receive, send)

        return _get(app, "/v1/ready")

    assert ready(None) == {"ready": False, "reasons": []}
    assert ready(Principal(name="probe", scopes=frozenset({Scope.DEPLOY})))["reasons"] == []
    assert ready(Principal(name="eve", scopes=frozenset(Scope), tenant="acme"))["reasons"] == []
    assert ready(Principal(name="ops", scopes=frozenset({Scope.READ})))["reasons"] == ["watcher: files is not alive"]


def _get(app: Any, path: str) -> dict[str, Any]:
    async def ask() -> Any:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://zpmd") as client:
            return (await client.get(path)).json()

    found: dict[str, Any] = asyncio.run(ask())
    return found
