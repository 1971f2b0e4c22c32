"""The files in etc/zpmd are manual, default configuration and fixture at once: accepted, and complete."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.checkout import ROOT
from zpmd.assembly.rows import tenants
from zpmd.daemon.clock import SystemClock
from zpmd.model.policy import Limits
from zpmd.model.service import GROUPS, Condition, Desired
from zpmd.settings import Settings
from zpmd.stores.memory import MemoryStore, Tablet

SERVICES = ROOT / "etc" / "zpmd" / "services.d"
MANUAL = ROOT / "etc" / "zpmd" / "zpmd.yaml"


@pytest.fixture
def appliance(tmp_path: Path) -> Desired:
    """Service files, and the services of the two tenants' integrations."""
    settings = Settings(services_dir=SERVICES, state_dir=tmp_path, data_dir=SERVICES.parent / "data.d")
    sources = tenants(settings, {}, MemoryStore(Tablet(), 100), SystemClock())
    files, integrations = sources.files.load(), sources.integrations.load()
    told = sources.integrations.tenancy()
    assert told is not None
    assert told.troubles == ()
    return dataclasses.replace(files, services=(*files.services, *integrations.services))


def test_zpmd_check_accepts_the_service_files() -> None:
    files = sorted(SERVICES.glob("*.yaml"))
    done = subprocess.run(
        [sys.executable, "-m", "zpmd", "check", *files], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_the_sample_appliance_shows_what_an_appliance_is_made_of(appliance: Desired) -> None:
    services = appliance.services
    groups = {s.group: s for s in services}
    assert tuple(groups) == GROUPS
    assert len(services) >= 14
    assert {s.replicas for s in services} == {1, 2, 3}
    conditions = {d.condition for s in services for d in s.depends_on}
    assert conditions == set(Condition)
    group_of = {s.name: s.group for s in services}
    across = {group_of[d.service] is not s.group for s in services for d in s.depends_on}
    assert across == {True, False}
    assert any(s.one_shot for s in services)
    assert any(s.container.post_start for s in services)
    assert any(s.container.files for s in services)
    assert any(m.source.endswith("metadb") for s in services for m in s.container.mounts)
    assert len(appliance.networks) == 1
    assert {s.tenant for s in services} == {"", "acme", "globex"}
    assert len([s for s in services if s.tenant]) == 5


def test_no_sample_service_has_a_fixed_port_on_the_host(appliance: Desired) -> None:
    published = {p.published for s in appliance.services for p in s.container.ports if not s.tenant}
    assert published == {""}, "a demo and a test of these files on one host would collide"
    leased = [p.published for s in appliance.services for p in s.container.ports if s.tenant]
    assert len(set(leased)) == len(leased) == 3, "one each for the integrations with a port of the host"


def test_the_sample_runs_on_images_that_are_made_here(appliance: Desired) -> None:
    recipes = (ROOT / "scripts" / "images").read_text()
    images = {s.container.image for s in appliance.services}
    assert {i for i in images if i.partition(":")[0] not in recipes} == set()
    assert {i.rpartition(":")[2] for i in images} == {"1.0"}


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(Settings) if f.name != "limits"])
def test_every_setting_is_in_the_manual(field: str) -> None:
    prefix, _, rest = field.partition("_")
    flat, nested = rf"^#?{field}:", rf"^#?{prefix}:\n(?:[ #].*\n|\n)*?  #?{rest}:"
    assert re.search(f"{flat}|{nested}", MANUAL.read_text(), re.MULTILINE)


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(Limits)])
def test_every_limit_is_in_the_manual(field: str) -> None:
    assert re.search(rf"^  #?{field}:", MANUAL.read_text(), re.MULTILINE)
