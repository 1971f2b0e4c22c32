"""Network namespaces: one for each engine of the lab, joined to this machine by one pair of addresses, and lonely ones.

Engines that share a network namespace flush each other's iptables chains and share one default bridge. In a namespace
of its own an engine disturbs neither the host's engine nor another one of the lab, and everything that it makes there
(bridges, rules) is gone with the last process in it. Ports that containers publish are reached at `address`.
"""

from __future__ import annotations

import contextlib
import ctypes
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.lab.eventually import eventually

# The keeper holds the namespace while the engine is down. Its stdin is a pipe that the test process holds: when that
# ends, even by SIGKILL, the keeper asks the engine to stop, so that no test run leaves an engine behind.
KEEPER = 'cat >/dev/null; pid=$(cat "$0" 2>/dev/null) && kill "$pid" 2>/dev/null'


CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Namespace:
    """With nothing in it but its own loopback, which is up. It is there for as long as `keeper`, or a process in it."""

    keeper: subprocess.Popen[bytes]

    @property
    def file(self) -> str:
        """What a process hands to setns to be inside."""
        return f"/proc/{self.keeper.pid}/ns/net"

    @property
    def enter(self) -> tuple[str, ...]:
        """A command line begins with this to run inside. Not `ip netns exec`: that would hide /sys/fs/cgroup."""
        return ("nsenter", f"--net={self.file}")

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """This thread is inside: sockets that it makes listen there for good, and threads that it starts stay there."""
        with open("/proc/thread-self/ns/net", "rb") as here, open(self.file, "rb") as there:
            enter(there.fileno())
            try:
                yield
            finally:
                enter(here.fileno())

    def close(self) -> None:
        """Let go of it. It vanishes with its last process."""
        if self.keeper.stdin:
            self.keeper.stdin.close()
        self.keeper.kill()
        self.keeper.wait()


@dataclass(frozen=True)
class Linked(Namespace):
    """`address` is where this machine reaches what is published inside; `gateway` is this machine as seen from it."""

    address: str
    gateway: str


def lonely() -> Namespace:
    """Whatever networks come and go on this machine, nobody inside hears of it. Raises RuntimeError where that is
    refused."""
    return _kept()


def create(engine_pid_file: Path) -> Linked:
    """A new namespace with a link to this machine up. Raises RuntimeError where that is refused."""
    alone = _kept(str(engine_pid_file))
    keeper = alone.keeper
    # One /30 of 10.213.0.0/16 for each; the pid tells the namespaces of concurrent test runs apart.
    block = (keeper.pid % (1 << 14)) * 4
    prefix = f"10.213.{block >> 8}"
    gateway, address = f"{prefix}.{(block & 255) + 1}", f"{prefix}.{(block & 255) + 2}"
    outside = f"zlab{keeper.pid}"
    try:
        _run("ip", "link", "add", outside, "type", "veth", "peer", "name", "lab0", "netns", str(keeper.pid))
        _run("ip", "addr", "add", f"{gateway}/30", "dev", outside)
        _run("ip", "link", "set", outside, "up")
        _run(*alone.enter, "ip", "addr", "add", f"{address}/30", "dev", "lab0")
        _run(*alone.enter, "ip", "link", "set", "lab0", "up")
    except BaseException:
        alone.close()
        raise
    return Linked(keeper=keeper, address=address, gateway=gateway)


def enter(namespace: int) -> None:
    """This thread is in the namespace of such a descriptor, as by os.setns of Python 3.12. Raises OSError."""
    if _LIBC.setns(namespace, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "this thread cannot enter a network namespace")


def _kept(engine_pid_file: str = "") -> Namespace:
    keeper = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", KEEPER, engine_pid_file], stdin=subprocess.PIPE, start_new_session=True
    )
    namespace = Namespace(keeper)
    try:
        _wait_until_unshared(keeper.pid)
        _run(*namespace.enter, "ip", "link", "set", "lo", "up")
    except BaseException:
        namespace.close()
        raise
    return namespace


def _wait_until_unshared(pid: int) -> None:
    here = Path("/proc/self/ns/net").readlink()
    eventually(lambda: Path(f"/proc/{pid}/ns/net").readlink() != here, 5, "a network namespace of its own", 0.005)


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"the lab cannot make a network namespace: {' '.join(command)}: {done.stderr.strip()}")
