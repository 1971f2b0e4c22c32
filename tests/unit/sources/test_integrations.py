"""Rows times templates: what becomes of each row, on real service files, a real store and a registry by hand."""

from __future__ import annotations

import dataclasses
import textwrap
from pathlib import Path

import pytest

from tests.unit.full_disk import no_room
from tests.unit.sources.registry import SaidRegistry
from zpmd.daemon.clock import SystemClock
from zpmd.model.container import Container
from zpmd.model.policy import Limits
from zpmd.model.secret import Secret
from zpmd.model.service import Desired, ServiceData
from zpmd.model.tenant import (
    Away,
    Connection,
    Integration,
    IntegrationKey,
    Param,
    PortRow,
    Rows,
    Status,
    Tenancy,
    Tenant,
)
from zpmd.settings import Settings
from zpmd.sources.intake import Intake
from zpmd.sources.integrations import Integrations, Site
from zpmd.sources.yamlfiles import YamlFiles
from zpmd.stores.embedded import EmbeddedStore

FILES = """
    services:
      web:
        image: web:1
        ports: ["9100:80"]
      app:
        image: appliance/${integration.serviceName}:1
        x-zpmd: {group: app, for_each: active-integration, ports: {range: 9100-9105}}
        command: ["${integration.executable}"]
        environment: {PORT: "${integration.port}", LEVEL: "${params.LEVEL:-info}"}
        mem_limit: ${params.MEMORY:-64m}
"""
PASSWORD = "p4ss-of-acme"


def tenant(code: str = "acme", **fields: object) -> Tenant:
    base = Tenant(id=len(code), name=code.title(), tenantcode=code, status=Status.ACTIVE, row=f"t-{code}")
    return dataclasses.replace(base, **fields)  # type: ignore[arg-type]


def row(number: int, code: str = "acme", service: str = "jira", **fields: object) -> Integration:
    base = Integration(
        integration_id=number,
        tenantcode=code,
        service_name=service,
        status=Status.ACTIVE,
        executable="run.py",
        row=f"i-{number}",
    )
    return dataclasses.replace(base, **fields)  # type: ignore[arg-type]


class Bench:
    """Service files, a store, a registry; `load` is what a pass of the loop would do."""

    def __init__(self, folder: Path, files: str = FILES) -> None:
        self.folder = folder
        self.settings = Settings(
            project="t", services_dir=folder / "services.d", state_dir=folder, data_dir=folder / "data.d"
        )
        self.settings.services_dir.mkdir()
        self.write(files)
        self.registry = SaidRegistry()
        self.listening: frozenset[int] = frozenset()
        self.probed: dict[str, Connection] = {}
        self.begin()

    def begin(self) -> None:
        """Another life of zpmd on what the last one left."""
        self.store = EmbeddedStore(self.folder / "zpmd.db", 100, SystemClock())
        self.files = YamlFiles(self.settings, {})
        self.intake = Intake(self.registry, self.store, SystemClock(), Limits())
        site = Site(
            templates=lambda: self.files.templates,
            declared=lambda: self.files.last,
            listening=lambda: self.listening,
            connections=lambda: self.probed,
            materials_dir=self.settings.materials_dir,
            salt=self.store.salt(),
            cooldown_seconds=3600.0,
            project="t",
        )
        self.source = Integrations(self.intake, site, self.store, SystemClock())

    def write(self, files: str) -> None:
        (self.settings.services_dir / "a.yaml").write_text(textwrap.dedent(files))

    def load(self) -> Desired:
        self.files.load()
        desired = self.source.load()
        self.store.keep_good(self.source.name, desired)
        return desired

    def service(self, name: str) -> ServiceData:
        found = self.load().service(name)
        assert found is not None, f"{name} is not declared"
        return found

    @property
    def tenancy(self) -> Tenancy:
        told = self.source.tenancy()
        assert told is not None
        return told

    def troubles(self) -> list[str]:
        return [f"{t.row}: {t.field}: {t.reason}" for t in self.tenancy.troubles]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def environment(container: Container) -> dict[str, str | None]:
    return dict(container.environment)


