"""What the product's own database says: tenants, their databases and backups, integrations, parameters, servers.

The fields keep the names that the product's documents give them, in snake case. Other programs write the rows, over
years, so a row is either understood whole or it is a `RowTrouble`: a bad one never stops the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from zpmd.model.container import Pairs
from zpmd.model.secret import Secret


class Status(StrEnum):
    """What the product wants of a tenant or an integration. Only ACTIVE runs; DELETED also gives its port back."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    SUSPENDED = "suspended"
    DELETED = "deleted"


class Connection(StrEnum):
    """`connection_status`: DISCONNECTED cannot be reached, ERROR answers and refuses. UNKNOWN: never probed."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    ERROR = "error"
    UNKNOWN = ""


class IntegrationKey(NamedTuple):
    """What tells integrations apart over all tenants and databases; its text is `tenantcode/integration_id`."""

    tenantcode: str
    integration_id: int

    def __str__(self) -> str:
        return f"{self.tenantcode}/{self.integration_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """One row of `tenants`. `db_host` is `host[:port][,host[:port]...]`, "" where it has no database of its own.

    `row` names the row for people and for `RowTrouble`: the text of MongoDB's `_id`, or the place in a data file.
    """

    id: int
    name: str
    tenantcode: str
    status: Status
    db_host: str = ""
    db_username: str = ""
    db_password: Secret = Secret()
    db_name: str = ""
    connection_status: Connection = Connection.UNKNOWN
    row: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantDB(Tenant):
    """One row of `tenant_dbs`."""

    uuid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantBackup(Tenant):
    """One row of `tenant_backups`: a standby database of a tenant."""

    uuid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Integration:
    """One row of `integrations` (the domain's IntegrationsResponse)."""

    integration_id: int
    tenantcode: str
    service_name: str
    status: Status
    title: str = ""
    action: str = ""
    execution_dir: str = ""
    executable: str = ""
    row: str = ""

    @property
    def key(self) -> IntegrationKey:
        return IntegrationKey(self.tenantcode, self.integration_id)

    @property
    def service(self) -> str:
        """The name of the service that it becomes: stable and unique."""
        return f"{self.service_name}-{self.tenantcode}-{self.integration_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """One row of `app_params`: parameters for the integrations with this build name (their `serviceName`; "" is all) of
    this tenant ("" is all). The more specific row wins: all, build name, tenant, both."""

    param_type: str = ""
    build_name: str = ""
    tenantcode: str = ""
    values: Pairs = ()
    secrets: tuple[tuple[str, Secret], ...] = ()
    """Sorted pairs, as `values`; a name is in one of the two."""
    row: str = ""

    @property
    def identity(self) -> tuple[str, str, str, tuple[str, ...]]:
        """Whom it is for, and which names it gives them."""
        names = (*(n for n, _ in self.values), *(n for n, _ in self.secrets))
        return self.param_type, self.build_name, self.tenantcode, tuple(sorted(names))


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One row of `servers`: a host of the site. `role` is active, passive or secondary-active; `vms` which of `service`
    and `database` it is; `db_host` the `host:port` of its member of the replica set, "" where it has none."""

    name: str
    role: str
    vms: tuple[str, ...] = ()
    db_host: str = ""
    row: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortRow:
    """One row of `integration_ports`: the port that an integration was given, as the product's database has it."""

    key: IntegrationKey
    port: int
    row: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowTrouble:
    """Why a row is not used as it stands. `reason` never holds the value of a secret, and no more of another value than
    is needed to find it. `key` where the row can be told to be that integration."""

    collection: str
    row: str
    field: str
    reason: str
    tenantcode: str = ""
    key: IntegrationKey | None = None

    def __str__(self) -> str:
        whose = f" of tenant {self.tenantcode}" if self.tenantcode else ""
        return f"{self.collection} {self.row}{whose}: {self.field}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """All rows, each collection sorted by its identity, so that the same content is an equal value.

    `unknown` are pairs (tenantcode, why) of tenants whose own database did not answer: their integrations are unknown,
    not absent.
    """

    tenants: tuple[Tenant, ...] = ()
    databases: tuple[TenantDB, ...] = ()
    backups: tuple[TenantBackup, ...] = ()
    integrations: tuple[Integration, ...] = ()
    params: tuple[Param, ...] = ()
    servers: tuple[Server, ...] = ()
    ports: tuple[PortRow, ...] = ()
    unknown: Pairs = ()

    def secrets(self) -> Iterator[str]:
        """The values of all secrets in these rows."""
        for row in (*self.tenants, *self.databases, *self.backups):
            yield row.db_password.value
        for param in self.params:
            yield from (secret.value for _, secret in param.secrets)

    def tenant(self, tenantcode: str) -> Tenant | None:
        return next((t for t in self.tenants if t.tenantcode == tenantcode), None)

    def arranged(self) -> Rows:
        """The same rows in the order that makes the same content an equal value."""
        return Rows(
            tenants=tuple(sorted(self.tenants, key=lambda t: (t.tenantcode, t.row))),
            databases=tuple(sorted(self.databases, key=lambda d: (d.tenantcode, d.id, d.uuid, d.row))),
            backups=tuple(sorted(self.backups, key=lambda b: (b.tenantcode, b.id, b.uuid, b.row))),
            integrations=tuple(sorted(self.integrations, key=lambda i: (i.key, i.row))),
            params=tuple(sorted(self.params, key=lambda p: (p.identity, p.row))),
            servers=tuple(sorted(self.servers, key=lambda s: (s.name, s.row))),
            ports=tuple(sorted(self.ports, key=lambda p: (p.key, p.port, p.row))),
            unknown=tuple(sorted(self.unknown)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One complete look at all rows. `troubles` are the rows that were left out."""

    rows: Rows
    troubles: tuple[RowTrouble, ...] = ()
    at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """A registry cannot be read since an instant. `why` is one line without secrets."""

    since: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PortLease:
    """A port that belongs to one integration. `released_at`: since when its row is gone; after the cool-down the port
    may be given to another."""

    key: IntegrationKey
    port: int
    leased_at: float
    released_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What counts of the rows, after bad rows were replaced by their last good version and a suspicious loss was held.

    `rows` are to be run. `troubles` are all rows that are not used as they stand. `held` are integrations that have
    vanished from the database and are kept until `zpmctl approve`, each with why. `retired` are services that are to go
    on the evidence of a row (it says inactive, its tenant is suspended, ...), each with that evidence.
    """

    rows: Rows = Rows()
    troubles: tuple[RowTrouble, ...] = ()
    held: Mapping[IntegrationKey, str] = field(default_factory=lambda: MappingProxyType({}))
    retired: Pairs = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenancy:
    """How tenants and integrations stand, for people: part of every snapshot.

    `where` names the registry ("mongodb", "data files"), `watched` how changes are noticed ("change stream", "polling
    every 5 s: a standalone MongoDB has no change streams"). `skipped` are ports that were passed over, each with why.
    `replica_set` is one line on the replica set that zpmd keeps, "" where it keeps none, and `replica_set_in_order`
    whether it is as it is wanted, None where zpmd keeps none.
    """

    where: str
    watched: str = ""
    away: Away | None = None
    at: float = 0.0
    rows: Rows = Rows()
    troubles: tuple[RowTrouble, ...] = ()
    held: tuple[tuple[IntegrationKey, str], ...] = ()
    leases: tuple[PortLease, ...] = ()
    skipped: tuple[tuple[int, str], ...] = ()
    replica_set: str = ""
    replica_set_in_order: bool | None = None
