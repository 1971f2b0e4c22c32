"""A site to look at: the real control, store, API and server on a port of the loopback, and an appliance on it.

The loop is the test: it publishes what a pass would have seen.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.lab.netns import Namespace
from tests.lab.proxy import Proxy
from tests.unit.interfaces import given_patches, given_rows
from tests.unit.interfaces.given import NOON, Surface, replica, service, standing
from zpmd.interfaces import api_keys
from zpmd.interfaces.rest.access import Scope
from zpmd.interfaces.rest.app import create_app
from zpmd.interfaces.rest.server import ApiServer
from zpmd.model.cause import Cause, Code
from zpmd.model.events import Entry, Result, Snapshot
from zpmd.model.observed import Dossier, InFlight, Phase, World
from zpmd.model.plan import Plan, Standing, State, Waiting
from zpmd.model.service import Desired, Group, ServiceData
from zpmd.model.token import ApiToken
from zpmd.settings import Api

NAMES: Mapping[Group, tuple[str, ...]] = {
    Group.SYSTEM: ("mongo_metadb", "metadb_schema", "redis", "zookeeper", "kafka", "phpfpm"),
    Group.CORE: (
        "zona_user",
        "zona_integrations",
        "zona_playbook",
        "zona_apis_manager",
        "zona_querybuilder",
        "zona_dashboard",
        "zona_siem",
        "securaa_ui_nginx",
    ),
    Group.BATCH: ("zona_case_consumer", "zona_batch_manager", "sla_breach_monitor", "auto_purge_batch"),
}
LAST_WORDS = (
    "2023-11-15T11:59:41Z INFO  connecting to redis:6379",
    "2023-11-15T11:59:46Z ERROR dial tcp 10.0.3.7:6379: connect: connection refused",
    "2023-11-15T11:59:46Z FATAL cannot load the sessions: giving up",
)


class Site:
    """`url` is the page's on TCP, for whom has a token; `forwarded` the same through a wire to the unix socket, as
    `ssh -L` makes one. `wire` can be cut. Both are on the loopback of `network`, where one is given."""

    def __init__(self, folder: Path, network: Namespace | None = None) -> None:
        self.surface = Surface(folder, Api(listen="127.0.0.1:0"))
        self.folder = folder
        self.app = self.surface.app
        self.server = self.surface.server
        self._there = network.inside if network is not None else contextlib.nullcontext
        with self._there():
            self.server.start()
            self.wire = Proxy(str(self.surface.socket))
        assert self.server.tcp is not None
        self.port = self.server.tcp.ports[0]
        self.url = f"http://127.0.0.1:{self.port}/"
        self.forwarded = f"http://localhost:{self.wire.port}/"

    def token(self, name: str, *scopes: Scope, tenant: str = "", seconds: float | None = None) -> str:
        """A key as `zpmctl token create` makes it."""
        made_at = self.surface.clock.at
        id, key = api_keys.mint()
        self.surface.store.tokens.keep(
            ApiToken(
                id=id,
                digest=api_keys.digest(key),
                name=name,
                scopes=tuple(sorted(scopes)),
                tenant=tenant,
                made_at=made_at,
                made_by="root",
                expires_at=None if seconds is None else made_at + seconds,
            )
        )
        return key

    def stop(self) -> None:
        """The process of zpmd ends; what it remembers stays."""
        self.server.stop()

    def restart(self) -> None:
        """A new process of zpmd: its sessions are gone, its store is there."""
        one = self.surface
        self.app = create_app(one.parts)
        self.server = ApiServer(self.app, one.socket, "", Api(listen=f"127.0.0.1:{self.port}"))
        with self._there():
            self.server.start()

    def close(self) -> None:
        self.wire.close()
        self.server.stop()
        self.surface.close()

    # what a pass has seen

    def well(self, **more: Any) -> Snapshot:
        standings = [*_appliance(), *_tenants_services()]
        return self.surface.publish(*standings, **self._facts(standings, **more))

    def with_service(self, name: str, **changed: Any) -> Snapshot:
        """All well but for one."""
        all_of_it = [*_appliance(), *_tenants_services()]
        standings = [replace(s, **changed) if s.service == name else s for s in all_of_it]
        return self.surface.publish(*standings, **self._facts(standings))

    def many(self, services: int, replicas: int, failed: str = "") -> Snapshot:
        """So many services of so many replicas each, one of them perhaps in a crash loop."""
        groups = tuple(NAMES)
        standings = [
            standing(
                name,
                groups[number % len(groups)],
                ready=0 if name == failed else replicas,
                desired=replicas,
                state=State.CRASH_LOOP if name == failed else State.RUNNING,
            )
            for number in range(services)
            for name in (f"service-{number}",)
        ]
        return self.surface.publish(*standings, **self._facts(standings))

    def evil(self, text: str) -> Snapshot:
        """An appliance in which everything that others may write says `text`."""
        store = self.surface.store
        store.begin(Entry(id=0, at=NOON, kind="note", verb="stop", subject="redis", service="redis", text=text))
        store.keep_dossier(
            Dossier(service="redis", slot=1, container_id="8c1f", at=NOON, log_tail=(text,), health_output=(text,))
        )
        self.surface.engine.lines["redis1".ljust(12, "0")] = [text.encode()]
        standings = [
            replace(s, state=State.CRASH_LOOP, ready=0, reason=text) if s.service == "redis" else s
            for s in [*_appliance(), *_tenants_services()]
        ]
        cause = Cause(Code.CRASH_LOOP, text)
        rows = replace(given_rows.ROWS, tenants=(replace(given_rows.ACME, name=text),))
        return self.surface.publish(
            *standings,
            **self._facts(
                standings,
                waiting=(Waiting(subject="redis/1", service="redis", cause=cause),),
                tenancy=given_rows.tenancy(rows=rows),
            ),
        )

    def trouble(self) -> Snapshot:
        """Two services in trouble, what waits for them, a rollout, a patch on its way and one that was refused."""
        patches = given_patches.put(
            self.surface.store,
            given_patches.REFUSED,
            replace(
                given_patches.drop(
                    steps=(
                        given_patches.step("zona_user", at=NOON - 41, done_at=NOON - 22),
                        given_patches.step("zona_siem", at=NOON - 22),
                    )
                ),
                manifest=given_patches.manifest("hotfix-1042", "zona_user", "zona_siem", "zona_playbook"),
            ),
        )
        assert patches
        changed = {
            "redis": {
                "state": State.CRASH_LOOP,
                "ready": 0,
                "restarts": 6,
                "since": None,
                "reason": "exited with code 137: killed by the kernel: out of memory",
            },
            "zona_user": {"ready": 1, "state": State.UPDATING, "reason": "patch hotfix-1042 changed its tag"},
            "zona_siem": {"state": State.STARTING, "ready": 0, "since": NOON - 4},
            "zona_case_consumer": {
                "state": State.WAITING,
                "ready": 0,
                "since": None,
                "reason": "waits for redis to be healthy",
            },
            "sla_breach_monitor": {"state": State.STOPPED, "ready": 0, "desired": 0, "since": None},
            "zona_playbook": {
                "state": State.ROLLED_BACK,
                "reason": "its new definition was unhealthy for 40 s: GET /health answered 503",
            },
        }
        standings = [replace(s, **changed.get(s.service, {})) for s in [*_appliance(), *_tenants_services()]]
        waiting = (
            Waiting(
                subject="redis/1",
                service="redis",
                cause=Cause(Code.CRASH_LOOP, "restarted 6 times; the next try is due"),
                until=NOON + 95,
            ),
            Waiting(
                subject="zona_case_consumer/1",
                service="zona_case_consumer",
                cause=Cause(Code.DEPENDENCY, "waits for redis to be healthy", on=("redis",)),
            ),
            Waiting(
                subject="zona_siem/1",
                service="zona_siem",
                cause=Cause(Code.STARTING, "given 30 s to become healthy"),
                until=NOON + 26,
            ),
        )
        flying = (
            InFlight(subject="zona_user/2", verb="replace", since=NOON - 3, progress="stopping the old replica"),
            InFlight(subject="image:zona/siem:v2.3.1", verb="pull", since=NOON - 19, progress="31 of 86 MB"),
        )
        self._story_of_redis()
        self.surface.store.set_stopped("sla_breach_monitor", True)
        return self.surface.publish(*standings, **self._facts(standings, waiting=waiting, in_flight=flying))

    def _facts(self, standings: list[Standing], waiting: tuple[Waiting, ...] = (), **more: Any) -> dict[str, Any]:
        return {
            "plan": Plan(standings=tuple(standings), waiting=waiting),
            "desired": Desired(services=tuple(_declared(s) for s in standings)),
            "world": World(replicas=tuple(r for s in standings for r in _replicas(s))),
            "tenancy": given_rows.tenancy(),
            **more,
        }

    def _story_of_redis(self) -> None:
        store = self.surface.store
        for number in range(1, 7):
            at = NOON - 400 + 60 * number
            died = Entry(
                id=0,
                at=at,
                kind="action",
                verb="start",
                subject="redis/1",
                service="redis",
                code=Code.DIED,
                text="exited with code 137: killed by the kernel: out of memory",
                attempt=number,
            )
            store.finish(store.begin(died), Result.OK, "", 0.4, "redis1000000")
        store.keep_dossier(
            Dossier(
                service="redis",
                slot=1,
                container_id="8c1f02aa91d4",
                at=NOON - 40,
                exit_code=137,
                oom_killed=True,
                log_tail=LAST_WORDS,
                health_output=("Could not connect to Redis at 127.0.0.1:6379",),
                started_at=NOON - 71,
                finished_at=NOON - 40,
                image="redis:7.2",
            )
        )
        ready = Entry(
            id=0,
            at=NOON - 22,
            kind="action",
            verb="replace",
            subject="zona_user/1",
            service="zona_user",
            code=Code.PATCH,
            text="patch hotfix-1042 changed its tag",
        )
        store.finish(store.begin(ready), Result.OK, "", 2.1, "")
        store.begin(
            Entry(
                id=0,
                at=NOON - 9,
                kind="note",
                verb="stop",
                subject="sla_breach_monitor",
                service="sla_breach_monitor",
                text="it is to be stopped, and to stay so",
                actor="root",
            )
        )
        store.begin(replace(ready, at=NOON - 3, subject="zona_user/2"))
        self.surface.engine.lines["redis1".ljust(12, "0")] = [f"{line}\n".encode() for line in LAST_WORDS * 8]


def _declared(s: Standing) -> ServiceData:
    return replace(service(s.service, s.group, max(s.desired, 1)), tenant=s.tenant)


def _appliance() -> list[Standing]:
    made = [
        standing(
            name,
            group,
            ready=2 if name in ("zona_user", "zona_apis_manager") else 1,
            desired=2 if name in ("zona_user", "zona_apis_manager") else 1,
            image=f"appliance/{name}:v2.3.0",
            since=NOON - 9 * 86_400,
        )
        for group, names in NAMES.items()
        for name in names
    ]
    return [replace(s, state=State.COMPLETED) if s.service == "metadb_schema" else s for s in made]


def _tenants_services() -> list[Standing]:
    names = ("splunk-acme-1", "jira-acme-2", "qradar-acme-3", "splunk-beta-1", "misp-beta-4")
    return [
        standing(name, Group.APP, tenant=name.split("-")[1], image="appliance/integration:1", since=NOON - 7200)
        for name in names
    ]


def _replicas(s: Standing) -> list[Any]:
    facts: dict[str, Any] = {"group": s.group, "image": s.image, "started_at": s.since, "tenant": s.tenant}
    if s.state is State.COMPLETED:
        facts |= {"phase": Phase.EXITED, "exit_code": 0, "started_at": NOON - 5012, "finished_at": NOON - 5000}
    elif s.state is State.CRASH_LOOP:
        facts |= {"phase": Phase.EXITED, "exit_code": 137, "oom_killed": True, "finished_at": NOON - 40}
    elif s.state is State.WAITING:
        return []
    return [replica(s.service, slot, **facts) for slot in range(1, max(s.desired, 0) + 1)]
