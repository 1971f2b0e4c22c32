"""The source of integrations: templates of the service files times rows, each with its port, parameters and secrets.

Of a template for tenants too: the rows are then those of the tenants, and there is no port.

Rules:
1. One row, one service. What is wrong with a row concerns its own service alone, which then goes on as it ran last.
2. A port is stored before the service that uses it is declared; what cannot be stored is not declared.
3. Secrets never stand in a text: they are files that a container mounts, or variables where a template asks for that.
4. Nothing is asked here of anybody outside this host: the rows have been read already (intake.py).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from zpmd.errors import StoreError
from zpmd.model.container import Container, FileKind, FileMount
from zpmd.model.service import Desired, NetworkSpec, ServiceData, VolumeSpec
from zpmd.model.tenant import (
    Away,
    Connection,
    IntegrationKey,
    PortLease,
    Rows,
    RowTrouble,
    Settled,
    Status,
    Tenancy,
    Tenant,
    TenantBackup,
    TenantDB,
)
from zpmd.planning import leasing
from zpmd.ports import Clock, Store, Wake
from zpmd.redaction import KNOWN
from zpmd.sources import materials
from zpmd.sources.bindings import PASSWORD, Binding, IntegrationBinding, Shelves
from zpmd.sources.compose.templates import Credentials, Each, Template
from zpmd.sources.intake import Intake
from zpmd.sources.rows.kinds import MAX_LABEL

SECRETS_FOLDER = "/run/secrets"
PORT = "integration.port"
RETIRED_KEPT = 1000

T = TypeVar("T", Tenant, TenantDB, TenantBackup)


@dataclass(frozen=True, slots=True)
class Origin:
    """All that a service is made from."""

    template: Template
    port: int | None
    binding: Binding

    def comes_to(self, other: Origin | None) -> bool:
        """Whether the other makes the same service."""
        return (
            other is not None
            and self.template is other.template
            and self.port == other.port
            and self.binding.brings_what(other.binding)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One service, and what it needs beside it. `made_from` is None where that is forgotten."""

    service: ServiceData
    volumes: tuple[VolumeSpec, ...]
    networks: tuple[NetworkSpec, ...]
    contents: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    made_from: Origin | None = field(default=None, repr=False)


