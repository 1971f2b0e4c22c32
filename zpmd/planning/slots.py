"""One slot: what is there, what should be there, and the one next step between the two.

The cases, in order: somebody is at work on it; two replicas where one will do; one as it should be (tend it); only
drifted ones (replace); nothing (fill).
"""

from __future__ import annotations

from collections.abc import Sequence

from zpmd.model.memory import Attempt, Tried, Verdict
from zpmd.model.observed import Health, Phase, Replica, Slot
from zpmd.model.plan import (
    Cause,
    Code,
    RemoveReplica,
    RestartReplica,
    RunHook,
    RunReplica,
    StartReplica,
    StopReplica,
)
from zpmd.model.service import Order as UpdateOrder
from zpmd.model.service import RestartCondition
from zpmd.planning import backoff, drift, prerequisites, readiness, rollout
from zpmd.planning.ordering import Order
from zpmd.planning.target import Target
from zpmd.planning.view import Draft, View


def decide(
    view: View,
    order: Order,
    target: Target,
    slot: Slot,
    here: Sequence[Replica],
    permit: Cause | None,
    draft: Draft,
) -> None:
    """Draft the next step of one slot. `permit` is None where the rollout lets this slot be replaced now, and the
    reason to wait otherwise."""
    flight = view.busy.get(str(slot))
    if flight:
        progress = f" ({flight.progress})" if flight.progress else ""
        draft.wait(slot, Cause(Code.IN_FLIGHT, f"{flight.verb} is under way{progress}"))
        return
    due = backoff.retry_due(view, str(slot))
    if due > view.now:
        error = view.memory.retries[str(slot)].error
        draft.wait(slot, Cause(Code.RETRY, f"the engine could not do it: {error}"), until=due)
        return
    drifted = [(r, drift.cause(view, target, r)) for r in here]
    current = sorted((r for r, why in drifted if why is None), key=lambda r: _worth(view, target, r))
    old = [(r, why) for r, why in drifted if why is not None]
    if len(current) > 1:
        surplus = current[1]
        retire(target, surplus, Cause(Code.SURPLUS, f"{current[0].name} already holds this place"), draft)
    elif current:
        if not _tend(view, order, target, slot, current[0], draft) and old:
            _finish(view, target, slot, current[0], [r for r, _ in old], draft)
    elif old:
        _replace(view, order, target, slot, old, permit, draft)
    else:
        _fill(view, order, target, slot, draft)


def retire(target: Target | None, replica: Replica, cause: Cause, draft: Draft, evidence: bool = False) -> None:
    """The next step on the way out of a replica: stop what lives, remove what does not."""
    if replica.phase is Phase.REMOVING:
        draft.wait(replica.place, Cause(Code.IN_FLIGHT, "the engine is removing it"))
    elif replica.live:
        draft.act(_stop(target, replica, cause, evidence))
    else:
        draft.act(RemoveReplica(replica=replica, cause=cause, evidence=evidence))


def halt(target: Target, replica: Replica, cause: Cause, draft: Draft) -> None:
    """Stop a replica and keep its container."""
    if replica.live:
        draft.act(_stop(target, replica, cause, evidence=False))


def _stop(target: Target | None, replica: Replica, cause: Cause, evidence: bool) -> StopReplica:
    return StopReplica(
        replica=replica,
        cause=cause,
        grace_seconds=target.service.stop_grace_seconds if target else None,
        pre_stop=target.service.container.pre_stop if target else (),
        evidence=evidence,
    )


def _worth(view: View, target: Target, replica: Replica) -> tuple[bool, bool, float, str]:
    """The best replica of a slot first: ready, then running, then the oldest."""
    ready = readiness.ready(target.service, replica, view.memory)
    return not ready, not replica.running, replica.created_at, replica.id


# --- a replica that is as it should be --------------------------------------------------------------------------------


def _tend(view: View, order: Order, target: Target, slot: Slot, replica: Replica, draft: Draft) -> bool:
    """Keep it running. True if there was something to do or to wait for."""
    match replica.phase:
        case Phase.RUNNING:
            return _tend_running(view, target, slot, replica, draft)
        case Phase.CREATED | Phase.EXITED:
            return _revive(view, order, target, slot, replica, draft)
        case Phase.DEAD:
            cause = Cause(Code.DIED, "the engine calls it dead: it cannot be started again")
            draft.act(RemoveReplica(replica=replica, cause=cause, attempt=replica.attempt, evidence=True))
        case Phase.PAUSED:
            draft.wait(slot, Cause(Code.STARTING, "somebody paused it: `docker unpause` lets it go on"))
        case Phase.RESTARTING | Phase.REMOVING:
            draft.wait(slot, Cause(Code.IN_FLIGHT, f"the engine is {replica.phase} it"))
    return True


