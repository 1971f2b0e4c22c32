"""What is a job's and what is a service's, for those who tell of both: a job that waits for its next run is no service
that is not up."""

from __future__ import annotations

from collections.abc import Collection

from zpmd.model.action import (
    Action,
    KeepRuns,
    OnReplica,
    RunReplica,
)
from zpmd.model.observed import Slot
from zpmd.model.service import Desired


def jobs_of(desired: Desired) -> Collection[str]:
    return frozenset(service.name for service in desired.services if service.job is not None)


def run_of(action: Action) -> Slot | None:
    """The run of a job that an action is about; None of all others."""
    match action:
        case RunReplica():
            return action.place if action.due is not None else None
        case OnReplica():
            return action.place if action.replica.due is not None else None
        case _:
            return None


def is_of_jobs(action: Action) -> bool:
    """Whether it concerns runs of jobs alone."""
    return isinstance(action, KeepRuns) or run_of(action) is not None
