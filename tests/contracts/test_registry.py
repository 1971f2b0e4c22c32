"""What every registry owes the daemon, wherever its rows are. The texts are the same for each of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.registries import HARNESSES, RegistryHarness
from tests.lab.eventually import eventually, settled
from zpmd.model.events import Reason
from zpmd.model.tenant import (
    Connection,
    Integration,
    IntegrationKey,
    Param,
    PortLease,
    PortRow,
    Rows,
    Server,
    Status,
    Tenant,
    TenantBackup,
    TenantDB,
)

PASSWORD = "hunter2"
KEY = IntegrationKey("acme", 5)


@pytest.fixture(params=list(HARNESSES))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RegistryHarness]:
    harness = HARNESSES[request.param](tmp_path)
    try:
        yield harness
    finally:
        harness.close()


def tenant(code: str = "acme", number: int = 1, **fields: Any) -> dict[str, Any]:
    return {"_id": code, "id": number, "name": code.title(), "tenantcode": code, "status": "active", **fields}


def integration(number: int = 5, code: str = "acme", **fields: Any) -> dict[str, Any]:
    identity = {"_id": f"{code}-{number}", "integration_id": number, "tenantcode": code}
    return {**identity, "serviceName": "splunk", "status": "active", **fields}


def test_nothing_is_a_reading_too(place: RegistryHarness) -> None:
    assert place.registry.reading() is None
    with place.watched():
        assert place.reading().rows == Rows()
    assert place.registry.away() is None


def test_every_collection_is_read(place: RegistryHarness) -> None:
    database = {"db_host": "db:27017", "db_name": "acme", "db_username": "u", "db_password": PASSWORD}
    place.put("tenants", tenant(connection_status="error", extra={"of": ["another", "program"]}, **database))
    place.put("tenant_dbs", {**tenant(), "_id": "d1", "uuid": "u-1"})
    place.put("tenant_backups", {**tenant(), "_id": "b1", "uuid": "u-2"})
    place.put("integrations", integration(title="T", action="a", executionDir="/x", executable="run"))
    place.put("integration_ports", {"_id": "p", "tenantcode": "acme", "integration_id": 5, "port": 9105})
    place.put("app_params", {"_id": "a", "paramType": "t", "buildName": "splunk", "name": "LEVEL", "value": "info"})
    place.put("app_params", {"_id": "s", "tenantcode": "acme", "params": {"TOKEN": PASSWORD}, "secret": True})
    place.put("servers", {"_id": "h", "name": "host", "role": "passive", "vms": ["service"], "db_host": "host:27017"})
    with place.watched():
        reading = place.reading(lambda r: bool(r.tenants and r.servers))
    rows = reading.rows
    assert reading.troubles == ()
    assert [type(t) for t in (*rows.tenants, *rows.databases, *rows.backups)] == [Tenant, TenantDB, TenantBackup]
    (first,) = rows.tenants
    assert (first.db_host, first.db_username, first.db_password.value) == ("db:27017", "u", PASSWORD)
    assert (first.connection_status, first.row) == (Connection.ERROR, "acme")
    assert (rows.databases[0].uuid, rows.backups[0].uuid) == ("u-1", "u-2")
    assert rows.integrations == (
        Integration(
            integration_id=5,
            tenantcode="acme",
            service_name="splunk",
            status=Status.ACTIVE,
            title="T",
            action="a",
            execution_dir="/x",
            executable="run",
            row="acme-5",
        ),
    )
    assert rows.ports == (PortRow(key=KEY, port=9105, row="p"),)
    secret, level = rows.params
    assert level == Param(param_type="t", build_name="splunk", values=(("LEVEL", "info"),), row="a")
    assert (secret.tenantcode, secret.values) == ("acme", ())
    assert [(name, value.value) for name, value in secret.secrets] == [("TOKEN", PASSWORD)]
    assert rows.servers == (Server(name="host", role="passive", vms=("service",), db_host="host:27017", row="h"),)
    assert PASSWORD not in repr(reading)


def test_a_change_is_noticed_and_wakes(place: RegistryHarness) -> None:
    place.put("tenants", tenant())
    place.put("integrations", integration(5))
    place.put("integrations", integration(6))
    with place.watched():
        before = place.reading(lambda r: len(r.integrations) == 2)
        eventually(place.registry.watching, 10.0, "watching")
        place.woken.clear()
        place.put("integrations", integration(6, title="new"))
        after = place.reading(lambda r: any(i.title == "new" for i in r.integrations))
        eventually(lambda: Reason.ROWS in place.woken, 5.0, "a wake-up")
        assert after.rows.integrations[0] == before.rows.integrations[0]
        assert after.rows.tenants == before.rows.tenants
        place.delete("integrations", "acme-5")
        place.reading(lambda r: [i.integration_id for i in r.integrations] == [6])


def test_what_has_not_changed_is_the_same_object(place: RegistryHarness) -> None:
    place.put("tenants", tenant())
    place.put("tenants", tenant("bank", 2, status=None))
    with place.watched():
        first = place.reading(lambda r: bool(r.tenants))
        place.put("tenants", tenant())
        assert settled(place.registry.reading, 1.0) is first


def test_one_bad_row_is_a_trouble_and_stops_no_other(place: RegistryHarness) -> None:
    place.put("tenants", tenant(db_password=[PASSWORD]))
    place.put("tenants", tenant("bank", 2))
    place.put("integrations", integration(5, status="actve"))
    place.put("integrations", integration(6))
    with place.watched():
        reading = place.reading(lambda r: len(r.integrations) == 1)
    assert [t.tenantcode for t in reading.rows.tenants] == ["bank"]
    bad_status, bad_password = reading.troubles
    assert (bad_status.collection, bad_status.row, bad_status.field) == ("integrations", "acme-5", "status")
    assert (bad_status.key, "actve" in bad_status.reason) == (KEY, True)
    assert (bad_password.collection, bad_password.row, bad_password.field) == ("tenants", "acme", "db_password")
    assert PASSWORD not in repr(reading.troubles)


def test_of_two_rows_for_one_integration_neither_counts(place: RegistryHarness) -> None:
    place.put("tenants", tenant())
    place.put("integrations", integration(5))
    place.put("integrations", {**integration(5), "_id": "double"})
    place.put("integrations", integration(6))
    with place.watched():
        reading = place.reading(lambda r: [i.integration_id for i in r.integrations] == [6])
    assert [(t.row, t.key) for t in reading.troubles] == [("acme-5", KEY), ("double", KEY)]


def test_a_registry_that_breaks_down_is_away_and_its_reading_stays(place: RegistryHarness) -> None:
    place.put("tenants", tenant())
    with place.watched():
        before = place.reading(lambda r: bool(r.tenants))
        place.woken.clear()
        place.break_down()
        away = eventually(place.registry.away, 15.0, "away")
        assert away is not None
        assert away.since > 0
        assert away.why
        assert "\n" not in away.why
        assert PASSWORD not in away.why
        assert place.registry.reading() is before
        eventually(lambda: Reason.ROWS in place.woken, 5.0, "a wake-up")
        place.woken.clear()
        place.mend()
        eventually(lambda: place.registry.away() is None, 15.0, "back")
        eventually(lambda: Reason.ROWS in place.woken, 5.0, "a wake-up")
        assert place.reading().rows == before.rows
        place.put("tenants", tenant("bank", 2))
        place.reading(lambda r: len(r.tenants) == 2)


def test_a_registry_that_is_broken_from_the_start_has_no_reading(place: RegistryHarness) -> None:
    place.put("tenants", tenant())
    place.break_down()
    with place.watched():
        eventually(place.registry.away, 15.0, "away")
        assert place.registry.reading() is None
        place.mend()
        place.reading(lambda r: bool(r.tenants))
        eventually(lambda: place.registry.away() is None, 5.0, "back")


def test_recording_ports_never_raises(place: RegistryHarness) -> None:
    lease = PortLease(key=KEY, port=9100, leased_at=1.0)
    place.registry.record_ports([lease], [])
    place.break_down()
    place.registry.record_ports([lease], [IntegrationKey("acme", 6)])
    with place.watched():
        place.registry.record_ports([], [KEY])


def test_how_it_is_watched_is_said(place: RegistryHarness) -> None:
    with place.watched():
        place.reading()
        eventually(place.registry.watching, 10.0, "watching")
        assert place.registry.watched()
    assert place.registry.name
