"""Tenants, integrations and ports: each row joined with what became of it. Pure.

Sorted by what needs attention first; what is as it should be comes last, by name. Where a row should name a host, other
programs may have written a URI with a password: it is shown without that.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from zpmd.interfaces import registry
from zpmd.interfaces.asked import IntegrationsQuery, PortsQuery, TenantsQuery
from zpmd.interfaces.row_views import (
    DatabaseView,
    IntegrationsView,
    IntegrationView,
    ListedIntegration,
    ListedTenant,
    PortsView,
    PortView,
    SkippedPortView,
    TenantsView,
    TenantView,
    TroubleView,
)
from zpmd.interfaces.status import TROUBLE, status
from zpmd.interfaces.views import ServiceView
from zpmd.model.cause import Code
from zpmd.model.events import Snapshot
from zpmd.model.plan import State
from zpmd.model.tenant import (
    Connection,
    Integration,
    IntegrationKey,
    PortLease,
    Rows,
    Status,
    Tenancy,
    Tenant,
    TenantBackup,
    TenantDB,
)
from zpmd.redaction import redact

OFF, NONE = "off", "none"
"""States of an integration beside those of services: it is not to run; it is, and no service is made of it."""

LEASED, RELEASED = "leased", "released"

TENANT_COLLECTIONS = ("tenants", "tenant_dbs", "tenant_backups", "servers")
INTEGRATION_COLLECTIONS = ("integrations", "integration_ports", "app_params")
UNWELL = (Connection.DISCONNECTED, Connection.ERROR)


def tenants(snapshot: Snapshot, now: float, asked: TenantsQuery) -> TenantsView:
    tenancy = snapshot.tenancy
    if tenancy is None:
        return TenantsView(now=now, registry=None, tenants=(), troubles=())
    count = _Counts(tenancy, _by_name(snapshot, now))
    found = [
        count.tenant(t)
        for t in tenancy.rows.tenants
        if asked.tenant in (None, t.tenantcode) and asked.status in (None, t.status.value)
    ]
    return TenantsView(
        now=now,
        registry=registry.registry(snapshot),
        tenants=tuple(sorted(found, key=lambda t: (_tenant_rank(t), t.tenantcode))),
        troubles=tuple(
            t
            for t in registry.troubles(snapshot, TENANT_COLLECTIONS)
            if asked.status is None and asked.tenant in (None, t.tenantcode)
        ),
    )


def integrations(snapshot: Snapshot, now: float, asked: IntegrationsQuery) -> IntegrationsView:
    tenancy = snapshot.tenancy
    if tenancy is None:
        return IntegrationsView(now=now, registry=None, integrations=(), troubles=())
    join = _Join(snapshot, tenancy, _by_name(snapshot, now))
    found = [
        view
        for row in tenancy.rows.integrations
        if asked.tenant in (None, row.tenantcode)
        and asked.status in (None, row.status.value)
        and asked.service in (None, row.service_name, row.service)
        and asked.state in (None, (view := join.integration(row)).state)
    ]
    narrow = asked.status or asked.state or asked.service
    return IntegrationsView(
        now=now,
        registry=registry.registry(snapshot),
        integrations=tuple(sorted(found, key=lambda i: (_rank(i), i.tenantcode, i.service_name, i.integration_id))),
        troubles=tuple(
            t
            for t in registry.troubles(snapshot, INTEGRATION_COLLECTIONS)
            if not narrow and asked.tenant in (None, t.tenantcode)
        ),
    )


def ports(snapshot: Snapshot, now: float, asked: PortsQuery) -> PortsView:
    tenancy = snapshot.tenancy
    if tenancy is None:
        return PortsView(now=now, registry=None, ports=(), skipped=())
    owners = {i.key: i for i in tenancy.rows.integrations}
    narrow = asked.tenant or asked.state or asked.service
    return PortsView(
        now=now,
        registry=registry.registry(snapshot),
        ports=tuple(
            view
            for lease in sorted(tenancy.leases, key=lambda each: (each.port, each.key))
            if asked.tenant in (None, lease.key.tenantcode)
            and asked.service in (None, *_names(owners.get(lease.key)))
            and asked.state in (None, (view := _port(lease, owners.get(lease.key))).state)
        ),
        skipped=tuple(SkippedPortView(port=port, why=why) for port, why in tenancy.skipped if not narrow),
    )


def story(snapshot: Snapshot, service: str) -> IntegrationView | None:
    """The integration that this service is made of; None for any other service."""
    tenancy = snapshot.tenancy
    row = next((i for i in tenancy.rows.integrations if i.service == service), None) if tenancy else None
    if tenancy is None or row is None:
        return None
    return _Join(snapshot, tenancy, _by_name(snapshot, snapshot.at)).integration(row)


def listed_tenants(snapshot: Snapshot) -> list[ListedTenant]:
    """As the product's `/tenant/list` has them."""
    return [
        ListedTenant(
            id=t.id,
            name=t.name,
            tenantcode=t.tenantcode,
            status=t.status.value,
            db_host=redact(t.db_host),
            db_username=t.db_username,
            db_name=t.db_name,
            connection_status=t.connection_status.value,
        )
        for t in _rows(snapshot).tenants
    ]


