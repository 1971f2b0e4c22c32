"""Jobs to look at: how they are declared, rows of their ledger, and a snapshot that has them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.unit.interfaces.given import NOON, Surface, replica, service, standing
from tests.unit.planning.dues import schedule
from zpmd.model.job import Ending, JobMemory, JobPolicy, Run, RunsKept, Step
from zpmd.model.memory import Memory
from zpmd.model.naming import run_name
from zpmd.model.observed import Replica
from zpmd.model.plan import Plan, Standing, State
from zpmd.model.schedule import Every, Timetable
from zpmd.model.service import Desired, Group, ServiceData

DAY = 86_400
TWO_O_CLOCK = int(NOON) - 10 * 3600
"""02:00 of the day of NOON, in UTC."""
DAILY = schedule("0 2 * * *")


def keep(surface: Surface, *rows: Run) -> None:
    """Into the ledger."""
    surface.store.keep_runs(RunsKept(rows=rows))
    for row in rows:
        if row.evidence:
            surface.store.keep_run_evidence(row.job, row.due, row.evidence, row.log_tail)


def policy(zone: str = "UTC", jitter: float = 0.0, every: int | None = None, at: str = "", **more: Any) -> JobPolicy:
    rhythm = schedule(at) if at else DAILY if every is None else Every(every)
    return JobPolicy(timetable=Timetable(schedules=(rhythm,), zone=zone, jitter_seconds=jitter), **more)


def job(name: str, group: Group = Group.CORE, tenant: str = "", **more: Any) -> ServiceData:
    return replace(service(name, group), job=policy(**more), tenant=tenant)


def run(name: str = "report", due: int = TWO_O_CLOCK, ending: Ending | None = Ending.OK, **more: Any) -> Run:
    """One that has ended well after 12 s, unless something else is given."""
    facts: dict[str, Any] = {"step": Step.ENDED, "ending": ending, "tries": 0}
    if ending in (Ending.OK, Ending.FAILED):
        facts |= {"tries": 1, "started_at": due + 0.4, "finished_at": due + 12.4, "container_id": f"{name}-{due}"}
        facts |= {"exit_code": 0 if ending is Ending.OK else 3, "evidence": 1, "log_tail": ("one", "two")}
    return Run(**{"job": name, "due": due, **facts, **more})


def runs(due: int, **more: Any) -> Run:
    """One that runs, since a minute before NOON."""
    facts: dict[str, Any] = {"step": Step.RUNNING, "ending": None, "tries": 1, "started_at": NOON - 60}
    return run(due=due, **{**facts, **more})


def scheduled(name: str, group: Group = Group.CORE, **more: Any) -> Standing:
    return standing(name, group, **{"state": State.SCHEDULED, "ready": 0, "desired": 0, **more})


def facts(*rows: Run, services: tuple[ServiceData, ...] = (), **more: Any) -> dict[str, Any]:
    """What a snapshot has of these jobs; `standings` where they are not all scheduled."""
    declared = services or tuple(job(name) for name in sorted({row.job for row in rows}) or ["report"])
    known = {s.name: tuple(sorted((r for r in rows if r.job == s.name), key=lambda r: r.due)) for s in declared}
    standings = more.pop("standings", None) or tuple(
        scheduled(s.name, s.group, tenant=s.tenant) for s in declared if s.job
    )
    dues = more.pop("dues", {s.name: float(TWO_O_CLOCK + DAY) for s in declared if s.job})
    intent = more.pop("intent", None)
    memory = Memory(jobs={name: JobMemory(runs=rows) for name, rows in known.items()})
    if intent is not None:
        memory = replace(memory, intent=intent)
    return {
        "desired": Desired(services=declared),
        "plan": Plan(standings=standings, dues=dues),
        "memory": memory,
        **more,
    }


def container(row: Run, **more: Any) -> Replica:
    made = replica(row.job, row.due, id=row.container_id, due=row.due, **more)
    return replace(made, name=run_name("zpmd", row.job, row.due, row.tries))
