"""When a replica that failed may be tried again, and the how-manieth time that is.

The clock of a delay starts at the last try, so that it bounds the rate of tries whatever a failure looks like: an exit,
an unhealthy process that never ends, or a creation that the engine refuses.
"""

from __future__ import annotations

from dataclasses import dataclass

from zpmd.model.memory import Attempt, Tried
from zpmd.model.observed import Replica, Slot
from zpmd.model.service import RestartPolicy
from zpmd.model.spechash import same_meaning
from zpmd.planning.target import Target
from zpmd.planning.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """The next try at a slot: the `attempt`-th in a row, not before `due`. `gave_up`: max_attempts is spent."""

    attempt: int
    due: float
    gave_up: bool = False


def delay_seconds(policy: RestartPolicy, attempt: int) -> float:
    """Before the `attempt`-th try in a row: 0 for the first, then `delay` doubling up to `max_delay`."""
    if attempt <= 1:
        return 0.0
    doublings = min(attempt - 2, 32)
    return min(policy.delay_seconds * 2.0**doublings, policy.max_delay_seconds)


def remembered(view: View, target: Target, slot: Slot) -> Attempt | None:
    """The last try at this slot, if it was at this very spec and generation: a new spec begins with a clean slate."""
    record = view.memory.attempts.get(slot)
    if record is None or record.generation != target.generation:
        return None
    if record.tried is not Tried.STOP and not same_meaning(target.service.container, record.spec):
        return None
    return record


def turn_of_old(view: View, target: Target, replica: Replica) -> Turn:
    """The next try at a drifted replica that is kept alive because its update is paused: its own tries count."""
    record = view.memory.attempts.get(replica.place)
    return _turn(view, target, record if record and record.spec == replica.spec else None, replica)


def turn(view: View, target: Target, slot: Slot, replica: Replica | None, excused: bool = False) -> Turn:
    """The next try after a failure. `replica` is what failed, or None where nothing could be made or it vanished.

    `excused` failures (their dependency was down) neither count nor wait.
    """
    return _turn(view, target, remembered(view, target, slot), replica, excused)


def _turn(view: View, target: Target, record: Attempt | None, replica: Replica | None, excused: bool = False) -> Turn:
    policy = target.service.restart
    count = record.count if record else replica.attempt if replica else 0
    if _proved_itself(view, policy, record, replica):
        count = 0
    if excused:
        return Turn(attempt=count, due=view.now)
    attempt = count + 1
    if record:
        last = record.at
    elif replica:
        last = replica.started_at or replica.created_at
    else:
        last = view.now
    delay = delay_seconds(policy, attempt)
    if record and record.failed:
        delay = min(delay, view.limits.retry_max_seconds)
    gave_up = bool(policy.max_attempts) and attempt > policy.max_attempts
    return Turn(attempt=attempt, due=last + delay, gave_up=gave_up)


def restarts(view: View, target: Target, slot: Slot, replica: Replica | None) -> int:
    """How many restarts in a row a slot has behind it; a replica that has run its window has none."""
    record = remembered(view, target, slot)
    if replica and replica.running and _ran_seconds(replica, view.now) >= target.service.restart.window_seconds:
        return 0
    return record.count if record else replica.attempt if replica else 0


def retry_due(view: View, key: str) -> float:
    """When an action that is not a replica's own failure (engine busy, pull refused) may be tried again."""
    retry = view.memory.retries.get(key)
    if retry is None:
        return 0.0
    delay = view.limits.retry_delay_seconds * 2.0 ** min(retry.count - 1, 32)
    return retry.at + min(delay, view.limits.retry_max_seconds)


def _proved_itself(view: View, policy: RestartPolicy, record: Attempt | None, replica: Replica | None) -> bool:
    """The last try was good for the policy's window: what failed now is the first failure of a new row."""
    if replica:
        return _ran_seconds(replica, view.now) >= policy.window_seconds
    return record is not None and not record.failed and view.now - record.at >= policy.window_seconds


def _ran_seconds(replica: Replica, now: float) -> float:
    if replica.started_at is None:
        return 0.0
    return (replica.finished_at if replica.ended and replica.finished_at else now) - replica.started_at
