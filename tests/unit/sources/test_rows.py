"""Documents to rows, field by field: what is taken for what, and what is said about the rest."""

from __future__ import annotations

from typing import Any

import pytest
from bson import Int64, ObjectId
from bson.decimal128 import Decimal128

from zpmd.model.secret import Secret
from zpmd.model.tenant import Connection, Status
from zpmd.sources import rows

TENANT = {"_id": "t", "id": 1, "tenantcode": "acme", "status": "active"}
INTEGRATION = {"_id": "i", "integration_id": 5, "tenantcode": "acme", "serviceName": "splunk", "status": "active"}
PARAM = {"_id": "p", "name": "A", "value": "1"}


def told(collection: str, *documents: object) -> list[str]:
    _, troubles = rows.read({collection: documents})
    return [str(t) for t in troubles]


@pytest.mark.parametrize("number", [5, Int64(5), 5.0, "5", "05"])
def test_an_integer_may_come_in_these_shapes(number: object) -> None:
    found, _ = rows.read({"integrations": [INTEGRATION | {"integration_id": number}]})
    assert found.integrations[0].integration_id == 5
    assert type(found.integrations[0].integration_id) is int


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (True, "must be an integer, not true"),
        (5.5, "must be an integer, not the number 5.5"),
        (float("nan"), "must be an integer, not the number nan"),
        (2.0**60, "must be an integer, not the number 1.152921504606847e+18"),
        pytest.param(10**5000, "must be an integer, not a number beyond 64 bits", id="huge"),
        (-1, "must be between 0 and 9223372036854775807, not the number -1"),
        (" 5", "must be an integer, not the text ' 5'"),
        ("٥", "must be an integer, not the text '٥'"),
        ("x" * 99, f"must be an integer, not the text '{'x' * 39}…'"),
        ([5], "must be an integer, not a list"),
        ({"$numberLong": "5"}, "must be an integer, not a document"),
        (Decimal128("5"), "must be an integer, not a value of type Decimal128"),
        (None, "is missing"),
    ],
)
def test_and_in_no_others(number: object, said: str) -> None:
    told_of = told("integrations", INTEGRATION | {"integration_id": number})
    assert told_of == [f"integrations i of tenant acme: integration_id: {said}"]


@pytest.mark.parametrize("code", ["acme", "ACME", "a", "a_b-c", "9", "x" * 48])
def test_names_can_be_made_of_these(code: str) -> None:
    assert told("tenants", TENANT | {"tenantcode": code}) == []


@pytest.mark.parametrize("code", ["", "a.b", "a/b", "-a", "a-", "a b", "ä", "a\n", "x" * 49, "../a", 7, None, ["a"]])
def test_and_of_nothing_else(code: object) -> None:
    (said,) = told("tenants", TENANT | {"tenantcode": code})
    assert said.startswith("tenants t: tenantcode: ")
    assert "\n" not in said


def test_a_name_that_is_too_long_for_dns_is_told() -> None:
    (said,) = told("integrations", INTEGRATION | {"serviceName": "s" * 40, "tenantcode": "t" * 40})
    assert "63 characters at most" in said


@pytest.mark.parametrize(("text", "status"), [("active", Status.ACTIVE), ("Deleted", Status.DELETED)])
def test_a_status_is_read_without_regard_to_case(text: str, status: Status) -> None:
    found, _ = rows.read({"tenants": [TENANT | {"status": text}]})
    assert found.tenants[0].status is status


@pytest.mark.parametrize("said", ["Connected!", 7, None, ["error"]])
def test_a_strange_connection_status_is_no_reason_to_refuse_a_tenant(said: object) -> None:
    found, troubles = rows.read({"tenants": [TENANT | {"connection_status": said}]})
    assert (found.tenants[0].connection_status, troubles) == (Connection.UNKNOWN, ())


def test_a_uri_where_a_host_should_be_is_refused_and_not_repeated() -> None:
    for host in ("mongodb://acme:planted@10.0.0.5/acme", "acme:planted@10.0.0.5", "//10.0.0.5"):
        (said,) = told("tenants", TENANT | {"db_host": host})
        assert said == "tenants t of tenant acme: db_host: is no list of host[:port]: a URI may have a password in it"


def test_every_flaw_of_a_row_is_told() -> None:
    assert told("integrations", {"_id": 7, "tenantcode": "acme", "title": 5}) == [
        "integrations 7 of tenant acme: integration_id: is missing",
        "integrations 7 of tenant acme: serviceName: is missing",
        "integrations 7 of tenant acme: status: is missing",
        "integrations 7 of tenant acme: title: must be a text, not the number 5",
    ]


