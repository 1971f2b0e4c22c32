"""Rollout: which slots may be replaced now, and what a rollout makes of a spec. `update_config` as Swarm means it.

Nothing of a rollout is remembered but its verdicts: how far it has come is seen in the replicas. A rollback is no
procedure either: a spec that is judged failed makes the last stable definition the target (target.py), and the same
rules bring it about under `rollback_config`. It is never judged again, so it is never rolled back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zpmd.model.action import JudgeSpec
from zpmd.model.cause import Cause, Code
from zpmd.model.container import MountKind
from zpmd.model.memory import Verdict
from zpmd.model.observed import Replica, Slot
from zpmd.model.service import FailureAction
from zpmd.model.spechash import spec_hash
from zpmd.planning import backoff, readiness
from zpmd.planning.lineup import Lineup
from zpmd.planning.ordering import Order
from zpmd.planning.target import Target
from zpmd.planning.view import Draft, View


def start_first_hindrance(target: Target) -> str:
    """Why two replicas of one slot cannot live side by side, or "": one holder of a name, port, address or volume."""
    c = target.service.container
    if c.container_name:
        return f"container_name {c.container_name} can be held once"
    if c.network_mode == "host" or c.network_mode.startswith(("service:", "container:")):
        return f"the ports of network_mode {c.network_mode} can be held once"
    for port in c.ports:
        first, _, last = port.published.partition("-")
        if first and not last:
            return f"host port {first} can be held once"
        beside = min(target.update.parallelism or target.replicas, target.replicas)
        if last and int(last) - int(first) + 1 < target.replicas + beside:
            return f"host ports {port.published} have no room for {beside} more than {target.replicas}"
    if any(a.ipv4_address or a.ipv6_address or a.mac_address for a in c.networks) or c.mac_address:
        return "its fixed address can be held once"
    if target.replicas == 1:
        for mount in c.mounts:
            if mount.kind is MountKind.VOLUME and mount.source and not mount.read_only:
                return f"volume {mount.source} has a single writer"
    return ""


# --- the turn of each slot --------------------------------------------------------------------------------------------


def permits(view: View, target: Target, lineups: Sequence[Lineup], draft: Draft) -> Mapping[int, Cause]:
    """The slots whose old replicas may not be replaced now, each with the reason to wait.

    At most `parallelism` slots are in flux at a time, `delay` apart; those that do not serve go first. What does not
    even live is replaced at once: there is nothing to lose.
    """
    if all(not slot.old for slot in lineups):
        return {}
    if target.stuck:
        text = f"{target.stuck}; what runs is kept; `zpmctl restart` goes on"
        return dict.fromkeys((slot.number for slot in lineups), Cause(Code.ROLLOUT_PAUSED, text))
    if target.verdict is Verdict.PAUSED:
        reason = target.revision.reason if target.revision else ""
        text = f"its update is paused: {reason}; `zpmctl restart` tries it anew"
        return dict.fromkeys((slot.number for slot in lineups), Cause(Code.ROLLOUT_PAUSED, text))
    config = target.update
    in_flux, candidates, settled_at = 0, [], 0.0
    for slot in lineups:
        if _busy(view, target, slot):
            in_flux += 1
        elif slot.current:
            settles_at = [readiness.settles_at(r, config.monitor_seconds, view.now) for r in slot.current]
            settled_at = max(settled_at, *settles_at)
            for at in settles_at:
                draft.wake(at)
            in_flux += _in_flux(view, target, slot)
        elif any(r.live for r, _ in slot.old):
            candidates.append(slot)
        else:
            in_flux += 1
    candidates.sort(key=lambda slot: (slot.ready, slot.number))
    room = max(0, config.parallelism - in_flux) if config.parallelism else len(candidates)
    next_at = settled_at + config.delay_seconds
    answer = {
        slot.number: Cause(Code.ROLLING, f"its turn comes: {config.parallelism} at a time")
        for slot in candidates[room:]
    }
    for slot in candidates[:room]:
        if slot.ready and next_at > view.now:
            answer[slot.number] = Cause(Code.ROLLING, "its turn comes after the delay between updates")
            draft.wake(next_at)
    return answer


def _busy(view: View, target: Target, slot: Lineup) -> bool:
    return target.name in view.busy_services and str(Slot(target.name, slot.number)) in view.busy


def _in_flux(view: View, target: Target, slot: Lineup) -> bool:
    """Its new replica has still to prove itself, or the old one to go: until then it holds its port and its memory, and
    the next slot has to find its own beside it. With failure_action `continue` one that failed is not waited for."""
    service, update = target.service, target.update
    given_up = update.failure_action is FailureAction.CONTINUE
    if given_up and all(readiness.failed(service, r) for r in slot.current):
        return False
    proved = any(readiness.settled(service, r, view.memory, update.monitor_seconds, view.now) for r in slot.current)
    return not proved or any(r.live for r, _ in slot.old)


# --- the verdict ------------------------------------------------------------------------------------------------------


def judge(view: View, order: Order, target: Target, lineups: Sequence[Lineup], draft: Draft) -> bool:
    """Draft the verdict on this spec if it is due: failed, paused or stable. True if it will change the target."""
    if target.reverting or target.verdict is not None or not lineups or target.name in view.busy_services:
        return False
    if target.on_trial:  # a patch is judged as a whole (trial.py)
        return False
    if _replaces_stable(target) and not order.blocked(target):
        update = target.update
        found = failures(view, order, target, lineups, draft)
        too_many = len(found) / len(lineups) > update.max_failure_ratio
        if too_many and update.failure_action is not FailureAction.CONTINUE:
            verdict = Verdict.FAILED if update.failure_action is FailureAction.ROLLBACK else Verdict.PAUSED
            text = f"{found[0]} ({len(found)} of {len(lineups)} replicas)"
            _draft(target, verdict, Cause(Code.ROLLOUT_FAILED, text), draft)
            return True
    if done(view, target, lineups, draft):
        _draft(target, Verdict.STABLE, Cause(Code.ROLLOUT_OK, "every replica of it is up and has been watched"), draft)
    return False


def failures(view: View, order: Order, target: Target, lineups: Sequence[Lineup], draft: Draft) -> list[str]:
    """How the new replicas of its slots failed, in words, one for each slot where one did."""
    return [text for slot in lineups if (text := _failure(view, order, target, slot, draft))]


def done(view: View, target: Target, lineups: Sequence[Lineup], draft: Draft) -> bool:
    """Every replica of it is of this spec and has proved itself."""
    return all(_done(view, target, slot, draft) for slot in lineups)


def _draft(target: Target, verdict: Verdict, cause: Cause, draft: Draft) -> None:
    draft.act(
        JudgeSpec(service=target.service, spec=target.spec, verdict=verdict, generation=target.generation, cause=cause)
    )


def _replaces_stable(target: Target) -> bool:
    stable = target.revision.stable if target.revision else None
    return stable is not None and spec_hash(stable.container) != target.spec


def _done(view: View, target: Target, slot: Lineup, draft: Draft) -> bool:
    """One replica, of this spec, that has proved itself."""
    if len(slot.current) != 1 or slot.old:
        return False
    replica, monitor = slot.current[0], target.update.monitor_seconds
    draft.wake(readiness.settles_at(replica, monitor, view.now))
    return readiness.settled(target.service, replica, view.memory, monitor, view.now)


def _failure(view: View, order: Order, target: Target, slot: Lineup, draft: Draft) -> str:
    """How the new replica of a slot failed, in words, or ""."""
    for replica in slot.current:
        if readiness.failed(target.service, replica) and not order.excuse(target, replica):
            return f"its new replica {readiness.ending(replica)}"
        if _overdue(view, order, target, replica, draft):
            limit = view.limits.progress_deadline_seconds
            return f"its new replica was not ready within {limit:.0f} s"
        if backoff.restarts(view, target, slot.number, replica):
            proven_at = backoff.proves_itself_at(target, replica)
            if proven_at is not None:
                draft.wake(proven_at)
            return "its new replica had to be restarted"
    record = backoff.remembered(view, target, Slot(target.name, slot.number), None)
    if record and record.failed and not any(r.running for r in slot.current):
        return f"its new replica could not be made: {record.error}"
    return ""


def _overdue(view: View, order: Order, target: Target, replica: Replica, draft: Draft) -> bool:
    """It has had its time to get ready, counted from when it and all that it depends on were up."""
    if not replica.running or readiness.ready(target.service, replica, view.memory):
        return False
    began = max(replica.started_at or replica.created_at, order.up_since(target))
    deadline = began + view.limits.progress_deadline_seconds
    draft.wake(deadline)
    return view.now >= deadline
