"""Tenants, integrations, ports and metrics over the API; and what their service's story and the doctor say of them."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.unit.interfaces.given import NOON, Surface, snapshot
from tests.unit.interfaces.given_rows import (
    FACTS,
    NEVER_GOOD,
    PASSWORD,
    ROWS,
    STATUS_OF_JIRA,
    TOKEN,
    away,
    tenancy,
)
from zpmd.interfaces import doctor, metrics
from zpmd.interfaces.why import why
from zpmd.model.events import Entry, Snapshot, SourceState
from zpmd.model.observed import Observed
from zpmd.model.tenant import Connection, IntegrationKey, RowTrouble, Tenancy

PATHS = ("/v1/tenants", "/v1/integrations", "/v1/ports", "/tenant/list", "/integration/list", "/status", "/v1/status")


def given(tenancy: Tenancy | None, **more: Any) -> Snapshot:
    return snapshot(tenancy=tenancy, **{**FACTS, **more})


def test_the_products_own_lists_have_its_own_fields(surface: Surface, api: httpx.Client) -> None:
    surface.publish(tenancy=tenancy(), **FACTS)
    assert api.get("/tenant/list").json()[0] == {
        "id": 1,
        "name": "Acme Inc.",
        "tenantcode": "acme",
        "status": "active",
        "db_host": "db1:27017",
        "db_username": "acme_app",
        "db_name": "zona_acme",
        "connection_status": "connected",
    }
    listed = api.get("/integration/list").json()
    assert listed[0] == {
        "integration_id": 1,
        "title": "Splunk",
        "action": "poll",
        "serviceName": "splunk",
        "executionDir": "/opt/splunk",
        "status": "active",
        "executable": "splunk.py",
        "tenantcode": "acme",
    }
    assert api.get("/status").json()["integrations"] == listed


def test_without_a_registry_the_lists_are_empty_and_say_so(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    assert (api.get("/tenant/list").json(), api.get("/integration/list").json()) == ([], [])
    assert api.get("/v1/ports").json() == {"now": surface.clock.at, "registry": None, "ports": [], "skipped": []}


def test_an_integration_is_joined_with_its_row_and_its_service(surface: Surface, api: httpx.Client) -> None:
    held = ((IntegrationKey("acme", 2), "half of them vanished at once"),)
    surface.publish(tenancy=tenancy(troubles=(STATUS_OF_JIRA,), held=held), **FACTS)
    assert api.get("/v1/integrations", params={"service": "jira"}).json()["integrations"] == [
        {
            "tenantcode": "acme",
            "integration_id": 2,
            "title": "Jira",
            "action": "poll",
            "service_name": "jira",
            "execution_dir": "/opt/jira",
            "executable": "jira.py",
            "status": "active",
            "tenant_status": "active",
            "service": "jira-acme-2",
            "port": 9101,
            "state": "crash-loop",
            "ready": 0,
            "desired": 1,
            "since": None,
            "reason": "exited with code 1",
            "trouble": "executable: a text is wanted, and it is a number; frozen at its last good version",
            "held": "half of them vanished at once",
            "row": "65b2",
        }
    ]


def test_a_tenant_is_counted_with_what_belongs_to_it(surface: Surface, api: httpx.Client) -> None:
    rows = replace(ROWS, unknown=(("acme", "no answer from db1:27017"),))
    surface.publish(tenancy=tenancy(rows=rows, troubles=(STATUS_OF_JIRA, NEVER_GOOD)), **FACTS)
    (acme,) = api.get("/v1/tenants", params={"tenant": "acme"}).json()["tenants"]
    assert {name: acme[name] for name in ("integrations", "active", "ready", "troubles", "unknown")} == {
        "integrations": 4,
        "active": 3,
        "ready": 1,
        "troubles": 1,
        "unknown": "no answer from db1:27017",
    }
    assert [(d["collection"], d["uuid"], d["connection_status"]) for d in acme["databases"]] == [
        ("tenant_dbs", "u-1", ""),
        ("tenant_backups", "u-2", "disconnected"),
    ]


@pytest.mark.parametrize(
    ("path", "query", "found"),
    [
        ("/v1/tenants", {"status": "suspended"}, ["beta"]),
        ("/v1/tenants", {"tenant": "nobody"}, []),
        ("/v1/integrations", {"tenant": "acme", "status": "active", "state": "running"}, ["acme"]),
        ("/v1/integrations", {"state": "off"}, ["acme", "beta"]),
        ("/v1/ports", {"state": "released"}, ["acme"]),
        ("/v1/ports", {"tenant": "beta"}, []),
    ],
)
def test_filters(surface: Surface, api: httpx.Client, path: str, query: dict[str, str], found: list[str]) -> None:
    surface.publish(tenancy=tenancy(), **FACTS)
    answer = api.get(path, params=query).json()
    assert [each["tenantcode"] for each in answer[path.rpartition("/")[2]]] == found


@pytest.mark.parametrize(
    ("path", "query", "detail"),
    [
        ("/v1/tenants", {"status": "asleep"}, "status: Input should be 'active', 'inactive', 'suspended' or 'deleted'"),
        ("/v1/integrations", {"tenants": "acme"}, "tenants: Extra inputs are not permitted"),
        ("/v1/ports", {"state": "free"}, "state: Input should be 'leased' or 'released'"),
    ],
)
def test_a_filter_that_is_none_is_a_problem(
    surface: Surface, api: httpx.Client, path: str, query: dict[str, str], detail: str
) -> None:
    surface.publish(tenancy=tenancy(), **FACTS)
    answer = api.get(path, params=query)
    assert (answer.status_code, answer.json()["detail"]) == (422, detail)


def test_no_answer_has_a_password_a_secret_or_a_parameter(surface: Surface, api: httpx.Client) -> None:
    surface.publish(tenancy=tenancy(troubles=(STATUS_OF_JIRA,), away=away()), **FACTS)
    for path in (*PATHS, "/metrics", "/v1/doctor", "/v1/services/jira-acme-2/why", "/v1/openapi.json"):
        answer = api.get(path)
        assert answer.status_code == 200, path
        for hidden in (PASSWORD, TOKEN, "db_password", "https://splunk"):
            assert hidden not in answer.text, path


# the story of one


def test_why_tells_from_which_row_and_template_a_service_was_made() -> None:
    told = why("jira-acme-2", given(tenancy(troubles=(STATUS_OF_JIRA,))), (), (), NOON, UTC)
    assert told.made_of == "integration acme/2 (Jira), row 65b2, by the template at 40-app.yaml:20, port 9101"
    assert told.row_trouble == "executable: a text is wanted, and it is a number; frozen at its last good version"


def wrong(row: str, key: IntegrationKey) -> RowTrouble:
    return replace(STATUS_OF_JIRA, row=row, key=key, tenantcode=key.tenantcode)


def test_why_of_a_service_that_runs_on_a_frozen_row_asks_for_the_row_and_takes_its_name_for_no_replica() -> None:
    key = IntegrationKey("acme", 1)
    noted = Entry(id=1, at=NOON, kind="note", verb="row", subject=str(key), service="splunk-acme-1", text="wrong")
    told = why("splunk-acme-1", given(tenancy(troubles=(wrong("65b1", key),))), [noted], (), NOON, UTC)
    assert told.handling == "needs you: correct its row; until then it goes on as the row was when it was last good"
    assert [replica.subject for replica in told.replicas if not replica.name] == []
    assert [entry.text for entry in told.operators] == ["wrong"]


def test_another_row_that_claims_to_be_the_same_is_told_with_its_name_and_the_consequence_once() -> None:
    key = IntegrationKey("acme", 1)
    told = why("splunk-acme-1", given(tenancy(troubles=(wrong("65b1", key), wrong("65bb", key)))), (), (), NOON, UTC)
    said = "executable: a text is wanted, and it is a number"
    assert told.row_trouble == f"{said}; row 65bb: {said}; frozen at its last good version"


def test_why_of_a_service_whose_row_was_never_good_says_what_is_wrong_with_it(
    surface: Surface, api: httpx.Client
) -> None:
    surface.publish(tenancy=tenancy(troubles=(wrong("65b9", IntegrationKey("gone", 9)),)), **FACTS)
    answer = api.get("/v1/services/jira-gone-9/why")
    assert answer.status_code == 404
    assert answer.json()["detail"] == (
        "no service jira-gone-9: integrations 65b9 (gone/9): executable: a text is wanted, and it is a number; "
        "not running"
    )


@pytest.mark.parametrize(
    ("service", "answer", "handling"),
    [
        ("splunk-beta-1", "splunk-beta-1 does not run here: tenant beta is suspended", "nothing to do"),
        ("misp-acme-4", "misp-acme-4 does not run here: its row says inactive", "nothing to do"),
        ("qradar-acme-3",
         "qradar-acme-3 does not run here: no service is made of it",
         "needs you: correct its row, or the template in the service files; `zpmctl status` names them"),
    ],
)  # fmt: skip
def test_why_of_an_integration_that_has_no_service(
    surface: Surface, api: httpx.Client, service: str, answer: str, handling: str
) -> None:
    surface.publish(tenancy=tenancy(), **FACTS)
    told = api.get(f"/v1/services/{service}/why").json()
    assert (told["answer"], told["handling"]) == (answer, handling)


def test_why_of_a_service_that_is_no_integration_says_nothing_of_rows() -> None:
    told = why("redis", snapshot(tenancy=tenancy()), (), (), NOON, UTC)
    assert (told.made_of, told.row_trouble) == ("", "")


# the doctor


def registry_checks(tenancy: Tenancy) -> list[tuple[str, str, str]]:
    made = doctor.daemon_checks(given(tenancy))
    assert all(c.advice for c in made if c.level != "ok")
    return [(c.name, c.level, c.text) for c in made if c.name in ("registry", "rows", "ports")]


def test_the_doctor_looks_at_the_registry() -> None:
    assert registry_checks(tenancy()) == [("registry", "ok", "mongodb, change stream: 2 tenants, 5 integrations")]
    assert registry_checks(
        tenancy(
            away=away(),
            rows=replace(ROWS, unknown=(("acme", "wrong password"),)),
            troubles=tuple(replace(NEVER_GOOD, row=f"r{n}") for n in range(7)),
            held=((IntegrationKey("acme", 1), "too many"),),
            skipped=((9102, "a listener that is not ours has it"),),
        )
    ) == [
        ("registry", "fail", "mongodb: no answer from 127.0.0.1:27017 within 5 s; 3 integrations go on as last known"),
        ("registry", "warn", "database of tenant acme: wrong password"),
        *(("rows", "warn", f"integrations r{n}: tenantcode: is missing; not running") for n in range(5)),
        ("rows", "warn", "2 more complaints about rows"),
        ("rows", "warn", "1 integration vanished from mongodb at once, and kept"),
        ("ports", "warn", "port 9102 is passed over: a listener that is not ours has it"),
    ]


def test_the_doctor_says_nothing_of_a_registry_that_there_is_not() -> None:
    assert "registry" not in {c.name for c in doctor.daemon_checks(given(None))}


# metrics


def told(made: Snapshot) -> dict[tuple[str, ...], float]:
    """{(name, label values ...): value}, without what is 0."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(metrics.exposition(made, NOON).decode())
        for sample in family.samples
        if sample.value
    }