def test_a_row_becomes_a_service_with_its_port_and_parameters(bench: Bench) -> None:
    param = Param(build_name="jira", values=(("LEVEL", "debug"), ("MEMORY", "128m")))
    bench.registry.say(Rows(tenants=(tenant(),), integrations=(row(7),), params=(param,)))
    made = bench.service("jira-acme-7")
    assert made.tenant == "acme"
    assert made.group.value == "app"
    assert made.container.image == "appliance/jira:1"
    assert made.container.command == ("run.py",)
    assert environment(made.container) == {"PORT": "9101", "LEVEL": "debug"}, "9100 is published by web"
    assert made.container.mem_limit_bytes == 128 * 1024 * 1024
    assert [(lease.key, lease.port) for lease in bench.registry.recorded] == [(IntegrationKey("acme", 7), 9101)]
    assert bench.tenancy.skipped == ((9100, "web publishes it"),)
    assert bench.troubles() == []


def test_a_port_is_kept_over_an_edit_a_restart_and_other_rows(bench: Bench) -> None:
    bench.registry.say(Rows(tenants=(tenant(),), integrations=(row(7),)))
    bench.load()
    edited = row(7, executable="other.py")
    bench.registry.say(Rows(tenants=(tenant(),), integrations=(row(1), row(2), edited)))
    assert environment(bench.service("jira-acme-7").container)["PORT"] == "9101"
    bench.begin()
    made = bench.service("jira-acme-7")
    assert environment(made.container)["PORT"] == "9101"
    assert made.container.command == ("other.py",)


def test_only_the_service_of_an_edited_row_changes(bench: Bench) -> None:
    rows = Rows(tenants=(tenant(),), integrations=(row(1), row(2), row(3)))
    bench.registry.say(rows)
    before = bench.load()
    bench.registry.say(dataclasses.replace(rows, integrations=(row(1), row(2, executable="new.py"), row(3))))
    after = bench.load()
    changed = [a.name for a, b in zip(after.services, before.services, strict=True) if a != b]
    assert changed == ["jira-acme-2"]
    assert after.service("jira-acme-1") is before.service("jira-acme-1"), "what has not changed is not made again"


def test_the_port_of_a_foreign_listener_is_passed_over_and_said(bench: Bench) -> None:
    bench.listening = frozenset({9101})
    bench.registry.say(Rows(tenants=(tenant(),), integrations=(row(7),)))
    assert environment(bench.service("jira-acme-7").container)["PORT"] == "9102"
    assert (9101, "somebody on this host listens on it") in bench.tenancy.skipped


def test_the_products_own_record_of_ports_is_adopted(bench: Bench) -> None:
    known = PortRow(key=IntegrationKey("acme", 7), port=9104)
    bench.registry.say(Rows(tenants=(tenant(),), integrations=(row(7),), ports=(known,)))
    assert environment(bench.service("jira-acme-7").container)["PORT"] == "9104"


def test_who_listens_on_the_port_that_is_recorded_for_an_integration_is_that_integration(bench: Bench) -> None:
    """The store was lost, and the integration has gone on running: it is not moved for having been there."""
    known = PortRow(key=IntegrationKey("acme", 7), port=9104)
    bench.listening = frozenset({9101, 9104})
    bench.registry.say(Rows(tenants=(tenant(),), integrations=(row(7), row(8)), ports=(known,)))
    assert environment(bench.service("jira-acme-7").container)["PORT"] == "9104"
    assert environment(bench.service("jira-acme-8").container)["PORT"] == "9102"


def test_a_range_that_is_used_up_stops_only_those_without_a_port(bench: Bench) -> None:
    bench.registry.say(Rows(tenants=(tenant(),), integrations=tuple(row(n) for n in range(1, 8))))
    assert len(bench.load().services) == 5
    assert [t.key for t in bench.tenancy.troubles] == [IntegrationKey("acme", 6), IntegrationKey("acme", 7)]


def test_a_port_that_cannot_be_stored_starts_nothing(bench: Bench) -> None:
    bench.registry.say(Rows(tenants=(tenant(),), integrations=(row(1),)))
    bench.load()
    bench.registry.say(Rows(tenants=(tenant(),), integrations=(row(1), row(2))))
    with no_room():
        bench.files.load()
        names = [s.name for s in bench.source.load().services]
    assert names == ["jira-acme-1"]
    assert bench.troubles()[0].startswith("acme/2: port: its port cannot be stored, so it is not started: ")
    assert bench.registry.recorded[-1].key == IntegrationKey("acme", 1), "nor is it told to anybody"
    assert [s.name for s in bench.load().services] == ["jira-acme-1", "jira-acme-2"]


