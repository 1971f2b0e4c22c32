"""Which due instants are made up for that passed while nobody looked (`catch_up`)."""

from __future__ import annotations

from collections.abc import Sequence

from zpmd.model.job import CatchUp, JobPolicy
from zpmd.model.schedule import Due


def made_up(policy: JobPolicy, missed: Sequence[Due], now: float) -> frozenset[float]:
    """Those of `missed`, which are in order, that are to run now."""
    in_time = [due.at for due in missed if due.runs and not too_late(policy, due.at, now)]
    match policy.catch_up:
        case CatchUp.NONE:
            return frozenset()
        case CatchUp.LATEST:
            return frozenset(in_time[-1:])
        case CatchUp.ALL:
            return frozenset(in_time)


def too_late(policy: JobPolicy, due: float, now: float) -> bool:
    """Whether its deadline is over."""
    return policy.deadline_seconds is not None and now > due + policy.deadline_seconds
