"""Short builders for planning tests: a service, a replica, a memory; everything else by keyword."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from zpmd.model.container import Container, Pairs
from zpmd.model.memory import Attempt, Intent, Memory, Revision, Tried, Verdict
from zpmd.model.observed import Health, InFlight, Observed, Phase, Replica, Slot, World
from zpmd.model.plan import Plan
from zpmd.model.policy import Limits
from zpmd.model.service import Condition, Dependency, Desired, Group, Order, ServiceData, UpdateConfig
from zpmd.model.spechash import spec_hash
from zpmd.planning.planner import plan

NOW = 1_000_000.0


def service(name: str = "web", image: str = "web:1", group: Group = Group.CORE, **fields: Any) -> ServiceData:
    container = fields.pop("container", Container(image=image))
    return ServiceData(name=name, group=group, container=container, **fields)


def start_first(**fields: Any) -> UpdateConfig:
    return UpdateConfig(order=Order.START_FIRST, **fields)


def needs(name: str, condition: Condition = Condition.STARTED, **fields: Any) -> Dependency:
    return Dependency(service=name, condition=condition, **fields)


def replica(of: ServiceData, slot: int = 1, ago: float = 3600.0, **fields: Any) -> Replica:
    """A running replica of `of`, made and started `ago` seconds before NOW."""
    defaults: dict[str, Any] = {
        "id": f"{of.name}-{slot}-{spec_hash(of.container)[-4:]}",
        "name": f"{of.name}-{slot}-{spec_hash(of.container)[-4:]}",
        "service": of.name,
        "group": of.group,
        "slot": slot,
        "spec": spec_hash(of.container),
        "phase": Phase.RUNNING,
        "image": of.container.image,
        "created_at": NOW - ago,
        "started_at": NOW - ago,
    }
    return Replica(**(defaults | fields))


def dead(of: ServiceData, slot: int = 1, ago: float = 3600.0, ended_ago: float = 1.0, **fields: Any) -> Replica:
    """A replica of `of` that ended with 137 `ended_ago` seconds before NOW."""
    defaults: dict[str, Any] = {"phase": Phase.EXITED, "exit_code": 137, "finished_at": NOW - ended_ago}
    return replica(of, slot, ago, **(defaults | fields))


def sick(of: ServiceData, slot: int = 1, ago: float = 3600.0, **f: Any) -> Replica:
    return replica(of, slot, ago, health=Health.UNHEALTHY, **f)


def world(services: Iterable[ServiceData], replicas: Iterable[Replica] = (), **fields: Any) -> World:
    """A world with the images, volumes and networks of `services`."""
    services = tuple(services)
    defaults: dict[str, Any] = {
        "images": frozenset(s.container.image for s in services),
        "volumes": frozenset(m.source for s in services for m in s.container.mounts),
        "networks": frozenset(n.network for s in services for n in s.container.networks),
    }
    return World(replicas=tuple(replicas), **(defaults | fields))


def stable(of: ServiceData, **fields: Any) -> Revision:
    defaults: dict[str, Any] = {"judged": spec_hash(of.container), "verdict": Verdict.STABLE}
    return Revision(service=of.name, stable=of, **(defaults | fields))


def memory(*services: ServiceData, intent: Intent | None = None, **fields: Any) -> Memory:
    """A memory in which `services` are stable."""
    revisions = {s.name: stable(s) for s in services} | fields.pop("revisions", {})
    return Memory(intent=intent or Intent(), revisions=revisions, **fields)


def attempt(of: ServiceData, count: int, ago: float = 0.0, tried: Tried = Tried.START, **fields: Any) -> Attempt:
    defaults: dict[str, Any] = {"spec": spec_hash(of.container), "generation": 0}
    return Attempt(tried=tried, count=count, at=NOW - ago, **(defaults | fields))


def slot(of: ServiceData, number: int = 1) -> Slot:
    return Slot(of.name, number)


def planned(
    services: Iterable[ServiceData],
    replicas: Iterable[Replica] = (),
    remembered: Memory | None = None,
    now: float = NOW,
    in_flight: tuple[InFlight, ...] = (),
    limits: Limits | None = None,
    complete: bool = True,
    retired: Pairs = (),
    held: Pairs = (),
    **world_fields: Any,
) -> Plan:
    """The plan for these services in a world with these replicas; by default all services are stable."""
    services = tuple(services)
    seen = Observed(world=world(services, replicas, **world_fields), in_flight=in_flight)
    what = remembered if remembered is not None else memory(*services)
    desired = Desired(services=services, complete=complete, retired=retired, held=held)
    return plan(desired, seen, what, now, limits)


def again(of: ServiceData, **fields: Any) -> ServiceData:
    """The same service with something else in its container."""
    return dataclasses.replace(of, container=dataclasses.replace(of.container, **fields))
