"""How tenants and integrations come in: from MongoDB where the settings have one, otherwise from data files."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from zpmd.model.replicaset import Wanted
from zpmd.model.tenant import Connection, Rows, Server
from zpmd.planning.servers import own_server, role_and_vms, wanted_members
from zpmd.ports import Clock, Registry, Source, Store, Wake
from zpmd.redaction import KNOWN
from zpmd.settings import Mongo, ReplicaSet, Settings
from zpmd.sources.compose.service import Host
from zpmd.sources.datafiles import DataFiles
from zpmd.sources.filewatch.layer import FileWatch
from zpmd.sources.filewatch.looking import Looking
from zpmd.sources.intake import Intake
from zpmd.sources.integrations import Integrations, Site
from zpmd.sources.listening import listening
from zpmd.sources.mongo.client import Unusable, deployment
from zpmd.sources.mongo.connections import MongoConnections, kept_in
from zpmd.sources.mongo.direct import Access
from zpmd.sources.mongo.looking import Members
from zpmd.sources.mongo.probing import Prober
from zpmd.sources.mongo.registry import MongoRegistry
from zpmd.sources.mongo.replicaset import ReplicaSetKeeper
from zpmd.sources.mongo.session import Clients
from zpmd.sources.yamlfiles import YamlFiles

Watched = tuple[str, Callable[[Wake, threading.Event], None], Callable[[], bool]]
"""A thread to run: its name, what runs in it, whether it is alive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenants:
    """Service files and integrations, and all that has to run for them."""

    files: YamlFiles
    integrations: Integrations
    sources: tuple[Source, ...]
    """The two, with what their services watch."""
    watched: tuple[Watched, ...]
    registry: Registry


def tenants(
    settings: Settings,
    environment: Mapping[str, str],
    store: Store,
    clock: Clock,
    through: Callable[[Registry], Registry] = lambda registry: registry,
) -> Tenants:
    """Everything about rows, wired. Nothing of it runs yet, and nobody was asked anything. The registry is used as
    `through` gives it back."""
    registry = through(_registry(settings, store, clock))
    intake = Intake(registry, store, clock, settings.limits, lambda r: KNOWN.learn(r.secrets()))
    files = YamlFiles(settings, environment, lambda: _host(settings, intake))
    prober = _prober(settings.mongodb or Mongo(), settings.mongodb is not None, intake, store, clock)
    keeper = _keeper(settings, settings.mongodb, intake, clock)
    site = Site(
        templates=lambda: files.templates,
        declared=lambda: files.last,
        listening=listening,
        connections=lambda: _connections(prober, store),
        has_registry=lambda: settings.mongodb is not None or settings.data_dir.is_dir(),
        replica_set=keeper.state if keeper is not None else lambda: "",
        replica_set_in_order=keeper.in_order if keeper is not None else lambda: None,
        materials_dir=settings.materials_dir,
        salt=store.salt(),
        cooldown_seconds=settings.port_cooldown_seconds,
        project=settings.project,
    )
    integrations = Integrations(intake, site, store, clock)
    looking = Looking(clock.monotonic, clock.now)
    watched: list[Watched] = [
        ("service files", files.watch, files.watching),
        ("watched files", looking.watch, looking.watching),
        ("tenants and integrations", integrations.watch, lambda: integrations.watching() or bool(intake.away())),
    ]
    if prober is not None:
        watched.append(("databases of tenants", prober.watch, prober.watching))
    if keeper is not None:
        watched.append(("the replica set", keeper.watch, keeper.watching))
    sources = tuple(FileWatch(source, looking, store, clock) for source in (files, integrations))
    return Tenants(files=files, sources=sources, integrations=integrations, watched=tuple(watched), registry=registry)


def _registry(settings: Settings, store: Store, clock: Clock) -> Registry:
    if settings.mongodb is not None:
        return MongoRegistry(settings.mongodb, clock)
    files = DataFiles(settings.data_dir, clock, had_rows=store.last_rows() not in (None, Rows()))
    files.load_once()
    return files


def _host(settings: Settings, intake: Intake) -> Host:
    """What this host is: as its row of `servers` says, or else the settings."""
    role, vms = role_and_vms(settings.role, settings.vms, _own(settings, intake))
    return Host(role=role, profiles=settings.profiles, vms=vms)


def _own(settings: Settings, intake: Intake) -> Server | None:
    return own_server(_rows(intake).servers, settings.server_name or socket.gethostname())


def _rows(intake: Intake) -> Rows:
    settled = intake.settled()
    return settled.rows if settled is not None else Rows()


def _access(mongo: Mongo) -> Access:
    """The core database's, with the password as it is now; without a user where there is none to be read."""
    try:
        return deployment(mongo).access
    except Unusable:
        return Access(
            auth_source=mongo.auth_source,
            tls=mongo.tls,
            tls_ca_file=mongo.tls_ca_file,
            timeout_seconds=mongo.timeout_seconds,
        )


def _prober(mongo: Mongo, in_mongodb: bool, intake: Intake, store: Store, clock: Clock) -> Prober | None:
    """Where rows are in MongoDB, what it finds is written to them; otherwise to the store."""
    if not mongo.probe_seconds:
        return None
    clients = Clients()

    def write(collection: str, row: str, connection: Connection) -> None:
        client = clients.of(deployment(mongo))
        MongoConnections(client, mongo.database, mongo.timeout_seconds).write(collection, row, connection)

    return Prober(
        lambda: _rows(intake) if intake.settled() is not None else None,
        write if in_mongodb else kept_in(store),
        _access(mongo),
        mongo.probe_seconds,
        clock,
        {} if in_mongodb else store.connections(),
    )


def _connections(prober: Prober | None, store: Store) -> Mapping[str, Connection]:
    """What was found of each row's database: now, or by an earlier zpmd."""
    found = {subject: one.connection for subject, one in prober.found().items()} if prober is not None else {}
    return {**store.connections(), **found}


def _keeper(settings: Settings, mongo: Mongo | None, intake: Intake, clock: Clock) -> ReplicaSetKeeper | None:
    if mongo is None or mongo.replica_set is None:
        return None
    wish: ReplicaSet = mongo.replica_set

    def wanted() -> tuple[Wanted, str]:
        members = [(member.host, member.priority) for member in wish.members]
        own = _own(settings, intake)
        servers = _rows(intake).servers
        return wanted_members(wish.name, members, dict(wish.priorities), servers), own.db_host if own else ""

    return ReplicaSetKeeper(wanted, Members(lambda: _access(mongo)), mongo.hosts, clock)
