"""What can only be counted while it happens: passes, reactions, restarts, requests. Counters and histograms of
Prometheus' library, in a registry of their own.

Rules: to count is an addition under a lock, so neither the loop nor a request ever waits for a reader. Labels are words
of ours (groups, codes, routes), never a name that somebody gave. What has not happened yet is there with 0: a series
that begins with its first event cannot be alerted on. What can be told from a snapshot is in interfaces/metrics.py.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.metrics_core import Metric

from zpmd.daemon.runs import run_of
from zpmd.model.action import KeepRuns, RestartReplica, RunReplica, StartReplica
from zpmd.model.cause import Code
from zpmd.model.events import Reason, Snapshot
from zpmd.model.job import Ending, JobMemory
from zpmd.model.service import GROUPS, Group

PASS_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
ANSWER_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
RESTARTS = (Code.DIED, Code.UNHEALTHY, Code.FAILED_START, Code.VANISHED, Code.STUCK)
"""Why a replica is started again that nobody wanted to end."""
STATUSES = ("2xx", "3xx", "4xx", "5xx")
REFUSALS = (401, 403, 429)


class Meters:
    """Thread-safe. `passed` is called by the loop, the others by whoever serves requests."""

    def __init__(self, version: str) -> None:
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        build = Gauge("zpmd_build_info", "Always 1; which zpmd this is.", ["version", "python"], registry=registry)
        build.labels(version, platform.python_version()).set(1)
        text = "How long passes took, from what came in to what was handed out."
        self._passes = Histogram("zpmd_pass_duration_seconds", text, buckets=PASS_BUCKETS, registry=registry)
        text = "From a wake-up to the first action that was handed out for it."
        self._reactions = Histogram("zpmd_reaction_seconds", text, buckets=PASS_BUCKETS, registry=registry)
        self._wakes = Counter("zpmd_wakeups", "Passes by what woke the loop.", ["reason"], registry=registry)
        text = "Replicas that were started again after they went wrong."
        self._restarts = Counter("zpmd_restarts", text, ["group", "cause"], registry=registry)
        text = "Due instants of jobs by how they ended."
        self._runs = Counter("zpmd_job_runs", text, ["ending"], registry=registry)
        text = "Requests to the API by route and class of the answer."
        self._requests = Counter("zpmd_api_requests", text, ["method", "route", "status"], registry=registry)
        text = "From a request to the first byte of its answer."
        self._answers = Histogram("zpmd_api_answer_seconds", text, buckets=ANSWER_BUCKETS, registry=registry)
        text = "Requests that were refused: 401 nobody known, 403 not his to ask, 429 too many."
        self._refused = Counter("zpmd_api_refused", text, ["status"], registry=registry)
        text = "Rows of the audit that could not be written when they should have been."
        self._unrecorded = Counter("zpmd_audit_failures", text, registry=registry)
        self._begin_with_nothing()

    def passed(self, snapshot: Snapshot) -> None:
        """A pass has ended."""
        self._passes.observe(sum(snapshot.seconds.values()))
        if snapshot.reacted_seconds is not None:
            self._reactions.observe(snapshot.reacted_seconds)
        for reason in snapshot.reasons:
            self._wakes.labels(reason.value).inc()
        groups = {standing.service: standing.group for standing in snapshot.plan.standings}
        for action in snapshot.plan.actions:
            if isinstance(action, KeepRuns):
                self._ended(action, snapshot)
            if run_of(action) is not None:
                continue
            if isinstance(action, StartReplica | RestartReplica | RunReplica) and action.cause.code in RESTARTS:
                group = groups.get(action.place.service, Group.APP)
                self._restarts.labels(group.value, action.cause.code.value).inc()

    def _ended(self, action: KeepRuns, snapshot: Snapshot) -> None:
        for row in action.kept.rows:
            known = snapshot.memory.jobs.get(row.job, JobMemory()).by_due.get(row.due)
            if row.ending is not None:  # a row of many due instants may have become longer
                counted = known.count if known is not None and not known.open else 0
                self._runs.labels(row.ending.value).inc(max(0, row.count - counted))

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request has its answer; `route` as OpenAPI writes it, "" for none of ours."""
        self._requests.labels(method if route else "", route, f"{status // 100}xx").inc()
        self._answers.observe(seconds)
        if status in REFUSALS:
            self._refused.labels(str(status)).inc()

    def unrecorded(self) -> None:
        """A row of the audit could not be written."""
        self._unrecorded.inc()

    def collect(self) -> Iterator[Metric]:
        """As a collector of prometheus_client. Without the instants at which each counter was made, which are a second
        family for each and tell no more than the start of the process."""
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric

    def _begin_with_nothing(self) -> None:
        for reason in Reason:
            self._wakes.labels(reason.value)
        for group in GROUPS:
            for code in RESTARTS:
                self._restarts.labels(group.value, code.value)
        for ending in Ending:
            self._runs.labels(ending.value)
        for status in REFUSALS:
            self._refused.labels(str(status))
        for status_class in STATUSES:
            self._requests.labels("", "", status_class)
