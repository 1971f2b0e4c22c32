"""The shapes of what services use: the keys of `top --json` and of `/v1/usage`. Values, without behaviour."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaUsageView:
    """One running container. `cpu` counts CPUs (1.0 is one of them, busy all the time), null for one that was not
    there at the reading before; `memory` and `memory_limit` are bytes, the limit null where there is none."""

    subject: str
    name: str
    id: str
    cpu: float | None
    memory: int
    memory_limit: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceUsageView:
    """One service: the sums of its replicas that run. `memory_limit` is null unless every one of them has a limit."""

    service: str
    group: str
    tenant: str
    cpu: float | None
    memory: int
    memory_limit: int | None
    replicas: tuple[ReplicaUsageView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageView:
    """What the services use, by name. `seconds` is the time over which `cpu` was measured."""

    now: float
    seconds: float
    services: tuple[ServiceUsageView, ...]
