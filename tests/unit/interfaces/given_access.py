"""A site with two tenants and something of each everywhere, a server for strangers, and every kind of token for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from starlette.routing import BaseRoute, Route

from tests.unit.interfaces.given import NOON, Surface, replica, service, standing
from tests.unit.interfaces.given_jobs import TWO_O_CLOCK, job, keep, run, scheduled
from tests.unit.interfaces.given_rows import app, stamped, tenancy
from zpmd.interfaces import api_keys
from zpmd.model.action import RestartReplica
from zpmd.model.cause import Cause, Code
from zpmd.model.events import Entry, Snapshot, SourceState, Unwritable
from zpmd.model.job import JobMemory
from zpmd.model.memory import Hold
from zpmd.model.observed import Dossier, InFlight, Observed, World
from zpmd.model.plan import Plan, State, Waiting
from zpmd.model.service import Desired, Group, Problem
from zpmd.model.tenant import IntegrationKey, PortLease, RowTrouble
from zpmd.model.token import ApiToken, Scope
from zpmd.settings import Api

OPEN = Api(
    listen="127.0.0.1:0",
    failures_per_minute=1_000_000,
    address_requests_per_minute=1_000_000,
    token_requests_per_minute=1_000_000,
)
"""Limits that no test gets to that is not about them."""
OWN, FOREIGN, SITE = "splunk-acme-1", "splunk-beta-1", "redis"
JOBS = {OWN: "nightly-acme-1", FOREIGN: "nightly-beta-1", SITE: "redis-dump"}
"""A job of each of them."""
DUE = TWO_O_CLOCK


def two_tenants(surface: Surface) -> Snapshot:
    """Everything that a snapshot can have, of tenant acme, of tenant beta, and of the site."""
    store = surface.store
    for name in (OWN, FOREIGN, SITE):
        entry = Entry(
            id=0, at=NOON, kind="action", verb="restart", subject=f"{name}/1", service=name, text=f"{name} died"
        )
        store.begin(entry)
        store.keep_dossier(Dossier(service=name, slot=1, container_id=name, at=NOON, log_tail=(f"last of {name}",)))
        store.hold(Hold(service=name, owner="root", reason=f"about {name}", since=NOON))
    store.begin(Entry(id=0, at=NOON, kind="note", verb="down", subject="*", text="redis and beta go down"))
    rows = [run(name, tenant=code) for name, code in zip(JOBS.values(), ("acme", "beta", ""), strict=True)]
    keep(surface, *rows)
    replicas = tuple(
        replica(name, group=Group.APP, tenant=code, id=f"{name}-id", image=f"{name}:1")
        for name, code in ((OWN, "acme"), (FOREIGN, "beta"), (SITE, ""))
    )
    for one in replicas:
        surface.engine.lines[one.id] = [f"line of {one.service}".encode()]
    return surface.publish(
        plan=Plan(
            standings=(
                app(OWN, state=State.CRASH_LOOP, ready=0, reason="exited with code 1"),
                app(FOREIGN, state=State.CRASH_LOOP, ready=0, reason="beta's own"),
                standing(SITE, Group.SYSTEM),
                *(scheduled(row.job, Group.APP, tenant=row.tenant) for row in rows),
            ),
            dues={row.job: NOON + 3600 for row in rows},
            waiting=tuple(
                Waiting(subject=f"{name}/1", service=name, cause=Cause(Code.MASS_REMOVAL, f"{name} waits"))
                for name in (OWN, FOREIGN, SITE)
            ),
            actions=tuple(
                RestartReplica(replica=one, cause=Cause(Code.DIED, f"{one.service} died"), attempt=1)
                for one in replicas
            ),
        ),
        memory=replace(
            store.memory(),
            intent=replace(store.memory().intent, suspended={row.job: "root" for row in rows}),
            jobs={row.job: JobMemory(runs=(row,)) for row in rows},
        ),
        desired=Desired(
            services=(
                *(service(SITE, Group.SYSTEM), stamped(OWN), stamped(FOREIGN)),
                *(job(row.job, Group.APP, row.tenant) for row in rows),
            ),
            retired=(("misp-beta-7", "beta is suspended"),),
        ),
        observed=Observed(world=World(replicas=replicas, images=frozenset({"beta:1"}))),
        in_flight=tuple(InFlight(subject=f"{name}/1", verb="run", since=NOON) for name in (OWN, FOREIGN, SITE)),
        sources=(
            SourceState(
                name="files",
                ok=False,
                at=NOON,
                problems=(Problem(file="beta.yaml", line=1, column=1, path="", message="redis"),),
            ),
        ),
        watchers={"beta watcher": False},
        unwritable=Unwritable(since=NOON, error="redis is full", lost=1),
        patches_trouble="beta cannot be read",
        tenancy=tenancy(
            troubles=tuple(
                RowTrouble(
                    collection=kind, row=f"row of {code}", field="id", reason=f"{code} is wrong", tenantcode=code
                )
                for kind in ("tenants", "integrations")
                for code in ("acme", "beta", "")
            ),
            held=((IntegrationKey("acme", 1), "acme"), (IntegrationKey("beta", 1), "beta")),
            leases=(
                PortLease(key=IntegrationKey("acme", 1), port=9100, leased_at=NOON),
                PortLease(key=IntegrationKey("beta", 1), port=9177, leased_at=NOON),
            ),
            skipped=((9102, "redis has it"),),
            replica_set="redis set",
        ),
    )


def give(surface: Surface, *scopes: Scope, tenant: str = "", **more: Any) -> str:
    """A key with these scopes, as the store then has it."""
    id, key = api_keys.mint()
    token = ApiToken(
        id=id,
        digest=api_keys.digest(key),
        name=f"{'-'.join(scopes)} of {tenant or 'all'}",
        scopes=tuple(sorted(scopes)),
        made_at=NOON,
        made_by="root",
        tenant=tenant,
        **more,
    )
    surface.store.tokens.keep(token)
    return key


def endpoints(app: FastAPI) -> set[str]:
    """METHOD PATH of every route there is, in the schema or not. Routers have their prefix of themselves."""

    def routes(found: list[BaseRoute]) -> Iterator[Route]:
        for one in found:
            inner = getattr(one, "original_router", None)
            if inner is not None:
                yield from routes(inner.routes)
            else:
                assert isinstance(one, Route), f"{one} is none that `admit` is asked about"
                yield one

    return {f"{method} {route.path_format}" for route in routes(app.routes) for method in route.methods or ()}


def stranger(surface: Surface, key: str = "") -> httpx.Client:
    """Somebody on TCP."""
    assert surface.server.tcp is not None
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.Client(base_url=f"http://127.0.0.1:{surface.server.tcp.ports[0]}", headers=headers, timeout=30)


def surface_for_strangers(folder: Path, api: Api = OPEN, **more: Any) -> Surface:
    made = Surface(folder, api, **more)
    made.server.start()
    return made
