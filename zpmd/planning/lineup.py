"""Who stands in a slot: the replicas that are as asked, and those that have to go. Worked out once for every slot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from zpmd.model.cause import Cause
from zpmd.model.memory import Memory
from zpmd.model.observed import Phase, Replica
from zpmd.model.service import ServiceData
from zpmd.planning import backoff, drift, readiness
from zpmd.planning.target import Target
from zpmd.planning.view import View


class Lineup(NamedTuple):
    """One slot. `current` and `old` (with what is wrong with it) are sorted, the one most worth keeping first.

    `ready` speaks of any replica in the slot, `completed` of current ones alone: a one-shot of an old definition has
    to run again, and so has one that was stopped on the way or that an operator starts anew, whatever its exit code.
    """

    number: int
    current: tuple[Replica, ...]
    old: tuple[tuple[Replica, Cause], ...]
    ready: bool
    completed: bool

    @property
    def calm(self) -> bool:
        """One replica, as asked, and up or done: there is nothing to decide."""
        return len(self.current) == 1 and not self.old and (self.ready or self.completed)

    @property
    def running(self) -> bool:
        return any(r.running for r in self.current) or any(r.running for r, _ in self.old)


def of(view: View, target: Target) -> tuple[Lineup, ...]:
    """The slots from 1 to the number of replicas asked for."""
    slots = view.slots(target.name)
    return tuple(_slot(view, target, number, slots.get(number, ())) for number in range(1, target.replicas + 1))


def _slot(view: View, target: Target, number: int, here: Sequence[Replica]) -> Lineup:
    service, memory = target.service, view.memory
    if len(here) == 1:  # nearly every slot of nearly every pass
        replica = here[0]
        why = drift.cause(view, target, replica)
        ready = readiness.ready(service, replica, memory)
        if why is None:
            return Lineup(number, (replica,), (), ready, not ready and completed(view, target, replica))
        return Lineup(number, (), ((replica, why),), ready, completed=False)
    if len(here) > 1:
        # What the engine is removing is as good as gone, unless there is nothing else to speak of.
        staying = [r for r in here if r.phase is not Phase.REMOVING] or here
        here = sorted(staying, key=lambda r: _worth(service, r, memory))
    current: tuple[Replica, ...] = ()
    old: tuple[tuple[Replica, Cause], ...] = ()
    for replica in here:
        why = drift.cause(view, target, replica)
        if why is None:
            current += (replica,)
        else:
            old += ((replica, why),)
    return Lineup(
        number,
        current,
        old,
        ready=any(readiness.ready(service, r, memory) for r in here),
        completed=any(completed(view, target, r) for r in current),
    )


def completed(view: View, target: Target, replica: Replica) -> bool:
    """A one-shot that came to its good end and is not wanted again."""
    if not readiness.completed(target.service, replica):
        return False
    return not backoff.wanted_again(backoff.remembered(view, target, replica.place, replica), replica)


def _worth(service: ServiceData, replica: Replica, memory: Memory) -> tuple[bool, bool, float, str]:
    """Ready, then running, then the oldest."""
    return not readiness.ready(service, replica, memory), not replica.running, replica.created_at, replica.id
