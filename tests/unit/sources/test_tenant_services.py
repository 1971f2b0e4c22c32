"""Services for each tenant: what becomes of the rows of tenants, with `for_each: tenant`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.sources.test_integrations import PASSWORD, Bench, row, tenant
from zpmd.model.job import JobPolicy
from zpmd.model.secret import Secret
from zpmd.model.tenant import Param, Rows, Status

FILES = """
    services:
      web: {image: web:1}
      app:
        image: appliance/${integration.serviceName}:1
        x-zpmd: {group: app, for_each: active-integration}
      dump:
        image: dump:1
        environment: {DB: "${tenant.db.name}", DIR: "${params.DIR:-/backup}"}
        x-zpmd: {for_each: tenant, schedule: {cron: "0 2 * * *", time_zone: Europe/Berlin}}
      gate:
        image: gate:1
        environment: {T: "${tenant.name}"}
        x-zpmd: {for_each: tenant, group: core, credentials: none}
"""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, FILES)


def names(bench: Bench) -> list[str]:
    return [service.name for service in bench.load().services]


def test_each_active_tenant_has_a_service_of_each_template(bench: Bench) -> None:
    idle = tenant("idle", status=Status.INACTIVE)
    bench.registry.say(Rows(tenants=(tenant(), tenant("globex"), idle), integrations=(row(7),)))
    assert names(bench) == ["gate-acme", "gate-globex", "dump-acme", "dump-globex", "jira-acme-7"]
    gate = bench.service("gate-acme")
    assert (gate.tenant, gate.template, gate.job) == ("acme", "gate", None)
    assert dict(gate.container.environment) == {"T": "Acme"}
    assert bench.troubles() == []


def test_a_job_for_each_tenant_is_the_tenant_s_and_has_its_parameters_and_secrets(bench: Bench) -> None:
    acme = tenant(db_host="db:1", db_name="zona_acme", db_password=Secret(PASSWORD))
    param = Param(build_name="dump", tenantcode="acme", values=(("DIR", "/mnt/acme"),))
    bench.registry.say(Rows(tenants=(acme,), params=(param,)))
    made = bench.service("dump-acme")
    assert dict(made.container.environment) == {"DB": "zona_acme", "DIR": "/mnt/acme"}
    assert [(file.name, file.target) for file in made.container.files] == [("db_password", "/run/secrets/db_password")]
    assert PASSWORD not in repr(made)
    assert isinstance(made.job, JobPolicy)
    assert (made.job.timetable.zone, made.job.timetable.jitter_seconds) == ("Europe/Berlin", 300.0)
    assert bench.service("gate-acme").container.files == (), "credentials: none"


def test_a_tenant_that_becomes_inactive_retires_its_services(bench: Bench) -> None:
    bench.registry.say(Rows(tenants=(tenant(), tenant("globex"))))
    bench.load()
    bench.registry.say(Rows(tenants=(tenant(), tenant("globex", status=Status.SUSPENDED))))
    after = bench.load()
    assert [s.name for s in after.services] == ["gate-acme", "dump-acme"]
    assert dict(after.retired) == {
        "gate-globex": "tenant globex is suspended",
        "dump-globex": "tenant globex is suspended",
    }
    bench.registry.say(Rows(tenants=(tenant(), tenant("globex"))))
    assert bench.load().retired == (), "it is active again"


def test_a_tenant_whose_row_is_gone_has_no_evidence_and_the_guard_of_removals_looks_at_it(bench: Bench) -> None:
    bench.registry.say(Rows(tenants=(tenant(), tenant("globex"))))
    bench.load()
    bench.registry.say(Rows(tenants=(tenant(),)))
    after = bench.load()
    assert [s.name for s in after.services] == ["gate-acme", "dump-acme"]
    assert after.retired == ()


def test_a_template_that_is_not_for_this_role_retires_the_services_of_tenants(bench: Bench) -> None:
    bench.registry.say(Rows(tenants=(tenant(),)))
    bench.load()
    bench.write(FILES.replace("for_each: tenant, group: core,", "for_each: tenant, roles: [passive],"))
    after = bench.load()
    assert [s.name for s in after.services] == ["dump-acme"]
    assert dict(after.retired) == {"gate-acme": "it runs on hosts with the role passive, and this one is active"}


def test_a_wrong_row_leaves_the_services_of_its_tenant_as_they_ran_last(bench: Bench) -> None:
    bench.write(FILES.replace("${tenant.name}", "${params.T:?set T}"))
    acme = Param(tenantcode="acme", values=(("T", "1"),))
    bench.registry.say(Rows(tenants=(tenant(),), params=(acme,)))
    before = bench.service("gate-acme")
    bench.registry.say(Rows(tenants=(tenant(),)))
    assert bench.service("gate-acme") == before
    assert bench.troubles() == [
        "t-acme: services.gate.environment.T: required variable params.T is unset or empty: set T"
    ]
    assert [t.collection for t in bench.tenancy.troubles] == ["tenants"]


def test_only_the_services_of_a_changed_tenant_are_made_again(bench: Bench) -> None:
    rows = Rows(tenants=(tenant(), tenant("globex")))
    bench.registry.say(rows)
    before = bench.load()
    bench.registry.say(replace(rows, tenants=(tenant(name="New"), tenant("globex"))))
    after = bench.load()
    changed = [a.name for a, b in zip(after.services, before.services, strict=True) if a != b]
    assert changed == ["gate-acme"], "the name of the tenant does not reach the other"
    assert after.service("dump-globex") is before.service("dump-globex")


@pytest.mark.parametrize(
    ("files", "rows", "told"),
    [
        (
            FILES + "      dump-acme: {image: a}\n",
            Rows(tenants=(tenant(),)),
            "t-acme: tenantcode: the service files declare a service dump-acme as well: rename one",
        ),
        (
            FILES,
            Rows(tenants=(tenant("x-7"), tenant("x", id=9)), integrations=(row(7, "x", "dump"),)),
            "t-x-7: tenantcode: another row makes a service dump-x-7 as well: rename one",
        ),
        (
            FILES.replace("      dump:", f"      {'d' * 60}:"),
            Rows(tenants=(tenant(),)),
            f"t-acme: tenantcode: the service would be called {'d' * 60}-acme: 63 characters at most",
        ),
    ],
)
def test_a_name_belongs_to_one_service(tmp_path: Path, files: str, rows: Rows, told: str) -> None:
    bench = Bench(tmp_path, files)
    bench.registry.say(rows)
    found = names(bench)
    assert bench.troubles() == [told]
    assert len(set(found)) == len(found)
    assert "gate-" + rows.tenants[0].tenantcode in found, "one bad row changes nothing but itself"
