"""CPU and memory of a container, read where the kernel counts them: no question to the engine, microseconds each.

/proc/self/mountinfo says where control groups are, of version 1, 2 or both. The engine names a container's after its
id, in one of two places; where it is in neither (a `cgroup_parent`, an engine that is in a container itself), the
kernel says of its first process in which groups that is. Where the process is another host's, or its groups are not to
be seen from here, `read` says None.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from zpmd.model.usage import Usage

PROC = Path("/proc")
UNIFIED = ""
"""The name that stands for all controllers of version 2."""
NAMES = ("/docker/{}", "/system.slice/docker-{}.scope")
"""Where engines put containers by default, with their drivers cgroupfs and systemd."""
NO_LIMIT = 2**62
"""Version 1 says "none" as a number that no host has."""
Mounts = dict[str, tuple[str, Path]]
"""Of a controller, the group that its mount point shows, and the mount point."""


def mounts(proc: Path = PROC) -> Mounts:
    """Raises OSError, ValueError."""
    found: Mounts = {}
    for line in (proc / "self" / "mountinfo").read_text().splitlines():
        fields, _, rest = line.partition(" - ")
        kind, _, options = (*rest.split(" ", 2), "", "")[:3]
        root, point = fields.split(" ")[3:5]
        if kind == "cgroup2":
            found.setdefault(UNIFIED, (root, Path(point)))
        elif kind == "cgroup":
            for word in options.split(","):
                found.setdefault(word, (root, Path(point)))
    return found


def named(container_id: str, found: Mounts) -> Usage | None:
    """By the names that engines give; None where it is at neither."""
    for name in NAMES:
        path = name.format(container_id)
        usage = _read({"cpuacct": path, "memory": path, UNIFIED: path}, found)
        if usage is not None:
            return usage
    return None


def of_process(container_id: str, pid: int, found: Mounts, proc: Path = PROC) -> Usage | None:
    """By its first process; None where that is not (or no longer) this container's."""
    try:
        groups = dict(_groups((proc / str(pid) / "cgroup").read_text()))
    except (OSError, ValueError):
        return None
    return _read(groups, found) if any(container_id in path for path in groups.values()) else None


def _groups(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            yield controller, path


def _read(groups: dict[str, str], found: Mounts) -> Usage | None:
    cpu, memory = _folder("cpuacct", groups, found), _folder("memory", groups, found)
    if cpu is None or memory is None:
        return None
    try:
        return Usage(cpu_seconds=_cpu(cpu), memory_bytes=_memory(memory), memory_limit_bytes=_limit(memory))
    except (OSError, ValueError, KeyError):
        return None


def _folder(controller: str, groups: dict[str, str], found: Mounts) -> Path | None:
    """Of version 1 where that has the controller, else of version 2."""
    name = controller if controller in groups and controller in found else UNIFIED
    if name not in groups or name not in found:
        return None
    root, point = found[name]
    path = groups[name]
    if root != "/":
        if not f"{path}/".startswith(f"{root}/"):
            return None
        path = path[len(root) :]
    return point / path.lstrip("/")


def _cpu(folder: Path) -> float:
    old = folder / "cpuacct.usage"
    if old.exists():
        return int(old.read_text()) / 1e9
    return _pairs(folder / "cpu.stat")["usage_usec"] / 1e6


def _memory(folder: Path) -> int:
    """As `docker stats` counts it: without the pages of files that were not used lately."""
    old = folder / "memory.usage_in_bytes"
    used = int((old if old.exists() else folder / "memory.current").read_text())
    pairs = _pairs(folder / "memory.stat")
    return max(0, used - pairs.get("total_inactive_file", pairs.get("inactive_file", 0)))


def _limit(folder: Path) -> int | None:
    old = folder / "memory.limit_in_bytes"
    text = (old if old.exists() else folder / "memory.max").read_text().strip()
    return None if text == "max" or int(text) >= NO_LIMIT else int(text)


def _pairs(path: Path) -> dict[str, int]:
    return {name: int(value) for name, _, value in (line.partition(" ") for line in path.read_text().splitlines())}
