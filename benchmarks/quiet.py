"""What zpmd costs while nothing happens: 1,250 services, 1,000 of them of rows, every tenant's database probed.

    .venv/bin/python -m benchmarks.quiet [--rounds 3] [--json FILE]

A round is a minute: CPU of the whole, and of each of its threads. Then one tenant's `connection_status` is written, as
probing writes it, and the passes that follow are counted.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

from loguru import logger

from benchmarks import measure, tenants
from benchmarks.rows import Appliance
from tests.lab.mongod import DATABASE, LabReplicaSet
from zpmd.model.events import Reason

FILE_SERVICES = 250
ROUND_SECONDS = 60.0
CHANGES = 10
SETTLE_SECONDS = 3.0


def main() -> None:
    options = measure.arguments(__doc__ or "", rounds=3)
    logger.remove()
    with tenants.mongod() as server, tempfile.TemporaryDirectory(prefix="zpmd-bench-") as folder:
        fill(server)
        settings = tenants.settings(Path(folder), server)
        assert settings.mongodb is not None
        settings = replace(settings, mongodb=replace(settings.mongodb, probe_seconds=ROUND_SECONDS))
        one = Appliance(settings, FILE_SERVICES)
        try:
            one.begin()
            one.until(lambda snapshot: len(snapshot.desired.services) > FILE_SERVICES)
            one.settle()
            one.run()
            time.sleep(ROUND_SECONDS / 6)
            measure.report("CPU in a quiet minute, 1,250 services", quiet(options.rounds), options)
            measure.report("connection_status of one tenant is written", written(server, one), options)
        finally:
            one.close()


def fill(server: LabReplicaSet) -> None:
    """Every tenant's database is on this mongod, and lets everybody in."""
    tenants.fill(server)
    place = {"db_host": server.hosts[0], "db_username": "", "db_password": ""}
    server.shared[DATABASE]["tenant_dbs"].update_many({}, {"$set": place})


def quiet(rounds: int) -> list[measure.Series]:
    series: dict[str, measure.Series] = {}
    for _ in range(rounds):
        before, began = by_thread(), time.process_time()
        time.sleep(ROUND_SECONDS)
        used = by_thread()
        used.subtract(before)
        used["the whole process"] = time.process_time() - began
        for name, seconds in used.items():
            if seconds >= 0.02 or name in series:
                series.setdefault(name, measure.Series(name)).values.append(seconds)
    return sorted(series.values(), key=lambda s: -s.median)


def by_thread() -> Counter[str]:
    """CPU seconds so far of threads that live, by name."""
    used: Counter[str] = Counter()
    for thread in threading.enumerate():
        if thread.native_id is not None:
            try:
                nanoseconds = Path(f"/proc/self/task/{thread.native_id}/schedstat").read_text().split()[0]
            except OSError:  # it has ended
                continue
            used[thread.name.rstrip("0123456789_-")] += int(nanoseconds) / 1e9  # type: ignore[assignment]
    return used


def written(server: LabReplicaSet, one: Appliance) -> list[measure.Series]:
    passes, cpu, load = measure.Series("passes", unit=""), measure.Series("CPU"), measure.Series("a pass")
    rows = server.shared[DATABASE]["tenant_dbs"]
    for number in range(CHANGES):
        before, began = len(one.passes), time.process_time()
        rows.update_one({"id": number}, {"$set": {"connection_status": "error"}})
        time.sleep(SETTLE_SECONDS)
        cpu.values.append(time.process_time() - began)
        snapshots = [s for s in one.passes[before:] if Reason.ROWS in s.reasons]
        passes.values.append(len(snapshots))
        load.values += [sum(s.seconds.values()) for s in snapshots]
    return [passes, cpu, load]


if __name__ == "__main__":
    main()
