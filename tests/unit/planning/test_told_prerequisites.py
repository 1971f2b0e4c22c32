"""What a container needs first is told whole: asked for, on its way, refused, or never to be had."""

from __future__ import annotations

from tests.unit.planning.build import (
    NOW,
    memory,
    planned,
    service,
    start_first,
)
from tests.unit.planning.telling import text, told
from zpmd.model.container import Container, Mount, MountKind, NetworkAttachment
from zpmd.model.memory import Intent, Retry, Revision, Verdict
from zpmd.model.naming import container_name
from zpmd.model.observed import InFlight, Observed, Stranger, World
from zpmd.model.service import (
    Desired,
    NetworkSpec,
    PullPolicy,
    PullWhen,
    ServiceData,
    VolumeSpec,
)
from zpmd.model.spechash import spec_hash
from zpmd.planning.planner import plan

WEB = service("web", update=start_first(), stop_grace_seconds=42.0, tenant="acme")
NOTHING: dict[str, frozenset[str]] = {"images": frozenset(), "volumes": frozenset(), "networks": frozenset()}
WHY = "it exited with 1"


def judged(new: ServiceData, verdict: Verdict, old: ServiceData = WEB) -> dict[str, Revision]:
    known = Revision(service=old.name, stable=old, judged=spec_hash(new.container), verdict=verdict, reason=WHY)
    return {old.name: known}


def test_everything_that_is_missing_is_asked_for_with_all_its_options() -> None:
    stored = service(
        "web",
        container=Container(
            image="web:1",
            platform="linux/arm64",
            mounts=(
                Mount(kind=MountKind.VOLUME, source="data", target="/data"),
                Mount(kind=MountKind.VOLUME, target="/anonymous"),
                Mount(kind=MountKind.BIND, source="/etc", target="/etc"),
            ),
            networks=(NetworkAttachment(network="net"),),
        ),
    )
    other, nfs = VolumeSpec(name="other"), VolumeSpec(name="data", driver="nfs")
    wide, net = NetworkSpec(name="wide"), NetworkSpec(name="net", driver="macvlan")
    desired = Desired(services=(stored,), volumes=(other, nfs), networks=(wide, net))
    answer = plan(desired, Observed(world=World()), memory(), NOW)
    assert told(answer) == text("""
        pull image:web:1: web needs it
        needed, image=web:1, platform=linux/arm64
        create volume volume:data: web needs it
        needed, volume=data by nfs
        create network network:net: web needs it
        needed, network=net by macvlan
        waiting web/1: waits for image web:1
        prerequisite, of web
        waiting web/1: waits for volume data
        prerequisite, of web
        waiting web/1: waits for network net
        prerequisite, of web
        web (core) is starting: 0 of 1, image web:1
        because waits for image web:1
        look again at +300
    """)


def test_what_is_not_declared_of_volumes_and_networks_is_made_plain() -> None:
    mounts = (Mount(kind=MountKind.VOLUME, source="data", target="/data"),)
    stored = service(
        "web", container=Container(image="web:1", mounts=mounts, networks=(NetworkAttachment(network="net"),))
    )
    answer = planned((stored,), volumes=frozenset(), networks=frozenset())
    assert told(answer) == text("""
        create volume volume:data: web needs it
        needed, volume=data by local
        create network network:net: web needs it
        needed, network=net by default
        waiting web/1: waits for volume data
        prerequisite, of web
        waiting web/1: waits for network net
        prerequisite, of web
        web (core) is starting: 0 of 1, image web:1
        because waits for volume data
        look again at +300
    """)


