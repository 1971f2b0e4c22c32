"""The one read model of a snapshot: what `zpmctl status` and `plan`, the API and a dashboard show. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from zpmd.interfaces import jobs, patches
from zpmd.interfaces.planid import plan_id
from zpmd.interfaces.registry import goes_on, registry
from zpmd.interfaces.root import Roots
from zpmd.interfaces.views import (
    ActionView,
    DegradedView,
    GroupView,
    HoldView,
    InFlightView,
    PlanView,
    ReplicaView,
    ServiceView,
    StatusView,
    WaitingView,
)
from zpmd.model.action import Action, service_of, verb
from zpmd.model.cause import Code
from zpmd.model.events import Snapshot
from zpmd.model.memory import Down, Hold
from zpmd.model.naming import rfc3339
from zpmd.model.observed import InFlight, Replica
from zpmd.model.plan import Standing, State, Waiting
from zpmd.model.service import GROUPS, ServiceData

CONVERGED, CHANGING, TROUBLED, DEGRADED, DOWN = "converged", "changing", "troubled", "degraded", "down"
"""`StatusView.state`: all is as wanted; on the way; somebody has to look; zpmd is partly blind; all is removed."""

TROUBLE = frozenset({State.CRASH_LOOP, State.FAILED, State.BLOCKED, State.ROLLED_BACK, State.PAUSED, State.UNHEALTHY})
"""States in which somebody should have a look, though zpmd may be dealing with it."""

ON_TOLD = 20
"""Of a group that waits for a hundred services, so many are named."""

SETTLED = frozenset({Code.STOPPED})
"""Waiting that is no wait: it is what the operator wants."""


def status(snapshot: Snapshot, now: float) -> StatusView:
    services = _rooted(_services(snapshot))
    degraded = _degraded(snapshot)
    troubled = tuple(s.name for s in services if s.state in TROUBLE)
    containers = len(snapshot.observed.world.replicas) if snapshot.observed.world else 0
    waiting = tuple(_waiting(w) for w in snapshot.plan.waiting)
    held = tuple(sorted({w.service or w.subject for w in waiting if w.code == Code.MASS_REMOVAL}))
    told, untold = patches.to_tell(snapshot, now)
    failed = any(patch.attention == patches.FAILED for patch in told)
    sinces = [d.since for d in degraded if d.since is not None]
    return StatusView(
        number=snapshot.number,
        at=snapshot.at,
        now=now,
        version=snapshot.version,
        owner=snapshot.owner,
        started_at=snapshot.started_at,
        state=_state(snapshot, bool(degraded), bool(troubled or held or failed), containers),
        since=min(sinces, default=None),
        down=snapshot.memory.intent.down.value,
        degraded=degraded,
        troubled=troubled,
        groups=_groups(services),
        waiting=tuple(w for w in waiting if not w.service),
        in_flight=tuple(_in_flight(f) for f in snapshot.in_flight),
        held_removals=held,
        conflicts=tuple(w for w in waiting if w.code == Code.NAME_TAKEN),
        holds=tuple(_hold(h) for h in snapshot.memory.intent.holds if h.until is None or h.until > snapshot.at),
        containers=containers,
        registry=registry(snapshot),
        patches=told,
        patches_untold=untold,
    )


def plan(snapshot: Snapshot, now: float) -> PlanView:
    return PlanView(
        id=plan_id(snapshot),
        number=snapshot.number,
        at=snapshot.at,
        now=now,
        would_change=_would_change(snapshot),
        actions=tuple(action_view(a) for a in snapshot.plan.actions),
        waiting=tuple(_waiting(w) for w in snapshot.plan.waiting),
        in_flight=tuple(_in_flight(f) for f in snapshot.in_flight),
        patches=tuple(p for p in patches.to_tell(snapshot, now)[0] if p.attention == patches.UNDER_WAY),
    )


def action_view(action: Action) -> ActionView:
    return ActionView(
        subject=action.subject,
        verb=verb(action),
        service=service_of(action),
        code=action.cause.code.value,
        text=action.cause.text,
    )


def _would_change(snapshot: Snapshot) -> bool:
    unsettled = any(w.cause.code not in SETTLED for w in snapshot.plan.waiting)
    return bool(snapshot.plan.actions or snapshot.in_flight or unsettled or patches.under_way(snapshot))


def _state(snapshot: Snapshot, degraded: bool, troubled: bool, containers: int) -> str:
    if degraded:
        return DEGRADED
    if snapshot.memory.intent.down is not Down.NO and not containers and not snapshot.in_flight:
        return DOWN
    if troubled:
        return TROUBLED
    return CHANGING if _would_change(snapshot) else CONVERGED


def _degraded(snapshot: Snapshot) -> tuple[DegradedView, ...]:
    found = []
    if snapshot.observed.world is None:
        text = snapshot.observed.error or "it does not answer"
        since = snapshot.observed.unknown_since
        found.append(DegradedView(what="engine", name="engine", since=since, text=f"engine unknown: {text}"))
    found += _away(snapshot)
    found += [
        DegradedView(
            what="source",
            name=source.name,
            since=source.since,
            text=f"{source.name}: its last good state is kept",
            problems=tuple(str(p) for p in source.problems),
        )
        for source in snapshot.sources
        if not source.ok and not source.away
    ]
    if snapshot.patches_trouble:
        text = f"patches: {snapshot.patches_trouble}"
        found.append(DegradedView(what="patches", name="patches", since=None, text=text))
    unwritable = snapshot.unwritable
    if unwritable:
        text = f"{unwritable.error}; supervision goes on, and is not recorded: `zpmctl doctor`"
        found.append(DegradedView(what="store", name="store", since=unwritable.since, text=text))
    for name, alive in sorted(snapshot.watchers.items()):
        if not alive:
            text = f"watcher of {name} is not alive: changes are seen at the next resync only"
            found.append(DegradedView(what="watcher", name=name, since=None, text=text))
    return tuple(found)


def _away(snapshot: Snapshot) -> list[DegradedView]:
    """The registry, and every source that is away for another reason than the registry is."""
    found, told = [], ""
    tenancy = snapshot.tenancy
    if tenancy is not None and tenancy.away is not None:
        told = tenancy.away.why
        text = f"{told}; {goes_on(tenancy)}"
        found.append(DegradedView(what="registry", name=tenancy.where, since=tenancy.away.since, text=text))
    return found + [
        DegradedView(what="registry", name=s.name, since=s.since, text=f"{s.away}; what it said last goes on")
        for s in snapshot.sources
        if s.away and s.away != told
    ]


def _groups(services: Iterable[ServiceView]) -> tuple[GroupView, ...]:
    members: dict[str, list[ServiceView]] = defaultdict(list)
    for service in services:
        members[service.group].append(service)
    return tuple(
        GroupView(
            name=group.value,
            ready=ready_of(members[group]),
            desired=desired_of(members[group]),
            services=tuple(members[group]),
        )
        for group in GROUPS
        if members[group]
    )


def ready_of(services: Iterable[ServiceView]) -> int:
    """Replicas that are ready, as far as they are wanted; a job has none."""
    return sum(min(s.ready, s.desired) for s in services if s.job is None)


def desired_of(services: Iterable[ServiceView]) -> int:
    return sum(s.desired for s in services if s.job is None)


def _services(snapshot: Snapshot) -> list[ServiceView]:
    replicas: dict[str, list[Replica]] = defaultdict(list)
    for replica in snapshot.observed.world.replicas if snapshot.observed.world else ():
        replicas[replica.service].append(replica)
    waiting: dict[str, list[Waiting]] = defaultdict(list)
    for held_back in snapshot.plan.waiting:
        waiting[held_back.service].append(held_back)
    in_flight: dict[str, list[InFlight]] = defaultdict(list)
    for action in snapshot.in_flight:
        in_flight[_service_in(action.subject)].append(action)
    declared = {s.name: s for s in snapshot.desired.services}
    return [
        service_view(
            s, snapshot, declared.get(s.service), replicas[s.service], waiting[s.service], in_flight[s.service]
        )
        for s in sorted(snapshot.plan.standings, key=lambda s: (s.group.order, s.service))
    ]


def _rooted(services: list[ServiceView]) -> list[ServiceView]:
    """With the end of its waiting, for each that waits for another one."""
    roots = Roots({service.name: service for service in services})
    found = []
    for service in services:
        if following := roots.following(service.name):
            waiting = tuple(_short(w, following) for w in service.waiting)
            service = replace(service, waiting=waiting, root=roots.phrase(roots.end(service.name)))
        found.append(service)
    return found


def _short(waiting: WaitingView, first: str) -> WaitingView:
    """With a bounded number of what it waits for, and what is followed among them."""
    if len(waiting.on) <= ON_TOLD:
        return waiting
    return replace(waiting, on=(first, *(name for name in waiting.on[:ON_TOLD] if name != first))[:ON_TOLD])


def _service_in(subject: str) -> str:
    """`redis/2` -> `redis`; "" for volumes, networks and images, whose names may have a slash in them."""
    service, _, slot = subject.rpartition("/")
    return service if slot.isdecimal() and ":" not in service else ""


def service_view(
    standing: Standing,
    snapshot: Snapshot,
    declared: ServiceData | None,
    replicas: list[Replica],
    waiting: list[Waiting],
    in_flight: list[InFlight],
) -> ServiceView:
    name, intent = standing.service, snapshot.memory.intent
    generation = intent.generations.get(name, 0)
    hold = intent.hold_on(name, snapshot.at)
    return ServiceView(
        name=name,
        group=standing.group.value,
        state=standing.state.value,
        ready=standing.ready,
        desired=standing.desired,
        restarts=standing.restarts,
        since=standing.since,
        image=standing.image,
        tenant=standing.tenant,
        reason=standing.reason,
        declared=declared is not None,
        stopped=name in intent.stopped,
        scaled=intent.scaled.get(name),
        generation=generation,
        outdated=sum(r.generation < generation for r in replicas) if generation else 0,
        hold=_hold(hold) if hold else None,
        replicas=tuple(_replica(r) for r in sorted(replicas, key=lambda r: (r.slot, r.created_at))),
        waiting=tuple(_waiting(w) for w in waiting),
        in_flight=tuple(_in_flight(f) for f in in_flight),
        patched=patches.patched(declared),
        job=jobs.brief(snapshot, declared),
    )


def _replica(replica: Replica) -> ReplicaView:
    return ReplicaView(
        slot=replica.slot,
        name=replica.name,
        id=replica.id,
        phase=replica.phase.value,
        health=replica.health.value,
        image=replica.image,
        attempt=replica.attempt,
        generation=replica.generation,
        created_at=replica.created_at,
        started_at=replica.started_at,
        finished_at=replica.finished_at,
        exit_code=replica.exit_code,
        oom_killed=replica.oom_killed,
        error=replica.error,
        due="" if replica.due is None else rfc3339(replica.due),
    )


def _hold(hold: Hold) -> HoldView:
    return HoldView(service=hold.service, owner=hold.owner, reason=hold.reason, since=hold.since, until=hold.until)


def _waiting(waiting: Waiting) -> WaitingView:
    return WaitingView(
        subject=waiting.subject,
        service=waiting.service,
        code=waiting.cause.code.value,
        text=waiting.cause.text,
        until=waiting.until,
        on=waiting.on,
    )


def _in_flight(action: InFlight) -> InFlightView:
    return InFlightView(subject=action.subject, verb=action.verb, since=action.since, progress=action.progress)
