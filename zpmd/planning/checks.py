"""Sanity of a plan before it is executed: a last look by rules that do not trust the planner.

A complaint here is a bug of ours. The loop then executes nothing of the plan and says so: standing still is safe.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

from zpmd.model.action import (
    Action,
    CreateNetwork,
    CreateVolume,
    JudgeSpec,
    KeepEvidence,
    KeepRuns,
    LoadImages,
    MovePatch,
    OnReplica,
    PullImage,
    RemoveNetwork,
    RemoveReplica,
    RemoveVolume,
    RestartReplica,
    RunReplica,
    StartReplica,
    StopReplica,
    verb,
)
from zpmd.model.cause import Code
from zpmd.model.observed import Observed, Phase, Replica
from zpmd.model.plan import Plan
from zpmd.model.policy import Limits
from zpmd.model.service import Desired


def problems(plan: Plan, desired: Desired, observed: Observed, limits: Limits) -> tuple[str, ...]:
    """What is wrong with this plan, a sentence each; empty for a sane one."""
    return tuple(_problems(plan, desired, observed, limits))


def _problems(plan: Plan, desired: Desired, observed: Observed, limits: Limits) -> Iterator[str]:
    if observed.world is None:
        if plan.actions:
            yield "acts on an engine that is unknown"
        return
    if len(plan.actions) > limits.actions_per_pass:
        yield f"has {len(plan.actions)} actions, more than {limits.actions_per_pass} a pass"
    seen: set[str] = set()
    busy = {f.subject for f in observed.in_flight}
    ours = {r.id: r for r in observed.world.replicas}
    for action in plan.actions:
        if action.subject in seen:
            yield f"has two actions on {action.subject}"
        if action.subject in busy:
            yield f"acts on {action.subject}, which is under way"
        seen.add(action.subject)
        yield from _of_one(action, ours, desired, observed)
    yield from _of_runs(plan, observed.world.replicas, limits)


def _of_one(action: Action, ours: dict[str, Replica], desired: Desired, observed: Observed) -> Iterator[str]:
    match action:
        case OnReplica():
            if ours.get(action.replica.id) != action.replica:
                yield f"would {verb(action)} {action.replica.name}, which was not seen in this pass"
        case RunReplica():
            if action.slot < 1:
                yield f"would run {action.subject}: slots count from 1"
        case RemoveVolume() | RemoveNetwork():
            if action.cause.code is not Code.DOWN_ASKED:
                yield f"would remove {action.subject} though nobody took the appliance down"
        case CreateVolume() | CreateNetwork() | PullImage() | LoadImages() | JudgeSpec() | MovePatch() | KeepRuns():
            pass
    if isinstance(action, RemoveReplica) and action.replica.live:
        yield f"would remove {action.replica.name} while it lives"
    code = action.cause.code if isinstance(action, StopReplica | RemoveReplica) else None
    if code is Code.UNDECLARED and not desired.complete:
        yield f"would {verb(action)} {action.subject} though a source has never answered"
    removal = code in (Code.UNDECLARED, Code.RETIRED)
    if removal and observed.world is not None and desired.service(action.replica.service):  # type: ignore[union-attr]
        yield f"would {verb(action)} {action.subject} as {code}, and it is declared"


# --- runs of jobs -----------------------------------------------------------------------------------------------------

MAY_STOP = frozenset({Code.TIMED_OUT, Code.REPLACED, Code.STOP_ASKED, Code.DOWN_ASKED})
"""For what a run that goes on is stopped, and for nothing else: no reload and no patch does it."""


def _of_runs(plan: Plan, replicas: Iterable[Replica], limits: Limits) -> Iterator[str]:
    if any(isinstance(action, KeepRuns) for action in plan.actions[1:]):
        yield "writes the ledger of jobs after something else is done"
    made = {(r.service, r.due, r.attempt) for r in replicas if r.due is not None}
    begun = 0
    for action in plan.actions:
        match action:
            case RunReplica():
                begun += action.due is not None
                yield from _of_new(action, made)
            case StopReplica() if action.replica.due is not None and action.cause.code not in MAY_STOP:
                yield f"would stop {action.subject}, a run that goes on, as {action.cause.code}"
            case StartReplica() if action.replica.due is not None and action.replica.phase is not Phase.CREATED:
                yield f"would start {action.subject} again, a run that has begun before"
            case RestartReplica() if action.replica.due is not None:
                yield f"would restart {action.subject}, a run"
            case KeepEvidence() if action.replica.live:
                yield f"would keep evidence of {action.replica.name} while it lives"
            case _:
                pass
    if begun > limits.runs_at_once:
        yield f"begins {begun} runs of jobs, more than {limits.runs_at_once} at once"


def _of_new(action: RunReplica, made: Container[tuple[str, int | None, int]]) -> Iterator[str]:
    if (action.service.job is None) is not (action.due is None):
        yield f"would run {action.subject} " + ("as a replica of a job" if action.due is None else "of what is no job")
    if action.due is not None and action.slot != action.due:
        yield f"would run {action.subject} as what is due at {action.due}"
    if action.due is not None and (action.service.name, action.due, action.attempt) in made:
        yield f"would run try {action.attempt} of {action.subject}, which is there"
