"""The last look at a plan where it is about runs of jobs: each complaint, word for word, and what draws none."""

from __future__ import annotations

import dataclasses

import pytest

from tests.unit.planning.build import NOW, replica, service
from tests.unit.planning.jobplay import job
from zpmd.model.action import (
    Action,
    KeepEvidence,
    KeepRuns,
    RemoveReplica,
    RestartReplica,
    RunReplica,
    StartReplica,
    StopReplica,
)
from zpmd.model.cause import Cause, Code
from zpmd.model.job import Mark, RunsKept
from zpmd.model.observed import Observed, Phase, World
from zpmd.model.plan import Plan
from zpmd.model.policy import Limits
from zpmd.model.service import Desired
from zpmd.planning import checks

REPORT, WEB = job(), service("web")
UP = replica(REPORT, slot=500, due=500, attempt=1, id="up")
ENDED = replica(REPORT, slot=400, due=400, attempt=1, id="ended", phase=Phase.EXITED, exit_code=0, finished_at=NOW)
MADE = replica(REPORT, slot=300, due=300, attempt=2, id="made", phase=Phase.CREATED, started_at=None)
WORLD = World(replicas=(UP, ENDED, MADE, replica(WEB)))
DUE, HISTORY, DRIFT = Cause(Code.DUE, "is due"), Cause(Code.HISTORY, "too many"), Cause(Code.DRIFT, "changed")
ROWS = KeepRuns(kept=RunsKept(marks={"report": Mark("x", NOW)}), cause=DUE)


def _run(due: int | None = 600, **fields: object) -> RunReplica:
    defaults = RunReplica(service=REPORT, slot=due or 1, due=due, attempt=1, cause=DUE)
    return dataclasses.replace(defaults, **fields)  # type: ignore[arg-type]


def _stop(code: Code) -> StopReplica:
    return StopReplica(replica=UP, cause=Cause(code, "why"))


@pytest.mark.parametrize(
    "actions",
    [
        (ROWS, _run()),
        (_run(), _run(601)),
        (_run(300, attempt=3),),
        (StartReplica(replica=MADE, cause=DUE),),
        (KeepEvidence(replica=ENDED, failed=False, cause=DUE),),
        (RemoveReplica(replica=ENDED, cause=HISTORY),),
        *((_stop(code),) for code in (Code.TIMED_OUT, Code.REPLACED, Code.STOP_ASKED, Code.DOWN_ASKED)),
        (RunReplica(service=WEB, slot=2, cause=DUE),),
    ],
)
def test_what_draws_no_complaint(actions: tuple[Action, ...]) -> None:
    assert _problems(*actions) == ()


@pytest.mark.parametrize(
    ("actions", "complaint"),
    [
        ((_run(), ROWS), "writes the ledger of jobs after something else is done"),
        ((_stop(Code.DRIFT),), "would stop report/500, a run that goes on, as drift"),
        ((_stop(Code.FILE_CHANGED),), "would stop report/500, a run that goes on, as file-changed"),
        ((StartReplica(replica=ENDED, cause=DUE),), "would start report/400 again, a run that has begun before"),
        ((RestartReplica(replica=UP, cause=DUE),), "would restart report/500, a run"),
        ((KeepEvidence(replica=UP, failed=True, cause=DUE),), f"would keep evidence of {UP.name} while it lives"),
        ((RemoveReplica(replica=UP, cause=HISTORY),), f"would remove {UP.name} while it lives"),
        ((_run(500),), "would run try 1 of report/500, which is there"),
        ((_run(300, attempt=2),), "would run try 2 of report/300, which is there"),
        ((_run(slot=601),), "would run report/601 as what is due at 600"),
        ((_run(None),), "would run report/1 as a replica of a job"),
        ((_run(service=WEB),), "would run web/600 of what is no job"),
        ((_run(600), _run(601), _run(602), _run(603)), "begins 4 runs of jobs, more than 3 at once"),
    ],
)
def test_what_is_wrong_with_a_plan(actions: tuple[Action, ...], complaint: str) -> None:
    assert _problems(*actions) == (complaint,)


def test_evidence_is_kept_of_what_was_seen() -> None:
    other = dataclasses.replace(ENDED, id="other", name="other")
    assert _problems(KeepEvidence(replica=other, failed=True, cause=DUE)) == (
        "would keep evidence other, which was not seen in this pass",
    )


def _problems(*actions: Action) -> tuple[str, ...]:
    desired = Desired(services=(REPORT, WEB))
    return checks.problems(Plan(actions=actions), desired, Observed(world=WORLD), Limits(runs_at_once=3))
