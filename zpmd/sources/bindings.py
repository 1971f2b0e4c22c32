"""What one integration, or one tenant, brings into its template: the values of references, and its secrets. Pure.

The database of a tenant is its own `db_*` fields, or where it has none the first of its `tenant_dbs`. Parameters come
from the least specific row to the most specific: for all, by build name, by tenant, by both. The build name is the
integration's `serviceName`; where a template is for tenants, its own name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from zpmd.model.secret import Secret
from zpmd.model.tenant import Integration, IntegrationKey, Param, Rows, Status, Tenant

PASSWORD = "db_password"  # nosec B105 # the name of a field


@dataclass(frozen=True)
class Binding:
    """An active tenant, and the rows that it draws on; `params` from the least specific one on. What they come to is
    worked out where somebody asks: nearly always the rows are those of the last time."""

    tenant: Tenant
    database: Tenant
    params: tuple[Param, ...]

    @property
    def key(self) -> IntegrationKey | None:
        return None

    @property
    def row(self) -> tuple[str, str]:
        """The collection and the row that it is."""
        return "tenants", self.tenant.row or self.tenant.tenantcode

    def service(self, template: str) -> str:
        """The name of the service that a template makes of it: stable and unique."""
        return f"{template}-{self.tenant.tenantcode}"

    @cached_property
    def values(self) -> Mapping[str, str]:
        """Without `integration.port`, which is leased."""
        values = self.own()
        for param in self.params:
            values.update((f"params.{name}", value) for name, value in param.values)
            for name, _ in param.secrets:
                values.pop(f"params.{name}", None)
        return values

    def own(self) -> dict[str, str]:
        """What its own fields say."""
        tenant, database = self.tenant, self.database
        return {
            "tenant.tenantcode": tenant.tenantcode,
            "tenant.name": tenant.name,
            "tenant.id": str(tenant.id),
            "tenant.db.host": database.db_host,
            "tenant.db.name": database.db_name,
            "tenant.db.username": database.db_username,
        }

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


@dataclass(frozen=True)
class IntegrationBinding(Binding):
    """An active integration of an active tenant."""

    integration: Integration

    @property
    def key(self) -> IntegrationKey:
        return self.integration.key

    @property
    def row(self) -> tuple[str, str]:
        return "integrations", self.integration.row or str(self.key)

    def service(self, template: str) -> str:  # noqa: ARG002 (it keeps its name under another template)
        return self.integration.service

    def own(self) -> dict[str, str]:
        integration = self.integration
        return {
            **Binding.own(self),
            "integration.integration_id": str(integration.integration_id),
            "integration.serviceName": integration.service_name,
            "integration.executable": integration.executable,
            "integration.executionDir": integration.execution_dir,
            "integration.title": integration.title,
            "integration.action": integration.action,
        }


class Shelves:
    """The rows by whom they are for."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.tenants = {t.tenantcode: t for t in rows.tenants if t.status is Status.ACTIVE}
        self._databases: dict[str, Tenant] = {}
        for one in rows.databases:
            self._databases.setdefault(one.tenantcode, one)
        self._params: dict[tuple[str, str], list[Param]] = {}
        for param in rows.params:
            self._params.setdefault((param.tenantcode, param.build_name), []).append(param)

    def integrations(self) -> Iterator[IntegrationBinding]:
        """One for each that is to run, in the order of the rows."""
        for integration in self.rows.integrations:
            tenant = self.tenants.get(integration.tenantcode)
            if tenant is not None and integration.status is Status.ACTIVE:
                params = self._for(tenant, integration.service_name)
                yield IntegrationBinding(tenant, self._database(tenant), params, integration)

    def active_tenants(self, build_name: str) -> Iterator[Binding]:
        """One for each, with the parameters for this build name."""
        for tenant in self.tenants.values():
            yield Binding(tenant, self._database(tenant), self._for(tenant, build_name))

    def _database(self, tenant: Tenant) -> Tenant:
        return tenant if tenant.db_host else self._databases.get(tenant.tenantcode, tenant)

    def _for(self, tenant: Tenant, build_name: str) -> tuple[Param, ...]:
        return tuple(
            param
            for tenantcode in ("", tenant.tenantcode)
            for name in ("", build_name)
            for param in self._params.get((tenantcode, name), ())
        )
