"""One slot: what is there, what should be there, and the one next step between the two.

The cases, in order: somebody is at work on it; two replicas where one will do; one as it should be (tend it); an old
one (replace it, and tend it until that is possible); nothing (fill it).
"""

from __future__ import annotations

from zpmd.model import naming
from zpmd.model.action import RunReplica
from zpmd.model.cause import Cause, Code
from zpmd.model.memory import Attempt, Tried
from zpmd.model.observed import Replica
from zpmd.model.service import Order as UpdateOrder
from zpmd.planning import backoff, leave, prerequisites, readiness, rollout
from zpmd.planning.case import Case, withheld
from zpmd.planning.lineup import Lineup
from zpmd.planning.tending import may_try, tend


def decide(case: Case, lineup: Lineup, permit: Cause | None) -> None:
    """Draft the next step of one slot. `permit` is None where the rollout lets this slot be replaced now, and the
    reason to wait otherwise."""
    if withheld(case.view, case.slot, case.draft):
        return
    current, old = lineup.current, lineup.old
    if len(current) > 1:
        cause = Cause(Code.SURPLUS, f"{current[0].name} already holds this place")
        leave.retire(case.target, current[-1], cause, case.draft)
    elif current:
        if not tend(case, current[0]) and old:
            _finish(case, current[0], old[-1][0])
    elif len(old) > 1:
        _retire(case, *old[-1])
    elif old:
        _replace(case, *old[0], permit)
    else:
        _fill(case)


def _retire(case: Case, replica: Replica, why: Cause) -> None:
    failed = readiness.failed(case.target.service, replica)
    leave.retire(case.target, replica, why, case.draft, evidence=failed)


def _finish(case: Case, new: Replica, old: Replica) -> None:
    """The new replica stands beside its predecessor: let that one go once the new one has proved itself."""
    monitor = case.target.update.monitor_seconds
    if readiness.settled(case.target.service, new, case.view.memory, monitor, case.view.now):
        _retire(case, old, Cause(Code.REPLACED, f"{new.name} took its place"))
    else:
        cause = Cause(Code.ROLLING, f"{new.name} is being watched before {old.name} goes")
        case.wait(cause, until=readiness.settles_at(new, monitor, case.view.now))


def _replace(case: Case, old: Replica, why: Cause, permit: Cause | None) -> None:
    """Put a replica of the target in the place of an old one. As long as that cannot be done the old one is tended:
    an image that cannot be had must not cost the service what it still has."""
    target = case.target
    shut = case.order.shut(target)
    if permit:
        case.wait(permit)
        tend(case, old, fresh=False)
    elif shut:
        case.wait_for_start(shut)
    elif not prerequisites.met(case.view, target.service, case.slot, case.draft):
        tend(case, old, fresh=False)
    elif not old.live or target.update.order is UpdateOrder.STOP_FIRST:
        _retire(case, old, why)
    else:
        _start_first(case, old, why)


def _start_first(case: Case, old: Replica, why: Cause) -> None:
    """Put the new replica beside the old one, which goes on whatever becomes of the new one."""
    hindrance = rollout.start_first_hindrance(case.target)
    name = naming.container_name(
        case.view.desired.project, case.target.service, case.slot.number, case.target.generation
    )
    if old.name == name:  # replaced for the sake of another service: of the same definition there can be one a slot
        hindrance = "its definition stays the same, and so does its name"
    if hindrance:
        _retire(case, old, Cause(why.code, f"{why}; stop-first because {hindrance}"))
        return
    of_old = backoff.remembered(case.view, case.target, case.slot, old)
    record = None if of_old else backoff.remembered(case.view, case.target, case.slot, None)
    if not _make(case, record, why):
        tend(case, old, fresh=False)


def _fill(case: Case) -> None:
    shut = case.order.shut(case.target)
    if shut:
        case.wait_for_start(shut)
        return
    record = backoff.remembered(case.view, case.target, case.slot, None)
    _make(case, record, _why_empty(case, record))


def _make(case: Case, record: Attempt | None, cause: Cause) -> bool:
    """Run a new replica. `record` is the last try at this definition in this slot: what follows a failed one counts,
    and waits for its backoff. False if there is something to wait for."""
    attempt = 0
    if record and record.tried is Tried.REMOVE:
        attempt = record.count
    elif record and record.tried is not Tried.STOP:
        turn = backoff.turn(case.view, case.target, case.slot, None)
        attempt = turn.attempt
        how = f"could not be made: {record.error}" if record.failed else cause.text
        if not may_try(case, turn, how):
            return False
    if not prerequisites.met(case.view, case.target.service, case.slot, case.draft):
        return False
    case.act(
        RunReplica(
            service=case.target.service,
            slot=case.slot.number,
            cause=cause,
            attempt=attempt,
            generation=case.target.generation,
            revision=case.target.service.patched.patch if case.target.service.patched else "",
            pull=prerequisites.asks_registry(case.view, case.target.service),
        )
    )
    return True


def _why_empty(case: Case, record: Attempt | None) -> Cause:
    last = record or case.view.memory.attempts.get(case.slot)
    if last is not None and last.tried is Tried.REMOVE:
        if record and record.count:
            return Cause(Code.DIED, f"takes the place of one that failed {record.count} times in a row")
        return Cause(Code.MISSING, "takes the place of one that was removed")
    if record is None or record.tried is Tried.STOP:
        return Cause(Code.MISSING, "is declared and not there")
    if record.failed:
        return Cause(Code.FAILED_START, f"could not be made: {record.error}")
    return Cause(Code.VANISHED, "was removed by somebody else")