def listed_integrations(snapshot: Snapshot) -> list[ListedIntegration]:
    """As the product's `/integration/list` has them."""
    return [
        ListedIntegration(
            integration_id=i.integration_id,
            title=i.title,
            action=i.action,
            serviceName=i.service_name,
            executionDir=i.execution_dir,
            status=i.status.value,
            executable=i.executable,
            tenantcode=i.tenantcode,
        )
        for i in _rows(snapshot).integrations
    ]


def _rows(snapshot: Snapshot) -> Rows:
    return snapshot.tenancy.rows if snapshot.tenancy else Rows()


def _by_name(snapshot: Snapshot, now: float) -> Mapping[str, ServiceView]:
    return {s.name: s for s in status(snapshot, now).services()}


def _names(owner: Integration | None) -> tuple[str, ...]:
    return () if owner is None else (owner.service_name, owner.service)


def _port(lease: PortLease, owner: Integration | None) -> PortView:
    return PortView(
        port=lease.port,
        state=LEASED if lease.released_at is None else RELEASED,
        tenantcode=lease.key.tenantcode,
        integration_id=lease.key.integration_id,
        service=owner.service if owner else "",
        leased_at=lease.leased_at,
        released_at=lease.released_at,
    )


class _Counts:
    """Tenants with what belongs to them."""

    def __init__(self, tenancy: Tenancy, services: Mapping[str, ServiceView]) -> None:
        rows = tenancy.rows
        active = registry.active(rows)
        self._all = Counter(i.tenantcode for i in rows.integrations)
        self._active = Counter(i.tenantcode for i in active)
        self._ready = Counter(i.tenantcode for i in active if i.service in services and _ready(services[i.service]))
        self._troubles = Counter(code for code, _, _ in {(t.tenantcode, t.collection, t.row) for t in tenancy.troubles})
        self._unknown = dict(rows.unknown)
        self._databases: dict[str, list[DatabaseView]] = defaultdict(list)
        databases: tuple[TenantDB | TenantBackup, ...] = (*rows.databases, *rows.backups)
        for database in databases:
            self._databases[database.tenantcode].append(_database(database))

    def tenant(self, row: Tenant) -> TenantView:
        code = row.tenantcode
        return TenantView(
            tenantcode=code,
            id=row.id,
            name=row.name,
            status=row.status.value,
            connection_status=row.connection_status.value,
            db_host=redact(row.db_host),
            db_name=row.db_name,
            databases=tuple(self._databases[code]),
            integrations=self._all[code],
            active=self._active[code],
            ready=self._ready[code],
            troubles=self._troubles[code],
            unknown=self._unknown.get(code, ""),
            row=row.row,
        )


def _ready(service: ServiceView) -> bool:
    """A job is, as long as nothing is wrong with it."""
    if service.job is not None:
        return service.state in (State.SCHEDULED, State.RUNNING)
    return service.ready >= service.desired > 0


def _database(row: TenantDB | TenantBackup) -> DatabaseView:
    return DatabaseView(
        collection="tenant_backups" if isinstance(row, TenantBackup) else "tenant_dbs",
        uuid=row.uuid,
        db_host=redact(row.db_host),
        db_name=row.db_name,
        status=row.status.value,
        connection_status=row.connection_status.value,
        row=row.row,
    )