@dataclass(slots=True)
class Draft:
    """One load on its way."""

    made: Mapping[str, Made] = field(default_factory=dict)
    leases: Mapping[IntegrationKey, PortLease] = field(default_factory=dict)
    retired: dict[str, str] = field(default_factory=dict)
    troubles: list[RowTrouble] = field(default_factory=list)
    contents: dict[str, bytes] = field(default_factory=dict, repr=False)

    def trouble(self, binding: Binding, where: str, reason: str) -> None:
        collection, row = binding.row
        self.troubles.append(
            RowTrouble(
                collection=collection,
                row=row,
                field=where,
                reason=reason,
                tenantcode=binding.tenant.tenantcode,
                key=binding.key,
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What an integration is fitted into. `declared` are the services of the files, whose names and ports are theirs;
    `listening` the ports that somebody on this host listens on; `connections` what probing has found, by
    `collection/row`, and `replica_set` is one line on it. Without a registry nobody is told of there being no rows, and
    without `materials_dir` no secret is kept: nothing is to run."""

    templates: Callable[[], Sequence[Template] | None]
    declared: Callable[[], Desired]
    listening: Callable[[], frozenset[int]]
    connections: Callable[[], Mapping[str, Connection]]
    has_registry: Callable[[], bool] = lambda: True
    replica_set: Callable[[], str] = lambda: ""
    replica_set_in_order: Callable[[], bool | None] = lambda: None
    materials_dir: Path | None
    salt: bytes
    cooldown_seconds: float
    project: str


class Integrations:
    """Implements `Source`, on the rows of an intake and the templates of the service files."""

    name = "integrations"

    def __init__(self, intake: Intake, site: Site, store: Store, clock: Clock) -> None:
        self._intake = intake
        self._site = site
        self._store = store
        self._clock = clock
        self._good = store.last_good(self.name)
        self._began = clock.now()
        self._made: Mapping[str, Made] = {}
        self._retired: Mapping[str, str] = {}
        self._skipped: dict[int, str] = {}
        self._recorded = False
        self._tenancy: Tenancy | None = None
        self._blind: Away | None = None

    def load(self) -> Desired:
        """Raises ConfigError where secrets cannot be kept for the engine to mount."""
        templates, settled = self._site.templates(), self._intake.settled()
        self._blind = None
        if templates is None:
            self._blind = Away(since=self._began, why="the service files, and so the templates, are not understood")
            return self._good or Desired(project=self._site.project, complete=False)
        draft = Draft()
        if settled is not None:
            self._draft(templates, settled, draft)
            if self._site.materials_dir is not None:
                materials.keep(self._site.materials_dir, draft.contents)
        self._tenancy = self._told(settled or Settled(), draft)
        if settled is None:
            return Desired(project=self._site.project, complete=not templates)
        desired = self._sum(settled, draft)
        if desired != self._good:
            self._good = desired
        return self._good

    def away(self) -> Away | None:
        return self._blind or (self._intake.away() if self._site.templates() else None)

    def watch(self, wake: Wake, stop: threading.Event) -> None:
        self._intake.registry.watch(wake, stop)

    def watching(self) -> bool:
        return self._intake.registry.watching()

    def tenancy(self) -> Tenancy | None:
        """How tenants and integrations stood at the last load, and how changes are noticed now."""
        told = self._tenancy
        return told and replace(
            told,
            watched=self._intake.registry.watched(),
            replica_set=self._site.replica_set(),
            replica_set_in_order=self._site.replica_set_in_order(),
        )

    # --- one load -----------------------------------------------------------------------------------------------------

    def _draft(self, templates: Sequence[Template], settled: Settled, draft: Draft) -> None:
        shelves = Shelves(settled.rows)
        chosen = list(_chosen(templates, shelves, draft))
        self._lease(chosen, settled, draft)
        taken = dict.fromkeys((s.name for s in self._site.declared().services), "the service files declare a service")
        made: dict[str, Made] = {}
        for binding, template in (*chosen, *_of_tenants(templates, shelves, draft)):
            name = binding.service(template.name)
            whose = "another row makes a service" if name in made else taken.get(name)
            if whose:
                field = "serviceName" if binding.key else "tenantcode"
                draft.trouble(binding, field, f"{whose} {name} as well: rename one")
                continue
            one = self._made_of(name, binding, template, draft)
            if one is not None:
                made[name] = one
        self._made = draft.made = made

    def _made_of(self, name: str, binding: Binding, template: Template, draft: Draft) -> Made | None:
        """The service of one row: as it was made before where nothing of it has changed, and as it ran last where it
        cannot be made any more."""
        known = self._made.get(name)
        lease = draft.leases.get(binding.key) if binding.key else None
        if template.ports is not None and lease is None:
            return known
        made_from = Origin(template, lease.port if lease is not None else None, binding)
        if known is not None and made_from.comes_to(known.made_from):
            draft.contents |= known.contents
            return known if known.made_from == made_from else replace(known, made_from=made_from)
        values = {**binding.values, PORT: str(lease.port)} if lease is not None else binding.values
        stamped = template.stamp(
            name,
            values,
            binding.tenant.tenantcode,
            [f"params.{name}" for name in binding.secrets],
        )
        if stamped.service is None or stamped.problems:
            for problem in stamped.problems:
                draft.trouble(binding, problem.path or "template", problem.message)
            return known or self._last(name)
        contents = dict(stamped.contents)
        container = self._with_secrets(stamped.service.container, template.credentials, binding, contents)
        made = Made(
            service=replace(stamped.service, container=container, template=template.name),
            volumes=stamped.volumes,
            networks=stamped.networks,
            contents=contents,
            made_from=made_from,
        )
        draft.contents |= contents
        return made

    def _with_secrets(
        self, container: Container, how: Credentials, binding: Binding, contents: dict[str, bytes]
    ) -> Container:
        if how is Credentials.NONE or not binding.secrets:
            return container
        if how is Credentials.ENVIRONMENT:
            given = {name.upper() if name == PASSWORD else name: s.value for name, s in binding.secrets.items()}
            environment = {**given, **dict(container.environment)}
            return replace(container, environment=tuple(sorted(environment.items())))
        files = [*container.files]
        mounted = {file.target for file in files}
        for name, secret in sorted(binding.secrets.items()):
            target = f"{SECRETS_FOLDER}/{name}"
            if target not in mounted:  # a template that mounts something of its own there means it
                content = secret.value.encode()
                digest = materials.salted_digest(self._site.salt, content)
                contents[digest] = content
                files.append(FileMount(kind=FileKind.SECRET, name=name, digest=digest, target=target))
        return replace(container, files=tuple(files))

    def _last(self, name: str) -> Made | None:
        """What ran under this name when all was well, in an earlier life of zpmd perhaps."""
        good = self._good
        service = good.service(name) if good is not None else None
        if good is None or service is None:
            return None
        volumes = {m.source for m in service.container.mounts}
        networks = {n.network for n in service.container.networks}
        return Made(
            service=service,
            volumes=tuple(v for v in good.volumes if v.name in volumes),
            networks=tuple(n for n in good.networks if n.name in networks),
        )

    def _lease(self, chosen: Sequence[tuple[IntegrationBinding, Template]], settled: Settled, draft: Draft) -> None:
        known = self._store.leases()
        answer = leasing.lease(
            claims=_claims(chosen, settled, known),
            leases=known,
            adopted={row.key: row.port for row in settled.rows.ports},
            taken=self._taken(chosen, settled, known),
            now=self._clock.now(),
            cooldown_seconds=self._site.cooldown_seconds,
        )
        draft.leases = answer.leases
        given = {held.port for held in answer.leases.values()}
        self._skipped = {p: why for p, why in (self._skipped | dict(answer.skipped)).items() if p not in given}
        draft.troubles += answer.shortages
        if not self._recorded:
            # an earlier zpmd may have been killed between storing a lease and having the product know of it
            self._intake.registry.record_ports(tuple(known.values()), ())
            self._recorded = True
        if not answer.changed and not answer.forgotten:
            return
        try:
            self._store.keep_leases(answer.changed, answer.forgotten)
        except StoreError as error:
            draft.leases = known
            new = [lease for lease in answer.changed if lease.key not in known]
            draft.troubles += [_unstored(lease, str(error)) for lease in new]
        else:
            self._intake.registry.record_ports(answer.changed, answer.forgotten)

    def _taken(
        self,
        chosen: Sequence[tuple[IntegrationBinding, Template]],
        settled: Settled,
        known: Mapping[IntegrationKey, PortLease],
    ) -> Mapping[int, str]:
        """The ports that are not to be given away, and who has them. What others listen on is asked only if a port is
        about to be given away. Who listens on a port that the product has recorded for an integration is most likely
        that integration, running since before the store was lost: it would be moved for having been there."""
        taken = _published(self._site.declared())
        fresh = {b.integration.key for b, t in chosen if t.ports is not None and b.integration.key not in known}
        if fresh:
            theirs = {row.port for row in settled.rows.ports if row.key in fresh}
            taken = dict.fromkeys(self._site.listening() - theirs, "somebody on this host listens on it") | taken
        return taken

    # --- what comes of it ---------------------------------------------------------------------------------------------

    def _sum(self, settled: Settled, draft: Draft) -> Desired:
        made = draft.made.values()
        # A row that is gone is evidence once, and what ran by it may take a while to go.
        now = dict(settled.retired) | draft.retired
        newest = list((dict(self._retired) | now).items())[-max(RETIRED_KEPT, len(now)) :]
        self._retired = {name: why for name, why in newest if name not in draft.made}
        names = {key: i.service for i in settled.rows.integrations if (key := i.key) in settled.held}
        return Desired(
            services=tuple(sorted((m.service for m in made), key=lambda s: (s.group.order, s.name))),
            volumes=tuple({v.name: v for m in made for v in m.volumes}.values()),
            networks=tuple({n.name: n for m in made for n in m.networks}.values()),
            project=self._site.project,
            complete=self._intake.complete(),
            retired=tuple(sorted(self._retired.items())),
            held=tuple((names[key], why) for key, why in sorted(settled.held.items()) if key in names),
            templates=tuple(template.name for template in self._site.templates() or ()),
        )

    def _told(self, settled: Settled, draft: Draft) -> Tenancy | None:
        registry, reading = self._intake.registry, self._intake.registry.reading()
        if not self._site.has_registry() and settled == Settled() and not self._intake.away():
            return None
        return Tenancy(
            where=registry.name,
            away=self._intake.away(),
            at=reading.at if reading is not None else 0.0,
            rows=_probed(settled.rows, self._site.connections()),
            troubles=tuple(_shown(trouble) for trouble in (*settled.troubles, *draft.troubles)),
            held=tuple(sorted(settled.held.items())),
            leases=tuple(sorted(draft.leases.values(), key=lambda lease: lease.port)),
            skipped=tuple(sorted(self._skipped.items())),
        )


def _chosen(
    templates: Sequence[Template], shelves: Shelves, draft: Draft
) -> Iterator[tuple[IntegrationBinding, Template]]:
    """Each integration that is to run, with its template: the one that names it, or else the one for all others."""
    ours = [template for template in templates if template.each is Each.INTEGRATION]
    by_name = {name: template for template in ours for name in template.only}
    others = next((template for template in ours if not template.only), None)
    for binding in shelves.integrations():
        template = by_name.get(binding.integration.service_name, others)
        if template is None:
            draft.trouble(binding, "serviceName", "no service file has a template for it (`x-zpmd.for_each`)")
        elif template.retired:
            draft.retired[binding.integration.service] = template.off
        elif not template.off:
            yield binding, template


def _of_tenants(templates: Sequence[Template], shelves: Shelves, draft: Draft) -> Iterator[tuple[Binding, Template]]:
    """Each template for tenants with each tenant that is active. The others' services have their evidence."""
    for template in templates:
        if template.each is not Each.TENANT:
            continue
        for tenant in shelves.rows.tenants:
            if tenant.status is not Status.ACTIVE:
                name = f"{template.name}-{tenant.tenantcode}"
                draft.retired[name] = f"tenant {tenant.tenantcode} is {tenant.status}"
        for binding in shelves.active_tenants(template.name):
            name = binding.service(template.name)
            if template.retired:
                draft.retired[name] = template.off
            elif len(name) > MAX_LABEL:
                draft.trouble(
                    binding, "tenantcode", f"the service would be called {name}: {MAX_LABEL} characters at most"
                )
            elif not template.off:
                yield binding, template


def _claims(
    chosen: Sequence[tuple[IntegrationBinding, Template]], settled: Settled, known: Mapping[IntegrationKey, PortLease]
) -> list[leasing.Claim]:
    """Who is to have a port: whoever runs and asks for one, and whoever has one and still has a row."""
    claims = {
        b.integration.key: leasing.Claim(b.integration.key, *t.ports, row=b.integration.row)
        for b, t in chosen
        if t.ports is not None
    }
    running = {b.integration.key for b, _ in chosen}
    for integration in settled.rows.integrations:
        key, lease = integration.key, known.get(integration.key)
        if lease is not None and key not in running and integration.status is not Status.DELETED:
            claims[key] = leasing.Claim(key, lease.port, lease.port, needs=False, row=integration.row)
    return list(claims.values())


def _published(desired: Desired) -> dict[int, str]:
    """The ports of this host that services of the files publish."""
    taken: dict[int, str] = {}
    for service in desired.services:
        for binding in service.container.ports:
            low, _, high = binding.published.partition("-")
            if low.isdigit():
                for port in range(int(low), int(high or low) + 1):
                    taken[port] = f"{service.name} publishes it"
    return taken


def _unstored(lease: PortLease, why: str) -> RowTrouble:
    return RowTrouble(
        collection="integrations",
        row=str(lease.key),
        field="port",
        reason=f"its port cannot be stored, so it is not started: {why}",
        tenantcode=lease.key.tenantcode,
        key=lease.key,
    )


def _shown(trouble: RowTrouble) -> RowTrouble:
    """What is wrong with a row may be that a password stands in another field."""
    return replace(trouble, reason=KNOWN.mask(trouble.reason))


def _probed(rows: Rows, found: Mapping[str, Connection]) -> Rows:
    """The rows with what probing found in the place of what they say of it: that may be written later, or nowhere."""
    if not found:
        return rows
    return replace(
        rows,
        tenants=tuple(_with(found.get(f"tenants/{t.row}"), t) for t in rows.tenants),
        databases=tuple(_with(found.get(f"tenant_dbs/{d.row}"), d) for d in rows.databases),
        backups=tuple(_with(found.get(f"tenant_backups/{b.row}"), b) for b in rows.backups),
    )


def _with(connection: Connection | None, row: T) -> T:
    return row if connection in (None, row.connection_status) else replace(row, connection_status=connection)
