"""systemd's watchdog is fed by passes that end, and by nothing else: the real loop in its thread, a real socket."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.lab.eventually import eventually
from zpmd.daemon.clock import SystemClock
from zpmd.daemon.heartbeat import Heartbeat
from zpmd.daemon.loop import Loop
from zpmd.daemon.mailbox import Mailbox
from zpmd.daemon.systemd import Systemd
from zpmd.model.events import Reason
from zpmd.model.tenant import Tenancy
from zpmd.simulation.session import site_named

ALIVE = b"WATCHDOG=1"


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(0.0)
        yield listening


def signs_of_life(heard: socket.socket) -> int:
    """Those that have come since the last time."""
    count = 0
    while True:
        try:
            count += heard.recv(4096) == ALIVE
        except BlockingIOError:
            return count


@contextmanager
def running(heard: socket.socket, midst: Callable[[], None]) -> Iterator[Mailbox]:
    """A loop that does `midst` in the midst of every pass."""
    site = site_named("small")
    site.boot()
    assert site.daemon is not None

    def tenancy() -> Tenancy | None:
        midst()
        return None

    mailbox = Mailbox(SystemClock().monotonic)
    heartbeat = Heartbeat(Systemd(heard.getsockname()))
    parts = replace(site.daemon.loop._p, mailbox=mailbox, tenancy=tenancy, passed=heartbeat.passed)
    thread = threading.Thread(target=Loop(parts).run, daemon=True)
    thread.start()
    yield mailbox
    mailbox.close()
    thread.join(10)
    assert not thread.is_alive()


def test_passes_that_end_feed_it(heard: socket.socket) -> None:
    with running(heard, lambda: None) as mailbox:
        for _ in range(3):
            eventually(lambda: signs_of_life(heard) > 0)
            mailbox.wake(Reason.RESYNC)


def test_passes_that_all_fail_do_not_feed_it(heard: socket.socket) -> None:
    passes: list[None] = []

    def fail() -> None:
        passes.append(None)
        raise RuntimeError("whatever it is")

    with running(heard, fail) as mailbox:
        for _ in range(3):
            before = len(passes)
            mailbox.wake(Reason.RESYNC)
            eventually(lambda: len(passes) > before)  # noqa: B023
    assert signs_of_life(heard) == 0


def test_a_pass_that_does_not_end_does_not_feed_it(heard: socket.socket) -> None:
    begun, ends = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        ends.wait(30)

    with running(heard, hang) as mailbox:
        assert begun.wait(10)
        for _ in range(3):
            mailbox.wake(Reason.RESYNC)
        assert signs_of_life(heard) == 0
        ends.set()
        eventually(lambda: signs_of_life(heard) > 0)
