"""Resident memory of the zpmd process, converged, with 0, 10 and 100 containers; and after a thousand wake-ups.

    .venv/bin/python -m benchmarks.memory [--rounds 10] [--json FILE]

A round is a second; the wake-ups are SIGHUPs, each of which has every file read again.
"""

from __future__ import annotations

import os
import signal
import time

from benchmarks import measure, stage
from tests.integration.daemon import Daemon

SIZES = (0, 10, 100)
WAKE_UPS = 1000
MIB = 1024


def main() -> None:
    options = measure.arguments(__doc__ or "", rounds=10)
    series = []
    with stage.engine() as lab:
        for size in SIZES:
            lab.cleanup()
            with stage.daemon(lab) as daemon:
                stage.service_files(daemon.services_dir, services=max(1, size // 5), replicas=5 if size else 0)
                daemon.start()
                daemon.converged(timeout=180)
                series.append(resident(daemon, f"{size} containers", options.rounds))
                if size == max(SIZES):
                    wake(daemon)
                    series.append(resident(daemon, f"{size} containers, after {WAKE_UPS} reloads", options.rounds))
    measure.report("resident memory of zpmd", series, options)


def resident(daemon: Daemon, name: str, rounds: int) -> measure.Series:
    found = measure.Series(name, unit="MiB")
    for _ in range(rounds):
        time.sleep(1)
        found.values.append(resident_kib(pid_of(daemon)) / MIB)
    return found


def wake(daemon: Daemon) -> None:
    for _ in range(WAKE_UPS):
        os.kill(pid_of(daemon), signal.SIGHUP)
        time.sleep(0.05)


def pid_of(daemon: Daemon) -> int:
    assert daemon.process is not None, "not started"
    return daemon.process.pid


def resident_kib(pid: int) -> int:
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


if __name__ == "__main__":
    main()
