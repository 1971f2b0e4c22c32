"""Hosts with zpmd's package on them: installed once for a test run, and every host begins where that one ended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import FAILED
from tests.integration.boot import packages
from tests.integration.boot.appliance import Appliance
from tests.lab import hostdisk
from tests.lab.host import LabHost
from tests.lab.hostdisk import Disk


@pytest.fixture(scope="session")
def package() -> Path:
    return packages.built()


@pytest.fixture(scope="session")
def installed(package: Path) -> Iterator[Disk]:
    """The disk of a host on which nothing was done but `apt install ./zpmd.deb`."""
    host = LabHost(hostdisk.fresh())
    try:
        host.boot()
        said = host.install(package)
        assert said.code == 0, said.out + said.err
        assert "zpmd: not started yet, for there is no service file." in said.out
        assert host.must("systemctl is-system-running").strip() == "running"
        host.poweroff()
        yield host.disk
    finally:
        host.close()


@pytest.fixture(scope="module")
def host(installed: Disk) -> Iterator[LabHost]:
    """One for all tests of a module, off at first."""
    one = LabHost(hostdisk.over(installed))
    yield one
    one.close()


@pytest.fixture
def own_host(installed: Disk) -> Iterator[LabHost]:
    """One for a test that needs a host of its own, off at first."""
    one = LabHost(hostdisk.over(installed))
    yield one
    one.close()


@pytest.fixture(autouse=True)
def evidence(request: pytest.FixtureRequest, artifacts: Path) -> Iterator[None]:
    """Keeps what explains a failure, before the host is switched off."""
    used = [request.getfixturevalue(name) for name in ("host", "own_host") if name in request.fixturenames]
    yield
    if request.node.stash.get(FAILED, False):
        for one in used:
            one.keep_artifacts(artifacts)


@pytest.fixture
def appliance(host: LabHost) -> Appliance:
    return Appliance(host)