def _tenant_rank(view: TenantView) -> int:
    connections = {view.connection_status, *(d.connection_status for d in view.databases)}
    if view.unknown or (view.status == Status.ACTIVE and connections.intersection(UNWELL)):
        return 0
    if view.troubles or view.ready < view.active:
        return 1
    return 2 if view.status == Status.ACTIVE else 3


class _Join:
    """Integrations with their service, their port and what is wrong with their row."""

    def __init__(self, snapshot: Snapshot, tenancy: Tenancy, services: Mapping[str, ServiceView]) -> None:
        self._snapshot = snapshot
        self._services = services
        self._tenants = {t.tenantcode: t.status for t in tenancy.rows.tenants}
        self._ports = {lease.key: lease.port for lease in tenancy.leases if lease.released_at is None}
        self._held = dict(tenancy.held)
        self._retired = dict(snapshot.desired.retired)
        self._declared = {s.name for s in snapshot.desired.services}
        self._by_key: dict[IntegrationKey, list[TroubleView]] = defaultdict(list)
        self._by_row: dict[str, list[TroubleView]] = defaultdict(list)
        for trouble, shown in zip(tenancy.troubles, registry.troubles(snapshot), strict=True):
            if trouble.key is not None:
                self._by_key[trouble.key].append(shown)
            elif trouble.collection == "integrations":
                self._by_row[trouble.row].append(shown)

    def integration(self, row: Integration) -> IntegrationView:
        service = self._services.get(row.service)
        state, reason = self._standing(row, service)
        tenant = self._tenants.get(row.tenantcode)
        return IntegrationView(
            tenantcode=row.tenantcode,
            integration_id=row.integration_id,
            title=row.title,
            action=row.action,
            service_name=row.service_name,
            execution_dir=row.execution_dir,
            executable=row.executable,
            status=row.status.value,
            tenant_status=tenant.value if tenant else "",
            service=row.service,
            port=self._ports.get(row.key),
            state=state,
            ready=service.ready if service else 0,
            desired=service.desired if service else 0,
            since=service.since if service else None,
            reason=reason,
            trouble=_told(row, (*self._by_key.get(row.key, ()), *self._by_row.get(row.row, ()))),
            held=self._held.get(row.key, ""),
            row=row.row,
        )

    def _standing(self, row: Integration, service: ServiceView | None) -> tuple[str, str]:
        """(state, why it is so)."""
        if service is not None:
            waits = (w.text for w in service.waiting if w.code != Code.MASS_REMOVAL)  # that is what `held` says
            return service.state, service.reason or next(waits, "")
        if evidence := self._retired.get(row.service):
            return OFF, evidence
        if row.status is not Status.ACTIVE:
            return OFF, f"its row says {row.status.value}"
        tenant = self._tenants.get(row.tenantcode)
        if tenant is not Status.ACTIVE:
            return OFF, f"tenant {row.tenantcode} is {tenant.value if tenant else 'not known'}"
        if row.service in self._declared:
            return State.UNKNOWN.value, "nothing is known of its service yet"
        return NONE, "no service is made of it"


def _told(row: Integration, troubles: Sequence[TroubleView]) -> str:
    """What is wrong with this row, and with others that claim to be it, and once what comes of it."""
    if not troubles:
        return ""
    texts = []
    for trouble in troubles:
        of = "" if trouble.collection == "integrations" else f"{trouble.collection} "
        whose = "" if trouble.row == row.row else f"row {trouble.row}: "
        texts.append(f"{of}{whose}{trouble.field}: {trouble.reason}")
    own = next((t for t in troubles if t.collection == "integrations" and t.row == row.row), troubles[0])
    return "; ".join((*dict.fromkeys(texts), own.consequence))


def _rank(view: IntegrationView) -> int:
    if view.state in (NONE, State.UNKNOWN) or view.state in TROUBLE:
        return 0
    if view.trouble or view.held:
        return 1
    if view.state == OFF:
        return 4
    return 3 if view.state in (State.RUNNING, State.COMPLETED, State.SCHEDULED) else 2
