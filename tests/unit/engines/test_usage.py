"""Control groups of every layout, written as the kernel writes them; and the engine's own statistics."""

from __future__ import annotations

from pathlib import Path

import pytest

from zpmd.engines.dockerd import cgroups
from zpmd.engines.dockerd.faults import Garbage
from zpmd.engines.dockerd.usage import counted
from zpmd.model.usage import Usage

ID = "c0ffee" * 10 + "cafe"
USED = Usage(cpu_seconds=1.5, memory_bytes=700, memory_limit_bytes=4096)


class Host:
    """/proc and /sys/fs/cgroup below a folder."""

    def __init__(self, folder: Path) -> None:
        self.proc, self.groups = folder / "proc", folder / "cgroup"
        (self.proc / "self").mkdir(parents=True)
        (self.proc / "self" / "mountinfo").write_text("23 1 0:20 / / rw - overlay overlay rw\n")

    def mount(self, name: str, kind: str, options: str, root: str = "/") -> Path:
        point = self.groups / name
        with (self.proc / "self" / "mountinfo").open("a") as mounts:
            mounts.write(f"31 23 0:28 {root} {point} rw,relatime shared:9 - {kind} {kind} {options}\n")
        return point

    def process(self, pid: int, text: str) -> None:
        (self.proc / str(pid)).mkdir()
        (self.proc / str(pid) / "cgroup").write_text(text)

    def named(self) -> Usage | None:
        return cgroups.named(ID, cgroups.mounts(self.proc))

    def of_process(self, pid: int) -> Usage | None:
        return cgroups.of_process(ID, pid, cgroups.mounts(self.proc), self.proc)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def first(folder: Path, memory: Path, limit: str = "4096") -> None:
    """Files of version 1."""
    for made in (folder, memory):
        made.mkdir(parents=True, exist_ok=True)
    (folder / "cpuacct.usage").write_text("1500000000\n")
    (memory / "memory.usage_in_bytes").write_text("1000\n")
    (memory / "memory.limit_in_bytes").write_text(f"{limit}\n")
    (memory / "memory.stat").write_text("inactive_file 1\ntotal_inactive_file 300\n")


def second(folder: Path, limit: str = "4096") -> None:
    """Files of version 2."""
    folder.mkdir(parents=True)
    (folder / "cpu.stat").write_text("usage_usec 1500000\nuser_usec 1\n")
    (folder / "memory.current").write_text("1000\n")
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.stat").write_text("anon 5\ninactive_file 300\n")


@pytest.mark.parametrize("name", [f"docker/{ID}", f"system.slice/docker-{ID}.scope"])
def test_a_container_is_found_by_its_name_in_version_2(host: Host, name: str) -> None:
    second(host.mount(".", "cgroup2", "rw") / name)
    assert host.named() == USED


@pytest.mark.parametrize("name", [f"docker/{ID}", f"system.slice/docker-{ID}.scope"])
def test_a_container_is_found_by_its_name_in_version_1_and_in_both(host: Host, name: str) -> None:
    cpu, memory = host.mount("cpu,cpuacct", "cgroup", "rw,cpu,cpuacct"), host.mount("memory", "cgroup", "rw,memory")
    host.mount("unified", "cgroup2", "rw")
    first(cpu / name, memory / name)
    assert host.named() == USED


def test_a_container_below_another_parent_is_found_by_its_first_process(host: Host) -> None:
    second(host.mount(".", "cgroup2", "rw") / "appliance.slice" / f"docker-{ID}.scope")
    host.process(7, f"0::/appliance.slice/docker-{ID}.scope\n")
    assert host.named() is None
    assert host.of_process(7) == USED


def test_a_mount_that_shows_a_part_of_the_tree_is_reckoned_with(host: Host) -> None:
    second(host.mount(".", "cgroup2", "rw", root="/outer") / "docker" / ID)
    host.process(7, f"0::/outer/docker/{ID}\n")
    host.process(8, f"0::/elsewhere/docker/{ID}\n")
    assert host.of_process(7) == USED
    assert host.of_process(8) is None


def test_a_process_that_is_another_container_s_by_now_is_not_believed(host: Host) -> None:
    second(host.mount(".", "cgroup2", "rw") / "docker" / ("d" * 64))
    host.process(7, f"0::/docker/{'d' * 64}\n")
    assert host.of_process(7) is None
    assert host.of_process(8) is None


@pytest.mark.parametrize("limit", ["max", str(2**63 - 4096)])
def test_what_no_host_has_is_no_limit(host: Host, limit: str) -> None:
    if limit == "max":
        second(host.mount(".", "cgroup2", "rw") / "docker" / ID, limit)
    else:
        cpu, memory = host.mount("cpuacct", "cgroup", "rw,cpuacct"), host.mount("memory", "cgroup", "rw,memory")
        first(cpu / "docker" / ID, memory / "docker" / ID, limit)
    found = host.named()
    assert found is not None
    assert found.memory_limit_bytes is None


def test_statistics_of_the_engine_say_the_same() -> None:
    stats = {
        "cpu_stats": {"cpu_usage": {"total_usage": 1_500_000_000}},
        "memory_stats": {"usage": 1000, "limit": 8192, "stats": {"inactive_file": 300}},
    }
    assert counted(stats, 4096) == USED
    assert counted({"cpu_stats": {}, "memory_stats": {}}, None) is None, "it has ended"
    with pytest.raises(Garbage):
        counted({"cpu_stats": {}, "memory_stats": []}, None) or counted({"memory_stats": 3}, None)
