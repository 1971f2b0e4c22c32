"""One pass's arguments with indexes over them, and the draft that the pass writes into. Both live for one call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from zpmd.model.action import Action
from zpmd.model.cause import Cause
from zpmd.model.memory import Memory
from zpmd.model.observed import InFlight, Observed, Replica, Slot, Stranger, World
from zpmd.model.plan import Waiting
from zpmd.model.policy import Limits
from zpmd.model.service import Desired
from zpmd.planning.target import Target, target

Slots = Mapping[int, Sequence[Replica]]
"""The replicas of one service by slot, the oldest of a slot first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """`targets` holds every declared service, in the order of the plan; `by_slot` every replica of ours, without the
    containers of jobs' `runs`: those are by job, each by the instant that it is due at and by its try.

    `busy` are subjects that a worker has in hand. `busy_services` and `troubled` (something of it is in hand, or was
    refused a moment ago) spare the many services that are neither a look at each of their slots.
    """

    desired: Desired
    world: World
    memory: Memory
    now: float
    limits: Limits
    targets: Mapping[str, Target]
    by_slot: Mapping[str, Slots]
    runs: Mapping[str, tuple[Replica, ...]]
    busy: Mapping[str, InFlight]
    busy_services: frozenset[str]
    troubled: frozenset[str]
    strangers: Mapping[str, Stranger]
    """By name."""

    def slots(self, service: str) -> Slots:
        return self.by_slot.get(service, {})

    def replicas(self, service: str) -> tuple[Replica, ...]:
        """All of a service, by slot and age."""
        slots = self.slots(service)
        return tuple(replica for number in sorted(slots) for replica in slots[number])

    def containers(self, service: str) -> tuple[Replica, ...]:
        """All of a service, its replicas and its runs."""
        return self.replicas(service) + self.runs.get(service, ())


def view(desired: Desired, observed: Observed, world: World, memory: Memory, now: float, limits: Limits) -> View:
    services = sorted(desired.services, key=lambda s: (s.group.order, s.name))
    busy_services = frozenset(f.subject.rpartition("/")[0] for f in observed.in_flight)
    refused = frozenset(key.rpartition("/")[0] for key in memory.retries)
    return View(
        desired=desired,
        world=world,
        memory=memory,
        now=now,
        limits=limits,
        targets={s.name: target(s, memory, now) for s in services},
        by_slot=_by_slot(r for r in world.replicas if r.due is None),
        runs=_runs(world.replicas),
        busy={f.subject: f for f in observed.in_flight},
        busy_services=busy_services,
        troubled=busy_services | refused,
        strangers={s.name: s for s in world.strangers},
    )


def _by_slot(replicas: Iterable[Replica]) -> Mapping[str, Slots]:
    services: dict[str, dict[int, list[Replica]]] = {}
    for replica in replicas:
        services.setdefault(replica.service, {}).setdefault(replica.slot, []).append(replica)
    for slots in services.values():
        for here in slots.values():
            if len(here) > 1:
                here.sort(key=lambda r: (r.created_at, r.id))
    return services


def _runs(replicas: Iterable[Replica]) -> Mapping[str, tuple[Replica, ...]]:
    jobs: dict[str, list[Replica]] = {}
    for replica in replicas:
        if replica.due is not None:
            jobs.setdefault(replica.service, []).append(replica)
    return {job: tuple(sorted(runs, key=_by_try)) for job, runs in jobs.items()}


def _by_try(run: Replica) -> tuple[int, int, float, str]:
    return run.due or 0, run.attempt, run.created_at, run.id


@dataclass(slots=True)
class Draft:
    """What the pass has decided so far. A second action on one subject is dropped: the next pass will see to it."""

    actions: list[Action] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    wakes: list[float] = field(default_factory=list)
    changing: set[str] = field(default_factory=set)
    """Services whose target is another one from the next pass on: what they run now is left as it is, for evidence."""
    _subjects: set[str] = field(default_factory=set)

    def act(self, action: Action) -> None:
        if action.subject not in self._subjects:
            self._subjects.add(action.subject)
            self.actions.append(action)

    def wait(self, subject: str | Slot, cause: Cause, until: float | None = None, service: str = "") -> None:
        """Say what is held back and why; `until` is also an instant to look again."""
        if isinstance(subject, Slot):
            service = subject.service
        self.waiting.append(Waiting(subject=str(subject), cause=cause, until=until, service=service))
        if until is not None:
            self.wakes.append(until)

    def take(self, other: Draft) -> None:
        """All that another one has decided."""
        for action in other.actions:
            self.act(action)
        self.waiting += other.waiting
        self.wakes += other.wakes

    def wake(self, at: float) -> None:
        """Look again at this instant: the same comparison may give another answer then."""
        self.wakes.append(at)


def names(items: Iterable[str], most: int = 3) -> str:
    """A short list for a message: "a, b, c and 4 more"."""
    found = list(items)
    if len(found) <= most:
        return ", ".join(found)
    return f"{', '.join(found[:most])} and {len(found) - most} more"
