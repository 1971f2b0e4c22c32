"""What systemd's watchdog sees of a zpmd that has nothing to do."""

from __future__ import annotations

import signal
import socket
import threading
import time
from pathlib import Path

from tests.integration.appliance import worker
from tests.integration.daemon import Daemon
from tests.lab.eventually import eventually
from zpmd import __version__

WATCHDOG_SECONDS = 3.0


class Listener(threading.Thread):
    """Hears what zpmd tells systemd, as it comes: a socket that nobody reads is full after ten lines, and zpmd does not
    wait for room. Ends once it has heard nothing for as long as the watchdog would wait."""

    def __init__(self, heard: socket.socket) -> None:
        super().__init__(daemon=True)
        self._heard = heard
        self.told: list[str] = []

    def run(self) -> None:
        try:
            while True:
                self.told += self._heard.recv(4096).decode().split("\n")
        except TimeoutError:
            self.told.append("silence")


def test_a_quiet_zpmd_shows_the_watchdog_that_it_lives_and_a_reload_is_told(daemon: Daemon, tmp_path: Path) -> None:
    """Its resyncs are further apart than the watchdog waits: without passes in between systemd would kill it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "notify"))
        daemon.environment = {
            "NOTIFY_SOCKET": str(tmp_path / "notify"),
            "WATCHDOG_USEC": str(int(WATCHDOG_SECONDS * 1e6)),
        }
        daemon.settings = {"resync_seconds": 300}
        daemon.installed = True
        daemon.file("a.yaml", worker("quiet", "core"))
        daemon.start()
        heard.settimeout(WATCHDOG_SECONDS)
        listener = Listener(heard)
        listener.start()
        daemon.converged()
        assert daemon.ctl("reload").code == 0
        eventually(lambda: "RELOADING=1" in listener.told, 10, "a reload that is told")
        alive = listener.told.count("WATCHDOG=1")
        eventually(lambda: listener.told.count("WATCHDOG=1") >= alive + 8, 30, "signs of life while nothing happens")
        assert "READY=1" in listener.told
        assert "silence" not in listener.told
        daemon.close()
        listener.join(2 * WATCHDOG_SECONDS)


def test_where_it_hung_is_written_down_when_the_watchdog_ends_it(daemon: Daemon, tmp_path: Path) -> None:
    """What hangs waits, and so do its threads here: Python writes down the frames of others without stopping them, and
    may come to grief over one that is running (the process has ended then as well, by SIGSEGV)."""
    stacks = tmp_path / "logs" / "stacks"
    stacks.parent.mkdir()
    daemon.environment = {"LOGS_DIRECTORY": str(stacks.parent)}
    daemon.file("a.yaml", worker("quiet", "core", "network_mode: none\n"))
    daemon.start()
    daemon.converged()
    time.sleep(1.0)
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGABRT)
    assert daemon.process.wait(20) == -signal.SIGABRT
    told = stacks.read_text()
    assert told.startswith(f"zpmd {__version__}, pid {daemon.process.pid}, 20")
    assert "Fatal Python error: Aborted" in told
    assert 'zpmd/daemon/loop.py", line' in told