def test_what_is_external_is_waited_for() -> None:
    mounts = (Mount(kind=MountKind.VOLUME, source="data", target="/data"),)
    stored = service(
        "web", container=Container(image="web:1", mounts=mounts, networks=(NetworkAttachment(network="net"),))
    )
    outside = Desired(
        services=(stored,),
        volumes=(VolumeSpec(name="data", external=True),),
        networks=(NetworkSpec(name="net", external=True),),
    )
    answer = plan(outside, Observed(world=World(images=frozenset({"web:1"}))), memory(), NOW)
    assert told(answer) == text("""
        waiting web/1: waits for external volume data: create it on this engine
        external-missing, of web
        waiting web/1: waits for external network net: create it on this engine
        external-missing, of web
        web (core) is blocked: 0 of 1, image web:1
        because waits for external volume data: create it on this engine
        look again at +300
    """)


def test_a_pull_on_its_way_is_waited_for() -> None:
    pull = InFlight(subject="image:web:1", verb="pull", since=NOW, progress="3 of 9 MB")
    answer = planned((WEB,), in_flight=(pull,), **NOTHING)
    assert told(answer) == text("""
        waiting web/1: waits for image web:1, which is on its way (3 of 9 MB)
        prerequisite, of web
        web (core) is starting: 0 of 1, image web:1, tenant acme
        because waits for image web:1, which is on its way (3 of 9 MB)
        look again at +300
    """)


def test_a_pull_on_its_way_without_progress_is_waited_for() -> None:
    pull = InFlight(subject="image:web:1", verb="pull", since=NOW)
    answer = planned((WEB,), in_flight=(pull,), **NOTHING)
    assert told(answer) == text("""
        waiting web/1: waits for image web:1, which is on its way
        prerequisite, of web
        web (core) is starting: 0 of 1, image web:1, tenant acme
        because waits for image web:1, which is on its way
        look again at +300
    """)


def test_a_refused_pull_is_told_until_its_delay_is_over() -> None:
    refused = memory(retries={"image:web:1": Retry(count=2, at=NOW - 1, error="no such image")})
    answer = planned((WEB,), (), refused, **NOTHING)
    assert told(answer) == text("""
        waiting web/1: waits for image web:1: no such image
        image-missing, until +1, of web
        web (core) is blocked: 0 of 1, image web:1, tenant acme
        because waits for image web:1: no such image
        look again at +1
    """)


def test_a_refused_pull_is_asked_again_at_the_end_of_its_delay() -> None:
    refused = memory(retries={"image:web:1": Retry(count=2, at=NOW - 2, error="no such image")})
    answer = planned((WEB,), (), refused, **NOTHING)
    assert told(answer) == text("""
        pull image:web:1: web needs it
        needed, image=web:1
        waiting web/1: waits for image web:1
        prerequisite, of web
        web (core) is starting: 0 of 1, image web:1, tenant acme
        because waits for image web:1
        look again at +300
    """)


def test_a_volume_that_could_not_be_made_is_told_as_something_to_wait_for() -> None:
    stored = service(
        "web", container=Container(image="web:1", mounts=(Mount(kind=MountKind.VOLUME, source="d", target="/d"),))
    )
    refused = memory(retries={"volume:d": Retry(count=2, at=NOW - 1, error="no space")})
    answer = planned((stored,), (), refused, volumes=frozenset())
    assert told(answer) == text("""
        waiting web/1: waits for volume d: no space
        prerequisite, until +1, of web
        web (core) is starting: 0 of 1, image web:1
        because waits for volume d: no space
        look again at +1
    """)


def test_a_network_that_could_not_be_made_is_told_as_something_to_wait_for() -> None:
    stored = service("web", container=Container(image="web:1", networks=(NetworkAttachment(network="n"),)))
    refused = memory(retries={"network:n": Retry(count=2, at=NOW - 1, error="no subnet")})
    answer = planned((stored,), (), refused, networks=frozenset())
    assert told(answer) == text("""
        waiting web/1: waits for network n: no subnet
        prerequisite, until +1, of web
        web (core) is starting: 0 of 1, image web:1
        because waits for network n: no subnet
        look again at +1
    """)


