"""A patch rolls a service behind a load balancer, by the recipe of docs/operations.md, and no client notices.

HAProxy and the service run on etc/haproxy/ as it stands, under load from wrk, where the engine's own 127.0.0.1 is.

That this can fail was seen by hand, on variations of the two files and by a change of the service file (two cores, 16
connections with pauses of 10 ms, one roll of three replicas each). "Tries" are those that HAProxy had to repeat, at the
same server or at another:

| variation | requests | failed | tries | fewest in rotation |
|---|---|---|---|---|
| none, by a patch | 17,904 | 0 | 0 | 3 |
| HAProxy without retries and redispatch | 21,034 | 0 | 0 | 3 |
| start-first, no pre_stop | 13,025 | 1 | 250 | 3 |
| start-first, no pre_stop, no retries | 17,909 | 394 | - | 3 |
| stop-first, no pre_stop | 9,777 | 0 | 309 | 2 |
| stop-first, no pre_stop, no retries | 7,624 | 298 | - | 2 |
| stop-first, all at once, no pre_stop | 6,313 | 4,491 | 1,157 | 0 |

So retries hide most of what a bad rollout does, and not all of it: the test wants none of them. With a start of 7 s,
which is longer than `monitor`, nothing failed either: the old replica goes out no faster than the new one comes in.
"""

from __future__ import annotations

from tests.integration.daemon import CHECKOUT, Daemon
from tests.integration.fewest import Fewest, ready_replicas
from tests.lab.eventually import eventually
from tests.lab.haproxy import Haproxy
from tests.lab.wrk import Load

SAMPLES = CHECKOUT / "etc" / "haproxy"
URL = "http://127.0.0.1:8080/"
BACKEND = "web"
OLD, NEW = "appliance/service:1.0", "appliance/service:1.1"
REPLICAS = 3
PORTS = range(18080, 18090)
PATCH = "id: web-1\ntag: '1.1'\nservices: [web]\n"


def roll(daemon: Daemon) -> None:
    """Drop the patch that moves the service to the new image, as a careful producer does. What comes of it is waited
    for, and judged, elsewhere."""
    part = daemon.spool / "incoming" / ".web.part"
    part.write_text(PATCH)
    part.rename(part.with_name("web.patch.yaml"))


def images(daemon: Daemon) -> list[str]:
    return [c["Image"] for c in daemon.containers("web")]


def ports(daemon: Daemon) -> list[int]:
    """The host port of each replica."""
    return [port["PublicPort"] for c in daemon.containers("web") for port in c["Ports"]]


def rolled(daemon: Daemon) -> bool:
    applied = (daemon.spool / "applied" / "web.patch.yaml").exists()
    return applied and images(daemon) == [NEW] * REPLICAS and daemon.status()["state"] == "converged"


def test_a_patch_that_rolls_a_service_behind_haproxy_fails_no_request(daemon: Daemon) -> None:
    daemon.file("web.yaml", (SAMPLES / "web.yaml").read_text())
    daemon.start()
    enter = daemon.engine.enter
    with Haproxy(SAMPLES / "haproxy.cfg", enter) as haproxy:
        eventually(lambda: len(haproxy.rotation(BACKEND)) == REPLICAS, 30, "three servers in rotation")
        daemon.converged()
        assert images(daemon) == [OLD] * REPLICAS
        before = haproxy.proxied(BACKEND)
        with (
            Load(URL, 16, enter) as load,
            Fewest(ready_replicas(daemon, "web")) as ready,
            Fewest(lambda: len(haproxy.rotation(BACKEND))) as rotation,
        ):
            eventually(lambda: haproxy.proxied(BACKEND).requests > before.requests + 100, 10, "requests on their way")
            roll(daemon)
            eventually(lambda: rolled(daemon), 120, "a patch that is applied, and all of it new", 0.2)
            so_far = haproxy.proxied(BACKEND).requests
            eventually(lambda: haproxy.proxied(BACKEND).requests > so_far + 100, 10, "requests to the new ones alone")
            report = load.end()
        after = haproxy.proxied(BACKEND)
        servers = haproxy.rotation(BACKEND)
    assert report.failed == {}
    assert report.answered("1.0") > 100
    assert report.answered("1.1") > 100
    assert (after.failed, after.retries, after.redispatches) == (0, before.retries, before.redispatches)
    assert min(ready.looks, rotation.looks) > 50
    assert ready.fewest >= REPLICAS, f"only {ready.fewest} ready replicas at some moment"
    assert rotation.fewest >= REPLICAS, f"only {rotation.fewest} servers in rotation at some moment"
    assert servers == {f"p{port}" for port in ports(daemon)}
    assert set(ports(daemon)) <= set(PORTS)
