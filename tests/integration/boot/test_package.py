"""The package through its life on a host: a first start with a mistake, an upgrade, removal, and purge."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.appliance import worker
from tests.integration.boot import packages
from tests.integration.boot.appliance import Appliance
from tests.lab.host import LabHost

pytestmark = pytest.mark.timeout(420)
FILES = {"10-db.yaml": worker("db", "system"), "20-web.yaml": worker("web", "core", "deploy: {replicas: 2}\n")}
STATE = "/var/lib/zpmd/zpmd.db"


@pytest.fixture
def running(own_host: LabHost) -> Appliance:
    """A host with three containers of zpmd's, which has nothing to do."""
    appliance = Appliance(own_host)
    appliance.declare(FILES)
    assert own_host.boot() == "running"
    appliance.converged()
    return appliance


@pytest.fixture(scope="session")
def newer() -> Path:
    return packages.built(packages.NEWER)


def test_a_mistake_at_the_first_start_is_told_once_and_once_it_is_mended_zpmd_starts(own_host: LabHost) -> None:
    appliance = Appliance(own_host)
    appliance.declare({"10-db.yaml": "services:\n  db:\n    image: appliance/worker:1.0\n    imagine: this\n"})
    assert own_host.boot() == "degraded"
    unit = own_host.unit("zpmd")
    assert (unit["ActiveState"], unit["SubState"]) == ("failed", "failed"), "it is not started again"
    assert (unit["ExecMainStatus"], unit["NRestarts"]) == ("78", "0")
    said = [entry["MESSAGE"] for entry in own_host.journal("--boot", "--unit=zpmd")]
    assert any("10-db.yaml:4:" in line and "imagine" in line for line in said)
    assert appliance.containers() == {}

    appliance.declare(FILES)
    own_host.must("systemctl start zpmd")
    appliance.converged()
    assert len(appliance.untouched()) == 3


def test_an_upgrade_touches_no_container(running: Appliance, newer: Path) -> None:
    untouched, before = running.untouched(), running.host.unit("zpmd")
    said = running.host.install(newer)
    assert said.code == 0, said.out + said.err
    assert running.host.must("dpkg-query --show --showformat '${Version}' zpmd") == packages.NEWER
    running.converged()
    assert running.status()["version"] == packages.NEWER, said.out
    assert running.host.unit("zpmd")["MainPID"] != before["MainPID"]
    assert running.untouched() == untouched


def test_an_upgrade_that_would_change_containers_waits_for_the_operator(running: Appliance, newer: Path) -> None:
    """Settings count from the next start on: here the new version would make every container anew, by another name."""
    untouched, before = running.untouched(), running.host.unit("zpmd")
    running.host.must("echo 'project: other' >>/etc/zpmd/zpmd.yaml")
    said = running.host.install(newer)
    assert said.code == 0, said.out + said.err
    assert "not restarted, because the new version would change containers:" in said.out
    assert "systemctl restart zpmd" in said.out
    assert running.host.unit("zpmd")["MainPID"] == before["MainPID"]
    assert running.status()["version"] != packages.NEWER
    assert running.untouched() == untouched


def test_removal_leaves_containers_settings_and_state_and_installing_again_finds_them(
    running: Appliance, package: Path
) -> None:
    untouched = running.untouched()
    running.host.must("apt-get remove --yes zpmd")
    assert running.host.sh("systemctl is-active zpmd").out.strip() == "inactive"
    assert running.host.sh("test -e /opt/zpmd").code == 1
    running.host.must(f"test -e {STATE} -a -e /etc/zpmd/zpmd.yaml")
    assert running.untouched() == untouched

    assert running.host.install(package).code == 0
    running.converged()
    assert running.untouched() == untouched


def test_purge_takes_what_is_the_packages_own_and_leaves_containers(running: Appliance) -> None:
    untouched = running.untouched()
    running.host.must("apt-get purge --yes zpmd")
    assert running.untouched() == untouched
    assert running.host.sh("getent passwd zpmd; getent group zpmd").out == ""
    elsewhere = ("/var/lib/docker", "/var/lib/containerd", "/var/cache", "/var/log", "/root", "/proc", "/sys")
    pruned = " ".join(f"-path {folder} -prune -o" for folder in elsewhere)
    assert running.host.must(f"find / {pruned} -name '*zpmd*' -print").split() == []