def test_a_suspended_tenant_is_evidence_and_its_port_is_kept(bench: Bench) -> None:
    rows = Rows(tenants=(tenant(),), integrations=(row(7),))
    bench.registry.say(rows)
    bench.load()
    bench.registry.say(dataclasses.replace(rows, tenants=(tenant(status=Status.SUSPENDED),)))
    desired = bench.load()
    assert desired.services == ()
    assert desired.retired == (("jira-acme-7", "tenant acme is suspended"),)
    assert bench.store.leases()[IntegrationKey("acme", 7)].released_at is None
    bench.registry.say(rows)
    assert bench.load().retired == ()
    assert environment(bench.service("jira-acme-7").container)["PORT"] == "9101"


def test_a_port_is_released_when_its_row_goes_and_taken_up_again(bench: Bench) -> None:
    rows = Rows(tenants=(tenant(),), integrations=(row(7),))
    bench.registry.say(rows)
    bench.load()
    bench.registry.say(Rows(tenants=(tenant(),)))
    gone = bench.load()
    assert gone.retired == (("jira-acme-7", "integration acme/7 has no row any more"),)
    assert bench.store.leases()[IntegrationKey("acme", 7)].released_at is not None
    bench.registry.say(Rows(tenants=(tenant(),), integrations=(row(8),)))
    assert environment(bench.service("jira-acme-8").container)["PORT"] == "9102", "not while it cools down"
    assert ("jira-acme-7", "integration acme/7 has no row any more") in bench.load().retired, "evidence lasts"
    bench.registry.say(rows)
    assert environment(bench.service("jira-acme-7").container)["PORT"] == "9101"


def test_parameters_that_the_template_cannot_take_leave_the_service_as_it_ran_last(bench: Bench) -> None:
    rows = Rows(tenants=(tenant(),), integrations=(row(7), row(8)))
    bench.registry.say(rows)
    before = bench.service("jira-acme-7")
    wrong = Param(tenantcode="acme", values=(("MEMORY", "plenty"),))
    bench.registry.say(dataclasses.replace(rows, params=(wrong,)))
    assert bench.service("jira-acme-7") == before
    assert len(bench.troubles()) == 2
    assert bench.troubles()[0].startswith("i-7: ")
    assert "mem_limit" in bench.troubles()[0]
    bench.begin()
    assert bench.service("jira-acme-7") == before, "over a restart as well"


def test_a_row_without_a_template_is_in_trouble_alone(tmp_path: Path) -> None:
    only = FILES.replace("for_each: active-integration", "for_each: active-integration, only: [jira]")
    bench = Bench(tmp_path, only)
    bench.registry.say(Rows(tenants=(tenant(),), integrations=(row(1), row(2, service="qradar"))))
    assert [s.name for s in bench.load().services] == ["jira-acme-1"]
    assert bench.troubles() == ["i-2: serviceName: no service file has a template for it (`x-zpmd.for_each`)"]


def test_a_service_of_the_files_keeps_its_name(tmp_path: Path) -> None:
    bench = Bench(tmp_path, FILES.replace("web:\n", "jira-acme-1:\n"))
    bench.registry.say(Rows(tenants=(tenant(),), integrations=(row(1), row(2))))
    assert [s.name for s in bench.load().services] == ["jira-acme-2"]
    assert "declare a service jira-acme-1 as well" in bench.troubles()[0]


SECRET_ROWS = Rows(
    tenants=(tenant(db_host="db:1", db_password=Secret(PASSWORD)),),
    integrations=(row(7),),
    params=(Param(secrets=(("TOKEN", Secret("t0ken-of-all")),)),),
)


def test_secrets_are_mounted_and_stand_nowhere_else(bench: Bench) -> None:
    bench.registry.say(SECRET_ROWS)
    made = bench.service("jira-acme-7")
    assert [(f.name, f.target) for f in made.container.files] == [
        ("TOKEN", "/run/secrets/TOKEN"),
        ("db_password", "/run/secrets/db_password"),
    ]
    contents = [(bench.settings.materials_dir / f.digest).read_text() for f in made.container.files]
    assert contents == ["t0ken-of-all", PASSWORD]
    assert PASSWORD not in repr(made)
    assert PASSWORD not in repr(bench.tenancy)


