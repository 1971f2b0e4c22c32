"""What there is for one tenant alone, worked out of all that there is. Pure.

Rules:
1. It is the snapshot that is narrowed, so that whatever is read out of it afterwards, now or by a view that is yet to
   be written, has nothing of another tenant in it.
2. What cannot be told to be this tenant's is left out: the product's own services, files and their problems, images,
   strangers, patches. That zpmd does not see the engine, or does not reach the registry, concerns everybody and stays.
3. Whose a service is, its declaration says before its row, and that before the label of a container.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from zpmd.model.action import service_of
from zpmd.model.events import Snapshot
from zpmd.model.memory import Intent, Memory
from zpmd.model.observed import Dossier, InFlight, Observed, World
from zpmd.model.plan import Plan, Waiting
from zpmd.model.service import Desired
from zpmd.model.tenant import Rows, Tenancy

EVERYTHING = "*"


def services_of(snapshot: Snapshot, tenant: str) -> frozenset[str]:
    """The names of all services that are this tenant's, also of those that are no more than a row."""
    owner: dict[str, str] = {}
    if snapshot.observed.world is not None:
        owner.update((r.service, r.tenant) for r in snapshot.observed.world.replicas)
    if snapshot.tenancy is not None:
        owner.update((i.service, i.tenantcode) for i in snapshot.tenancy.rows.integrations)
    owner.update((s.service, s.tenant) for s in snapshot.plan.standings)
    owner.update((s.name, s.tenant) for s in snapshot.desired.services)
    return frozenset(name for name, whose in owner.items() if whose == tenant)


def narrowed(snapshot: Snapshot, tenant: str) -> Snapshot:
    """The snapshot as it would be if there were this tenant alone."""
    names = services_of(snapshot, tenant)
    return Snapshot(
        number=snapshot.number,
        at=snapshot.at,
        version=snapshot.version,
        owner=snapshot.owner,
        started_at=snapshot.started_at,
        desired=_desired(snapshot.desired, names),
        observed=_observed(snapshot.observed, names),
        memory=_memory(snapshot.memory, names),
        plan=_plan(snapshot.plan, names),
        in_flight=_in_flight(snapshot.in_flight, names),
        tenancy=None if snapshot.tenancy is None else _tenancy(snapshot.tenancy, tenant),
    )


def _desired(desired: Desired, names: frozenset[str]) -> Desired:
    return Desired(
        services=tuple(s for s in desired.services if s.name in names),
        project=desired.project,
        complete=desired.complete,
        retired=tuple((name, why) for name, why in desired.retired if name in names),
        held=tuple((name, why) for name, why in desired.held if name in names),
    )


def _observed(observed: Observed, names: frozenset[str]) -> Observed:
    world = observed.world
    own = None if world is None else World(replicas=tuple(r for r in world.replicas if r.service in names))
    return replace(observed, world=own, in_flight=_in_flight(observed.in_flight, names))


def _memory(memory: Memory, names: frozenset[str]) -> Memory:
    intent = memory.intent
    return Memory(
        intent=Intent(
            stopped=intent.stopped & names,
            scaled=MappingProxyType({name: count for name, count in intent.scaled.items() if name in names}),
            generations=MappingProxyType({name: one for name, one in intent.generations.items() if name in names}),
            holds=tuple(hold for hold in intent.holds if hold.service in names or hold.service == EVERYTHING),
            approved=intent.approved & names,
            suspended=MappingProxyType({name: who for name, who in intent.suspended.items() if name in names}),
            down=intent.down,
        ),
        attempts=MappingProxyType({slot: one for slot, one in memory.attempts.items() if slot.service in names}),
        revisions=MappingProxyType({name: one for name, one in memory.revisions.items() if name in names}),
        timings=MappingProxyType({name: one for name, one in memory.timings.items() if name in names}),
        jobs=MappingProxyType({name: one for name, one in memory.jobs.items() if name in names}),
    )


def _plan(plan: Plan, names: frozenset[str]) -> Plan:
    return Plan(
        actions=tuple(action for action in plan.actions if service_of(action) in names),
        waiting=tuple(_waiting(waiting, names) for waiting in plan.waiting if waiting.service in names),
        wake_at=plan.wake_at,
        standings=tuple(standing for standing in plan.standings if standing.service in names),
        gates=plan.gates,
        dues=MappingProxyType({name: at for name, at in plan.dues.items() if name in names}),
    )


def _waiting(waiting: Waiting, names: frozenset[str]) -> Waiting:
    """Nobody is led on to what he cannot see."""
    on = tuple(name for name in waiting.on if name in names)
    return replace(waiting, cause=replace(waiting.cause, on=on))


def dossier(kept: Dossier, names: frozenset[str]) -> Dossier:
    """The evidence without what stood around it and is not of these services."""
    return replace(
        kept,
        changes=tuple(change for change in kept.changes if change.service in names),
        dependencies=tuple(one for one in kept.dependencies if one.service in names),
    )


def _in_flight(actions: tuple[InFlight, ...], names: frozenset[str]) -> tuple[InFlight, ...]:
    return tuple(action for action in actions if action.subject.rpartition("/")[0] in names)


def _tenancy(tenancy: Tenancy, tenant: str) -> Tenancy:
    rows = tenancy.rows
    return Tenancy(
        where=tenancy.where,
        watched=tenancy.watched,
        away=tenancy.away,
        at=tenancy.at,
        rows=Rows(
            tenants=tuple(row for row in rows.tenants if row.tenantcode == tenant),
            databases=tuple(row for row in rows.databases if row.tenantcode == tenant),
            backups=tuple(row for row in rows.backups if row.tenantcode == tenant),
            integrations=tuple(row for row in rows.integrations if row.tenantcode == tenant),
            params=tuple(row for row in rows.params if row.tenantcode == tenant),
            ports=tuple(row for row in rows.ports if row.key.tenantcode == tenant),
            unknown=tuple((code, why) for code, why in rows.unknown if code == tenant),
        ),
        troubles=tuple(trouble for trouble in tenancy.troubles if trouble.tenantcode == tenant),
        held=tuple((key, why) for key, why in tenancy.held if key.tenantcode == tenant),
        leases=tuple(lease for lease in tenancy.leases if lease.key.tenantcode == tenant),
    )
