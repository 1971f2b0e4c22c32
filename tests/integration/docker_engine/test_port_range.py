"""Replicas on a range of host ports: the engine gives each one that is free, and zpmd keeps no list of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.docker_engine.conftest import Rig, service
from tests.lab.engine import LabEngine
from tests.lab.eventually import eventually
from zpmd.model.container import PortBinding
from zpmd.model.events import Outcome, Result
from zpmd.model.service import ServiceData

LOCAL = "127.0.0.1"
BY_CONTAINER, BY_PROCESS = 18081, 18082


def on(published: str) -> ServiceData:
    return service(ports=(PortBinding(target=80, published=published, host_ip=LOCAL),), network_mode="bridge")


def port_of(rig: Rig, outcome: Outcome) -> int:
    assert outcome.ok, outcome.detail
    [binding] = rig.host.inspect(outcome.container_id)["NetworkSettings"]["Ports"]["80/tcp"]
    assert binding["HostIp"] == LOCAL
    return int(binding["HostPort"])


@pytest.fixture
def held(engine_host: LabEngine) -> Iterator[None]:
    """Two ports of the range are others': a container's, and those of a process that the engine does not know."""
    options = engine_host.client().create_host_config(port_bindings={80: (LOCAL, BY_CONTAINER)})
    engine_host.run_stranger("holder", ports=[80], host_config=options)
    command = [*engine_host.enter, "busybox", "nc", "-l", "-p", str(BY_PROCESS)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        needle = f":{BY_PROCESS} "
        shown = [*engine_host.enter, "busybox", "netstat", "-ltn"]
        eventually(lambda: needle in subprocess.run(shown, check=True, capture_output=True, text=True).stdout, 10)
        yield
        process.kill()


@pytest.mark.usefixtures("held")
def test_replicas_that_start_at_once_on_a_range_take_a_port_each_and_none_that_is_held(rig: Rig) -> None:
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda slot: rig.run(on("18080-18089"), slot), range(1, 5)))
    ports = {port_of(rig, outcome) for outcome in outcomes}
    assert len(ports) == 4
    assert ports <= set(range(18080, 18090)) - {BY_CONTAINER, BY_PROCESS}


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize("published", [f"{BY_PROCESS}", f"{BY_CONTAINER}-{BY_PROCESS}"])
def test_where_every_port_is_held_that_is_permanent_and_named(rig: Rig, published: str) -> None:
    refused = rig.run(on(published))
    assert refused.result is Result.PERMANENT
    assert str(BY_PROCESS) in refused.detail
    assert "address already in use" in refused.detail


def test_one_replica_too_many_for_its_range_is_refused_and_the_others_keep_their_ports(rig: Rig) -> None:
    web = on("18080-18081")
    had = {port_of(rig, rig.run(web, 1)), port_of(rig, rig.run(web, 2))}
    assert had == {18080, 18081}
    third = rig.run(web, 3)
    assert third.result is Result.PERMANENT
    assert "allocated" in third.detail
    assert len(rig.host.client().containers()) == 2
