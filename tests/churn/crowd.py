"""What people and programs do to an appliance all day, each an actor of the storm (tests/chaos/storm.py).

They write service files and rows, operate services, drop patches and take them back, make tokens and use them, read
every page of the API, and open streams that they leave in their middle. Names are new each time: what is kept by name
and never forgotten shows as growth. Definitions are new until there were EDITIONS of them: zpmd remembers the labels
of thousands on purpose (model/spechash.py), and what grows to a bound that an hour does not reach would hide what has
none.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.chaos.appliance import SERVICES
from tests.chaos.storm import Guest, Stage
from tests.integration.daemon import Daemon

EDITED = ("users", "jira", "splunk", "sweeper")
"""Whose files get one new edition after the other; the storm changes those of others to and fro."""
EDITIONS = 40
MOST_EXTRAS = 3
PATCHED = "cache"
TENANTS = [{"id": n, "name": f"T{n}", "tenantcode": f"t{n}", "status": "active"} for n in (1, 2)]
TEMPLATE = """\
x-zpmd: {group: app}
services:
  integration:
    image: appliance/worker:1.0
    stop_grace_period: 2s
    environment: {PORT: "${integration.port}", TITLE: "${integration.title}"}
    x-zpmd: {for_each: active-integration, ports: {range: 9100-9199}}
