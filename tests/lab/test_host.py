"""The lab's host is one: systemd, an engine, a disk that outlives a power failure, and nothing left afterwards."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import hostdisk, processes
from tests.lab.host import LabHost

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def host() -> Iterator[LabHost]:
    one = LabHost(hostdisk.fresh())
    yield one
    one.close()


def test_what_was_written_outlives_reboot_and_power_failure_and_each_boot_has_an_id(host: LabHost) -> None:
    host.write("/etc/sample/before", "written while it is off")
    boots = []
    for off in (host.poweroff, host.power_failure, host.power_failure):
        assert host.boot() == "running"
        boots.append(host.must("cat /proc/sys/kernel/random/boot_id"))
        host.must("echo kept >>/root/sample")
        host.must("cat /etc/sample/before")
        off()
    host.boot()
    assert host.must("cat /root/sample").split() == ["kept"] * 3
    assert len(set(boots)) == 3
    assert host.must("cat /etc/machine-id").strip() == host.journal("-b", "-1", "-n", "1")[0]["_MACHINE_ID"]


def test_its_engine_runs_containers_on_a_real_file_system_and_its_commands_stay_inside(host: LabHost) -> None:
    host.boot()
    host.must("docker run --detach --name web --publish 127.0.0.1:8080:8000 appliance/service:1.0")
    host.must("until curl --silent --fail http://127.0.0.1:8080/health; do sleep 0.1; done", 20)
    assert host.must("docker exec web ls /bin/main").strip() == "/bin/main"
    assert "Backing Filesystem: overlay" not in host.must("docker info")
    assert host.must("cat /proc/1/comm").strip() == "systemd"
    assert host.sh(f"ls {hostdisk.CHECKOUT}").code != 0


def test_two_hosts_do_not_see_each_other(host: LabHost) -> None:
    other = LabHost(hostdisk.over(host.disk))
    try:
        host.boot()
        other.boot()
        host.must("systemctl stop docker.socket docker.service containerd.service")
        assert other.must("docker ps --quiet") == ""
    finally:
        other.close()


def test_nothing_is_left_of_a_host_that_is_closed_while_it_runs() -> None:
    host = LabHost(hostdisk.fresh())
    host.boot()
    host.must("docker run --detach appliance/pause:1.0")
    name = host.disk.folder.name
    host.close()
    assert not host.disk.folder.exists()
    assert name not in Path("/proc/self/mountinfo").read_text()
    assert tuple(processes.working_in(host.disk.folder)) == ()
    found = subprocess.run(["find", "/sys/fs/cgroup", "-name", f"{name}*"], capture_output=True, text=True, check=False)
    assert found.stdout == ""
