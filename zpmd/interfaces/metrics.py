"""What Prometheus is told: the latest snapshot as metrics, worked out when it is asked for, and what the daemon has
counted (daemon/meters.py). Pure.

Nothing is counted here between two questions, so a restart of zpmd loses nothing. Every state that can be is told, with
0 where nothing is in it: a series that comes and goes cannot be alerted on. No label names a service or a tenant, but
for those of jobs (job_metrics.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from prometheus_client import generate_latest
from prometheus_client.core import GaugeMetricFamily as Gauge
from prometheus_client.metrics_core import Metric

from zpmd.interfaces import job_metrics, patches
from zpmd.interfaces.asked import IntegrationsQuery
from zpmd.interfaces.tenancy import NONE, OFF, integrations
from zpmd.model.cause import Code
from zpmd.model.events import Snapshot
from zpmd.model.patch import ENDS
from zpmd.model.plan import State
from zpmd.model.service import GROUPS
from zpmd.model.tenant import Connection, Status, Tenancy

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Collects(Protocol):
    """What prometheus_client makes text of."""

    def collect(self) -> Iterator[Metric]: ...


def exposition(snapshot: Snapshot | None, now: float, meters: Collects | None = None) -> bytes:
    """The text format, version 0.0.4. Without a snapshot, before the first pass has ended, what was counted alone."""
    known = [SnapshotCollector(snapshot, now)] if snapshot is not None else []
    counted = [meters] if meters is not None else []
    return b"".join(generate_latest(collector) for collector in (*counted, *known))


@dataclass(frozen=True, slots=True)
class SnapshotCollector:
    """A collector of prometheus_client over one snapshot. Metrics of a registry are there only where there is one."""

    snapshot: Snapshot
    now: float

    def collect(self) -> Iterator[Metric]:
        yield from _daemon(self.snapshot, self.now)
        yield from _services(self.snapshot)
        yield from job_metrics.collect(self.snapshot)
        yield from _patches(self.snapshot, self.now)
        if self.snapshot.tenancy is not None:
            yield from _registry(self.snapshot.tenancy, self.now)
            states = Counter(i.state for i in integrations(self.snapshot, self.now, IntegrationsQuery()).integrations)
            text = "Integrations by the state of their service; off: not to run, none: no service is made of it."
            yield _counts("zpmd_integrations", text, "state", states, [*State, OFF, NONE])


def _daemon(snapshot: Snapshot, now: float) -> Iterator[Metric]:
    text = "When zpmd began, as it says itself; process_start_time_seconds is the kernel's word."
    yield _gauge("zpmd_start_time_seconds", text, snapshot.started_at)
    yield _gauge("zpmd_last_pass_time_seconds", "When the last pass began.", snapshot.at)
    yield _gauge("zpmd_engine_up", "Whether the engine answered in the last pass.", snapshot.observed.world is not None)
    text = "Whether a source says what is now, and not what it said last."
    sources = Gauge("zpmd_source_up", text, labels=["source"])
    text = "For how long a source could not say what is now; 0 while it can."
    ages = Gauge("zpmd_source_age_seconds", text, labels=["source"])
    for source in snapshot.sources:
        sources.add_metric([source.name], source.ok)
        since = source.since if source.since is not None else source.at
        ages.add_metric([source.name], 0.0 if source.ok else max(0.0, now - since))
    watchers = Gauge("zpmd_watcher_up", "Whether a watcher would notice a change at once.", labels=["watcher"])
    for name, alive in sorted(snapshot.watchers.items()):
        watchers.add_metric([name], alive)
    passes = Gauge("zpmd_pass_seconds", "How long the parts of the last pass took.", labels=["part"])
    for part, seconds in sorted(snapshot.seconds.items()):
        passes.add_metric([part], seconds)
    yield from (sources, ages, watchers, passes)
    text = "Whether zpmd can write what it decides and what operators ask."
    yield _gauge("zpmd_store_writable", text, snapshot.unwritable is None)
    lost = snapshot.unwritable.lost if snapshot.unwritable is not None else 0
    yield _gauge("zpmd_journal_lines_lost", "Lines of the journal that could not be written since then.", lost)


def _services(snapshot: Snapshot) -> Iterator[Metric]:
    standings = snapshot.plan.standings
    scheduled = {s.name for s in snapshot.desired.services if s.job is not None}
    states = Counter((s.group, s.state) for s in standings)
    services = Gauge("zpmd_services", "Services by group and state, jobs too.", labels=["group", "state"])
    desired = Gauge("zpmd_replicas_desired", "Replicas that are wanted.", labels=["group"])
    ready = Gauge("zpmd_replicas_ready", "Replicas that are wanted and ready.", labels=["group"])
    for group in GROUPS:
        for state in State:
            services.add_metric([group.value, state.value], states[group, state])
        members = [s for s in standings if s.group is group and s.service not in scheduled]
        desired.add_metric([group.value], sum(s.desired for s in members))
        ready.add_metric([group.value], sum(min(s.ready, s.desired) for s in members))
    yield from (services, desired, ready)
    loops = sum(s.state is State.CRASH_LOOP for s in standings)
    yield _gauge("zpmd_crash_loops", "Services that fail again and again, and are tried more and more slowly.", loops)
    reasons = Counter(w.cause.code.value for w in snapshot.plan.waiting)
    yield _counts("zpmd_waiting", "What is held back, by the code of its reason.", "reason", reasons, Code)
    once = {s.name for s in snapshot.desired.services if s.one_shot}
    ran = Counter(s.state.value for s in standings if s.service in once)
    text = "Services that run to completion, by state: completed is the good end, failed the bad one."
    yield _counts("zpmd_one_shots", text, "state", ran, State)
    yield _gauge("zpmd_holds", "What operators have zpmd leave alone.", len(snapshot.memory.intent.holds))


def _patches(snapshot: Snapshot, now: float) -> Iterator[Metric]:
    rows = snapshot.memory.patches
    outcomes = Counter(row.stage.value if row.ended else patches.UNDER_WAY for row in rows)
    text = "Drops in the ledger by outcome, as far back as zpmd holds them in memory; under-way: none yet."
    yield _counts("zpmd_patches", text, "outcome", outcomes, [*ENDS, patches.UNDER_WAY])
    text = "Whether patches can be dropped."
    yield _gauge("zpmd_drop_directory_up", text, not snapshot.patches_trouble)
    moving = sum(row.moving for row in rows)
    yield _gauge("zpmd_patch_moving", "Patches that move services, forward or back.", moving)
    text = "Patches that could not be rolled back as a whole: a person is needed."
    yield _gauge("zpmd_patch_rollback_failed", text, len(patches.failed(snapshot, now)))


def _registry(tenancy: Tenancy, now: float) -> Iterator[Metric]:
    rows, away = tenancy.rows, tenancy.away
    yield _gauge("zpmd_registry_up", "Whether the registry can be read.", away is None)
    text = "Whether the replica set that zpmd keeps is as it is wanted; only where it keeps one."
    in_order = Gauge("zpmd_replica_set_in_order", text)
    if tenancy.replica_set_in_order is not None:
        in_order.add_metric([], tenancy.replica_set_in_order)
    yield in_order
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
