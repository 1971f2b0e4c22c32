"""Processes and mounts that the lab made: found by the folder that they work in, ended one by one."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.lab.eventually import eventually


def working_in(folder: Path) -> Iterator[int]:
    """Pids of processes whose command line names something below `folder`."""
    needle = f"{folder}/".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if needle in (entry / "cmdline").read_bytes().replace(b"\0", b" "):
                yield int(entry.name)


def command_of(pid: int) -> bytes:
    """Its command line, NUL between words; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def children_of(pid: int) -> tuple[int, ...]:
    """Pids of the direct children, of all threads. Empty when the process is gone."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                found += [int(child) for child in (task / "children").read_text().split()]
    return tuple(found)


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (OSError, IndexError):
        return False


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal; a process that is gone already is fine."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def freeze(pid: int) -> None:
    """SIGSTOP, until every thread has stopped: on a busy machine others go on for a while after the call. A process
    that is gone already is fine."""
    send(pid, signal.SIGSTOP)
    eventually(lambda: not (_states(pid) - set("TZX")), 10, "a process all of whose threads have stopped", 0.001)


def _states(pid: int) -> set[str]:
    """The letters of proc(5) for what its threads are doing."""
    found = set[str]()
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                found.add((task / "stat").read_text().rpartition(")")[2].split()[0])
    return found


def mounts_below(folder: Path) -> tuple[str, ...]:
    """Mount points in and below `folder`, the deepest first."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = {line.split()[4] for line in lines}
    inside = [point for point in points if point == str(folder) or point.startswith(f"{folder}/")]
    return tuple(sorted(inside, key=len, reverse=True))


def unmount_below(folder: Path) -> None:
    """Detach every mount below `folder`, also those that something still uses."""
    for point in mounts_below(folder):
        subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)
