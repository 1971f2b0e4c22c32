"""A network namespace for an engine of the lab, joined to this machine by one pair of addresses.

Engines that share a network namespace flush each other's iptables chains and share one default bridge. In a namespace
of its own an engine disturbs neither the host's engine nor another one of the lab, and everything that it makes there
(bridges, rules) is gone with the last process in it. Ports that containers publish are reached at `address`.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.lab.eventually import eventually

# The keeper holds the namespace while the engine is down. Its stdin is a pipe that the test process holds: when that
# ends, even by SIGKILL, the keeper asks the engine to stop, so that no test run leaves an engine behind.
KEEPER = 'cat >/dev/null; pid=$(cat "$0" 2>/dev/null) && kill "$pid" 2>/dev/null'


@dataclass(frozen=True)
class Namespace:
    """`address` is where this machine reaches what is published inside; `gateway` is this machine as seen from it."""

    keeper: subprocess.Popen[bytes]
    address: str
    gateway: str

    @property
    def file(self) -> str:
        """What a process hands to setns to be inside."""
        return f"/proc/{self.keeper.pid}/ns/net"

    @property
    def enter(self) -> tuple[str, ...]:
        """A command line begins with this to run inside. Not `ip netns exec`: that would hide /sys/fs/cgroup."""
        return ("nsenter", f"--net={self.file}")

    def close(self) -> None:
        """Let go of it. It vanishes with its last process."""
        if self.keeper.stdin:
            self.keeper.stdin.close()
        self.keeper.kill()
        self.keeper.wait()


def create(engine_pid_file: Path) -> Namespace:
    """A new namespace with loopback and a link to this machine up. Raises RuntimeError where that is refused."""
    keeper = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", KEEPER, str(engine_pid_file)], stdin=subprocess.PIPE, start_new_session=True
    )
    # One /30 of 10.213.0.0/16 for each; the pid tells the namespaces of concurrent test runs apart.
    block = (keeper.pid % (1 << 14)) * 4
    prefix = f"10.213.{block >> 8}"
    gateway, address = f"{prefix}.{(block & 255) + 1}", f"{prefix}.{(block & 255) + 2}"
    namespace = Namespace(keeper=keeper, address=address, gateway=gateway)
    outside = f"zlab{keeper.pid}"
    try:
        _wait_until_unshared(keeper.pid)
        _run("ip", "link", "add", outside, "type", "veth", "peer", "name", "lab0", "netns", str(keeper.pid))
        _run("ip", "addr", "add", f"{gateway}/30", "dev", outside)
        _run("ip", "link", "set", outside, "up")
        _run(*namespace.enter, "ip", "link", "set", "lo", "up")
        _run(*namespace.enter, "ip", "addr", "add", f"{address}/30", "dev", "lab0")
        _run(*namespace.enter, "ip", "link", "set", "lab0", "up")
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
