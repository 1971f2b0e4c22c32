"""What leaves: services that are no longer declared, that an operator stopped, or all of them; in reverse order.

Nothing is removed without evidence, and a change that would remove a large part of the services waits for an operator.
What a source says is to go (a tenant is suspended, another server has the role) is evidence, however much it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set

from zpmd.model.action import RemoveNetwork, RemoveVolume
from zpmd.model.cause import Cause, Code
from zpmd.model.memory import Down
from zpmd.model.observed import Phase, Replica, Slot
from zpmd.planning import backoff, leave
from zpmd.planning.case import withheld
from zpmd.planning.ordering import Order
from zpmd.planning.target import Target
from zpmd.planning.view import Draft, View, names

UNDECLARED = Cause(Code.UNDECLARED, "is no longer declared")
STOPS = (Code.STOP_ASKED, Code.DOWN_ASKED)
"""Causes for which a run of a job is stopped: from the files a job may go in the middle of a run, which goes on."""


def undeclared(view: View) -> tuple[str, ...]:
    """Services that have containers of ours and are not declared."""
    return tuple(sorted(_present(view) - view.targets.keys()))


def leaving(view: View, draft: Draft) -> Mapping[str, Cause]:
    """The services that may go now, each with its cause; what is held back is drafted with its reason."""
    going = {t.name: t.leaving for t in view.targets.values() if t.leaving and not t.hold}
    gone = [name for name in undeclared(view) if not _held(view, name, draft)]
    if view.memory.intent.down is not Down.NO:
        return going | dict.fromkeys(gone, Cause(Code.DOWN_ASKED, "an operator took the appliance down"))
    retired = dict(view.desired.retired)
    going |= {name: Cause(Code.RETIRED, retired[name]) for name in gone if name in retired}
    gone = [name for name in gone if name not in retired]
    if gone and not view.desired.complete:
        for name in gone:
            text = "is not declared, but a source has never answered"
            draft.wait(name, Cause(Code.SOURCE_UNKNOWN, text), service=name)
        return going
    guarded = _held_by_guard(view)
    held = guarded.intersection(gone)
    for name in sorted(held):
        share = f"{len(guarded)} of {len(_present(view))} services"
        text = f"{share} would be removed at once: `zpmctl approve` lets them go"
        draft.wait(name, Cause(Code.MASS_REMOVAL, text), service=name)
    return going | {name: UNDECLARED for name in gone if name not in held}


def held_losses(view: View, draft: Draft) -> None:
    """Services that are still declared only because losing so many at once looks like a mistake of their source."""
    for name, why in view.desired.held:
        if name in view.targets:
            draft.wait(name, Cause(Code.MASS_REMOVAL, why), service=name)


def stop_in_order(view: View, order: Order, going: Mapping[str, Cause], draft: Draft) -> tuple[str, ...]:
    """Stop, and remove where asked, the services that leave: highest rank first, one rank at a time. Returns those
    whose turn it is; the runs of jobs among them are stopped where jobs are decided on."""
    live = {name: order.rank(name) for name in sorted(going) if _lives(view, name, going[name])}
    top = max(live.values(), default=(0, 0))
    last = [name for name, rank in live.items() if rank == top]
    for name, cause in sorted(going.items()):
        target = view.targets.get(name)
        for replica in _one_a_slot(view, name, sorted(view.slots(name)), draft):
            if replica.live and live[name] < top:
                draft.wait(replica.place, Cause(Code.STOP_ORDER, f"stops after {names(last)}", tuple(last)))
            elif target and not target.remove:
                leave.halt(target, replica, cause, draft)
            else:
                leave.retire(target, replica, cause, draft)
    return tuple(last)


def surplus(view: View, target: Target, draft: Draft) -> None:
    """Slots beyond the number asked for go, the highest first in the plan's order."""
    beyond = [number for number in view.slots(target.name) if not 1 <= number <= target.replicas]
    if beyond:
        count = f"{target.replicas} replica{'' if target.replicas == 1 else 's'}"
        cause = Cause(Code.SCALED_DOWN, f"{target.name} is to have {count}")
        for replica in _one_a_slot(view, target.name, sorted(beyond, reverse=True), draft):
            leave.retire(target, replica, cause, draft)


def belongings(view: View, draft: Draft) -> None:
    """On `down`, when the last container is gone: our networks, and our volumes if that was asked."""
    down = view.memory.intent.down
    if down is Down.NO or view.world.replicas or view.busy:
        return
    cause = Cause(Code.DOWN_ASKED, "an operator took the appliance down")
    removals: list[RemoveNetwork | RemoveVolume] = [
        RemoveNetwork(name=name, cause=cause) for name in sorted(view.world.own_networks)
    ]
    if down is Down.VOLUMES:
        removals += [RemoveVolume(name=name, cause=cause) for name in sorted(view.world.own_volumes)]
    for action in removals:
        due = backoff.retry_due(view, action.subject)
        if due > view.now:
            error = view.memory.retries[action.subject].error
            draft.wait(action.subject, Cause(Code.RETRY, f"could not be removed: {error}"), until=due)
        else:
            draft.act(action)


def _lives(view: View, name: str, cause: Cause) -> bool:
    runs = view.runs.get(name, ()) if cause.code in STOPS else ()
    return any(r.live for r in view.replicas(name)) or any(r.live for r in runs)


def _present(view: View) -> Set[str]:
    """What has containers of ours: replicas, or runs."""
    return view.by_slot.keys() | view.runs.keys()


def _held(view: View, name: str, draft: Draft) -> bool:
    hold = view.memory.intent.hold_on(name, view.now)
    if hold:
        cause = Cause(Code.HELD, f"is no longer declared, and {hold}")
        draft.wait(name, cause, until=hold.until, service=name)
    return hold is not None


def _held_by_guard(view: View) -> frozenset[str]:
    """The services that wait for `zpmctl approve`: more than the percentage, and more than the count. Those that a hold
    keeps for now are counted with the others: it is one change, and it must not slip through in two halves."""
    evident = view.memory.intent.approved.union(name for name, _ in view.desired.retired)
    waiting = [name for name in undeclared(view) if name not in evident]
    limits = view.limits
    large = len(waiting) * 100 > limits.removal_percent * len(_present(view))
    return frozenset(waiting) if large and len(waiting) > limits.removal_count else frozenset()


def _one_a_slot(view: View, name: str, numbers: Iterable[int], draft: Draft) -> Iterator[Replica]:
    """The replica to act on in each of these slots that may be touched now: one that lives before one that does not,
    and what the engine is removing last of all."""
    for number in numbers:
        if not withheld(view, Slot(name, number), draft):
            yield min(view.slots(name)[number], key=lambda r: (r.phase is Phase.REMOVING, not r.live))
