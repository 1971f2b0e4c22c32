"""The floor of recovery: start again what dies, and nothing else. recovery.py runs it in a process of its own, as zpmd
is one."""

from __future__ import annotations

import docker

from tests.lab.engine import API_VERSION


def main(url: str, *containers: str) -> None:
    """Prints a line when it listens; ends with its process."""
    listener = docker.APIClient(base_url=url, version=API_VERSION)
    starter = docker.APIClient(base_url=url, version=API_VERSION)
    starter.ping()
    ours = frozenset(containers)
    deaths = listener.events(decode=True, filters={"type": "container", "event": "die"})
    print("listening", flush=True)
    for event in deaths:
        if event["id"] in ours:
            starter.start(event["id"])
