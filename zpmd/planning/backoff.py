"""When a replica that failed may be tried again, and the how-manieth time that is.

The clock of a delay starts at the last try, so that it bounds the rate of tries whatever a failure looks like: an exit,
an unhealthy process that never ends, or a creation that the engine refuses. An instant that lies ahead means that the
clock was set back: then nothing is known of an age, and nobody waits for the clock to catch up.
"""

from __future__ import annotations

from dataclasses import dataclass

from zpmd.model.memory import Attempt, Tried
from zpmd.model.observed import Replica, Slot
from zpmd.model.service import RestartPolicy
from zpmd.model.spechash import same_meaning
from zpmd.planning.target import Target
from zpmd.planning.view import View

SHORTEST_DELAY_SECONDS = 0.1
SHORTEST_WINDOW_SECONDS = 10.0
"""Docker's own: restarts start at 100 ms, and a run of 10 s ends the row (moby restartmanager.go). A service file whose
`delay` and `window` are 0 gets these: taken literally it would ask for a restart without a pause, for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """The next try at a slot: the `attempt`-th in a row, not before `due`.

    `spent`: max_attempts are used up; `due` is then when the row is over and counting begins anew, or None: never.
    `anew`: the instant ahead at which the row is over, and the same try would be another one; None where it would not.
    """

    attempt: int
    due: float | None
    spent: bool = False
    anew: float | None = None


def delay_seconds(policy: RestartPolicy, attempt: int) -> float:
    """Before the `attempt`-th try in a row: 0 for the first, then `delay` doubling up to `max_delay`."""
    if attempt <= 1:
        return 0.0
    first = max(policy.delay_seconds, SHORTEST_DELAY_SECONDS)
    return min(first * 2.0 ** min(attempt - 2, 32), max(policy.max_delay_seconds, SHORTEST_DELAY_SECONDS))


def window_seconds(policy: RestartPolicy) -> float:
    """How long a replica has to run for its next failure to be the first of a new row."""
    return max(policy.window_seconds, SHORTEST_WINDOW_SECONDS)


def remembered(view: View, target: Target, slot: Slot, replica: Replica | None) -> Attempt | None:
    """The last try at this slot, if it was a try at this very replica; where there is none, at the target's spec and
    generation: a new definition begins with a clean slate."""
    record = view.memory.attempts.get(slot)
    if record is None:
        return None
    if replica:
        same = record.spec == replica.spec and record.generation == replica.generation
    else:
        same = record.generation >= target.generation and same_meaning(target.service.container, record.spec)
    return record if same else None


def wanted_again(record: Attempt | None, replica: Replica) -> bool:
    """It ended because it was stopped on purpose, or an operator has asked for a new beginning since it ended."""
    return record is not None and record.tried is Tried.STOP and (replica.finished_at or 0.0) <= record.at


def turn(view: View, target: Target, slot: Slot, replica: Replica | None, excused: bool = False) -> Turn:
    """The next try after a failure. `replica` is what failed, or None where nothing could be made or it vanished.

    `excused` failures (their dependency was down) neither count nor wait.
    """
    policy, record = target.service.restart, remembered(view, target, slot, replica)
    count = record.count if record else replica.attempt if replica else 0
    proven_at = _proven_at(policy, record, replica) if count else None
    if proven_at is not None and proven_at <= view.now:
        count, proven_at = 0, None
    if excused:
        return Turn(attempt=count, due=view.now, anew=proven_at)
    attempt = count + 1
    if policy.max_attempts and attempt > policy.max_attempts:
        return Turn(attempt=attempt, due=proven_at, spent=True, anew=proven_at)
    delay = delay_seconds(policy, attempt)
    if record and record.failed:
        delay = min(delay, view.limits.retry_max_seconds)
    due = _after(_last_try(record, replica), delay, view.now)
    # A process that stays up while it is unhealthy may prove itself before its delay is over.
    return Turn(attempt=attempt, due=due if proven_at is None else min(due, proven_at), anew=proven_at)


def restarts(view: View, target: Target, number: int, replica: Replica | None) -> int:
    """How many restarts in a row a slot has behind it; a replica that has run its window has none."""
    proven_at = proves_itself_at(target, replica) if replica else None
    if proven_at is not None and proven_at <= view.now:
        return 0
    record = remembered(view, target, Slot(target.name, number), replica)
    return record.count if record else replica.attempt if replica else 0


def proves_itself_at(target: Target, replica: Replica) -> float | None:
    """From when on one that runs has run its window, and no restart before it counts; None where it does not run."""
    return _proven_at(target.service.restart, None, replica) if replica.running else None


def retry_due(view: View, key: str) -> float:
    """When an action that is not a replica's own failure (engine busy, pull refused) may be tried again."""
    retry = view.memory.retries.get(key)
    if retry is None:
        return 0.0
    delay = view.limits.retry_delay_seconds * 2.0 ** min(retry.count - 1, 32)
    return _after(retry.at, min(delay, view.limits.retry_max_seconds), view.now)


def _last_try(record: Attempt | None, replica: Replica | None) -> float:
    if record:
        return record.at
    return (replica.started_at or replica.created_at) if replica else 0.0


def _after(last: float, delay: float, now: float) -> float:
    return now if last > now else last + delay


def _proven_at(policy: RestartPolicy, record: Attempt | None, replica: Replica | None) -> float | None:
    """The instant from which a failure is the first of a new row, because what was tried last held for the policy's
    window; None where it did not hold."""
    window = window_seconds(policy)
    if replica is None:
        return record.at + window if record and not record.failed else None
    if replica.started_at is None:
        return None
    since = replica.started_at if replica.running else replica.finished_at
    if record and record.failed and since is not None and since < record.at:
        return None  # refused since: its long life says nothing of a try that never came to one
    if replica.running:
        return replica.started_at + window
    held = replica.finished_at is not None and replica.finished_at - replica.started_at >= window
    return replica.finished_at if held else None