"""
READ = (
    *("/v1/status", "/v1/plan", "/v1/services", "/v1/intents", "/v1/holds", "/v1/approvals", "/v1/journal"),
    *("/v1/version", "/v1/health", "/v1/ready", "/v1/tenants", "/v1/integrations", "/v1/ports", "/v1/doctor"),
    *("/v1/audit", "/v1/openapi.json", "/v1/tokens", "/v1/patches", "/v1/dossiers", "/metrics", "/", "/status"),
    *("/v1/usage", "/v1/logs?tail=20", "/v1/nothing-of-this-name", "/v1/events?limit=200", "/tenant/list"),
    *(f"/v1/services/{s.name}{more}" for s in SERVICES for more in ("", "/why", "/logs?tail=5")),
    *(f"/v1/why/{s.name}" for s in SERVICES),
)
STREAMS = ("/v1/feed", "/v1/events?follow=true", "/v1/logs?follow=true&tail=5", "/v1/services/web/logs?follow=true")
ENDED = frozenset({"applied", "rolled-back", "reverted", "rollback-failed", "quarantined"})
PATCH_SECONDS = 120.0


@dataclass(slots=True)
class Crowd:
    """`actors` are the guests of a storm; `done` counts what they did, by thread-safe-enough counters of each."""

    stage: Stage
    tcp: str
    """host:port of the API."""
    done: Counter[str] = field(default_factory=Counter)

    def actors(self) -> dict[str, Guest]:
        return {
            "edit_files": self._edit_files,
            "add_services": self._add_services,
            "change_rows": self._change_rows,
            "operate": self._operate,
            "drop_patches": self._drop_patches,
            "give_tokens": self._give_tokens,
            "read": self._read,
            "listen": self._listen,
            "listen_too": self._listen,
            "reload": self._reload,
            "knock": self._knock,
        }

    # what is written

    def _edit_files(self, over: threading.Event, chance: random.Random) -> None:
        number = 0
        while not over.wait(chance.uniform(3.0, 9.0)):
            number += 1
            self.stage.change(chance.choice(EDITED), f"e{number % EDITIONS}")
            self.done["service file edited"] += 1

    def _add_services(self, over: threading.Event, chance: random.Random) -> None:
        """Services that come under new names and go, and now and then a file that is no good."""
        daemon, here, number = self.stage.daemon, list[str](), 0
        while not over.wait(chance.uniform(5.0, 12.0)):
            number += 1
            if number > 1 and chance.random() < 0.2:
                broken = daemon.file("broken.yaml", f"services: {{broken-{number}: {{imago: x}}}}\n")
                self.done["broken file written and removed"] += 1
                over.wait(2.0)
                broken.unlink()
            elif len(here) >= MOST_EXTRAS or (here and chance.random() < 0.4):
                (daemon.services_dir / f"{here.pop(0)}.yaml").unlink()
                self.done["service removed"] += 1
            else:
                name = f"extra-{number}"
                text = "image: appliance/worker:1.0, stop_grace_period: 2s, x-zpmd: {group: app}"
                daemon.file(f"{name}.yaml", f"services: {{{name}: {{{text}}}}}\n")
                here.append(name)
                self.done["service added"] += 1

    def _change_rows(self, over: threading.Event, chance: random.Random) -> None:
        number = 0
        while not over.wait(chance.uniform(8.0, 20.0)):
            number += 1
            write_rows(self.stage.daemon, [number, number + 1])
            self.done["rows written"] += 1

    # what is asked over the unix socket

    def _operate(self, over: threading.Event, chance: random.Random) -> None:
        with local(self.stage.daemon) as api:
            while not over.wait(chance.uniform(1.0, 4.0)):
                name = chance.choice(SERVICES).name
                match chance.randrange(6):
                    case 0:
                        self._post(api, f"/v1/services/{name}/scale", {"replicas": chance.randrange(1, 4)})
                        over.wait(5.0)
                        self._post(api, f"/v1/services/{name}/scale", {"replicas": None})
                    case 1:
                        self._post(api, f"/v1/services/{name}/hold", {"reason": "churn", "for_seconds": 5})
                        self._post(api, f"/v1/services/{name}/release")
                    case 2:
                        self._post(api, f"/v1/services/{name}/restart")
                    case 3:
                        self._post(api, f"/v1/services/{name}/stop")
                        over.wait(2.0)
                        self._post(api, f"/v1/services/{name}/start")
                    case 4:
                        self._post(api, f"/v1/services/{name}/start?wait=1s")
                    case _:
                        key = {"Idempotency-Key": f"churn-{chance.random()}"}
                        self._post(api, "/v1/reload", headers=key)
                        self._post(api, "/v1/reload", headers=key)
                self._post(api, "/v1/approve")

    def _drop_patches(self, over: threading.Event, chance: random.Random) -> None:
        """One that is good and taken back, one that is none, and so on."""
        number = 0
        with local(self.stage.daemon) as api:
            while not over.wait(chance.uniform(8.0, 20.0)):
                number += 1
                id = f"churn-{number}"
                if chance.random() < 0.25:
                    self._drop(id, {"id": id, "services": ["nobody"], "tagg": 1})
                    continue
                self._drop(id, {"id": id, "services": [PATCHED], "tag": "1.1"})
                self._ended(api, id, over)
                self._post(api, f"/v1/patches/{id}/revert")
                self._ended(api, id, over, ENDED - {"applied"})

    def _give_tokens(self, over: threading.Event, chance: random.Random) -> None:
        """Made, used over TCP with a connection of its own, sometimes for a session, and revoked."""
        number = 0
        with local(self.stage.daemon) as api:
            while not over.wait(chance.uniform(6.0, 18.0)):
                number += 1
                body = {"name": f"churn-{number}", "scopes": ["read"], "expires_in_seconds": 3600}
                made = self._post(api, "/v1/tokens", body)
                if made is None or made.status_code != 201:
                    continue
                key, id = made.json()["key"], made.json()["token"]["id"]
                bearer = {"Authorization": f"Bearer {key}"}
                with httpx.Client(base_url=f"http://{self.tcp}", headers=bearer, timeout=20) as far:
                    for path in chance.sample(READ, 5):
                        self._get(far, path)
                    if chance.random() < 0.3:
                        self._post(far, "/session", {"token": key})
                self._post(api, f"/v1/tokens/{id}/revoke")

    # who only looks

    def _read(self, over: threading.Event, chance: random.Random) -> None:
        while not over.is_set():
            with local(self.stage.daemon) as api:
                for _ in range(chance.randrange(1, 40)):
                    self._get(api, chance.choice(READ))
                    if over.wait(chance.uniform(0.05, 0.5)):
                        return

    def _listen(self, over: threading.Event, chance: random.Random) -> None:
        """A stream is opened, read for a while, and dropped."""
        while not over.wait(chance.uniform(0.2, 2.0)):
            until = time.monotonic() + chance.uniform(0.2, 15.0)
            with (
                self._forgiven("stream"),
                local(self.stage.daemon, read_seconds=2.0) as api,
                api.stream("GET", chance.choice(STREAMS)) as answer,
            ):
                self.done["stream opened and dropped"] += 1
                for _ in answer.iter_raw():
                    if time.monotonic() > until or over.is_set():
                        break

    def _knock(self, over: threading.Event, chance: random.Random) -> None:
        """Connections over TCP that say nothing, half of something, or something wrong, and go."""
        host, _, port = self.tcp.partition(":")
        said = (b"", b"GET /v1/sta", b"GET /v1/status HTTP/1.1\r\nHost: a\r\n\r\n", b"\x16\x03\x01 nonsense\r\n\r\n")
        while not over.wait(chance.uniform(0.5, 3.0)):
            with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=5) as knocking:
                knocking.sendall(chance.choice(said))
                over.wait(chance.uniform(0.0, 3.0))
                self.done["connection dropped"] += 1

    def _reload(self, over: threading.Event, chance: random.Random) -> None:
        while not over.wait(chance.uniform(5.0, 20.0)):
            process = self.stage.daemon.process
            assert process is not None
            if process.poll() is not None:
                self.stage.ledger.broke(f"zpmd ended by itself with {process.returncode}")
                over.set()
                return
            os.kill(process.pid, signal.SIGHUP)
            self.done["reload (SIGHUP)"] += 1

    # one request

    def _get(self, api: httpx.Client, path: str) -> None:
        with self._forgiven("read"):
            answer = api.get(path)
            self.done[f"answer {answer.status_code} to a GET"] += 1

    def _post(
        self, api: httpx.Client, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> httpx.Response | None:
        with self._forgiven("write"):
            answer = api.post(path, json=body, headers=headers)
            self.done[f"answer {answer.status_code} to a POST"] += 1
            return answer
        return None

    @contextlib.contextmanager
    def _forgiven(self, what: str) -> Iterator[None]:
        """A busy machine may be late; that is counted, and is nothing that is looked for here."""
        try:
            yield
        except httpx.TransportError as error:
            self.done[f"no answer to a {what}: {type(error).__name__}"] += 1

    def _drop(self, id: str, manifest: dict[str, Any]) -> None:
        spool = self.stage.daemon.spool
        part, path = spool / f"{id}.part", spool / "incoming" / f"{id}.patch.yaml"
        part.write_text(json.dumps(manifest))
        part.replace(path)
        self.done["patch dropped"] += 1

    def _ended(
        self, api: httpx.Client, id: str, over: threading.Event, ends: frozenset[str] | set[str] = ENDED
    ) -> None:
        deadline = time.monotonic() + PATCH_SECONDS
        while time.monotonic() < deadline and not over.wait(1.0):
            with self._forgiven("read"):
                answer = api.get(f"/v1/patches/{id}")
                if answer.status_code == 200 and answer.json()["patch"]["state"] in ends:
                    self.done[f"patch {answer.json()['patch']['state']}"] += 1
                    return
        self.done["patch not waited for any longer"] += not over.is_set()


def local(daemon: Daemon, read_seconds: float = 20.0) -> httpx.Client:
    """A client of the unix socket."""
    return httpx.Client(
        transport=httpx.HTTPTransport(uds=str(daemon.socket)),
        base_url="http://zpmd",
        timeout=httpx.Timeout(20.0, read=read_seconds),
    )


def write_rows(daemon: Daemon, ids: list[int]) -> Path:
    """Integrations with these ids, each of both tenants, in the data files."""
    integrations = [
        {
            "integration_id": id,
            "tenantcode": tenant["tenantcode"],
            "serviceName": "feed",
            "status": "active",
            "title": f"no {id % EDITIONS}",
        }
        for id in ids
        for tenant in TENANTS
    ]
    return daemon.rows(tenants=TENANTS, integrations=integrations)
