"""The shapes of tenants, integrations and ports, as people see them. Values, without behaviour.

The rules of views.py hold here too. One more: no view has a field for a password or for the value of a parameter, so
that none can be shown by mistake. `ListedTenant` and `ListedIntegration` are the product's own shapes, by its names.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TroubleView:
    """A row that is not used as it stands. `consequence` says what counts instead of it."""

    collection: str
    row: str
    field: str
    reason: str
    tenantcode: str
    integration: str
    """`tenantcode/integration_id`, "" where the row cannot be told to be one."""
    consequence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LossView:
    """An integration that has vanished from its database and is kept until `zpmctl approve`."""

    integration: str
    service: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownView:
    """A tenant whose own database does not answer: its integrations go on as last known."""

    tenantcode: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryView:
    """Where tenants and integrations are read from, and how that stands. `at` is when they were read last.

    `tenants` and `integrations` are counts of rows, `active` of those integrations that are to run; `known` is False
    while the registry has never been read.
    """

    where: str
    watched: str
    known: bool
    at: float | None
    away_since: float | None
    away_why: str
    tenants: int
    integrations: int
    active: int
    replica_set: str
    unknown: tuple[UnknownView, ...]
    troubles: tuple[TroubleView, ...]
    held: tuple[LossView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseView:
    """A row of `tenant_dbs` or `tenant_backups` (`collection`)."""

    collection: str
    uuid: str
    db_host: str
    db_name: str
    status: str
    connection_status: str
    row: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantView:
    """A tenant. `integrations` counts its rows, `active` those that are to run, `ready` those of them that do, and
    `troubles` its rows of all collections that are not used as they stand.

    `unknown` says why its own database cannot be read, "" where it can. `connection_status` is "" before any probe.
    """

    tenantcode: str
    id: int
    name: str
    status: str
    connection_status: str
    db_host: str
    db_name: str
    databases: tuple[DatabaseView, ...]
    integrations: int
    active: int
    ready: int
    troubles: int
    unknown: str
    row: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationView:
    """An integration, its row and its service in one. `port` is null while none is leased.

    `state` is that of its service as in status, `off` where it is not to run, `none` where no service is made of it.
    `trouble` and `held` are texts on its row, "" where all is well with it.
    """

    tenantcode: str
    integration_id: int
    title: str
    action: str
    service_name: str
    execution_dir: str
    executable: str
    status: str
    tenant_status: str
    service: str
    port: int | None
    state: str
    ready: int
    desired: int
    since: float | None
    reason: str
    trouble: str
    held: str
    row: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PortView:
    """A port and its owner. `state` is `leased`, or `released`: it rests, and is then given to another."""

    port: int
    state: str
    tenantcode: str
    integration_id: int
    service: str
    """"" where the row is gone."""
    leased_at: float
    released_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedPortView:
    """A port of a range that was passed over."""

    port: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantsView:
    """`registry` is null where there is none. `troubles` are those of `tenants`, `tenant_dbs`, `tenant_backups` and
    `servers`."""

    now: float
    registry: RegistryView | None
    tenants: tuple[TenantView, ...]
    troubles: tuple[TroubleView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationsView:
    """`registry` is null where there is none. `troubles` are those of the other collections."""

    now: float
    registry: RegistryView | None
    integrations: tuple[IntegrationView, ...]
    troubles: tuple[TroubleView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PortsView:
    """`registry` is null where there is none."""

    now: float
    registry: RegistryView | None
    ports: tuple[PortView, ...]
    skipped: tuple[SkippedPortView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedTenant:
    """The product's `Tenant`, without its password."""

    id: int
    name: str
    tenantcode: str
    status: str
    db_host: str
    db_username: str
    db_name: str
    connection_status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedIntegration:
    """The product's `IntegrationsResponse`."""

    integration_id: int
    title: str
    action: str
    serviceName: str  # noqa: N815 - the domain's word
    executionDir: str  # noqa: N815 - the domain's word
    status: str
    executable: str
    tenantcode: str
