"""What systemd is told of us: sd_notify's datagrams, https://www.freedesktop.org/software/systemd/man/sd_notify.html.

Written here because a binding sends one variable at a time, and RELOADING=1 only counts together with MONOTONIC_USEC.

Rules: outside systemd every call does nothing. No call raises or blocks: a lost keep-alive is followed by the next one.
The watchdog is fed by the loop alone, when a pass has ended or has made progress: never by a timer, which would go on
while the loop hangs.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Systemd:
    """`address` is "" outside systemd. `watchdog_seconds` is what WatchdogSec= says, None where no watchdog is set:
    feed it at less than half of that."""

    address: str = ""
    watchdog_seconds: float | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Systemd:
        """Variables that were meant for another process, or that make no sense, count as not there."""
        address = environment.get("NOTIFY_SOCKET", "")
        if not address.startswith(("/", "@")):
            return cls()
        microseconds = environment.get("WATCHDOG_USEC", "")
        for_us = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        if not (for_us and microseconds.isascii() and microseconds.isdigit() and int(microseconds) > 0):
            return cls(address)
        return cls(address, int(microseconds) / 1e6)

    def ready(self, status: str) -> None:
        """Start-up or a reload is over."""
        self._send("READY=1", _status(status))

    def status(self, status: str) -> None:
        """The line that `systemctl status` shows."""
        self._send(_status(status))

    def starting(self, status: str, longest_seconds: float) -> None:
        """Something before `ready` that may take so long: the end of TimeoutStartSec is put off for it."""
        self._send(f"EXTEND_TIMEOUT_USEC={round(longest_seconds * 1e6)}", _status(status))

    def alive(self) -> None:
        """Feed the watchdog."""
        self._send("WATCHDOG=1")

    def reloading(self) -> None:
        """A reload has begun; `ready` ends it."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, status: str) -> None:
        self._send("STOPPING=1", _status(status))

    def _send(self, *assignments: str) -> None:
        if not self.address:
            return
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
                notify.setblocking(False)
                notify.sendto("\n".join(assignments).encode(errors="replace"), address)
        except OSError:
            return


def _status(text: str) -> str:
    """One line: a newline would begin another assignment."""
    return "STATUS=" + " ".join(text.split())
