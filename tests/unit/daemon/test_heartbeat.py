"""What systemd is told of passes, on a real datagram socket: READY in time, each status once, a reload that ends."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from zpmd.daemon.heartbeat import Heartbeat
from zpmd.daemon.systemd import Systemd
from zpmd.model.events import Snapshot
from zpmd.simulation import moves
from zpmd.simulation.session import site_named
from zpmd.simulation.site import Site


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        yield listening


def told(site: Site, heard: socket.socket, *script: str) -> list[str]:
    """What came, without the signs of life."""
    for line in script:
        moves.perform(site, line)
    found: list[str] = []
    while True:
        try:
            found.append(heard.recv(4096).decode())
        except BlockingIOError:
            return [each for each in found if each != "WATCHDOG=1"]


def beating(site: Site, heard: socket.socket) -> Site:
    heartbeat, make_pass = Heartbeat(Systemd(heard.getsockname())), site.make_pass

    def beat() -> Snapshot | None:
        snapshot = make_pass()
        if snapshot is not None:
            heartbeat.passed(snapshot)
        return snapshot

    site.make_pass = beat  # type: ignore[method-assign]
    return site


def test_it_is_ready_after_the_first_pass_and_says_how_far_the_appliance_is(heard: socket.socket) -> None:
    site = beating(site_named("small"), heard)
    site.boot()
    first, *others = told(site, heard, "run 1")
    assert first == "READY=1\nSTATUS=system 0/2 ready; waiting for mongo"
    assert not any("READY" in each for each in others)


def test_a_boot_without_an_engine_is_ready_all_the_same(heard: socket.socket) -> None:
    site = beating(site_named("small"), heard)
    moves.perform(site, "engine-away refused")
    site.boot()
    [ready] = told(site, heard, "run 5")
    assert ready.startswith("READY=1\nSTATUS=engine unknown since ")


def test_a_reload_ends_with_its_pass(heard: socket.socket) -> None:
    site = beating(site_named("one"), heard)
    site.boot()
    told(site, heard, "run 60")
    assert told(site, heard, "run 60") == [], "a line that is the same is not sent again"
    assert site.daemon is not None
    site.daemon.control.reload("root")
    assert told(site, heard, "run 1") == ["READY=1\nSTATUS=1 service is up"]
