"""Order: which groups are open, what a service waits for, and who stops before whom. No memory of phases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from zpmd.model.cause import Cause, Code
from zpmd.model.job import Ending, JobMemory
from zpmd.model.observed import Replica
from zpmd.model.service import GROUPS, Condition, Dependency, Group, ServiceData
from zpmd.planning import drift, lineup, readiness
from zpmd.planning.lineup import Lineup
from zpmd.planning.target import Target, namespaces_of, volumes_of
from zpmd.planning.view import View, names

NOTHING = JobMemory()


class Order:
    """The order of one pass. What several services ask for is worked out once, and only if somebody asks."""

    def __init__(self, view: View, lineups: Mapping[str, tuple[Lineup, ...]]) -> None:
        self._view = view
        self._lineups = lineups
        self._depths: dict[str, int] = {}
        self._shut: dict[Group, Cause | None] = {}

    # --- groups -------------------------------------------------------------------------------------------------------

    @cached_property
    def gates(self) -> Mapping[Group, float]:
        """Since when each group has kept the later ones waiting: it may start, and a service of it is not ready.

        The clock of a group that may not start itself has not begun, so that when patience with one group ends, the
        others still come one after the other.
        """
        since: dict[Group, float] = {}
        for group in GROUPS:
            if not self._unready[group]:
                continue
            if group in self._alive or all(g in since and self._overdue(since[g]) for g in self._unready_before(group)):
                # never later than now: a clock that was set back must not shut a gate for the length of the jump
                since[group] = min(self._view.memory.gates.get(group, self._view.now), self._view.now)
        return since

    def gate(self, group: Group) -> Cause | None:
        """Why this group may not start anything now, or None. It is open once one of its own replicas runs, so that
        trouble below never keeps a running product from healing."""
        if group not in self._shut:
            self._shut[group] = self._closed(group)
        return self._shut[group]

    def _closed(self, group: Group) -> Cause | None:
        awaited = self._awaited_by(group)
        if not awaited or group in self._alive:
            return None
        on = tuple(name for earlier in awaited for name in self._unready[earlier])
        return Cause(Code.GROUP, f"waits for {self._unready_of(awaited)} (group {group} starts after)", on)

    def opens_at(self, group: Group) -> float | None:
        """When a shut group opens even if nothing gets ready; None where that is not known yet."""
        awaited = self._awaited_by(group)
        if not awaited or any(g not in self.gates for g in awaited):
            return None
        return max(self.gates[g] for g in awaited) + self._view.limits.group_deadline_seconds

    def patience_ends(self) -> Iterator[float]:
        """The instants at which a group is no longer waited for."""
        return (since + self._view.limits.group_deadline_seconds for since in self.gates.values())

    def degraded(self, group: Group) -> Cause | None:
        """Said of a group that goes on although somebody before it has not been ready for longer than the deadline."""
        given_up = [g for g in self._unready_before(group) if g not in self._awaited_by(group)]
        if not given_up or self.gate(group) or group not in self._declared:
            return None
        return Cause(Code.DEGRADED_GATE, f"group {group} goes on without {self._unready_of(given_up)}")

    def _unready_before(self, group: Group) -> list[Group]:
        return [earlier for earlier in GROUPS[: group.order] if self._unready[earlier]]

    def _awaited_by(self, group: Group) -> list[Group]:
        since = self.gates
        return [g for g in self._unready_before(group) if g not in since or not self._overdue(since[g])]

    def _unready_of(self, groups: list[Group]) -> str:
        return names(name for group in groups for name in self._unready[group])

    def _overdue(self, since: float) -> bool:
        return self._view.now - since >= self._view.limits.group_deadline_seconds

    @cached_property
    def _unready(self) -> Mapping[Group, tuple[str, ...]]:
        """The services of each group that later groups wait for and that are not ready. A job never is one of them: it
        has no replicas."""
        found: dict[Group, list[str]] = {group: [] for group in GROUPS}
        for name, target in self._view.targets.items():
            if target.service.required and not target.leaving and not target.hold and not self._up(name):
                found[target.service.group].append(name)
        return {group: tuple(services) for group, services in found.items()}

    def _up(self, name: str) -> bool:
        """Every slot is ready or, of a one-shot, ended well; one that others wait to complete has to be completed."""
        running_will_do = name not in self._awaited
        return all(slot.completed or (slot.ready and running_will_do) for slot in self._lineups[name])

    @cached_property
    def _declared(self) -> frozenset[Group]:
        return frozenset(t.service.group for t in self._view.targets.values())

    @cached_property
    def _alive(self) -> frozenset[Group]:
        """Groups of which a replica runs."""
        alive: set[Group] = set()
        for name, target in self._view.targets.items():
            group = target.service.group
            if group not in alive and not target.leaving and any(s.running for s in self._lineups[name]):
                alive.add(group)
        return frozenset(alive)

    @cached_property
    def _awaited(self) -> frozenset[str]:
        return frozenset(
            d.service
            for t in self._view.targets.values()
            for d in t.service.depends_on
            if d.condition is Condition.COMPLETED
        )

    # --- dependencies -------------------------------------------------------------------------------------------------

    def shut(self, target: Target) -> Cause | None:
        """Why this service may not start anything now: its group, then its dependencies; or None."""
        return self.gate(target.service.group) or self.blocked(target)

    def blocked(self, target: Target) -> Cause | None:
        """The first dependency that keeps this service from starting, or None."""
        for dependency in dependencies(target.service):
            reason = self._unmet(dependency)
            if reason:
                return Cause(Code.DEPENDENCY, f"waits for {dependency.service} {reason}", (dependency.service,))
        return None

    def excuse(self, target: Target, replica: Replica) -> str:
        """The dependency that came up only after this replica had ended (or, of one that runs, had been started): what
        went wrong in between is no fault of its own. "" where there is none."""
        since, name = self._last_up(target)
        began = replica.started_at if replica.running else replica.finished_at
        return name if began is not None and since > began else ""

    def up_since(self, target: Target) -> float:
        """Since when all that this service depends on has been running; 0 where it depends on nothing."""
        return self._last_up(target)[0]

    def _last_up(self, target: Target) -> tuple[float, str]:
        """An instant that lies ahead (the clock was set back) is left out: it would excuse every failure until the
        clock has caught up."""
        latest = (0.0, "")
        for dependency in dependencies(target.service):
            running = [r.started_at or 0.0 for r in self._view.replicas(dependency.service) if r.running]
            if running and dependency.condition is not Condition.COMPLETED and min(running) <= self._view.now:
                latest = max(latest, (min(running), dependency.service))
        return latest

    def _unmet(self, dependency: Dependency) -> str:
        view = self._view
        target = view.targets.get(dependency.service)
        if target is None:
            return "which is not declared" if dependency.required else ""
        if target.leaving:
            return f"({target.leaving})" if dependency.required else ""
        is_job = target.service.job is not None
        replicas = view.runs.get(dependency.service, ()) if is_job else view.replicas(dependency.service)
        match dependency.condition:
            case Condition.STARTED:
                met = any(r.running or readiness.completed(target.service, r) for r in replicas)
                return "" if met else "to be started"
            case Condition.HEALTHY:
                met = any(readiness.ready(target.service, r, view.memory) for r in replicas)
                return "" if met else "to be healthy"
            case Condition.COMPLETED if is_job:
                last = view.memory.jobs.get(dependency.service, NOTHING).last
                return "" if last is not None and last.ending is Ending.OK else "to be completed"
            case Condition.COMPLETED:
                done = [r for r in replicas if drift.own_cause(target, r) is None]
                met = any(lineup.completed(view, target, r) for r in done)
                return "" if met else "to be completed"

    # --- stopping -----------------------------------------------------------------------------------------------------

    def rank(self, service: str) -> tuple[int, int]:
        """(group, depth of dependencies) of a service that has containers: what leaves goes from the highest rank down,
        one rank at a time."""
        return self._group_order(service), self._depth(service, frozenset())

    def _group_order(self, service: str) -> int:
        target = self._view.targets.get(service)
        if target:
            return target.service.group.order
        return max(r.group.order for r in self._view.containers(service))

    def _depth(self, service: str, path: frozenset[str]) -> int:
        known = self._depths.get(service)
        if known is not None:
            return known
        if service in path:
            return 0  # a ring can only come from old labels: any order is as good
        depth = 1 + max((self._depth(d, path | {service}) for d in self._before(service)), default=-1)
        self._depths[service] = depth
        return depth

    def _before(self, service: str) -> list[str]:
        target = self._view.targets.get(service)
        if target:
            return [d.service for d in dependencies(target.service)]
        return sorted({d for r in self._view.containers(service) for d in r.after})


def dependencies(service: ServiceData) -> Iterator[Dependency]:
    """Declared ones, and those that follow from sharing another service's namespace or volumes."""
    yield from service.depends_on
    declared = {d.service for d in service.depends_on}
    for name in sorted((namespaces_of(service.container) | volumes_of(service.container)) - declared):
        yield Dependency(service=name)
