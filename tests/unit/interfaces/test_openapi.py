"""What the API says of itself is complete and true."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate

from tests.unit.interfaces.conftest import Ctl
from zpmd.interfaces.rest.access import RULES
from zpmd.interfaces.rest.app import document
from zpmd.interfaces.rest.openapi import TAGS, operations
from zpmd.interfaces.rest.writes import KEY, MATCH

DOCUMENT = document()
OPERATIONS = {f"{method} {path}": operation for method, path, operation in operations(DOCUMENT)}
PAGES = {"GET /", "GET /ui/{version}/{name}", "GET /session", "POST /session", "POST /session/end"}
"""Of the dashboard: for browsers, and no part of the API."""


def test_it_is_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    validate(DOCUMENT)


def test_it_has_every_route_that_somebody_may_use_and_no_other() -> None:
    def as_written(route: str) -> str:
        return re.sub(r":path}", "}", route)

    assert set(OPERATIONS) == {as_written(route) for route in RULES} - PAGES


def test_the_daemon_and_zpmctl_print_the_same(api: httpx.Client, ctl: Ctl) -> None:
    said = ctl("openapi")
    assert said.code == 0
    assert json.loads(said.out) == api.get("/v1/openapi.json").json() == json.loads(json.dumps(DOCUMENT))


def test_zpmctl_prints_it_without_a_daemon(ctl: Ctl) -> None:
    assert json.loads(ctl("openapi").out)["info"]["title"] == "zpmd"


@pytest.mark.parametrize("route", OPERATIONS)
def test_an_operation_is_described(route: str) -> None:
    operation = OPERATIONS[route]
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", operation["operationId"])
    assert 5 < len(operation["summary"]) < 120
    assert operation["summary"][0].isupper()
    assert set(operation["tags"]) <= set(TAGS)
    good = [response for status, response in operation["responses"].items() if status.startswith("2")]
    assert good
    for response in good:
        assert response["description"]
        for kind, content in response.get("content", {}).items():
            assert content["schema"], f"{kind} has no shape"
    for status, response in operation["responses"].items():
        if not status.startswith("2") and status != "503":
            assert response == {"$ref": f"#/components/responses/Problem{status}"}


def test_no_answer_is_just_any_object() -> None:
    free = [
        f"{route} {status}"
        for route, operation in OPERATIONS.items()
        for status, response in operation["responses"].items()
        for content in response.get("content", {}).values()
        if content["schema"].get("type") == "object" and not content["schema"].get("properties")
    ]
    assert free == ["GET /v1/openapi.json 200"]


def test_operations_have_names_of_their_own() -> None:
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert sorted(set(names)) == sorted(names)


def test_every_write_takes_a_key_and_a_plan_and_every_verb_a_wait() -> None:
    def named(operation: dict[str, Any]) -> set[str]:
        return {p.get("name") or p["$ref"].rpartition("/")[2] for p in operation.get("parameters", ())}

    writes = {r for r in OPERATIONS if r.startswith("POST ")}
    assert {r for r, o in OPERATIONS.items() if {KEY, MATCH} <= named(o)} == writes
    verbs = {f"POST /v1/services/{{name}}/{verb}" for verb in ("start", "stop", "restart", "scale")}
    waited = {r for r, o in OPERATIONS.items() if "wait" in named(o)}
    assert waited == verbs | {"POST /v1/approve", "POST /v1/down", "POST /v1/up"}


def test_a_token_is_needed_where_the_table_says_so() -> None:
    assert DOCUMENT["security"] == [{"bearer": []}]
    public = {r for r, operation in OPERATIONS.items() if operation.get("security") == []}
    assert public == {r for r, rule in RULES.items() if rule.scope is None} - PAGES
