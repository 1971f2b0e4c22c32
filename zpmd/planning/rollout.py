"""Rollout: which slots may be replaced now, and what a rollout makes of a spec. `update_config` as Swarm means it.

Nothing of a rollout is remembered but its verdicts: how far it has come is seen in the replicas. A rollback is no
procedure either: a spec that is judged failed makes the last stable definition the target (target.py), and the same
rules bring it about under `rollback_config`. It is never judged again, so it is never rolled back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zpmd.model.container import MountKind
from zpmd.model.memory import Verdict
from zpmd.model.observed import Replica, Slot
from zpmd.model.plan import Cause, Code, JudgeSpec
from zpmd.model.service import FailureAction, ServiceData
from zpmd.model.spechash import spec_hash
from zpmd.planning import backoff, drift, readiness
from zpmd.planning.ordering import Order
from zpmd.planning.target import Target
from zpmd.planning.view import Draft, View

Slots = Mapping[int, Sequence[Replica]]


def start_first_hindrance(service: ServiceData) -> str:
    """Why two replicas of one slot cannot live side by side, or "": one holder of a name, port, address or volume."""
    c = service.container
    if c.container_name:
        return f"container_name {c.container_name} can be held once"
    for port in c.ports:
        if port.published and "-" not in port.published:
            return f"host port {port.published} can be held once"
    if any(a.ipv4_address or a.ipv6_address or a.mac_address for a in c.networks):
        return "its fixed address can be held once"
    if service.replicas == 1:
        for mount in c.mounts:
            if mount.kind is MountKind.VOLUME and mount.source and not mount.read_only:
                return f"volume {mount.source} has a single writer"
    return ""


def permits(view: View, target: Target, by_slot: Slots, draft: Draft) -> Mapping[int, Cause | None]:
    """For every slot: None if its old replicas may be replaced now, else the reason to wait.

    At most `parallelism` slots are in flux at a time, `delay` apart; unhealthy replicas go first. What does not even
    live is replaced at once: there is nothing to lose.
    """
    numbers = range(1, target.replicas + 1)
    if target.verdict is Verdict.PAUSED:
        reason = target.revision.reason if target.revision else ""
        paused = Cause(Code.ROLLOUT_PAUSED, f"its update is paused: {reason}; `zpmctl restart` tries it anew")
        return dict.fromkeys(numbers, paused)
    config = target.update
    in_flux, candidates = 0, []
    newest = 0.0
    for number in numbers:
        here = by_slot.get(number, ())
        current = [r for r in here if drift.cause(view, target, r) is None]
        if str(Slot(target.name, number)) in view.busy:
            in_flux += 1
        elif current:
            newest = max(newest, *(readiness.settles_at(r, config.monitor_seconds) for r in current))
            draft.wake(newest)
            in_flux += _unsettled(view, target, current)
        elif any(r.live for r in here):
            candidates.append(number)
        else:
            in_flux += 1
    serving = {n: any(readiness.ready(target.service, r, view.memory) for r in by_slot[n]) for n in candidates}
    candidates.sort(key=lambda n: (serving[n], n))
    room = max(0, (config.parallelism or target.replicas) - in_flux)
    next_at = newest + config.delay_seconds
    answer: dict[int, Cause | None] = dict.fromkeys(numbers)
    for place, number in enumerate(candidates):
        if place >= room:
            answer[number] = Cause(Code.ROLLING, f"its turn comes: {config.parallelism} at a time")
        elif serving[number] and next_at > view.now:
            answer[number] = Cause(Code.ROLLING, "its turn comes after the delay between updates")
            draft.wake(next_at)
    return answer


def _unsettled(view: View, target: Target, current: Sequence[Replica]) -> bool:
    if target.update.failure_action is FailureAction.CONTINUE and all(
        readiness.failed(target.service, r) for r in current
    ):
        return False
    monitor = target.update.monitor_seconds
    return not any(readiness.settled(target.service, r, view.memory, monitor, view.now) for r in current)


def judge(view: View, order: Order, target: Target, by_slot: Slots, draft: Draft) -> bool:
    """Draft the verdict on this spec if it is due: failed, paused or stable. True if it will change the target."""
    if target.reverting or target.verdict is not None or target.name in view.busy_services:
        return False
    failures = _failures(view, target, by_slot)
    if failures and _replaces_stable(target) and not order.blocked(target):
        action = target.update.failure_action
        too_many = len(failures) / max(target.replicas, 1) > target.update.max_failure_ratio
        if too_many and action is not FailureAction.CONTINUE:
            verdict = Verdict.FAILED if action is FailureAction.ROLLBACK else Verdict.PAUSED
            cause = Cause(Code.ROLLOUT_FAILED, f"{failures[0]} ({len(failures)} of {target.replicas} replicas)")
            _draft(target, verdict, cause, draft)
            return True
    if target.replicas and all(_done(view, target, by_slot.get(n, ())) for n in range(1, target.replicas + 1)):
        _draft(target, Verdict.STABLE, Cause(Code.ROLLOUT_OK, "every replica of it is up and has been watched"), draft)
    return False


def _draft(target: Target, verdict: Verdict, cause: Cause, draft: Draft) -> None:
    draft.act(
        JudgeSpec(service=target.service, spec=target.spec, verdict=verdict, generation=target.generation, cause=cause)
    )


def _replaces_stable(target: Target) -> bool:
    stable = target.revision.stable if target.revision else None
    return stable is not None and spec_hash(stable.container) != target.spec


def _done(view: View, target: Target, here: Sequence[Replica]) -> bool:
    monitor = target.update.monitor_seconds
    return bool(here) and all(
        drift.own_cause(target, r) is None and readiness.settled(target.service, r, view.memory, monitor, view.now)
        for r in here
    )


def _failures(view: View, target: Target, by_slot: Slots) -> list[str]:
    """How replicas of the new spec failed, in words."""
    found = []
    for number in range(1, target.replicas + 1):
        current = [r for r in by_slot.get(number, ()) if drift.own_cause(target, r) is None]
        record = backoff.remembered(view, target, Slot(target.name, number))
        for replica in current:
            if readiness.failed(target.service, replica):
                found.append(f"its new replica {readiness.ending(replica)}")
            elif _overdue(view, target, replica):
                limit = view.limits.progress_deadline_seconds
                found.append(f"its new replica was not ready within {limit:.0f} s")
        if record and record.failed and not any(r.running for r in current):
            found.append(f"its new replica could not be made: {record.error}")
        elif record and record.count and current and not found:
            found.append("its new replica had to be restarted")
    return found


def _overdue(view: View, target: Target, replica: Replica) -> bool:
    started = replica.started_at or replica.created_at
    late = view.now - started >= view.limits.progress_deadline_seconds
    return late and replica.running and not readiness.ready(target.service, replica, view.memory)
