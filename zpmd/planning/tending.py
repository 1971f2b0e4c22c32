"""Tending one replica: start it again when it died, cure it when it is unhealthy, run its hooks when it is up.

It is the same for a replica that is as asked and for an old one that has to wait for its replacement, with one
difference: an old one is not made room for (`fresh` is False), because what took its place would be the new definition.
"""

from __future__ import annotations

from zpmd.model.action import RemoveReplica, RestartReplica, RunHook, StartReplica
from zpmd.model.cause import Cause, Code
from zpmd.model.memory import Attempt, Tried
from zpmd.model.observed import Health, Phase, Replica
from zpmd.model.service import RestartCondition
from zpmd.planning import backoff, leave, readiness
from zpmd.planning.case import Case


def tend(case: Case, replica: Replica, fresh: bool = True) -> bool:
    """Keep it running. True if there was something to do or to wait for."""
    match replica.phase:
        case Phase.RUNNING:
            return _tend_running(case, replica, fresh)
        case Phase.CREATED | Phase.EXITED | Phase.DEAD:
            return _revive(case, replica, fresh)
        case Phase.PAUSED:
            case.wait(Cause(Code.STARTING, f"somebody paused it: `docker unpause {replica.name}` lets it go on"))
        case Phase.RESTARTING | Phase.REMOVING:
            case.wait(Cause(Code.IN_FLIGHT, f"the engine is {replica.phase} it"))
    return True


def may_try(case: Case, turn: backoff.Turn, how: str) -> bool:
    """Whether the next try is due; if it is not, the reason is drafted. A try that is due and not made (there is no
    room for it in this pass, or something else is missing) is looked at again when it would count differently."""
    policy = case.target.service.restart
    if policy.condition is RestartCondition.NONE:
        text = f"{how}, and its restart policy is none: `zpmctl restart` tries it anew"
        case.wait(Cause(Code.GAVE_UP, text))
    elif turn.spent:
        text = f"{how}, and its {policy.max_attempts} attempts are spent: `zpmctl restart` tries it anew"
        case.wait(Cause(Code.GAVE_UP, text), until=turn.due)
    elif turn.due is not None and turn.due > case.view.now:
        code = Code.CRASH_LOOP if turn.attempt >= case.view.limits.fresh_after else Code.BACKOFF
        case.wait(Cause(code, f"{how}; try {turn.attempt} in a row comes after its backoff"), until=turn.due)
    else:
        if turn.anew is not None:
            case.draft.wake(turn.anew)
        return True
    return False


def _tend_running(case: Case, replica: Replica, fresh: bool) -> bool:
    if replica.health is Health.UNHEALTHY:
        _cure(case, replica, fresh)
    elif readiness.hooks_pending(case.target.service, replica, case.view.memory):
        _run_hooks(case, replica)
    elif replica.health is Health.STARTING:
        case.wait(Cause(Code.STARTING, "runs, and its health check has not passed yet"))
    else:
        return False
    return True


def _run_hooks(case: Case, replica: Replica) -> None:
    key = f"hook:{case.slot}"
    due = backoff.retry_due(case.view, key)
    if due > case.view.now:
        case.wait(Cause(Code.RETRY, f"its post_start failed: {case.view.memory.retries[key].error}"), until=due)
        return
    cause = Cause(Code.STARTED, "its post_start has not run since it was started")
    case.act(RunHook(replica=replica, hooks=case.target.service.container.post_start, cause=cause))


def _cure(case: Case, replica: Replica, fresh: bool) -> None:
    """Unhealthy is treated like dead, also in that it waits for a dependency that is down instead of being blamed."""
    target = case.target
    blocked = case.order.blocked(target)
    if blocked:
        case.wait(Cause(blocked.code, f"is unhealthy, and {blocked}", blocked.on))
        return
    excuse = _excuse(case, replica, backoff.remembered(case.view, target, case.slot, replica))
    turn = backoff.turn(case.view, target, case.slot, replica, excused=bool(excuse))
    if not may_try(case, turn, "is unhealthy"):
        return
    if fresh and not excuse and turn.attempt >= case.view.limits.fresh_after:
        cause = Cause(Code.UNHEALTHY, f"is unhealthy, failure {turn.attempt} in a row: a fresh one takes its place")
        case.act(leave.stop(target, replica, cause, evidence=True))
        return
    text = f"is unhealthy since {excuse} was down" if excuse else f"is unhealthy{_ordinal(turn.attempt)}"
    case.act(
        RestartReplica(
            replica=replica,
            cause=Cause(Code.UNHEALTHY, text),
            attempt=turn.attempt,
            grace_seconds=target.service.stop_grace_seconds,
            pre_stop=target.service.container.pre_stop,
        )
    )


def _revive(case: Case, replica: Replica, fresh: bool) -> bool:
    """Start it again in place, or from the third failure in a row make room for a fresh one."""
    target = case.target
    record = backoff.remembered(case.view, target, case.slot, replica)
    asked = backoff.wanted_again(record, replica)
    if not asked and readiness.completed(target.service, replica):
        return False
    shut = case.order.shut(target)
    if shut:
        case.wait_for_start(shut)
    elif asked:
        case.act(StartReplica(replica=replica, cause=Cause(Code.STARTED, "is to run again")))
    elif _never_tried(record, replica, case.view.now):
        cause = Cause(Code.STUCK, "was made and never started")
        case.act(StartReplica(replica=replica, cause=cause, attempt=replica.attempt))
    else:
        _try_again(case, replica, record, fresh)
    return True


def _never_tried(record: Attempt | None, replica: Replica, now: float) -> bool:
    """It was made, and what was to start it did not get that far: zpmd or the engine went away in between.

    Then the last try that is remembered is still that of the replica before it: a removal, or an instant before this
    one was made (if the engine's clock can be believed: an instant that lies ahead says nothing).
    """
    if replica.phase is not Phase.CREATED or replica.error:
        return False
    if record is None or record.tried is Tried.REMOVE or record.at < replica.created_at <= now:
        return True
    return record.tried is Tried.RUN and not record.failed


def _try_again(case: Case, replica: Replica, record: Attempt | None, fresh: bool) -> None:
    excuse = _excuse(case, replica, record)
    turn = backoff.turn(case.view, case.target, case.slot, replica, excused=bool(excuse))
    refused = record is not None and record.failed and not replica.ended
    how = f"could not start: {record.error}" if record and refused else readiness.ending(replica)
    if not may_try(case, turn, how):
        return
    code = Code.FAILED_START if replica.phase is Phase.CREATED else Code.DIED
    worn_out = turn.attempt >= case.view.limits.fresh_after and not excuse
    if replica.phase is Phase.DEAD or (fresh and worn_out):
        cause = Cause(code, f"{how}{_ordinal(turn.attempt)}: a fresh one takes its place")
        case.act(RemoveReplica(replica=replica, cause=cause, attempt=turn.attempt, evidence=True))
    else:
        text = f"{how} while {excuse} was down" if excuse else f"{how}{_ordinal(turn.attempt)}"
        case.act(StartReplica(replica=replica, cause=Cause(code, text), attempt=turn.attempt, evidence=True))


def _excuse(case: Case, replica: Replica, record: Attempt | None) -> str:
    """The dependency whose absence excuses this failure, or "". What the engine has refused since is nobody else's
    fault: excused again and again it would be tried without a pause."""
    return "" if record is not None and record.failed else case.order.excuse(case.target, replica)


def _ordinal(attempt: int) -> str:
    return f", failure {attempt} in a row" if attempt > 1 else ""
