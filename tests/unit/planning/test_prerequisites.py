"""Images, volumes and networks that have to be there before a container can be made."""

from __future__ import annotations

import pytest

from tests.unit.planning.build import NOW, dead, memory, planned, replica, service
from zpmd.model.action import RunReplica
from zpmd.model.container import Container, Mount, MountKind, NetworkAttachment
from zpmd.model.memory import Retry
from zpmd.model.observed import InFlight, Observed, World
from zpmd.model.plan import State
from zpmd.model.service import Desired, NetworkSpec, PullPolicy, PullWhen, VolumeSpec
from zpmd.planning.planner import plan

WEB = service("web")
STORED = service(
    "web",
    container=Container(
        image="web:1",
        mounts=(Mount(kind=MountKind.VOLUME, source="data", target="/data"),),
        networks=(NetworkAttachment(network="net"),),
    ),
)
NOTHING: dict[str, frozenset[str]] = {"images": frozenset(), "volumes": frozenset(), "networks": frozenset()}


def test_everything_that_is_missing_is_asked_for_at_once() -> None:
    assert str(planned((STORED,), **NOTHING)).splitlines() == [
        "pull image:web:1: web needs it",
        "create volume volume:data: web needs it",
        "create network network:net: web needs it",
        "waiting web/1: waits for image web:1",
        "waiting web/1: waits for volume data",
        "waiting web/1: waits for network net",
    ]


def test_what_two_need_is_asked_for_once() -> None:
    twice = planned((WEB, service("api", image="web:1")), **NOTHING)
    assert [str(a.subject) for a in twice.actions] == ["image:web:1"]


def test_what_is_on_its_way_is_waited_for() -> None:
    pull = InFlight(subject="image:web:1", verb="pull", since=NOW, progress="3 of 9 MB")
    assert str(planned((WEB,), in_flight=(pull,), **NOTHING)) == (
        "waiting web/1: waits for image web:1, which is on its way (3 of 9 MB)"
    )


def test_a_refused_pull_is_told_and_asked_again_after_its_delay() -> None:
    refused = memory(WEB, retries={"image:web:1": Retry(count=2, at=NOW - 1, error="no such image")})
    answer = planned((WEB,), (), refused, **NOTHING)
    assert str(answer) == "waiting web/1: waits for image web:1: no such image"
    assert (answer.wake_at, answer.standings[0].state) == (NOW + 1, State.BLOCKED)


def test_a_pull_that_changes_nothing_is_not_repeated_at_once() -> None:
    answer = planned((WEB,), (), memory(WEB, pulls={"web:1": NOW - 1}), **NOTHING)
    assert str(answer) == "waiting web/1: waits for image web:1: it was pulled, and the engine does not list it"
    assert answer.wake_at == NOW + 59


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        (PullPolicy(when=PullWhen.NEVER), "it is not here, and pull_policy is never"),
        (PullPolicy(built=True), "zpmd does not build, `docker compose build` makes it"),
    ],
)
def test_an_image_that_is_never_pulled_is_waited_for(policy: PullPolicy, reason: str) -> None:
    answer = planned((service("web", pull=policy),), **NOTHING)
    assert str(answer) == f"waiting web/1: waits for image web:1: {reason}"


@pytest.mark.parametrize(
    ("policy", "pulled_ago", "asks"),
    [
        (PullPolicy(), 9e9, False),
        (PullPolicy(when=PullWhen.ALWAYS), 0, True),
        (PullPolicy(when=PullWhen.EVERY, every_seconds=60), 59, False),
        (PullPolicy(when=PullWhen.EVERY, every_seconds=60), 60, True),
    ],
)
def test_a_new_container_looks_for_a_newer_image_by_policy(policy: PullPolicy, pulled_ago: float, asks: bool) -> None:
    answer = planned((service("web", pull=policy),), (), memory(pulls={"web:1": NOW - pulled_ago}))
    (action,) = answer.actions
    assert isinstance(action, RunReplica)
    assert action.pull is asks


def test_what_is_external_is_never_made() -> None:
    desired = Desired(
        services=(STORED,),
        volumes=(VolumeSpec(name="data", external=True),),
        networks=(NetworkSpec(name="net", external=True),),
    )
    answer = plan(desired, Observed(world=World(images=frozenset({"web:1"}))), memory(), NOW)
    assert str(answer).splitlines() == [
        "waiting web/1: waits for external volume data: create it on this engine",
        "waiting web/1: waits for external network net: create it on this engine",
    ]


def test_an_image_that_cannot_be_had_does_not_cost_what_still_runs_or_could_run() -> None:
    """An update to an image that no registry gives, and then the old replica dies."""
    new = service("web", image="web:2")
    cannot = memory(WEB, retries={"image:web:2": Retry(count=9, at=NOW, error="no such image")})
    waits = "waiting web/1: waits for image web:2: no such image"
    up = planned((new,), [replica(WEB)], cannot, **NOTHING)
    assert str(up) == waits
    assert up.standings[0].state is State.BLOCKED
    assert str(planned((new,), [dead(WEB)], cannot, **NOTHING)).splitlines() == ["start web/1: exited with 137", waits]
