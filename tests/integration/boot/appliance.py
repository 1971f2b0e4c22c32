"""An appliance on a whole host: zpmd as the package installed it, under systemd, on the host's own engine."""

from __future__ import annotations

import contextlib
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from docker.errors import NotFound

from tests.lab.eventually import eventually
from tests.lab.host import LabHost

GROUPS = ("system", "core", "batch", "app")
SERVICES = "/etc/zpmd/services.d"


@dataclass(frozen=True, slots=True)
class Container:
    """What the engine says of one: its times as it writes them, which sort as text."""

    id: str
    name: str
    service: str
    group: str
    running: bool
    started_at: str
    exit_code: int


class Appliance:
    """The names of its methods are those of tests/integration/daemon.py, for the same things."""

    def __init__(self, host: LabHost) -> None:
        self.host = host

    def declare(self, files: Mapping[str, str]) -> None:
        """These are all service files that there are."""
        for name, text in files.items():
            self.host.write(f"{SERVICES}/{name}", text)
        names = " ".join(f"! -name {name}" for name in files)
        if self.host.on:
            self.host.must(f"find {SERVICES} -name '*.yaml' {names} -delete")

    def ask(self, path: str, **query: str) -> Any:
        """What the API answers over the unix socket, as JSON."""
        transport = httpx.HTTPTransport(uds=f"{self.host.files}/run/zpmd/zpmd.sock")
        with httpx.Client(transport=transport, base_url="http://zpmd", timeout=30) as client:
            try:
                answer = client.get(path, params=query)
            except httpx.TransportError as error:
                raise AssertionError(f"zpmd does not answer: {error}") from error
        assert answer.status_code == 200, answer.text
        return answer.json()

    def status(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.ask("/v1/status")
        return answer

    def converged(self, timeout_seconds: float = 60) -> None:
        """Wait until nothing is to be done and nothing is waited for."""

        def is_converged() -> bool:
            status = self.status()
            rows = [row for group in status["groups"] for row in group["services"]]
            assert status["state"] == "converged", [r["name"] for r in rows if r["state"] != "running"]
            return True

        eventually(is_converged, timeout_seconds, "a converged appliance", 0.2)

    def containers(self, service: str | None = None) -> dict[str, Container]:
        """Ours, running or not, by name."""
        client = self.host.engine()
        try:
            told = []
            for one in client.containers(all=True, filters={"label": "io.zpmd.owner"}):
                with contextlib.suppress(NotFound):  # it was removed since
                    told.append(client.inspect_container(one["Id"]))
        finally:
            client.close()
        found = [_container(one) for one in told]
        return {one.name: one for one in found if service in (None, one.service)}

    def untouched(self) -> dict[str, tuple[str, str]]:
        """Which containers run, and since when: equal before and after what must touch none."""
        running = {name: (one.id, one.started_at) for name, one in self.containers().items() if one.running}
        assert running, "no container runs"
        return running

    def status_line(self) -> str:
        """What `systemctl status zpmd` shows beside `Status:`."""
        (line,) = re.findall(r'Status: "(.*)"', self.host.must("systemctl status --no-pager --full zpmd"))
        return str(line)


def starts_by_group(containers: Mapping[str, Container]) -> list[list[str]]:
    """When each container of each group started, in the order of the groups; groups without containers are left out."""
    starts = defaultdict(list)
    for one in containers.values():
        starts[one.group].append(one.started_at)
    return [sorted(starts[group]) for group in GROUPS if starts[group]]


def _container(told: Mapping[str, Any]) -> Container:
    labels, state = told["Config"]["Labels"], told["State"]
    return Container(
        id=told["Id"],
        name=told["Name"].strip("/"),
        service=labels["io.zpmd.service"],
        group=labels["io.zpmd.group"],
        running=state["Running"],
        started_at=state["StartedAt"],
        exit_code=state["ExitCode"],
    )
