"""The sample appliance of etc/zpmd, as it is shipped: a cold start in order, seen from the engine's own events."""

from __future__ import annotations

import itertools
import shutil
import threading
from collections import defaultdict
from typing import Any

import docker

from tests.integration.daemon import CHECKOUT, Daemon
from tests.lab.engine import API_VERSION
from tests.lab.eventually import eventually

GROUPS = ("system", "core", "batch", "app")


class EventLog:
    """Everything that the engine says of our containers, by a client of the test's own."""

    def __init__(self, url: str) -> None:
        self._client = docker.APIClient(base_url=url, version=API_VERSION)
        self._stream = self._client.events(
            decode=True,
            filters={
                "type": "container",
                "event": ["create", "start", "die", "health_status"],
                "label": "io.zpmd.owner",
            },
        )
        self.seen: list[dict[str, Any]] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stream.close()
        self._thread.join(10)

    def _read(self) -> None:
        for event in self._stream:
            self.seen.append(event)


def test_no_service_of_a_group_is_created_before_the_previous_group_is_ready(daemon: Daemon) -> None:
    for folder in ("services.d", "files", "data.d"):
        shutil.copytree(CHECKOUT / "etc" / "zpmd" / folder, daemon.folder / folder, dirs_exist_ok=True)
    log = EventLog(daemon.engine.url)
    daemon.installed = True
    daemon.start()
    daemon.converged(180)
    log.close()
    services = {s["name"]: s for group in daemon.status()["groups"] for s in group["services"]}
    assert len(services) >= 14
    assert {s["group"] for s in services.values()} == set(GROUPS)
    assert {s["desired"] for s in services.values()} >= {1, 2, 3}

    created: dict[str, list[int]] = defaultdict(list)
    ready: dict[str, list[int]] = defaultdict(list)
    checked = {c["Labels"]["io.zpmd.service"] for c in daemon.containers() if "healthy" in c["Status"]}
    for event in log.seen:
        name, action = event["Actor"]["Attributes"]["io.zpmd.service"], event["Action"]
        if action == "create":
            created[name].append(event["timeNano"])
        one_shot = services[name]["state"] == "completed"
        good_end = one_shot and action == "die" and event["Actor"]["Attributes"]["exitCode"] == "0"
        up = (action == "health_status: healthy") if name in checked else (action == "start" and not one_shot)
        if up or good_end:
            ready[name].append(event["timeNano"])
    assert set(created) == set(services)
    for earlier, later in itertools.pairwise(GROUPS):
        was_ready = max(max(ready[n]) for n, s in services.items() if s["group"] == earlier)
        was_created = min(min(created[n]) for n, s in services.items() if s["group"] == later)
        assert was_ready < was_created, f"{later} began before {earlier} was ready"


def test_the_sample_survives_the_death_of_each_of_its_containers(daemon: Daemon) -> None:
    for folder in ("services.d", "files", "data.d"):
        shutil.copytree(CHECKOUT / "etc" / "zpmd" / folder, daemon.folder / folder, dirs_exist_ok=True)
    daemon.start()
    daemon.converged(180)
    before = sorted(daemon.running())
    for victim in before:
        daemon.engine.kill_container_process(victim)
    eventually(lambda: sorted(daemon.running()) == before, 120, "every container running again, in place", 0.5)
    daemon.converged(120)
