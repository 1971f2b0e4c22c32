"""Order: which groups are open, what a service waits for, and who stops before whom. No memory of phases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from zpmd.model.observed import Replica
from zpmd.model.plan import Cause, Code
from zpmd.model.service import GROUPS, Condition, Dependency, Group, ServiceData
from zpmd.planning import drift, readiness
from zpmd.planning.target import Target, shared_with
from zpmd.planning.view import View, names


class Order:
    """The order of one pass. Everything that every service asks for is worked out once."""

    def __init__(self, view: View) -> None:
        self._view = view

    # --- groups -----------------------------------------------------------------------------------------------------

    @cached_property
    def unready(self) -> Mapping[Group, tuple[str, ...]]:
        """The services of each group that later groups wait for and that are not ready."""
        found: dict[Group, list[str]] = {group: [] for group in GROUPS}
        for target in self._view.targets.values():
            if target.service.required and not target.leaving and not target.hold and not self.opens(target):
                found[target.service.group].append(target.name)
        return {group: tuple(services) for group, services in found.items()}

    @cached_property
    def gates(self) -> Mapping[Group, float]:
        """Since when each group has had somebody before it who is not ready."""
        shut: dict[Group, float] = {}
        for group in GROUPS:
            if self._blockers(group):
                shut[group] = self._view.memory.gates.get(group, self._view.now)
        return shut

    def gate(self, group: Group) -> Cause | None:
        """Why this group may not start anything now, or None."""
        since = self.gates.get(group)
        if since is None or group in self._alive or self._overdue(since):
            return None
        return Cause(Code.GROUP, f"waits for {names(self._blockers(group))} (group {group} starts after)")

    def opens_at(self, group: Group) -> float | None:
        """When a shut group opens all the same."""
        since = self.gates.get(group)
        return None if since is None else since + self._view.limits.group_deadline_seconds

    def degraded(self, group: Group) -> Cause | None:
        """Said of a group that goes on although somebody before it is not ready for longer than the deadline."""
        since = self.gates.get(group)
        if since is None or not self._overdue(since):
            return None
        return Cause(Code.DEGRADED_GATE, f"group {group} goes on without {names(self._blockers(group))}")

    def opens(self, target: Target) -> bool:
        """Whether a service is ready in the eyes of the groups after it: every slot ready or, for a one-shot, ended
        well; one that others wait to complete has to be completed."""
        view, service = self._view, target.service
        by_slot = view.slots(service.name)
        for number in range(1, target.replicas + 1):
            here = by_slot.get(number, ())
            if any(readiness.completed(service, r) and drift.cause(view, target, r) is None for r in here):
                continue
            if service.name in self._awaited or not any(readiness.ready(service, r, view.memory) for r in here):
                return False
        return True

    def _blockers(self, group: Group) -> tuple[str, ...]:
        return tuple(name for earlier in GROUPS[: group.order] for name in self.unready[earlier])

    def _overdue(self, since: float) -> bool:
        return self._view.now - since >= self._view.limits.group_deadline_seconds

    @cached_property
    def _alive(self) -> frozenset[Group]:
        """Groups of which a replica runs: they are open, so that trouble below never keeps a product from healing."""
        targets = self._view.targets
        return frozenset(
            targets[r.service].service.group
            for r in self._view.world.replicas
            if r.running and r.service in targets and not targets[r.service].leaving
        )

    @cached_property
    def _awaited(self) -> frozenset[str]:
        return frozenset(
            d.service
            for t in self._view.targets.values()
            for d in t.service.depends_on
            if d.condition is Condition.COMPLETED
        )

    # --- dependencies -----------------------------------------------------------------------------------------------

    def blocked(self, target: Target) -> Cause | None:
        """The first dependency that keeps this service from starting, or None."""
        for dependency in dependencies(target.service):
            reason = self._unmet(dependency)
            if reason:
                return Cause(Code.DEPENDENCY, f"waits for {dependency.service} {reason}")
        return None

    def shut(self, target: Target) -> Cause | None:
        """Why this service may not start anything now: its group, then its dependencies; or None."""
        return self.gate(target.service.group) or self.blocked(target)

    def excuse(self, target: Target, replica: Replica) -> str:
        """The dependency that was down when this replica ended (it was started again since), or ""."""
        if replica.finished_at is None or replica.running:
            return ""
        for dependency in dependencies(target.service):
            if dependency.condition is Condition.COMPLETED:
                continue
            running = [r for r in self._view.replicas(dependency.service) if r.running]
            if running and all((r.started_at or 0.0) > replica.finished_at for r in running):
                return dependency.service
        return ""

    def _unmet(self, dependency: Dependency) -> str:
        view = self._view
        target = view.targets.get(dependency.service)
        if target is None:
            return "which is not declared" if dependency.required else ""
        if target.leaving:
            return f"({target.leaving})"
        replicas = view.replicas(dependency.service)
        match dependency.condition:
            case Condition.STARTED:
                met = any(r.running or readiness.completed(target.service, r) for r in replicas)
                return "" if met else "to be started"
            case Condition.HEALTHY:
                met = any(readiness.ready(target.service, r, view.memory) for r in replicas)
                return "" if met else "to be healthy"
            case Condition.COMPLETED:
                done = [r for r in replicas if drift.own_cause(target, r) is None]
                met = any(readiness.completed(target.service, r) for r in done)
                return "" if met else "to be completed"

    # --- stopping ---------------------------------------------------------------------------------------------------

    def rank(self, service: str) -> tuple[int, int]:
        """(group, depth of dependencies): what leaves goes from the highest rank down, one rank at a time."""
        return self._group_order(service), self._depth(service, frozenset())

    def _group_order(self, service: str) -> int:
        target = self._view.targets.get(service)
        if target:
            return target.service.group.order
        return max((r.group.order for r in self._view.replicas(service)), default=0)

    def _depth(self, service: str, path: frozenset[str]) -> int:
        known = self._depths.get(service)
        if known is not None:
            return known
        if service in path:
            return 0  # a ring can only come from old labels: any order is as good
        before = self._before(service)
        depth = 1 + max((self._depth(d, path | {service}) for d in before), default=-1)
        self._depths[service] = depth
        return depth

    @cached_property
    def _depths(self) -> dict[str, int]:
        return {}

    def _before(self, service: str) -> tuple[str, ...]:
        target = self._view.targets.get(service)
        if target:
            return tuple(d.service for d in dependencies(target.service))
        return tuple({d for r in self._view.replicas(service) for d in r.after})


def dependencies(service: ServiceData) -> Iterator[Dependency]:
    """Declared ones, and those that follow from sharing another service's namespace or volumes."""
    yield from service.depends_on
    declared = {d.service for d in service.depends_on}
    for name in sorted(shared_with(service) - declared):
        yield Dependency(service=name)
