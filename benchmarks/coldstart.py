"""A cold start of 20 services: in order by zpmd, against all at once by hand.

    .venv/bin/python -m benchmarks.coldstart [--rounds 6] [--json FILE]

zpmd starts four groups of five, in each group one before the others; its time begins with its process. The floor
creates and starts the same containers with 8 threads, in no order. Interleaved, each from an empty engine. The last
`start` event of the engine ends the time.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import docker

from benchmarks import measure, stage
from tests.lab.engine import API_VERSION, LabEngine
from tests.lab.eventually import eventually

SERVICES = 20
THREADS = 8


def main() -> None:
    options = measure.arguments(__doc__ or "", rounds=6)
    with stage.engine() as lab:
        arms = {
            f"zpmd, {SERVICES} services in order": partial(by_zpmd, lab),
            f"floor: by hand, {THREADS} threads, no order": partial(by_hand, lab),
        }
        series = {name: measure.Series(name, unit="s") for name in arms}
        for name in measure.rotated(tuple(arms), options.rounds):
            lab.cleanup()
            stage.settle()
            events = stage.Events(lab)
            began = time.time()
            arms[name](events)
            series[name].values.append(events.times("start", began)[-1] - began)
            events.close()
        zpmd, floor = series.values()
        measure.report(f"cold start, {SERVICES} containers on a bridge", (zpmd, floor), options, reference=floor)


def by_zpmd(lab: LabEngine, events: stage.Events) -> None:
    with stage.daemon(lab) as daemon:
        stage.service_files(daemon.services_dir, services=SERVICES, replicas=1)
        began = time.time()
        daemon.start(wait=False)
        all_started(events, began)


def by_hand(lab: LabEngine, events: stage.Events) -> None:
    began = time.time()
    lab.client().create_network("t_bench")
    with ThreadPoolExecutor(THREADS) as workers:
        list(workers.map(partial(create_and_start, lab), range(SERVICES)))
    all_started(events, began)


def create_and_start(lab: LabEngine, number: int) -> None:
    client = docker.APIClient(base_url=lab.url, version=API_VERSION)
    network = client.create_networking_config({"t_bench": client.create_endpoint_config(aliases=[f"s{number}"])})
    host = client.create_host_config(network_mode="t_bench")
    client.start(client.create_container(stage.IMAGE, host_config=host, networking_config=network)["Id"])
    client.close()


def all_started(events: stage.Events, began: float) -> None:
    eventually(lambda: len(events.times("start", began)) >= SERVICES, 120, f"{SERVICES} containers started", 0.01)


if __name__ == "__main__":
    main()
