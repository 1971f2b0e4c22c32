"""What systemd hears of the passes: READY after the first, the keep-alive after each, and one line of status."""

from __future__ import annotations

from zpmd.daemon.statusline import summary
from zpmd.daemon.systemd import Systemd
from zpmd.model.events import Reason, Snapshot


class Heartbeat:
    """`passed` is called by the loop alone, so that a loop that hangs feeds no watchdog.

    READY says that zpmd supervises: it has read what should be, has asked the engine once, and its status says what it
    waits for. An engine that does not answer makes no difference: a host that boots without one would otherwise kill
    zpmd at the end of TimeoutStartSec, again and again, and what is ordered after zpmd would not start at all.
    """

    def __init__(self, systemd: Systemd) -> None:
        self._systemd = systemd
        self._ready = False
        self._last = ""

    def passed(self, snapshot: Snapshot) -> None:
        line = summary(snapshot)
        if not self._ready or Reason.RELOAD in snapshot.reasons:
            self._systemd.ready(line)
            self._ready = True
        elif line != self._last:
            self._systemd.status(line)
        self._last = line
        self._systemd.alive()