def test_a_changed_password_changes_the_service(bench: Bench) -> None:
    bench.registry.say(SECRET_ROWS)
    before = bench.service("jira-acme-7")
    changed = dataclasses.replace(SECRET_ROWS, tenants=(tenant(db_host="db:1", db_password=Secret("another-one")),))
    bench.registry.say(changed)
    assert bench.service("jira-acme-7").container != before.container


def test_secrets_are_variables_on_request_or_not_there_at_all(tmp_path: Path) -> None:
    bench = Bench(tmp_path, FILES.replace("9105}}", "9105}, credentials: environment}"))
    bench.registry.say(SECRET_ROWS)
    made = bench.service("jira-acme-7").container
    assert (environment(made)["DB_PASSWORD"], environment(made)["TOKEN"]) == (PASSWORD, "t0ken-of-all")
    assert made.files == ()
    bench.write(FILES.replace("9105}}", "9105}, credentials: none}"))
    made = bench.service("jira-acme-7").container
    assert made.files == ()
    assert "DB_PASSWORD" not in environment(made)


def test_a_secret_parameter_is_not_put_into_a_text(tmp_path: Path) -> None:
    bench = Bench(tmp_path, FILES.replace("${params.LEVEL:-info}", "${params.TOKEN}"))
    bench.registry.say(SECRET_ROWS)
    assert bench.load().services == ()
    (told,) = bench.troubles()
    assert "params.TOKEN is secret" in told
    assert "t0ken-of-all" not in told


def test_with_no_template_the_rows_mean_nothing_and_nobody_waits_for_them(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "services: {web: {image: web:1}}\n")
    bench.registry.gone = Away(since=1.0, why="refused")
    assert bench.load().complete
    assert bench.source.away() is None


def test_while_nothing_was_ever_read_what_is_missing_is_unknown(bench: Bench) -> None:
    bench.registry.gone = Away(since=1.0, why="refused")
    assert bench.load() == Desired(project="t", complete=False)
    assert bench.source.away() == Away(since=1.0, why="refused")


def test_the_last_good_rows_go_on_while_the_registry_is_away_even_with_new_templates(bench: Bench) -> None:
    bench.registry.say(Rows(tenants=(tenant(),), integrations=(row(7),)))
    bench.load()
    bench.registry = SaidRegistry(gone=Away(since=2.0, why="refused"))
    bench.begin()
    bench.write(FILES.replace("-info}", "-warning}"))
    assert environment(bench.service("jira-acme-7").container)["LEVEL"] == "warning"
    assert bench.load().complete


def test_broken_files_at_a_start_leave_everything_as_it_ran_last(bench: Bench) -> None:
    bench.registry.say(Rows(tenants=(tenant(),), integrations=(row(7),)))
    before = bench.load()
    bench.begin()
    assert bench.source.load() == before, "the templates have not been read"
    away = bench.source.away()
    assert away is not None
    assert "templates" in away.why


def test_a_large_loss_is_held_with_the_names_of_services(bench: Bench) -> None:
    bench.registry.say(Rows(tenants=(tenant(),), integrations=tuple(row(n) for n in range(1, 6))))
    bench.load()
    bench.registry.say(Rows(tenants=(tenant(),), integrations=(row(1),)))
    desired = bench.load()
    assert len(desired.services) == 5
    assert [name for name, _ in desired.held] == [f"jira-acme-{n}" for n in range(2, 6)]
    bench.store.approve([f"jira-acme-{n}" for n in range(2, 6)])
    assert [s.name for s in bench.load().services] == ["jira-acme-1"]


def test_what_probing_found_is_told_with_the_rows(bench: Bench) -> None:
    bench.registry.say(Rows(tenants=(tenant(), tenant("beta"))))
    bench.probed = {"tenants/t-acme": Connection.ERROR}
    bench.load()
    assert [t.connection_status for t in bench.tenancy.rows.tenants] == [Connection.ERROR, Connection.UNKNOWN]
