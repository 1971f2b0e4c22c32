"""What Prometheus is told of jobs, out of a snapshot. Pure.

These are the only metrics with a name that somebody gave: whoever watches a nightly job has to ask for that one. The
label is `service`, as Prometheus itself has `job`. Only jobs that are declared are told, so there are as many series as
jobs, and a constant for each. How many runs have ended in which way is counted where it happens (daemon/meters.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily as Gauge
from prometheus_client.metrics_core import Metric

from zpmd.interfaces import jobs
from zpmd.model.events import Snapshot
from zpmd.model.job import BAD, Ending, JobMemory, JobPolicy, Run, Step

STEPS = tuple(step for step in Step if step is not Step.ENDED)
NAMES = {
    "last_end_time_seconds": "When its last run that began has ended; not there before the first one.",
    "last_success_time_seconds": "When its last run that ended well has ended; not there before the first one.",
    "last_duration_seconds": "How long its last run that began has taken, with all its tries.",
    "last_late_seconds": "How long after it was due its last run began.",
    "last_failed": "Whether its last run that was meant to run failed, or could not begin.",
    "next_time_seconds": "When its next run starts; not there where none is to come.",
    "suspended": "Whether an operator, or its file, has it not run when it is due.",
}


def collect(snapshot: Snapshot) -> Iterator[Metric]:
    found = {name: Gauge(f"zpmd_job_{name}", text, labels=["service"]) for name, text in NAMES.items()}
    text = "Runs that are due or asked for and have not ended, by how far they have come."
    unended = Gauge("zpmd_job_open_runs", text, labels=["service", "step"])
    for service in sorted(snapshot.desired.services, key=lambda s: s.name):
        if service.job is None:
            continue
        known = snapshot.memory.jobs.get(service.name, JobMemory())
        for name, value in _values(snapshot, service.name, service.job, known).items():
            if value is not None:
                found[name].add_metric([service.name], float(value))
        for step in STEPS:
            unended.add_metric([service.name, step.value], sum(run.step is step for run in known.open))
    yield from found.values()
    yield unended


def _values(snapshot: Snapshot, name: str, policy: JobPolicy, known: JobMemory) -> dict[str, float | bool | None]:
    ended = [run for run in reversed(known.runs) if not run.open]
    began = next((run for run in ended if run.lasted_seconds is not None), Run(job=name, due=0))
    well = next((run for run in ended if run.ending is Ending.OK), Run(job=name, due=0))
    return {
        "last_end_time_seconds": began.finished_at,
        "last_success_time_seconds": well.finished_at,
        "last_duration_seconds": began.lasted_seconds,
        "last_late_seconds": began.late_seconds,
        "last_failed": known.last is not None and known.last.ending in BAD,
        "next_time_seconds": snapshot.plan.dues.get(name),
        "suspended": bool(jobs.suspended_by(snapshot, name, policy)),
    }