def _tend_running(view: View, target: Target, slot: Slot, replica: Replica, draft: Draft) -> bool:
    service = target.service
    if replica.health is Health.UNHEALTHY:
        _cure(view, target, slot, replica, draft)
        return True
    if readiness.hooks_pending(service, replica, view.memory):
        key = f"hook:{slot}"
        due = backoff.retry_due(view, key)
        if due > view.now:
            draft.wait(slot, Cause(Code.RETRY, f"its post_start failed: {view.memory.retries[key].error}"), until=due)
        else:
            cause = Cause(Code.STARTED, "its post_start has not run since it was started")
            draft.act(RunHook(replica=replica, hooks=service.container.post_start, cause=cause))
        return True
    if replica.health is Health.STARTING:
        draft.wait(slot, Cause(Code.STARTING, "runs, and its health check has not passed yet"))
        return True
    return False


def _cure(view: View, target: Target, slot: Slot, replica: Replica, draft: Draft) -> None:
    """Unhealthy is treated like dead."""
    turn = backoff.turn(view, target, slot, replica)
    if not _may_try(view, target, slot, turn, "is unhealthy", draft):
        return
    if turn.attempt >= view.limits.fresh_after:
        cause = Cause(Code.UNHEALTHY, f"is unhealthy, failure {turn.attempt} in a row: a fresh one takes its place")
        draft.act(_stop(target, replica, cause, evidence=True))
        return
    draft.act(
        RestartReplica(
            replica=replica,
            cause=Cause(Code.UNHEALTHY, f"is unhealthy{_ordinal(turn.attempt)}"),
            attempt=turn.attempt,
            grace_seconds=target.service.stop_grace_seconds,
            pre_stop=target.service.container.pre_stop,
        )
    )


def _revive(view: View, order: Order, target: Target, slot: Slot, replica: Replica, draft: Draft) -> bool:
    """Start it again in place, or from the third failure in a row make room for a fresh one."""
    record = backoff.remembered(view, target, slot)
    asked = record is not None and record.tried is Tried.STOP
    if not asked and readiness.completed(target.service, replica):
        return False
    shut = order.shut(target)
    if shut:
        draft.wait(slot, shut, until=order.opens_at(target.service.group) if shut.code is Code.GROUP else None)
        return True
    if asked:
        draft.act(StartReplica(replica=replica, cause=Cause(Code.STARTED, "is to run again")))
        return True
    if replica.phase is Phase.CREATED and not (record and record.failed) and not replica.error:
        draft.act(
            StartReplica(
                replica=replica, cause=Cause(Code.STUCK, "was made and never started"), attempt=replica.attempt
            )
        )
        return True
    excuse = order.excuse(target, replica)
    turn = backoff.turn(view, target, slot, replica, excused=bool(excuse))
    how = record.error if record and record.failed and replica.phase is Phase.CREATED else readiness.ending(replica)
    if not _may_try(view, target, slot, turn, how, draft):
        return True
    code = Code.FAILED_START if replica.phase is Phase.CREATED else Code.DIED
    if turn.attempt >= view.limits.fresh_after and not excuse:
        cause = Cause(code, f"{how}, failure {turn.attempt} in a row: a fresh one takes its place")
        draft.act(RemoveReplica(replica=replica, cause=cause, attempt=turn.attempt, evidence=True))
    else:
        text = f"{how} while {excuse} was down" if excuse else f"{how}{_ordinal(turn.attempt)}"
        draft.act(StartReplica(replica=replica, cause=Cause(code, text), attempt=turn.attempt, evidence=True))
    return True


def _may_try(view: View, target: Target, slot: Slot, turn: backoff.Turn, how: str, draft: Draft) -> bool:
    """Whether the next try is due; if it is not, the reason is drafted."""
    if target.service.restart.condition is RestartCondition.NONE:
        draft.wait(slot, Cause(Code.GAVE_UP, f"{how}, and its restart policy is none: `zpmctl restart` tries it anew"))
        return False
    if turn.gave_up:
        most = target.service.restart.max_attempts
        text = f"{how}, and its {most} attempts are spent: `zpmctl restart` tries it anew"
        draft.wait(slot, Cause(Code.GAVE_UP, text))
        return False
    if turn.due > view.now:
        loop = turn.attempt >= view.limits.fresh_after
        code = Code.CRASH_LOOP if loop else Code.BACKOFF
        draft.wait(slot, Cause(code, f"{how}; try {turn.attempt} in a row comes after its backoff"), until=turn.due)
        return False
    return True


