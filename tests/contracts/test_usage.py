"""The contract of `ports.Engine.usage`."""

from __future__ import annotations

import pytest

from tests.contracts.harness import ONESHOT, Harness, service
from tests.lab.engine import LabEngine
from zpmd.engines.dockerd import usage
from zpmd.engines.dockerd.wire import Pool
from zpmd.errors import EngineUnknown


def test_a_running_container_uses_memory_and_more_and_more_cpu(world: Harness) -> None:
    replica = world.run(service())
    before = world.engine.usage([replica.id])[replica.id]
    assert before.memory_bytes > 0
    assert before.cpu_seconds >= 0
    assert before.memory_limit_bytes is None
    world.eventually(lambda: world.engine.usage([replica.id])[replica.id].cpu_seconds >= before.cpu_seconds, 10, "more")


def test_what_does_not_run_uses_nothing(world: Harness) -> None:
    running, ended = world.run(service("web")), world.ended(service("job", image=ONESHOT))
    assert set(world.engine.usage([running.id, ended.id, "0" * 64])) == {running.id}
    assert world.engine.usage([]) == {}


def test_an_engine_that_does_not_answer_is_unknown_or_is_not_needed(world: Harness) -> None:
    """Whoever reads the kernel needs no engine for a container that runs on without it."""
    world.run(service())
    world.engine_dies()
    with pytest.raises(EngineUnknown):
        world.engine.usage(["0" * 64])
    world.engine_returns()


@pytest.mark.engine
def test_the_kernel_and_the_engine_count_alike(engine_host: LabEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    client = engine_host.client()
    made = client.create_container(
        "appliance/service:1.0", host_config=client.create_host_config(mem_limit="64m", cgroup_parent="/zpmd-lab")
    )
    client.start(made["Id"])
    try:
        reader = usage.UsageReader(Pool(engine_host.url, 30.0))
        counted = reader.read([made["Id"]])[made["Id"]]
        monkeypatch.setattr(usage, "_mounts", dict)
        told = reader.read([made["Id"]])[made["Id"]]
        assert counted.memory_limit_bytes == told.memory_limit_bytes == 64 * 2**20
        assert 0 < counted.cpu_seconds <= told.cpu_seconds
        assert abs(counted.memory_bytes - told.memory_bytes) < 8 * 2**20
    finally:
        client.remove_container(made["Id"], force=True)