def test_metrics_of_an_appliance_with_a_registry() -> None:
    files = SourceState(name="files", ok=True, at=NOON)
    made = given(tenancy(troubles=(STATUS_OF_JIRA,)), sources=(files,), seconds={"plan": 0.25, "load": 0.5})
    assert told(made) == {
        ("zpmd_start_time_seconds",): made.started_at,
        ("zpmd_last_pass_time_seconds",): NOON,
        ("zpmd_store_writable",): 1,
        ("zpmd_drop_directory_up",): 1,
        ("zpmd_crash_loops",): 1,
        ("zpmd_engine_up",): 1,
        ("zpmd_source_up", "files"): 1,
        ("zpmd_pass_seconds", "load"): 0.5,
        ("zpmd_pass_seconds", "plan"): 0.25,
        ("zpmd_services", "app", "running"): 1,
        ("zpmd_services", "app", "crash-loop"): 1,
        ("zpmd_replicas_desired", "app"): 2,
        ("zpmd_replicas_ready", "app"): 1,
        ("zpmd_registry_up",): 1,
        ("zpmd_row_troubles",): 1,
        ("zpmd_port_leases",): 3,
        ("zpmd_tenants", "active"): 1,
        ("zpmd_tenants", "suspended"): 1,
        ("zpmd_tenant_connections", "connected"): 1,
        ("zpmd_tenant_connections", "disconnected"): 1,
        ("zpmd_integrations", "running"): 1,
        ("zpmd_integrations", "crash-loop"): 1,
        ("zpmd_integrations", "none"): 1,
        ("zpmd_integrations", "off"): 2,
    }


