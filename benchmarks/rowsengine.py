"""From a row that is written to the container that the engine makes for it.

    .venv/bin/python -m benchmarks.rowsengine [--rounds 20] [--json FILE]

A real zpmd on a real engine and a real mongod with 200 tenants and 1,000 integrations, of which a few are active: every
round another one's row becomes active. Times are those of the engine's `create` event, from MongoDB's acknowledgement.
The floor is the engine's own time for the same container, made by hand, from the request to its event. What zpmd takes
beyond that is the difference.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from pymongo import WriteConcern

from benchmarks import measure, stage, tenants
from tests.integration.daemon import Daemon
from tests.lab.engine import LabEngine
from tests.lab.mongod import DATABASE, LabReplicaSet

NETWORK = "t_bench"
SERVICES = 3
PATIENCE_SECONDS = 30.0


def main() -> None:
    options = measure.arguments(__doc__ or "", rounds=20)
    zpmd, floor = measure.Series("zpmd"), measure.Series("floor: the engine's own time")
    with stage.engine() as lab, tenants.mongod() as server, tempfile.TemporaryDirectory(prefix="zpmd-bench-") as folder:
        tenants.fill(server, active=())
        daemon = Daemon(lab, Path(folder), settings=settings(server))
        tenants.service_files(daemon.services_dir, SERVICES)
        try:
            daemon.start()
            daemon.converged()
            measured(lab, server, zpmd, floor, options.rounds)
        finally:
            daemon.close()
    beyond = measure.Series(
        "beyond the engine's own", values=[z - f for z, f in zip(zpmd.values, floor.values, strict=True)]
    )
    title = "a row that becomes active to its container's creation"
    measure.report(title, [zpmd, floor, beyond], options, reference=floor)


def settings(server: LabReplicaSet) -> dict[str, Any]:
    return {"mongodb": {"hosts": list(server.hosts), "database": DATABASE, "probe_seconds": 0}}


def measured(lab: LabEngine, server: LabReplicaSet, zpmd: measure.Series, floor: measure.Series, rounds: int) -> None:
    events = stage.Events(lab)
    rows = server.shared[DATABASE].get_collection("integrations", write_concern=WriteConcern("majority"))
    try:
        for number in range(rounds):
            rows.update_one({"integration_id": number * len(tenants.NAMES) + 1}, {"$set": {"status": "active"}})
            acknowledged = time.time()
            zpmd.values.append(first_creation(events, acknowledged) - acknowledged)
            stage.settle(2)
            asked = time.time()
            made(lab, number)
            floor.values.append(first_creation(events, asked) - asked)
            stage.settle()
    finally:
        events.close()


def made(lab: LabEngine, number: int) -> None:
    """What zpmd asks of the engine for one integration, as far as it costs time: a network and a published port."""
    client = lab.client()
    port = tenants.PORTS[1] - number
    host = client.create_host_config(network_mode=NETWORK, port_bindings={port: ("127.0.0.1", port)})
    network = client.create_networking_config({NETWORK: client.create_endpoint_config()})
    client.create_container(stage.IMAGE, ports=[port], host_config=host, networking_config=network)


def first_creation(events: stage.Events, since: float) -> float:
    end = time.time() + PATIENCE_SECONDS
    while time.time() < end:
        if found := events.times("create", since):
            return found[0]
        time.sleep(0.01)
    raise TimeoutError(f"no container was created within {PATIENCE_SECONDS:.0f} s")


if __name__ == "__main__":
    main()
