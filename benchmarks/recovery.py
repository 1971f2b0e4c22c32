"""From the death of a container's process to the container running again.

    .venv/bin/python -m benchmarks.recovery [--rounds 30] [--json FILE]

Three arms on one engine, interleaved: zpmd; the floor, a process of three lines that starts again what died; and the
engine's own restart policy `always`. Every death is the first of its container, so that nobody waits for a backoff, and
comes from outside (kill -9 of the process). Times are those of the engine's `start` event.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from benchmarks import measure, stage
from tests.lab.engine import LabEngine

NETWORK = "t_bench"


def main() -> None:
    options = measure.arguments(__doc__ or "", rounds=30)
    with stage.engine() as lab, stage.daemon(lab) as daemon:
        stage.service_files(daemon.services_dir, services=1, replicas=options.rounds)
        daemon.start()
        daemon.converged(timeout=120)
        events = stage.Events(lab)
        victims = {
            "zpmd": daemon.running(),
            "floor: the same engine call, by hand": made(lab, options.rounds),
            "the engine's policy `always`": by_policy(lab, options.rounds),
        }
        series = {name: measure.Series(name) for name in victims}
        stage.settle(10)  # an engine's policy resets its own delay after this long
        with floor(lab, tuple(victims.values())[1]):
            for number, name in enumerate(measure.rotated(tuple(victims), options.rounds)):
                container = victims[name][number // len(victims)]
                pid = lab.pid_of(container)
                killed = time.time()
                os.kill(pid, signal.SIGKILL)
                series[name].values.append(events.after("start", container, killed) - killed)
                stage.settle()
        events.close()
        zpmd, by_hand, policy = series.values()
        title = f"death to running, {3 * options.rounds} containers on a bridge"
        measure.report(title, (zpmd, by_hand, policy), options, reference=by_hand)


def made(lab: LabEngine, number: int, **host: object) -> list[str]:
    client = lab.client()
    network = client.create_networking_config({NETWORK: client.create_endpoint_config()})
    config = client.create_host_config(network_mode=NETWORK, **host)
    ids = []
    for _ in range(number):
        container: str = client.create_container(stage.IMAGE, host_config=config, networking_config=network)["Id"]
        client.start(container)
        ids.append(container)
    return ids


def by_policy(lab: LabEngine, number: int) -> list[str]:
    return made(lab, number, restart_policy={"Name": "always"})


@contextmanager
def floor(lab: LabEngine, containers: Sequence[str]) -> Iterator[None]:
    """What any program on this engine could do at best, in a process of its own (floor.py)."""
    program = "import sys; from benchmarks.floor import main; main(*sys.argv[1:])"
    command = [sys.executable, "-c", program, lab.url, *containers]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"listening\n"
            yield
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