def test_metrics_of_what_cannot_be_reached() -> None:
    source = SourceState(name="files", ok=False, at=NOON)
    values = told(given(tenancy(away=away()), sources=(source,), observed=Observed(world=None)))
    assert values["zpmd_registry_age_seconds",] == 120
    assert not {("zpmd_engine_up",), ("zpmd_registry_up",), ("zpmd_source_up", "files")}.intersection(values)


def test_a_database_that_nobody_has_probed_yet_is_counted_as_such() -> None:
    tenants = tuple(replace(t, connection_status=Connection.UNKNOWN) for t in ROWS.tenants)
    values = told(given(tenancy(rows=replace(ROWS, tenants=tenants))))
    assert values["zpmd_tenant_connections", "unknown"] == 1, "the other tenant has no database of its own"


def test_without_a_registry_no_metric_speaks_of_one(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    answer = api.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {family.name for family in text_string_to_metric_families(answer.text)}
    assert "zpmd_services" in families
    of_rows = re.compile("zpmd_(registry|tenant|integrations|row|port|replica_set)")
    assert [name for name in families if of_rows.match(name)] == []


def test_every_state_is_told_with_zero_where_nothing_is_in_it() -> None:
    text = metrics.exposition(given(tenancy()), NOON).decode()
    assert 'zpmd_services{group="system",state="failed"} 0.0' in text
    assert 'zpmd_integrations{state="unhealthy"} 0.0' in text
    assert 'zpmd_tenant_connections{connection_status="error"} 0.0' in text