def test_a_pull_that_changed_nothing_is_looked_at_after_a_minute() -> None:
    answer = planned((WEB,), (), memory(pulls={"web:1": NOW - 1}), **NOTHING)
    assert told(answer) == text("""
        waiting web/1: waits for image web:1: it was pulled, and the engine does not list it
        image-missing, until +59, of web
        web (core) is blocked: 0 of 1, image web:1, tenant acme
        because waits for image web:1: it was pulled, and the engine does not list it
        look again at +59
    """)


def test_a_pull_that_changed_nothing_is_asked_again_after_a_minute() -> None:
    answer = planned((WEB,), (), memory(pulls={"web:1": NOW - 60}), **NOTHING)
    assert told(answer) == text("""
        pull image:web:1: web needs it
        needed, image=web:1
        waiting web/1: waits for image web:1
        prerequisite, of web
        web (core) is starting: 0 of 1, image web:1, tenant acme
        because waits for image web:1
        look again at +300
    """)


def test_a_pull_at_this_very_instant_is_not_asked_again() -> None:
    answer = planned((WEB,), (), memory(pulls={"web:1": NOW}), **NOTHING)
    assert told(answer) == text("""
        waiting web/1: waits for image web:1: it was pulled, and the engine does not list it
        image-missing, until +60, of web
        web (core) is blocked: 0 of 1, image web:1, tenant acme
        because waits for image web:1: it was pulled, and the engine does not list it
        look again at +60
    """)


def test_a_pull_by_a_clock_that_was_ahead_is_asked_again() -> None:
    answer = planned((WEB,), (), memory(pulls={"web:1": NOW + 30}), **NOTHING)
    assert told(answer) == text("""
        pull image:web:1: web needs it
        needed, image=web:1
        waiting web/1: waits for image web:1
        prerequisite, of web
        web (core) is starting: 0 of 1, image web:1, tenant acme
        because waits for image web:1
        look again at +300
    """)


def test_an_image_that_is_never_pulled_is_waited_for() -> None:
    answer = planned((service("web", pull=PullPolicy(when=PullWhen.NEVER)),), **NOTHING)
    assert told(answer) == text("""
        waiting web/1: waits for image web:1: it is not here, and pull_policy is never
        image-missing, of web
        web (core) is blocked: 0 of 1, image web:1
        because waits for image web:1: it is not here, and pull_policy is never
        look again at +300
    """)


def test_an_image_that_is_only_built_is_waited_for() -> None:
    answer = planned((service("web", pull=PullPolicy(built=True)),), **NOTHING)
    assert told(answer) == text("""
        waiting web/1: waits for image web:1: zpmd does not build, `docker compose build` makes it
        image-missing, of web
        web (core) is blocked: 0 of 1, image web:1
        because waits for image web:1: zpmd does not build, `docker compose build` makes it
        look again at +300
    """)


def test_an_image_that_is_always_pulled_is_asked_for_when_it_is_made() -> None:
    answer = planned((service("web", pull=PullPolicy(when=PullWhen.ALWAYS)),))
    assert told(answer) == text("""
        run web/1: is declared and not there
        missing, image=web:1, pull=True
        web (core) is starting: 0 of 1, image web:1
        look again at +300
    """)


def test_an_image_that_was_never_pulled_before_is_asked_for_by_its_period() -> None:
    answer = planned((service("web", pull=PullPolicy(when=PullWhen.EVERY, every_seconds=60)),))
    assert told(answer) == text("""
        run web/1: is declared and not there
        missing, image=web:1, pull=True
        web (core) is starting: 0 of 1, image web:1
        look again at +300
    """)


def test_a_name_that_a_stranger_holds_is_told() -> None:
    name = container_name("zpmd", WEB, 1, 2)
    raised = memory(WEB, intent=Intent(generations={"web": 2}))
    answer = planned((WEB,), (), raised, strangers=(Stranger(id="0123456789abcdef", name=name),))
    why = f"waits for the name {name}, which container 0123456789ab has, and that is not ours: rename or remove it"
    assert told(answer) == text(f"""
        waiting web/1: {why}
        name-taken, of web
        web (core) is blocked: 0 of 1, image web:1, tenant acme
        because {why}
        look again at +300
    """)
