"""What systemd's watchdog sees of a zpmd that has nothing to do."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.integration.appliance import worker
from tests.integration.daemon import Daemon

WATCHDOG_SECONDS = 3.0


def test_a_quiet_zpmd_shows_the_watchdog_that_it_lives_and_a_reload_is_told(daemon: Daemon, tmp_path: Path) -> None:
    """Its resyncs are further apart than the watchdog waits: without passes in between systemd would kill it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "notify"))
        heard.settimeout(WATCHDOG_SECONDS)
        daemon.environment = {
            "NOTIFY_SOCKET": str(tmp_path / "notify"),
            "WATCHDOG_USEC": str(int(WATCHDOG_SECONDS * 1e6)),
        }
        daemon.settings = {"resync_seconds": 300}
        daemon.file("a.yaml", worker("quiet", "core"))
        daemon.start()
        daemon.converged()
        assert daemon.ctl("reload").code == 0
        told: list[str] = []
        while told.count("WATCHDOG=1") < 12:
            told += heard.recv(4096).decode().split("\n")
        assert "READY=1" in told
        assert "RELOADING=1" in told
