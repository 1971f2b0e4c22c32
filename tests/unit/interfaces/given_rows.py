"""A registry to look at: two tenants, five integrations, and what can be wrong with them."""

from __future__ import annotations

from typing import Any

from tests.unit.interfaces.given import NOON, standing
from zpmd.model.cause import Cause, Code
from zpmd.model.container import Container
from zpmd.model.plan import Plan, Standing, State, Waiting
from zpmd.model.secret import Secret
from zpmd.model.service import Desired, Group, ServiceData
from zpmd.model.tenant import (
    Away,
    Connection,
    Integration,
    IntegrationKey,
    Param,
    PortLease,
    Rows,
    RowTrouble,
    Status,
    Tenancy,
    Tenant,
    TenantBackup,
    TenantDB,
)

PASSWORD, TOKEN = "pa55-of-acme", "t0ken-of-splunk"

ACME = Tenant(
    id=1,
    name="Acme Inc.",
    tenantcode="acme",
    status=Status.ACTIVE,
    db_host="db1:27017",
    db_username="acme_app",
    db_password=Secret(PASSWORD),
    db_name="zona_acme",
    connection_status=Connection.CONNECTED,
    row="65a1",
)
BETA = Tenant(id=2, name="Beta Ltd", tenantcode="beta", status=Status.SUSPENDED, row="65a2")
STANDBY = TenantBackup(
    id=1,
    name="Acme Inc.",
    tenantcode="acme",
    status=Status.ACTIVE,
    db_host="db2:27017",
    db_password=Secret(PASSWORD),
    db_name="zona_acme_b",
    connection_status=Connection.DISCONNECTED,
    uuid="u-2",
    row="65c1",
)
DATABASE = TenantDB(id=1, name="Acme Inc.", tenantcode="acme", status=Status.ACTIVE, uuid="u-1", row="65d1")


def integration(number: int, service: str, tenantcode: str = "acme", status: Status = Status.ACTIVE) -> Integration:
    return Integration(
        integration_id=number,
        tenantcode=tenantcode,
        service_name=service,
        status=status,
        title=service.title(),
        action="poll",
        execution_dir=f"/opt/{service}",
        executable=f"{service}.py",
        row=f"65b{number}",
    )


ROWS = Rows(
    tenants=(ACME, BETA),
    databases=(DATABASE,),
    backups=(STANDBY,),
    integrations=(
        integration(1, "splunk"),
        integration(2, "jira"),
        integration(3, "qradar"),
        integration(4, "misp", status=Status.INACTIVE),
        integration(1, "splunk", "beta"),
    ),
    params=(Param(values=(("URL", "https://splunk"),), secrets=(("TOKEN", Secret(TOKEN)),), row="65e1"),),
)

LEASES = (
    PortLease(key=IntegrationKey("acme", 1), port=9100, leased_at=NOON - 7200),
    PortLease(key=IntegrationKey("acme", 2), port=9101, leased_at=NOON - 7200),
    PortLease(key=IntegrationKey("acme", 9), port=9105, leased_at=NOON - 9000, released_at=NOON - 600),
)

STATUS_OF_JIRA = RowTrouble(
    collection="integrations",
    row="65b2",
    field="executable",
    reason="a text is wanted, and it is a number",
    tenantcode="acme",
    key=IntegrationKey("acme", 2),
)
NO_TEMPLATE = RowTrouble(
    collection="integrations",
    row="65b3",
    field="serviceName",
    reason="no service file has a template for it",
    tenantcode="acme",
    key=IntegrationKey("acme", 3),
)
NEVER_GOOD = RowTrouble(collection="integrations", row="65b8", field="tenantcode", reason="is missing")
NO_SUCH_TENANT = RowTrouble(
    collection="tenants", row="65a7", field="id", reason="a number is wanted, and it is a text", tenantcode="gone"
)


def tenancy(**more: Any) -> Tenancy:
    facts: dict[str, Any] = {"where": "mongodb", "watched": "change stream", "at": NOON - 30, "rows": ROWS}
    return Tenancy(**{**facts, "leases": LEASES, **more})


def away(why: str = "no answer from 127.0.0.1:27017 within 5 s") -> Away:
    return Away(since=NOON - 120, why=why)


def stamped(name: str, line: int = 12) -> ServiceData:
    return ServiceData(
        name=name,
        group=Group.APP,
        container=Container(image="appliance/integration:1"),
        tenant=name.split("-")[1],
        origin=f"40-app.yaml:{line}",
    )


def app(name: str, **more: Any) -> Standing:
    return standing(name, Group.APP, tenant=name.split("-")[1], **more)


RUNNING, CRASHED = (
    app("splunk-acme-1"),
    app("jira-acme-2", state=State.CRASH_LOOP, ready=0, restarts=4, since=None, reason="exited with code 1"),
)
"""The services of the integrations; none is made of qradar."""

FACTS: dict[str, Any] = {
    "plan": Plan(standings=(RUNNING, CRASHED)),
    "desired": Desired(
        services=(stamped("splunk-acme-1"), stamped("jira-acme-2", 20)),
        retired=(("splunk-beta-1", "tenant beta is suspended"),),
    ),
}
"""What else a snapshot with this registry has."""


def loss(name: str) -> Waiting:
    return Waiting(subject=name, service=name, cause=Cause(Code.MASS_REMOVAL, "3 of 5 integrations vanished at once"))
