"""One pass's arguments with indexes over them, and the draft that the pass writes into. Both live for one call."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from zpmd.model.memory import Memory
from zpmd.model.observed import InFlight, Observed, Replica, Slot, World
from zpmd.model.plan import Action, Cause, Code, Waiting
from zpmd.model.policy import Limits
from zpmd.model.service import Desired
from zpmd.planning.target import Target, target


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """`by_service` holds every replica of ours, sorted by slot and age; `targets` every declared service by name."""

    desired: Desired
    world: World
    memory: Memory
    now: float
    limits: Limits
    targets: Mapping[str, Target]
    by_service: Mapping[str, tuple[Replica, ...]]
    by_slot: Mapping[str, Mapping[int, tuple[Replica, ...]]]
    busy: Mapping[str, InFlight]
    busy_services: frozenset[str]

    def replicas(self, service: str) -> tuple[Replica, ...]:
        return self.by_service.get(service, ())

    def slots(self, service: str) -> Mapping[int, tuple[Replica, ...]]:
        return self.by_slot.get(service, {})


def view(desired: Desired, observed: Observed, world: World, memory: Memory, now: float, limits: Limits) -> View:
    by_service: dict[str, list[Replica]] = defaultdict(list)
    for replica in sorted(world.replicas, key=lambda r: (r.service, r.slot, r.created_at, r.id)):
        by_service[replica.service].append(replica)
    return View(
        desired=desired,
        world=world,
        memory=memory,
        now=now,
        limits=limits,
        targets={s.name: target(s, memory, now) for s in desired.services},
        by_service={name: tuple(replicas) for name, replicas in by_service.items()},
        by_slot={name: _by_slot(replicas) for name, replicas in by_service.items()},
        busy={f.subject: f for f in observed.in_flight},
        busy_services=frozenset(f.subject.rpartition("/")[0] for f in observed.in_flight),
    )


def _by_slot(replicas: Iterable[Replica]) -> Mapping[int, tuple[Replica, ...]]:
    slots: dict[int, list[Replica]] = defaultdict(list)
    for replica in replicas:
        slots[replica.slot].append(replica)
    return {number: tuple(found) for number, found in slots.items()}


@dataclass(slots=True)
class Draft:
    """What the pass has decided so far. A second action on one subject is dropped: the next pass will see to it."""

    actions: list[Action] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    wakes: list[float] = field(default_factory=list)
    _subjects: set[str] = field(default_factory=set)

    def act(self, action: Action) -> None:
        if action.subject not in self._subjects:
            self._subjects.add(action.subject)
            self.actions.append(action)

    def wait(self, subject: str | Slot, cause: Cause, until: float | None = None, service: str = "") -> None:
        if isinstance(subject, Slot):
            service = subject.service
        self.waiting.append(Waiting(subject=str(subject), cause=cause, until=until, service=service))
        if until is not None:
            self.wakes.append(until)

    def wake(self, at: float) -> None:
        self.wakes.append(at)

    def codes(self, service: str, since: int) -> frozenset[Code]:
        """The codes of what was found to wait for a service, from entry `since` on."""
        return frozenset(w.cause.code for w in self.waiting[since:] if w.service == service)


def names(items: Iterable[str], most: int = 3) -> str:
    """A short list for a message: "a, b and 4 more"."""
    found = list(items)
    if len(found) <= most:
        return ", ".join(found)
    return f"{', '.join(found[:most])} and {len(found) - most} more"
