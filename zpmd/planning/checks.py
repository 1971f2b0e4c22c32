"""Sanity of a plan before it is executed: a last look by rules that do not trust the planner.

A complaint here is a bug of ours. The loop then executes nothing of the plan and says so: standing still is safe.
"""

from __future__ import annotations

from collections.abc import Iterator

from zpmd.model.observed import Observed, Replica
from zpmd.model.plan import (
    Action,
    Code,
    CreateNetwork,
    CreateVolume,
    JudgeSpec,
    LoadImages,
    MovePatch,
    Plan,
    PullImage,
    RemoveNetwork,
    RemoveReplica,
    RemoveVolume,
    RestartReplica,
    RunHook,
    RunReplica,
    StartReplica,
    StopReplica,
    verb,
)
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


def _of_one(action: Action, ours: dict[str, Replica], desired: Desired, observed: Observed) -> Iterator[str]:
    match action:
        case StartReplica() | RestartReplica() | StopReplica() | RemoveReplica() | RunHook():
            if ours.get(action.replica.id) != action.replica:
                yield f"would {verb(action)} {action.replica.name}, which was not seen in this pass"
        case RunReplica():
            if action.slot < 1:
                yield f"would run {action.subject}: slots count from 1"
        case RemoveVolume() | RemoveNetwork():
            if action.cause.code is not Code.DOWN_ASKED:
                yield f"would remove {action.subject} though nobody took the appliance down"
        case CreateVolume() | CreateNetwork() | PullImage() | LoadImages() | JudgeSpec() | MovePatch():
            pass
    if isinstance(action, RemoveReplica) and action.replica.live:
        yield f"would remove {action.replica.name} while it lives"
    code = action.cause.code if isinstance(action, StopReplica | RemoveReplica) else None
    if code is Code.UNDECLARED and not desired.complete:
        yield f"would {verb(action)} {action.subject} though a source has never answered"
    removal = code in (Code.UNDECLARED, Code.RETIRED)
    if removal and observed.world is not None and desired.service(action.replica.service):  # type: ignore[union-attr]
        yield f"would {verb(action)} {action.subject} as {code}, and it is declared"
