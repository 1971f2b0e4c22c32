"""Appliances to try things on: small ones by name, and any number drawn from a seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from zpmd.model.container import Container, Hook, Mount, MountKind, NetworkAttachment, PortBinding
from zpmd.model.job import CatchUp, Concurrency, JobPolicy
from zpmd.model.schedule import Every, Timetable
from zpmd.model.service import (
    GROUPS,
    Condition,
    Dependency,
    Desired,
    Group,
    NetworkSpec,
    Order,
    RestartCondition,
    RestartPolicy,
    ServiceData,
    UpdateConfig,
    VolumeSpec,
)
from zpmd.simulation.programs import CHECK
from zpmd.simulation.schedules import SPARSE, schedule_of

ONE_SHOT = RestartPolicy(condition=RestartCondition.ON_FAILURE)
NET, DATA = NetworkSpec(name="zpmd_net"), VolumeSpec(name="zpmd_data")
JOBS = ("report", "tidy")
NAMES = ("mongo", "redis", "kafka", "user", "siem", "sla", "jira")


def appliance(*services: ServiceData) -> Desired:
    ordered = tuple(sorted(services, key=lambda s: (s.group.order, s.name)))
    return Desired(services=ordered, volumes=(DATA,), networks=(NET,))


def one() -> Desired:
    """One service, two replicas: the smallest that has slots."""
    return appliance(ServiceData(name="web", group=Group.CORE, container=Container(image="app/web:1"), replicas=2))


def one_job() -> Desired:
    """One job that fails and is tried once more. It is due 40 s after the beginning, and not again for a year."""
    policy = JobPolicy(timetable=Timetable(schedules=(schedule_of("14 22 14 11 *"),)), retries=1, keep_succeeded=0)
    return appliance(a_job("report", policy, "crash"))


def small() -> Desired:
    """A product in miniature: a database with a health check, a volume and a hook; what needs it; workers."""
    mongo = Container(
        image="app/mongo:1",
        healthcheck=CHECK,
        mounts=(Mount(kind=MountKind.VOLUME, source=DATA.name, target="/data"),),
        networks=(NetworkAttachment(network=NET.name),),
        post_start=(Hook(command=("init",)),),
    )
    user = Container(image="app/user:1", healthcheck=CHECK, networks=(NetworkAttachment(network=NET.name),))
    rolling = UpdateConfig(order=Order.START_FIRST)
    needs_mongo = (Dependency(service="mongo", condition=Condition.HEALTHY, restart=True),)
    return appliance(
        ServiceData(name="mongo", group=Group.SYSTEM, container=mongo),
        ServiceData(
            name="schema",
            group=Group.SYSTEM,
            container=Container(image="app/schema:1"),
            depends_on=(Dependency(service="mongo", condition=Condition.HEALTHY),),
            restart=ONE_SHOT,
        ),
        ServiceData(name="user", group=Group.CORE, container=user, replicas=2, depends_on=needs_mongo, update=rolling),
        ServiceData(name="sla", group=Group.BATCH, container=Container(image="app/sla:1")),
    )


def many() -> Desired:
    """Ten small services, so that a fifth of them is two."""
    return appliance(
        *(
            ServiceData(name=f"s{n}", group=Group.APP, container=Container(image=f"app/s{n}:1"), required=False)
            for n in range(10)
        )
    )


def crashing() -> Desired:
    """One service that does nothing but crash, with a start-first update to mend it by."""
    web = Container(image="app/web:crash1")
    return appliance(
        ServiceData(name="web", group=Group.CORE, container=web, update=UpdateConfig(order=Order.START_FIRST))
    )


def ports() -> Desired:
    """One service with a fixed port of the host, and one that needs it."""
    web = Container(image="app/web:1", ports=(PortBinding(target=80, published="8080"),))
    user = Container(image="app/user:1", healthcheck=CHECK)
    return appliance(
        ServiceData(name="web", group=Group.SYSTEM, container=web),
        ServiceData(name="user", group=Group.CORE, container=user, depends_on=(Dependency(service="web"),)),
    )


def tenants() -> Desired:
    """A database, which zpmd starts itself, and a service on it; integrations come from the rows in it."""
    mongo = Container(image="app/mongo:1", healthcheck=CHECK)
    return appliance(
        ServiceData(name="mongo", group=Group.SYSTEM, container=mongo),
        ServiceData(name="user", group=Group.CORE, container=Container(image="app/user:1")),
        ServiceData(name="sla", group=Group.BATCH, container=Container(image="app/sla:1")),
    )


def jobs() -> Desired:
    """A database, a report on it that is retried, and a clean-up that takes longer than the time between two of it."""
    mongo = Container(image="app/mongo:1", healthcheck=CHECK)
    report = JobPolicy(timetable=Timetable(schedules=(Every(300),)), retries=1, timeout_seconds=60.0)
    tidy = JobPolicy(timetable=Timetable(schedules=(Every(60),)), keep_succeeded=1, suspend=True, catch_up=CatchUp.NONE)
    return appliance(
        ServiceData(name="mongo", group=Group.SYSTEM, container=mongo),
        a_job("report", report, depends_on=(Dependency(service="mongo", condition=Condition.HEALTHY),)),
        a_job("tidy", tidy, "long"),
    )


def a_job(name: str, policy: JobPolicy, tag: str = "", depends_on: tuple[Dependency, ...] = ()) -> ServiceData:
    """`tag` is how its program is (programs.py)."""
    container = Container(image=f"app/{name}:{tag}1")
    return ServiceData(
        name=name,
        group=Group.BATCH,
        container=container,
        depends_on=depends_on,
        restart=RestartPolicy(condition=RestartCondition.NONE),
        required=False,
        job=policy,
    )


def with_jobs(desired: Desired, chance: random.Random) -> Desired:
    """The same appliance with one or two jobs beside it."""
    found = []
    for name in JOBS[: chance.choice((1, 1, 2))]:
        tag = chance.choice(("", "", "", "crash", "long", "hang", "stubborn", "refuse"))
        before = [s for s in desired.services if chance.random() < 0.2 and not s.one_shot]
        policy = JobPolicy(
            timetable=Timetable(
                schedules=(schedule_of(chance.choice(SPARSE)),), jitter_seconds=chance.choice((0.0, 0.0, 20.0))
            ),
            concurrency=chance.choice(tuple(Concurrency)),
            catch_up=chance.choice(tuple(CatchUp)),
            deadline_seconds=chance.choice((None, 45.0, 1800.0)),
            timeout_seconds=30.0 if tag == "hang" else chance.choice((None, 150.0)),
            retries=chance.choice((0, 0, 1, 2)),
            keep_succeeded=chance.choice((0, 1, 3)),
            keep_failed=chance.choice((0, 1)),
        )
        found.append(a_job(name, policy, tag, tuple(_dependency(chance, s) for s in before)))
    ordered = sorted((*desired.services, *found), key=lambda s: (s.group.order, s.name))
    return replace(desired, services=tuple(ordered))


BY_NAME: dict[str, Callable[[], Desired]] = {
    "crashing": crashing,
    "jobs": jobs,
    "one": one,
    "one-job": one_job,
    "small": small,
    "many": many,
    "ports": ports,
    "tenants": tenants,
}


def drawn(chance: random.Random, hopeless: bool = True) -> Desired:
    """Two to six services with everything that decisions depend on, in an order that can be had; `hopeless`: there
    may be one among them whose program does nothing but crash."""
    tags = ("", "", "", "", "slow", "stubborn", *(["crash"] if hopeless else []))
    services: list[ServiceData] = []
    for name in NAMES[: chance.randint(2, 6)]:
        group = chance.choice(GROUPS)
        before = [s for s in services if chance.random() < 0.35 and s.group.order <= group.order]
        one_shot, fixed_port = chance.random() < 0.15, chance.random() < 0.15
        services.append(
            ServiceData(
                name=name,
                group=group,
                container=_container(chance, name, "" if one_shot else chance.choice(tags), fixed_port),
                replicas=1 if one_shot or fixed_port else chance.choice((1, 1, 1, 2, 3)),
                depends_on=tuple(_dependency(chance, s) for s in before),
                restart=ONE_SHOT if one_shot else _restart(chance),
                update=_update(chance),
                required=chance.random() < 0.8,
            )
        )
    return appliance(*services)


def _container(chance: random.Random, name: str, tag: str, fixed_port: bool) -> Container:
    volume = Mount(kind=MountKind.VOLUME, source=DATA.name, target="/data")
    return Container(
        image=f"app/{name}:{tag}1",
        healthcheck=CHECK if chance.random() < 0.5 else None,
        mounts=(volume,) if chance.random() < 0.3 else (),
        networks=(NetworkAttachment(network=NET.name),) if chance.random() < 0.6 else (),
        post_start=(Hook(command=("init",)),) if chance.random() < 0.25 else (),
        ports=(PortBinding(target=80, published=str(8000 + NAMES.index(name))),) if fixed_port else (),
    )


def _dependency(chance: random.Random, on: ServiceData) -> Dependency:
    if on.one_shot:
        return Dependency(service=on.name, condition=Condition.COMPLETED)
    condition = chance.choice((Condition.STARTED, Condition.HEALTHY))
    return Dependency(service=on.name, condition=condition, restart=chance.random() < 0.3)


def _restart(chance: random.Random) -> RestartPolicy:
    return chance.choice((RestartPolicy(), RestartPolicy(), RestartPolicy(delay_seconds=5.0, window_seconds=30.0)))


def _update(chance: random.Random) -> UpdateConfig:
    return UpdateConfig(
        parallelism=chance.choice((0, 1, 1, 2)),
        order=chance.choice((Order.STOP_FIRST, Order.START_FIRST)),
        monitor_seconds=chance.choice((0.0, 5.0)),
    )
