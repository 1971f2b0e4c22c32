"""What one integration brings into its template: the values of references, and its secrets. Pure.

The database of a tenant is its own `db_*` fields, or where it has none the first of its `tenant_dbs`. Parameters come
from the least specific row to the most specific: for all, by build name, by tenant, by both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from zpmd.model.secret import Secret
from zpmd.model.tenant import Integration, Param, Rows, Status, Tenant

PASSWORD = "db_password"  # nosec B105 # the name of a field


@dataclass(frozen=True)
class Binding:
    """An active integration of an active tenant, and the rows that it draws on; `params` from the least specific one
    on. What they come to is worked out where somebody asks: nearly always the rows are those of the last time."""

    integration: Integration
    tenant: Tenant
    database: Tenant
    params: tuple[Param, ...]

    @cached_property
    def values(self) -> Mapping[str, str]:
        """Without `integration.port`, which is leased."""
        integration, tenant, database = self.integration, self.tenant, self.database
        values = {
            "tenant.tenantcode": tenant.tenantcode,
            "tenant.name": tenant.name,
            "tenant.id": str(tenant.id),
            "tenant.db.host": database.db_host,
            "tenant.db.name": database.db_name,
            "tenant.db.username": database.db_username,
            "integration.integration_id": str(integration.integration_id),
            "integration.serviceName": integration.service_name,
            "integration.executable": integration.executable,
            "integration.executionDir": integration.execution_dir,
            "integration.title": integration.title,
            "integration.action": integration.action,
        }
        for param in self.params:
            values.update((f"params.{name}", value) for name, value in param.values)
            for name, _ in param.secrets:
                values.pop(f"params.{name}", None)
        return values

    @cached_property
    def secrets(self) -> Mapping[str, Secret]:
        """By the name of the file below /run/secrets."""
        secrets = {PASSWORD: self.database.db_password} if self.database.db_password else {}
        for param in self.params:
            for name, _ in param.values:
                secrets.pop(name, None)
            secrets.update(param.secrets)
        return secrets

    def brings_what(self, other: Binding) -> bool:
        """Whether it brings what the other brings: from the same rows, or although something else was written there."""
        return self == other or (self.values == other.values and self.secrets == other.secrets)


def bindings(rows: Rows) -> Iterator[Binding]:
    """One for each integration that is to run, in the order of the rows."""
    tenants = {t.tenantcode: t for t in rows.tenants if t.status is Status.ACTIVE}
    databases: dict[str, Tenant] = {}
    for one in rows.databases:
        databases.setdefault(one.tenantcode, one)
    params: dict[tuple[str, str], list[Param]] = {}
    for param in rows.params:
        params.setdefault((param.tenantcode, param.build_name), []).append(param)
    for integration in rows.integrations:
        tenant = tenants.get(integration.tenantcode)
        if tenant is None or integration.status is not Status.ACTIVE:
            continue
        database = tenant if tenant.db_host else databases.get(tenant.tenantcode, tenant)
        wanted = [
            param
            for tenantcode in ("", tenant.tenantcode)
            for build_name in ("", integration.service_name)
            for param in params.get((tenantcode, build_name), ())
        ]
        yield Binding(integration, tenant, database, tuple(wanted))
