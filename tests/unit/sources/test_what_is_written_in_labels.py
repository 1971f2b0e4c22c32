"""The spec label of each service of the sample appliance and of every good Compose file, as it was when released.

What a label says is compared with what a later zpmd makes of the same file. A hash that is another one here is a
container that is replaced on every site that has such a file, at the next upgrade: a key that is read in another way,
a default that has moved, a field that is new and has no default. If it is meant, raise SCHEMA (model/spechash.py) and
keep computing the old form; a new service or file is a new line of spec-labels.txt.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.architecture.checkout import ROOT
from tests.unit.sources.test_good_files import GOOD, read
from zpmd.assembly.rows import tenants
from zpmd.daemon.clock import SystemClock
from zpmd.model.container import Container
from zpmd.model.service import ServiceData
from zpmd.model.spechash import spec_hash
from zpmd.settings import Settings
from zpmd.stores.memory import MemoryStore, Tablet

SAMPLE = ROOT / "etc" / "zpmd"
LABELS = ROOT / "tests" / "data" / "spec-labels.txt"
ANYWHERE = "/anywhere"
"""Stands for the checkout, and for the salt of this run in the names of secrets."""


def label(service: ServiceData) -> str:
    """Without what depends on where the checkout lies, and on the salt of this run."""
    container = service.container
    mounts = tuple(dataclasses.replace(m, source=m.source.replace(str(ROOT), ANYWHERE)) for m in container.mounts)
    files = tuple(
        dataclasses.replace(f, digest=ANYWHERE) if f.target.startswith("/run/secrets/") else f for f in container.files
    )
    return spec_hash(_everywhere(dataclasses.replace(container, mounts=mounts, files=files)))


def _everywhere(container: Container) -> Container:
    changed = {
        field.name: tuple(text.replace(str(ROOT), ANYWHERE) for text in value)
        for field in dataclasses.fields(container)
        if isinstance(value := getattr(container, field.name), tuple) and value and isinstance(value[0], str)
    }
    return dataclasses.replace(container, **changed)


def released() -> dict[str, dict[str, str]]:
    """File -> service -> label."""
    found: dict[str, dict[str, str]] = {}
    for line in LABELS.read_text().splitlines():
        file, service, spec = line.split()
        found.setdefault(file, {})[service] = spec
    return found


def of_file(path: Path) -> dict[str, str]:
    return {service.name: label(service) for service in read(path.stem, "*").desired.services}


def of_sample(folder: Path) -> dict[str, str]:
    settings = Settings(services_dir=SAMPLE / "services.d", data_dir=SAMPLE / "data.d", state_dir=folder)
    sources = tenants(settings, {}, MemoryStore(Tablet(), 100), SystemClock())
    services = (*sources.files.load().services, *sources.integrations.load().services)
    return {service.name: label(service) for service in services}


@pytest.mark.parametrize("path", sorted(GOOD.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_compose_file_means_what_it_meant(path: Path) -> None:
    assert of_file(path) == released().get(path.name, {})


def test_the_sample_appliance_means_what_it_meant(tmp_path: Path) -> None:
    assert of_sample(tmp_path) == released()["sample"]
