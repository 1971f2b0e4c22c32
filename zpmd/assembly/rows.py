"""How tenants and integrations come in: from MongoDB where the settings have one, otherwise from data files."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from zpmd.model.tenant import Rows
from zpmd.planning.servers import own_server, role_and_vms
from zpmd.ports import Clock, Registry, Store, Wake
from zpmd.redaction import KNOWN
from zpmd.settings import Settings
from zpmd.sources.compose.service import Host
from zpmd.sources.datafiles import DataFiles
from zpmd.sources.intake import Intake
from zpmd.sources.integrations import Integrations, Site
from zpmd.sources.listening import listening
from zpmd.sources.mongo.connections import kept_in
from zpmd.sources.mongo.direct import Access
from zpmd.sources.mongo.probing import Prober
from zpmd.sources.yamlfiles import YamlFiles

PROBE_SECONDS = 60.0

Watch = Callable[[Wake, threading.Event], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenants:
    """Everything about rows. `watches` are threads to run: a name, what runs in it, whether it is alive."""

    files: YamlFiles
    integrations: Integrations
    watches: tuple[tuple[str, Watch, Callable[[], bool]], ...]


def tenants(settings: Settings, environment: Mapping[str, str], store: Store, clock: Clock) -> Tenants:
    registry = _registry(settings, store, clock)
    intake = Intake(registry, store, clock, settings.limits, lambda rows: KNOWN.learn(rows.secrets()))
    files = YamlFiles(settings, environment, lambda: _host(settings, intake))
    prober = _prober(settings, intake, store, clock)
    site = Site(
        templates=lambda: files.templates,
        declared=lambda: files.last,
        listening=listening,
        connections=lambda: {subject: found.connection for subject, found in prober.found().items()},
        materials_dir=settings.materials_dir,
        salt=store.salt(),
        cooldown_seconds=settings.port_cooldown_seconds,
        project=settings.project,
    )
    integrations = Integrations(intake, site, store, clock)
    return Tenants(
        files=files,
        integrations=integrations,
        watches=(
            ("service files", files.watch, files.watching),
            ("tenants and integrations", integrations.watch, integrations.watching),
            ("databases of tenants", prober.watch, prober.watching),
        ),
    )


def _host(settings: Settings, intake: Intake) -> Host:
    """What this host is: as its row of `servers` says, or else the settings."""
    settled = intake.settled()
    servers = settled.rows.servers if settled is not None else ()
    own = own_server(servers, settings.server_name or socket.gethostname())
    role, vms = role_and_vms(settings.role, settings.vms, own)
    return Host(role=role, profiles=settings.profiles, vms=vms)


def _registry(settings: Settings, store: Store, clock: Clock) -> Registry:
    files = DataFiles(settings.data_dir, clock, had_rows=store.last_rows() not in (None, Rows()))
    files.load_once()
    return files


def _prober(settings: Settings, intake: Intake, store: Store, clock: Clock) -> Prober:
    def rows() -> Rows | None:
        settled = intake.settled()
        return settled.rows if settled is not None else None

    return Prober(rows, kept_in(store), Access(), PROBE_SECONDS, clock, store.connections())