@pytest.mark.parametrize(
    ("identity", "row"),
    [(ObjectId("65f1c0ffee65f1c0ffee65f1"), "65f1c0ffee65f1c0ffee65f1"), (7, "7"), ("a\nb", "a?b"), ({"a": 1}, "#1")],
)
def test_a_row_is_called_by_its_id(identity: object, row: str) -> None:
    found, _ = rows.read({"tenants": [TENANT | {"_id": identity}]})
    assert found.tenants[0].row == row


def test_what_is_no_document_is_told() -> None:
    assert told("servers", 5) == ["servers #1: document: a row must be a document, this is the number 5"]


@pytest.mark.parametrize(
    ("collection", "first", "second", "field"),
    [
        ("tenants", TENANT, TENANT | {"_id": "u", "id": 2}, "tenantcode"),
        ("tenants", TENANT, TENANT | {"_id": "u", "tenantcode": "b", "id": "1"}, "id"),
        ("integrations", INTEGRATION, INTEGRATION | {"_id": "u", "status": "?"}, "integration_id"),
        (
            "integrations",
            INTEGRATION | {"serviceName": "a-b", "tenantcode": "c"},
            INTEGRATION | {"_id": "u", "serviceName": "A", "tenantcode": "b-c"},
            "serviceName",
        ),
        ("app_params", PARAM, {"_id": "u", "params": {"B": "1", "A": "2"}}, "name"),
        ("servers", {"_id": "s", "name": "a", "role": "active"}, {"_id": "u", "name": "a", "role": "passive"}, "name"),
        (
            "integration_ports",
            {"_id": "x", "tenantcode": "a", "integration_id": 1, "port": 9100},
            {"_id": "u", "tenantcode": "a", "integration_id": 2, "port": 9100},
            "port",
        ),
    ],
)
def test_doubles_are_all_in_trouble(collection: str, first: dict[str, Any], second: dict[str, Any], field: str) -> None:
    found, troubles = rows.read({collection: [first, second]})
    assert found == type(found)()
    assert {t.row for t in troubles if t.field == field} == {first["_id"], "u"}


@pytest.mark.parametrize(
    ("value", "text"), [("x", "x"), (5, "5"), (Int64(5), "5"), (5.0, "5"), (1.5, "1.5"), (True, "true"), ("", "")]
)
def test_the_value_of_a_parameter_becomes_text(value: object, text: str) -> None:
    found, _ = rows.read({"app_params": [PARAM | {"value": value}]})
    assert found.params[0].values == (("A", text),)


def test_a_secret_parameter_is_secret_with_all_its_values() -> None:
    found, _ = rows.read({"app_params": [{"params": {"B": "2", "A": "1"}, "secret": True}]})
    assert (found.params[0].values, found.params[0].secrets) == ((), (("A", Secret("1")), ("B", Secret("2"))))


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"name": "A", "value": ["hunter2"]}, "value: must be a text, a number or a boolean, not a list"),
        ({"name": "A"}, "value: is missing"),
        ({"value": "hunter2"}, "name: is missing"),
        ({"name": "A", "value": "hunter2\0"}, "value: holds a character that no text may have"),
        ({"name": "A", "value": "1", "secret": "hunter2"}, "secret: must be true or false, not a text"),
        ({"params": {"A": {"hunter2": 1}}}, "params.A: must be a text, a number or a boolean, not a document"),
        ({"params": {"hunter2 is no name": "A"}}, "params: a name must be letters, digits and `_`"),
        ({"params": "hunter2"}, "params: must be names with values, not a text"),
        ({"name": "A", "value": "1", "params": {"A": "1"}}, "params: stands beside `name`"),
    ],
)
def test_what_is_wrong_with_a_parameter_is_told_without_its_value(document: dict[str, Any], said: str) -> None:
    (trouble,) = told("app_params", document | {"_id": "p"})
    assert trouble.startswith(f"app_params p: {said}")
    assert "hunter2" not in trouble


def test_in_a_tenants_own_database_the_tenantcode_need_not_be_written() -> None:
    own = {k: v for k, v in INTEGRATION.items() if k != "tenantcode"}
    foreign = INTEGRATION | {"_id": "f", "integration_id": 6, "tenantcode": "bank"}
    part = rows.understand({"integrations": [own, foreign], "app_params": [PARAM], "tenants": [TENANT]}, "acme")
    found, troubles = rows.together([part], unknown=(("bank", "no answer"),))
    assert [str(i.key) for i in found.integrations] == ["acme/5"]
    assert (found.params[0].tenantcode, found.tenants, found.unknown) == ("acme", (), (("bank", "no answer"),))
    assert [str(t) for t in troubles] == [
        "integrations f of tenant acme: tenantcode: is the text 'bank' in the database of tenant acme"
    ]
