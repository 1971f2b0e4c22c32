"""What Prometheus is told: the latest snapshot as metrics, worked out when it is asked for. Pure.

Nothing is counted here between two questions, so a restart of zpmd loses nothing. Every state that can be is told, with
0 where nothing is in it: a series that comes and goes cannot be alerted on. No label names a service or a tenant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from prometheus_client import generate_latest
from prometheus_client.core import GaugeMetricFamily as Gauge
from prometheus_client.metrics_core import Metric

from zpmd.interfaces import patches
from zpmd.interfaces.asked import IntegrationsQuery
from zpmd.interfaces.tenancy import NONE, OFF, integrations
from zpmd.model.events import Snapshot
from zpmd.model.patch import ENDS
from zpmd.model.plan import State
from zpmd.model.service import GROUPS
from zpmd.model.tenant import Connection, Status, Tenancy

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(snapshot: Snapshot, now: float) -> bytes:
    """The text format, version 0.0.4."""
    return generate_latest(SnapshotCollector(snapshot, now))


@dataclass(frozen=True, slots=True)
class SnapshotCollector:
    """A collector of prometheus_client over one snapshot. Metrics of a registry are there only where there is one."""

    snapshot: Snapshot
    now: float

    def collect(self) -> Iterator[Metric]:
        yield from _daemon(self.snapshot)
        yield from _services(self.snapshot)
        yield from _patches(self.snapshot, self.now)
        if self.snapshot.tenancy is not None:
            yield from _registry(self.snapshot.tenancy, self.now)
            states = Counter(i.state for i in integrations(self.snapshot, self.now, IntegrationsQuery()).integrations)
            text = "Integrations by the state of their service; off: not to run, none: no service is made of it."
            yield _counts("zpmd_integrations", text, "state", states, [*State, OFF, NONE])


def _daemon(snapshot: Snapshot) -> Iterator[Metric]:
    yield _gauge("zpmd_engine_up", "Whether the engine answered in the last pass.", snapshot.observed.world is not None)
    sources = Gauge(
        "zpmd_source_up", "Whether a source says what is now, and not what it said last.", labels=["source"]
    )
    for source in snapshot.sources:
        sources.add_metric([source.name], source.ok)
    yield sources
    passes = Gauge("zpmd_pass_seconds", "How long the parts of the last pass took.", labels=["part"])
    for part, seconds in sorted(snapshot.seconds.items()):
        passes.add_metric([part], seconds)
    yield passes


def _services(snapshot: Snapshot) -> Iterator[Metric]:
    standings = snapshot.plan.standings
    states = Counter((s.group, s.state) for s in standings)
    services = Gauge("zpmd_services", "Services by group and state.", labels=["group", "state"])
    desired = Gauge("zpmd_replicas_desired", "Replicas that are wanted.", labels=["group"])
    ready = Gauge("zpmd_replicas_ready", "Replicas that are wanted and ready.", labels=["group"])
    for group in GROUPS:
        for state in State:
            services.add_metric([group.value, state.value], states[group, state])
        members = [s for s in standings if s.group is group]
        desired.add_metric([group.value], sum(s.desired for s in members))
        ready.add_metric([group.value], sum(min(s.ready, s.desired) for s in members))
    yield from (services, desired, ready)


def _patches(snapshot: Snapshot, now: float) -> Iterator[Metric]:
    rows = snapshot.memory.patches
    outcomes = Counter(row.stage.value if row.ended else patches.UNDER_WAY for row in rows)
    text = "Drops in the ledger by outcome, as far back as zpmd holds them in memory; under-way: none yet."
    yield _counts("zpmd_patches", text, "outcome", outcomes, [*ENDS, patches.UNDER_WAY])
    moving = sum(row.moving for row in rows)
    yield _gauge("zpmd_patch_moving", "Patches that move services, forward or back.", moving)
    text = "Patches that could not be rolled back as a whole: a person is needed."
    yield _gauge("zpmd_patch_rollback_failed", text, len(patches.failed(snapshot, now)))


def _registry(tenancy: Tenancy, now: float) -> Iterator[Metric]:
    rows, away = tenancy.rows, tenancy.away
    yield _gauge("zpmd_registry_up", "Whether the registry can be read.", away is None)
    bad = {(t.collection, t.row) for t in tenancy.troubles}
    text = "For how long the registry could not be read; 0 while it can."
    yield _gauge("zpmd_registry_age_seconds", text, max(0.0, now - away.since) if away else 0.0)
    yield _gauge("zpmd_row_troubles", "Rows that are not used as they stand.", len(bad))
    yield _gauge("zpmd_port_leases", "Ports that belong to an integration, resting ones too.", len(tenancy.leases))
    statuses = Counter(t.status.value for t in rows.tenants)
    yield _counts("zpmd_tenants", "Tenants by what their row says.", "status", statuses, Status)
    databases = (d for d in (*rows.tenants, *rows.databases, *rows.backups) if d.db_host)
    connections = Counter(d.connection_status.value or "unknown" for d in databases)
    text = "Databases and backups of tenants by the result of the last probe; unknown: not probed yet."
    values = [c.value or "unknown" for c in Connection]
    yield _counts("zpmd_tenant_connections", text, "connection_status", connections, values)


def _gauge(name: str, text: str, value: float) -> Metric:
    return Gauge(name, text, value=float(value))


def _counts(name: str, text: str, label: str, counts: Counter[str], values: Iterable[str]) -> Metric:
    metric = Gauge(name, text, labels=[label])
    for value in sorted({str(v) for v in values} | counts.keys()):
        metric.add_metric([value], counts[value])
    return metric
