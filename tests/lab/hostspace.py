"""The world that a whole host lives in: namespaces, mounts and control groups of its own around a root file system.

Rules: everything is made inside a mount namespace of the host's own, so nothing of it is mounted on this machine, and
all of it is gone with the host's last process. Two hosts at once see nothing of each other: each has a control group of
its own below that of the test run, without which one systemd would take the other's units for its own.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.hostdisk import Disk

ENTERED = ("--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup", "--root", "--wd")

# Arguments: the layers of the root file system, the host's folder, TYPE:OPTIONS:NAME of each control group hierarchy.
# What is not of this namespace alone (/sys, /proc/sys but for its network part) is read-only, as in any container.
# pivot_root and not chroot: `docker exec` joins a mount namespace at its root, which after chroot is this machine's.
# Mounts are shared in the end, as systemd has them outside containers: what it mounts for a unit's credentials would
# otherwise never reach the unit.
# The kernel's id of the boot is this machine's, by which `journalctl -b` would take all boots for one.
WORLD = r"""
set -eu
layers=$1 folder=$2 root=$2/root
shift 2
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$layers,upperdir=$folder/upper,workdir=$folder/work" "$root"
mkdir -p "$root/var/lib/docker"
mount --bind "$folder/docker" "$root/var/lib/docker"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t tmpfs -o nosuid,nodev,mode=755 tmpfs "$root/run"
cat "$root/proc/sys/kernel/random/uuid" >"$root/run/boot-id"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount --bind "$root/proc/sys/net" "$root/proc/sys/net"
mount --bind "$root/run/boot-id" "$root/proc/sys/kernel/random/boot_id"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"
case ${1-} in
cgroup2::.) mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$root/sys/fs/cgroup" ;;
*)
    mount -t tmpfs -o nosuid,nodev,noexec,mode=755 tmpfs "$root/sys/fs/cgroup"
    for hierarchy; do
        type=${hierarchy%%:*} name=${hierarchy##*:} options=${hierarchy#*:}
        options=${options%:*}
        mkdir "$root/sys/fs/cgroup/$name"
        mount -t "$type" -o "nosuid,nodev,noexec${options:+,$options}" "$type" "$root/sys/fs/cgroup/$name"
    done
    ;;
esac
mount -t tmpfs -o nosuid,mode=755 tmpfs "$root/dev"
for node in null:3 zero:5 full:7 random:8 urandom:9; do
    mknod -m 666 "$root/dev/${node%:*}" c 1 "${node#*:}"
done
mknod -m 666 "$root/dev/tty" c 5 0
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs -o nosuid,nodev tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for number in 0:stdin 1:stdout 2:stderr; do
    ln -s "/proc/self/fd/${number%:*}" "$root/dev/${number#*:}"
done
mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs "$root/tmp"
cd "$root"
pivot_root . mnt
umount --lazy /mnt
mount --make-rshared /
exec env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd
"""

# Enters the control groups, and is killed when the thread of the test that started it ends, even by SIGKILL.
ENTRY = r"""
until [ "$1" = -- ]; do
    echo $$ >"$1/cgroup.procs"
    shift
done
shift
exec setpriv --pdeathsig KILL unshare --mount --uts --ipc --pid --net --cgroup --fork --kill-child=KILL \
    sh -c "$WORLD" sh "$@"
"""


@dataclass(frozen=True)
class Hierarchy:
    """One mounted tree of control groups: where, `memory` or `cpu,cpuacct` or `name=systemd`, and our place in it."""

    kind: str
    options: str
    mounted: Path
    own: Path

    @property
    def argument(self) -> str:
        name = "." if self.mounted == Path("/sys/fs/cgroup") else self.mounted.name
        return f"{self.kind}:{self.options}:{name}"


def start(disk: Disk, name: str, log: Path) -> subprocess.Popen[bytes]:
    """Boot what is on the disk. The process is the parent of the host's init."""
    hierarchies = tuple(_hierarchies())
    groups = [str(_group(hierarchy, name)) for hierarchy in hierarchies]
    layers = ":".join(str(layer) for layer in disk.layers)
    arguments = [layers, str(disk.folder), *(hierarchy.argument for hierarchy in hierarchies)]
    with log.open("ab") as written:
        return subprocess.Popen(
            ["sh", "-c", ENTRY, "sh", *groups, "--", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
            start_new_session=True,
            env={"PATH": os.defpath + ":/usr/sbin:/sbin", "WORLD": WORLD},
        )


def enter(init: int) -> tuple[str, ...]:
    """A command line begins with this to run on the host whose init has this pid."""
    return ("nsenter", f"--target={init}", *ENTERED)


def forget(name: str) -> bool:
    """Remove the control groups of a host; whether all are gone, which they are soon after its last process."""
    tops = [_place(hierarchy) / name for hierarchy in _hierarchies()]
    for top in tops:
        for found, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):  # the kernel lets go of a dead process a moment after its parent knows
                os.rmdir(found)
    return not any(top.exists() for top in tops)


def _group(hierarchy: Hierarchy, name: str) -> Path:
    """A new control group for the host. One of `cpuset` takes nobody before it has CPUs."""
    folder = _place(hierarchy) / name
    folder.mkdir()
    for key in ("cpuset.cpus", "cpuset.mems"):
        if hierarchy.kind == "cgroup" and (folder / key).exists():
            (folder / key).write_text((folder.parent / key).read_text())
    return folder


def _place(hierarchy: Hierarchy) -> Path:
    """Below our own; but version 2 alone wants none that has processes and children both, so there it is at the top."""
    return hierarchy.mounted if hierarchy.mounted == Path("/sys/fs/cgroup") else hierarchy.own


def _hierarchies() -> Iterator[Hierarchy]:
    """Those that are mounted here (`man 5 proc`): `36 35 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory`."""
    places = _places()
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split()[:3]
        mounted = before.split()[4]
        if kind not in ("cgroup", "cgroup2") or not mounted.startswith("/sys/fs/cgroup"):
            continue
        kept = ",".join(option for option in options.split(",") if option not in ("rw", "ro", "nsdelegate"))
        own = places.get("" if kind == "cgroup2" else kept, "/")
        yield Hierarchy(kind, "" if kind == "cgroup2" else kept, Path(mounted), Path(mounted + own))


def _places() -> dict[str, str]:
    """Our own control group in each hierarchy, by its options: `4:memory:/a` is {"memory": "/a"}."""
    split: Sequence[list[str]] = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    return {controllers: path for _, controllers, path in split}
