"""What the services use, from two readings of their containers and the snapshot that says whose those are. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from zpmd.interfaces.usage_views import ReplicaUsageView, ServiceUsageView, UsageView
from zpmd.model.events import Snapshot
from zpmd.model.observed import Replica
from zpmd.model.usage import Usage


@dataclass(frozen=True, slots=True)
class Reading:
    """What was counted at one instant, by container id. `at` is of a clock that never jumps."""

    at: float
    used: Mapping[str, Usage]


def running(snapshot: Snapshot) -> tuple[Replica, ...]:
    world = snapshot.observed.world
    return tuple(r for r in world.replicas if r.running) if world is not None else ()


def usage(snapshot: Snapshot, before: Reading, after: Reading, now: float) -> UsageView:
    members: dict[str, list[Replica]] = defaultdict(list)
    for replica in running(snapshot):
        if replica.id in after.used:
            members[replica.service].append(replica)
    return UsageView(
        now=now,
        seconds=round(after.at - before.at, 3),
        services=tuple(_service(name, members[name], before, after) for name in sorted(members)),
    )


def _service(name: str, members: Collection[Replica], before: Reading, after: Reading) -> ServiceUsageView:
    replicas = tuple(_replica(r, before, after) for r in sorted(members, key=lambda r: (r.slot, r.created_at)))
    rates = [r.cpu for r in replicas if r.cpu is not None]
    limits = [r.memory_limit for r in replicas if r.memory_limit is not None]
    first = next(iter(members))
    return ServiceUsageView(
        service=name,
        group=first.group.value,
        tenant=first.tenant,
        cpu=round(sum(rates), 4) if rates else None,
        memory=sum(r.memory for r in replicas),
        memory_limit=sum(limits) if len(limits) == len(replicas) else None,
        replicas=replicas,
    )


def _replica(replica: Replica, before: Reading, after: Reading) -> ReplicaUsageView:
    used, earlier = after.used[replica.id], before.used.get(replica.id)
    seconds = after.at - before.at
    rate = None
    # a count that is lower than before is that of another run of the same container
    if earlier is not None and seconds > 0 and used.cpu_seconds >= earlier.cpu_seconds:
        rate = round((used.cpu_seconds - earlier.cpu_seconds) / seconds, 4)
    return ReplicaUsageView(
        subject=str(replica.place),
        name=replica.name,
        id=replica.id,
        cpu=rate,
        memory=used.memory_bytes,
        memory_limit=used.memory_limit_bytes,
    )
