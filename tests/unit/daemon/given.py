"""Jobs, their runs and rows, for tests of the daemon."""

from __future__ import annotations

from typing import Any

from tests.unit.planning.build import replica, service
from zpmd.model.action import KeepRuns
from zpmd.model.cause import Cause, Code
from zpmd.model.job import Ending, JobPolicy, Mark, Run, RunsKept, Step
from zpmd.model.observed import Phase, Replica
from zpmd.model.schedule import Every, Schedule, Timetable
from zpmd.model.service import ServiceData

HOURLY = Every(3600)


def job(
    name: str = "report", *schedules: Schedule, zone: str = "UTC", jitter: float = 0.0, **policy: Any
) -> ServiceData:
    """One that is due every hour, where no schedule is named."""
    timetable = Timetable(schedules=schedules or (HOURLY,), zone=zone, jitter_seconds=jitter)
    fields = {key: policy.pop(key) for key in ("tenant", "depends_on", "origin") if key in policy}
    return service(name, image=policy.pop("image", "batch:1"), job=JobPolicy(timetable=timetable, **policy), **fields)


def run(of: ServiceData, due: int, **fields: Any) -> Replica:
    """The container of a run, which goes on."""
    defaults: dict[str, Any] = {"due": due, "attempt": 1, "id": f"{of.name}-{due}", "tenant": of.tenant}
    return replica(of, due, **(defaults | fields))


def over(of: ServiceData, due: int, exit_code: int = 0, **fields: Any) -> Replica:
    """The container of a run that has ended."""
    return run(of, due, **({"phase": Phase.EXITED, "exit_code": exit_code, "finished_at": due + 60.0} | fields))


def row(due: int, step: Step = Step.ENDED, ending: Ending | None = None, **fields: Any) -> Run:
    ends = (ending or Ending.OK) if step is Step.ENDED else None
    return Run(**({"job": "report", "due": due, "step": step, "ending": ends} | fields))


def keep(*rows: Run, marks: dict[str, Mark] | None = None) -> KeepRuns:
    return KeepRuns(kept=RunsKept(rows=rows, marks=marks or {}), cause=Cause(Code.RUN_ENDED, "jobs have been due"))
