"""The floor of recovery: start again what dies, and nothing else. A process of its own, as zpmd is one.

    python -m benchmarks.floor ENGINE_URL CONTAINER...

Prints one line when it listens.
"""

from __future__ import annotations

import sys

import docker

from tests.lab.engine import API_VERSION


def main(url: str, *containers: str) -> None:
    listener = docker.APIClient(base_url=url, version=API_VERSION)
    starter = docker.APIClient(base_url=url, version=API_VERSION)
    starter.ping()
    ours = frozenset(containers)
    deaths = listener.events(decode=True, filters={"type": "container", "event": "die"})
    print("listening", flush=True)
    for event in deaths:
        if event["id"] in ours:
            starter.start(event["id"])


if __name__ == "__main__":
    main(*sys.argv[1:])