def _ordinal(attempt: int) -> str:
    return f", failure {attempt} in a row" if attempt > 1 else ""


# --- replacing and filling --------------------------------------------------------------------------------------------


def _finish(view: View, target: Target, slot: Slot, new: Replica, old: Sequence[Replica], draft: Draft) -> None:
    """The new replica stands beside its predecessor: let that one go once the new one has proved itself."""
    monitor = target.update.monitor_seconds
    if readiness.settled(target.service, new, view.memory, monitor, view.now):
        failed = readiness.failed(target.service, old[0])
        retire(target, old[0], Cause(Code.REPLACED, f"{new.name} took its place"), draft, evidence=failed)
    else:
        until = readiness.settles_at(new, monitor)
        draft.wait(slot, Cause(Code.ROLLING, f"{new.name} is being watched before {old[0].name} goes"), until=until)


def _replace(
    view: View,
    order: Order,
    target: Target,
    slot: Slot,
    old: Sequence[tuple[Replica, Cause]],
    permit: Cause | None,
    draft: Draft,
) -> None:
    serving = [(r, why) for r, why in old if r.live]
    spent = [(r, why) for r, why in old if not r.live]
    if permit:
        if not serving and target.verdict is Verdict.PAUSED:
            _keep_old(view, order, target, spent[0][0], draft)
        else:
            draft.wait(slot, permit)
        return
    if spent:
        replica, why = spent[0]
        retire(target, replica, why, draft, evidence=readiness.failed(target.service, replica))
        return
    replica, why = serving[0]
    shut = order.shut(target)
    if shut:
        draft.wait(slot, shut)
        return
    if not prerequisites.met(view, target.service, slot, draft):
        return
    hindrance = rollout.start_first_hindrance(target.service)
    if target.update.order is UpdateOrder.STOP_FIRST or hindrance or len(serving) > 1:
        text = f"{why}; stop-first because {hindrance}" if hindrance else why.text
        retire(target, replica, Cause(why.code, text), draft, evidence=readiness.failed(target.service, replica))
    else:
        draft.act(_run(view, target, slot, why, attempt=0))


def _keep_old(view: View, order: Order, target: Target, replica: Replica, draft: Draft) -> None:
    """A paused rollout leaves the old definition in charge: what dies of it is started again."""
    shut = order.shut(target)
    if shut:
        draft.wait(replica.place, shut)
        return
    turn = backoff.turn_of_old(view, target, replica)
    how = f"{readiness.ending(replica)}, and its update is paused"
    if _may_try(view, target, replica.place, turn, how, draft):
        draft.act(StartReplica(replica=replica, cause=Cause(Code.DIED, how), attempt=turn.attempt, evidence=True))


def _fill(view: View, order: Order, target: Target, slot: Slot, draft: Draft) -> None:
    shut = order.shut(target)
    if shut:
        draft.wait(slot, shut, until=order.opens_at(target.service.group) if shut.code is Code.GROUP else None)
        return
    record = backoff.remembered(view, target, slot)
    attempt, cause = _why_empty(record)
    if record and (record.failed or record.tried is not Tried.REMOVE) and record.tried is not Tried.STOP:
        turn = backoff.turn(view, target, slot, None)
        attempt = turn.attempt
        if not _may_try(view, target, slot, turn, cause.text, draft):
            return
    if prerequisites.met(view, target.service, slot, draft):
        draft.act(_run(view, target, slot, cause, attempt))


def _why_empty(record: Attempt | None) -> tuple[int, Cause]:
    if record is None or record.tried is Tried.STOP:
        return 0, Cause(Code.MISSING, "is declared and not there")
    if record.failed:
        return 0, Cause(Code.FAILED_START, f"could not be made: {record.error}")
    if record.tried is Tried.REMOVE and record.count:
        return record.count, Cause(Code.DIED, f"takes the place of one that failed {record.count} times in a row")
    if record.tried is Tried.REMOVE:
        return 0, Cause(Code.MISSING, "takes the place of one that was removed")
    return 0, Cause(Code.VANISHED, "was removed by somebody else")


def _run(view: View, target: Target, slot: Slot, cause: Cause, attempt: int) -> RunReplica:
    return RunReplica(
        service=target.service,
        slot=slot.number,
        cause=cause,
        attempt=attempt,
        generation=target.generation,
        pull=prerequisites.asks_registry(view, target.service),
    )
