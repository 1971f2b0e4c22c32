"""What an integration brings into its template: values, precedence of parameters, secrets."""

from __future__ import annotations

from zpmd.model.secret import Secret
from zpmd.model.tenant import Integration, Param, Rows, Status, Tenant, TenantDB
from zpmd.sources.bindings import Shelves

ACME = Tenant(
    id=1,
    name="Acme",
    tenantcode="acme",
    status=Status.ACTIVE,
    db_host="10.0.0.5:27017",
    db_username="acme",
    db_password=Secret("s3cret-of-acme"),
    db_name="acme_db",
)
SPLUNK = Integration(
    integration_id=7,
    tenantcode="acme",
    service_name="splunk",
    status=Status.ACTIVE,
    title="Splunk",
    action="search",
    execution_dir="/opt/splunk",
    executable="run.py",
)


def test_a_row_gives_every_reference_but_the_port() -> None:
    (binding,) = Shelves(Rows(tenants=(ACME,), integrations=(SPLUNK,))).integrations()
    assert binding.values == {
        "tenant.tenantcode": "acme",
        "tenant.name": "Acme",
        "tenant.id": "1",
        "tenant.db.host": "10.0.0.5:27017",
        "tenant.db.name": "acme_db",
        "tenant.db.username": "acme",
        "integration.integration_id": "7",
        "integration.serviceName": "splunk",
        "integration.executable": "run.py",
        "integration.executionDir": "/opt/splunk",
        "integration.title": "Splunk",
        "integration.action": "search",
    }
    assert binding.secrets == {"db_password": Secret("s3cret-of-acme")}
    assert "s3cret" not in repr(binding)


def test_a_tenant_without_a_database_of_its_own_uses_its_first_one() -> None:
    bare = Tenant(id=2, name="Bare", tenantcode="bare", status=Status.ACTIVE)
    own = TenantDB(id=1, name="x", tenantcode="bare", status=Status.ACTIVE, db_host="h1", db_name="n1", uuid="u1")
    other = TenantDB(id=2, name="y", tenantcode="bare", status=Status.ACTIVE, db_host="h2", db_name="n2", uuid="u2")
    row = Integration(integration_id=1, tenantcode="bare", service_name="jira", status=Status.ACTIVE)
    (binding,) = Shelves(Rows(tenants=(bare,), databases=(own, other), integrations=(row,))).integrations()
    assert (binding.values["tenant.db.host"], binding.values["tenant.db.name"]) == ("h1", "n1")
    assert binding.secrets == {}


def test_only_active_integrations_of_active_tenants_are_bound() -> None:
    asleep = Tenant(id=2, name="B", tenantcode="b", status=Status.SUSPENDED)
    rows = Rows(
        tenants=(ACME, asleep),
        integrations=(
            SPLUNK,
            Integration(integration_id=8, tenantcode="acme", service_name="jira", status=Status.INACTIVE),
            Integration(integration_id=9, tenantcode="b", service_name="jira", status=Status.ACTIVE),
            Integration(integration_id=9, tenantcode="nobody", service_name="jira", status=Status.ACTIVE),
        ),
    )
    assert [b.integration.service for b in Shelves(rows).integrations()] == ["splunk-acme-7"]


def test_the_more_specific_parameter_wins() -> None:
    def param(where: str, **scope: str) -> Param:
        return Param(values=(("A", where), (where.upper(), "1")), **scope)  # type: ignore[arg-type]

    both = param("both", build_name="splunk", tenantcode="acme")
    tenant, build, everywhere = param("tenant", tenantcode="acme"), param("build", build_name="splunk"), param("all")
    for rows, expected in (
        ((both, tenant, build, everywhere), "both"),
        ((tenant, build, everywhere), "tenant"),
        ((build, everywhere), "build"),
        ((everywhere, param("other", build_name="jira")), "all"),
    ):
        (binding,) = Shelves(Rows(tenants=(ACME,), integrations=(SPLUNK,), params=rows)).integrations()
        assert binding.values["params.A"] == expected
        assert "params.OTHER" not in binding.values


def test_a_parameter_is_either_a_text_or_a_secret_the_most_specific_row_decides() -> None:
    plain = Param(values=(("TOKEN", "public"),))
    secret = Param(build_name="splunk", secrets=(("TOKEN", Secret("hidden")),))
    (binding,) = Shelves(Rows(tenants=(ACME,), integrations=(SPLUNK,), params=(plain, secret))).integrations()
    assert "params.TOKEN" not in binding.values
    assert binding.secrets["TOKEN"].value == "hidden"
    turned = Param(build_name="splunk", values=(("TOKEN", "public"),))
    general = Param(secrets=(("TOKEN", Secret("hidden")),))
    (binding,) = Shelves(Rows(tenants=(ACME,), integrations=(SPLUNK,), params=(general, turned))).integrations()
    assert binding.values["params.TOKEN"] == "public"
    assert "TOKEN" not in binding.secrets


def test_a_tenant_gives_its_own_references_and_the_parameters_for_its_template() -> None:
    rows = (
        Param(values=(("A", "all"), ("B", "all"), ("C", "all"))),
        Param(build_name="dump", values=(("B", "dump"), ("C", "dump"))),
        Param(build_name="splunk", values=(("A", "splunk"),)),
        Param(tenantcode="acme", build_name="dump", values=(("C", "acme"),), secrets=(("TOKEN", Secret("t0ken")),)),
        Param(tenantcode="globex", values=(("A", "globex"),)),
    )
    (binding,) = Shelves(Rows(tenants=(ACME,), integrations=(SPLUNK,), params=rows)).active_tenants("dump")
    assert binding.values == {
        "tenant.tenantcode": "acme",
        "tenant.name": "Acme",
        "tenant.id": "1",
        "tenant.db.host": "10.0.0.5:27017",
        "tenant.db.name": "acme_db",
        "tenant.db.username": "acme",
        "params.A": "all",
        "params.B": "dump",
        "params.C": "acme",
    }
    assert binding.secrets == {"db_password": Secret("s3cret-of-acme"), "TOKEN": Secret("t0ken")}
    assert (binding.service("dump"), binding.key, binding.row) == ("dump-acme", None, ("tenants", "acme"))


def test_only_active_tenants_are_given_a_service() -> None:
    gone = Tenant(id=2, name="Gone", tenantcode="gone", status=Status.SUSPENDED)
    assert [b.tenant for b in Shelves(Rows(tenants=(ACME, gone))).active_tenants("dump")] == [ACME]
