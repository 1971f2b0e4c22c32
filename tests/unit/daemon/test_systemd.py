"""What systemd hears, on a real datagram socket."""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from zpmd.daemon.systemd import Systemd


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """A socket where systemd would listen, and what $NOTIFY_SOCKET would say."""
    address = str(tmp_path / "notify") if request.param == "path" else f"@zpmd-test-{uuid.uuid4()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0" + address[1:] if address.startswith("@") else address)
        listening.settimeout(5)
        yield listening, address


def test_each_moment_of_a_life_is_told(manager: tuple[socket.socket, str]) -> None:
    listening, address = manager
    systemd = Systemd.from_environment({"NOTIFY_SOCKET": address})
    systemd.starting("opens /var/lib/zpmd/zpmd.db", 600.0)
    assert listening.recv(4096) == b"EXTEND_TIMEOUT_USEC=600000000\nSTATUS=opens /var/lib/zpmd/zpmd.db"
    systemd.ready("converged: 21 services")
    assert listening.recv(4096) == b"READY=1\nSTATUS=converged: 21 services"
    systemd.status("restarting zona_user")
    assert listening.recv(4096) == b"STATUS=restarting zona_user"
    systemd.alive()
    assert listening.recv(4096) == b"WATCHDOG=1"
    systemd.stopping("stopping; the containers go on")
    assert listening.recv(4096) == b"STOPPING=1\nSTATUS=stopping; the containers go on"


def test_a_reload_carries_the_instant_that_systemd_asks_for(manager: tuple[socket.socket, str]) -> None:
    listening, address = manager
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    Systemd(address).reloading()
    state, stamp = listening.recv(4096).split(b"\n")
    assert state == b"RELOADING=1"
    assert before <= int(stamp.removeprefix(b"MONOTONIC_USEC=")) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def test_a_status_cannot_add_an_assignment(manager: tuple[socket.socket, str]) -> None:
    listening, address = manager
    Systemd(address).status("died\nMAINPID=1\r\n\udc80")
    assert listening.recv(4096) == b"STATUS=died MAINPID=1 ?"


@pytest.mark.parametrize("address", ["", "@zpmd-nobody-listens", "/nonexistent/notify", "/" + "x" * 200])
def test_a_manager_that_is_not_there_hurts_nobody(address: str) -> None:
    Systemd(address).ready("up")


def test_a_manager_that_does_not_read_blocks_nobody(manager: tuple[socket.socket, str]) -> None:
    _, address = manager
    for _ in range(2_000):
        Systemd(address).alive()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, Systemd()),
        ({"NOTIFY_SOCKET": "relative"}, Systemd()),
        ({"WATCHDOG_USEC": "30000000"}, Systemd()),
        ({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "30000000"}, Systemd("/n", 30.0)),
        ({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, Systemd("/n", 30.0)),
        ({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, Systemd("/n")),
        ({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "soon"}, Systemd("/n")),
        ({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "0"}, Systemd("/n")),
    ],
)
def test_the_environment_is_read_with_care(environment: dict[str, str], expected: Systemd) -> None:
    assert Systemd.from_environment(environment) == expected
