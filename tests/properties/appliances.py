"""Strategies: appliances in any state that a host can get into."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.unit.planning.build import NOW
from zpmd.model.container import Container, Healthcheck, Hook, Mount, MountKind, NetworkAttachment, PortBinding
from zpmd.model.memory import Attempt, Down, Hold, Intent, Memory, Retry, Revision, Tried, Verdict
from zpmd.model.observed import Health, InFlight, Observed, Phase, Replica, Slot, World
from zpmd.model.service import (
    GROUPS,
    Condition,
    Dependency,
    Desired,
    FailureAction,
    Group,
    Order,
    PullPolicy,
    PullWhen,
    RestartCondition,
    RestartPolicy,
    ServiceData,
    UpdateConfig,
)
from zpmd.model.spechash import spec_hash

NAMES = ("a", "b", "c", "d", "e", "f")
GONE = ("x", "y", "z")
AGES = st.sampled_from((0.0, 0.5, 2.0, 4.0, 6.0, 30.0, 250.0, 599.0, 700.0, 90_000.0))

updates = st.builds(
    UpdateConfig,
    parallelism=st.sampled_from((0, 1, 2)),
    delay_seconds=st.sampled_from((0.0, 7.0)),
    failure_action=st.sampled_from(FailureAction),
    max_failure_ratio=st.sampled_from((0.0, 0.5)),
    order=st.sampled_from(Order),
)


def restarts(condition: RestartCondition) -> st.SearchStrategy[RestartPolicy]:
    return st.builds(
        RestartPolicy,
        condition=st.just(condition),
        delay_seconds=st.sampled_from((0.0, 1.0, 5.0)),
        window_seconds=st.sampled_from((0.0, 5.0, 600.0)),
        max_attempts=st.sampled_from((0, 0, 0, 2)),
    )


def containers(kinds: tuple[str, ...]) -> st.SearchStrategy[Container]:
    return st.builds(
        Container,
        image=st.builds("{}:{}".format, st.sampled_from(kinds), st.sampled_from((1, 2))),
        command=st.sampled_from((None, ("run",))),
        healthcheck=st.sampled_from((None, Healthcheck(test=("CMD", "true")))),
        post_start=st.sampled_from(((), (), (Hook(command=("init",)),))),
        ports=st.sampled_from(((), (), (PortBinding(target=80, published="80"),))),
        mounts=st.sampled_from(((), (), (Mount(kind=MountKind.VOLUME, source="data", target="/data"),))),
        networks=st.sampled_from(((), (NetworkAttachment(network="net"),))),
    )


@st.composite
def services(draw: st.DrawFn, kinds: tuple[str, ...], calm: bool = False) -> tuple[ServiceData, ...]:
    """In dependency order. `calm` leaves out policies by which a service may rest short of its replicas."""
    found: list[ServiceData] = []
    for name in draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=5).map(sorted)):
        condition = draw(st.sampled_from((RestartCondition.ANY, RestartCondition.ANY, RestartCondition.ON_FAILURE)))
        if not calm and draw(st.integers(0, 5)) == 0:
            condition = RestartCondition.NONE
        restart = RestartPolicy(condition=condition) if calm else draw(restarts(condition))
        before = [draw(dependencies(s)) for s in found if draw(st.integers(0, 2)) == 0]
        group = draw(st.sampled_from(GROUPS))
        found.append(
            ServiceData(
                name=name,
                group=max([group, *(d[1] for d in before)], key=lambda g: g.order),
                container=draw(containers(kinds)),
                replicas=draw(st.integers(0 if not calm else 1, 3)),
                depends_on=tuple(d[0] for d in before),
                restart=restart,
                update=draw(updates),
                rollback=draw(updates),
                required=draw(st.booleans()),
                pull=PullPolicy(when=draw(st.sampled_from((PullWhen.MISSING, PullWhen.NEVER, PullWhen.ALWAYS)))),
            )
        )
    return tuple(found)


@st.composite
def dependencies(draw: st.DrawFn, on: ServiceData) -> tuple[Dependency, Group]:
    conditions = [Condition.STARTED, Condition.HEALTHY, *([Condition.COMPLETED] if on.one_shot else [])]
    condition = draw(st.sampled_from(conditions if not on.one_shot else [Condition.COMPLETED]))
    needed = Dependency(service=on.name, condition=condition, restart=draw(st.booleans()), required=draw(st.booleans()))
    return needed, on.group


@st.composite
def replicas(draw: st.DrawFn, of: ServiceData, number: int, phases: tuple[Phase, ...] = tuple(Phase)) -> Replica:
    container = of.container if draw(st.integers(0, 2)) else draw(containers((of.container.image.split(":")[0],)))
    phase, age = draw(st.sampled_from(phases)), draw(AGES)
    started = None if phase is Phase.CREATED else NOW - age
    ended = phase in (Phase.EXITED, Phase.DEAD)
    checked = container.healthcheck is not None and phase is Phase.RUNNING
    healths = (Health.STARTING, Health.HEALTHY, Health.UNHEALTHY)
    return Replica(
        id=f"{of.name}{number}",
        name=f"{of.name}-{number}",
        service=of.name,
        group=of.group,
        slot=draw(st.integers(1, 4)),
        spec=draw(st.sampled_from((spec_hash(container),) * 6 + ("", "9:newer"))),
        phase=phase,
        health=draw(st.sampled_from(healths)) if checked else Health.NONE,
        attempt=draw(st.sampled_from((0, 0, 1, 5))),
        generation=draw(st.sampled_from((0, 0, 1))),
        after=tuple(draw(st.lists(st.sampled_from(NAMES + GONE), max_size=2, unique=True))),
        image=container.image,
        created_at=NOW - age - draw(AGES),
        started_at=started,
        finished_at=NOW - draw(st.floats(0, max(age, 0.001))) if ended else None,
        exit_code=draw(st.sampled_from((0, 1, 137))) if ended else None,
    )


@st.composite
def attempts(draw: st.DrawFn, of: ServiceData) -> Attempt:
    failed = draw(st.integers(0, 4)) == 0
    return Attempt(
        tried=draw(st.sampled_from((Tried.RUN, Tried.START, Tried.RESTART) if failed else tuple(Tried))),
        count=draw(st.integers(0, 9)),
        at=NOW - draw(AGES),
        spec=draw(st.sampled_from((spec_hash(of.container), "1:other"))),
        generation=draw(st.sampled_from((0, 0, 1))),
        failed=failed,
        error="no such option" if failed else "",
    )


@st.composite
def revisions(draw: st.DrawFn, of: ServiceData, kinds: tuple[str, ...]) -> Revision:
    stable = None
    if draw(st.integers(0, 3)):
        fields: dict[str, Any] = {"container": draw(containers(kinds))}
        stable = ServiceData(name=of.name, group=of.group, restart=of.restart, **fields)
    return Revision(
        service=of.name,
        stable=stable,
        judged=draw(st.sampled_from((spec_hash(of.container), ""))),
        verdict=draw(st.sampled_from((None, *Verdict))),
        generation=draw(st.sampled_from((0, 0, 1))),
        reason="it failed",
    )


@dataclass(frozen=True)
class Scene:
    """The arguments of one call of the planner."""

    desired: Desired
    observed: Observed
    memory: Memory


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    kinds = ("good", "sick")
    declared = draw(services(kinds))
    gone = tuple(ServiceData(name=n, group=Group.APP, container=Container(image="old:1")) for n in GONE)
    owners = (*declared, *draw(st.lists(st.sampled_from(gone), unique=True)))
    there: list[Replica] = []
    for owner in owners:
        there += [draw(replicas(owner, n)) for n in range(draw(st.integers(0, 4)))]
    slots = [Slot(s.name, n) for s in declared for n in range(1, 4)]
    subjects = [*map(str, slots), "image:good:1", "volume:data", *(f"hook:{s}" for s in slots)]
    by_name = {s.name: s for s in declared}
    some = st.sampled_from
    intent = Intent(
        stopped=frozenset(n for n in by_name if draw(st.integers(0, 8)) == 0),
        scaled={n: draw(st.integers(0, 3)) for n in by_name if draw(st.integers(0, 6)) == 0},
        generations={n: 1 for n in by_name if draw(st.integers(0, 3)) == 0},
        holds=tuple(draw(st.lists(holds(), max_size=1))),
        approved=frozenset(draw(st.lists(some(GONE), max_size=2))),
        down=draw(some((Down.NO,) * 9 + (Down.CONTAINERS, Down.VOLUMES))),
    )
    memory = Memory(
        intent=intent,
        attempts={s: draw(attempts(by_name[s.service])) for s in slots if draw(st.integers(0, 2)) == 0},
        revisions={n: draw(revisions(s, kinds)) for n, s in by_name.items() if draw(st.booleans())},
        retries={k: draw(st.builds(Retry, count=st.integers(1, 9), at=AGES.map(lambda age: NOW - age)))
                 for k in subjects if draw(st.integers(0, 15)) == 0},
        pulls={"good:1": NOW - draw(AGES)} if draw(st.booleans()) else {},
        gates={g: NOW - draw(AGES) for g in GROUPS if draw(st.booleans())},
    )  # fmt: skip
    flights = [s for s in map(str, slots) if draw(st.integers(0, 9)) == 0]
    world = World(
        replicas=tuple(there),
        images=frozenset(draw(st.lists(some(("good:1", "good:2", "sick:1", "sick:2"))))),
        volumes=frozenset(draw(st.lists(st.just("data")))),
        networks=frozenset(draw(st.lists(st.just("net")))),
        own_volumes=frozenset({"data"}),
        own_networks=frozenset({"net"}),
    )
    observed = Observed(world=world, in_flight=tuple(InFlight(subject=s, verb="run", since=NOW - 1) for s in flights))
    return Scene(Desired(services=declared, complete=draw(some((True, True, False)))), observed, memory)


@st.composite
def holds(draw: st.DrawFn) -> Hold:
    until = draw(st.sampled_from((None, NOW - 5, NOW + 5)))
    return Hold(
        service=draw(st.sampled_from((*NAMES, *GONE, "*"))), owner="ann", reason="looks", since=NOW - 60, until=until
    )
