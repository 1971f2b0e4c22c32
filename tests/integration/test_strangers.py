"""Ours only: what is not ours is reported and never touched."""

from __future__ import annotations

from tests.integration.appliance import worker
from tests.integration.daemon import Daemon
from tests.lab.eventually import eventually


def test_a_stranger_with_a_name_of_ours_is_reported_untouched_and_everything_else_converges(daemon: Daemon) -> None:
    stranger = daemon.engine.run_stranger("the-edge")
    started = daemon.engine.inspect(stranger)["State"]["StartedAt"]
    daemon.file("a.yaml", worker("edge", "core", "container_name: the-edge\n"))
    daemon.file("b.yaml", worker("other", "core", "deploy: {replicas: 2}\n"))
    daemon.start()
    row = eventually(lambda: (r := daemon.service("edge"))["state"] == "blocked" and r, 20, "a blocked service", 0.1)
    assert "the-edge" in row["reason"]
    assert "not ours" in row["reason"]
    eventually(lambda: daemon.service("other")["state"] == "running", 20, "the other service", 0.1)
    assert "the-edge" in daemon.ctl("why", "edge").out
    state = daemon.engine.inspect(stranger)["State"]
    assert state["Running"]
    assert state["StartedAt"] == started
    daemon.engine.client().remove_container(stranger, force=True)
    eventually(lambda: daemon.running("edge"), 20, "the name to be taken as soon as it is free", 0.1)
    daemon.converged()


def test_down_removes_all_of_ours_and_nothing_else(daemon: Daemon) -> None:
    stranger = daemon.engine.run_stranger("bystander")
    client = daemon.engine.client()
    client.create_volume("precious")
    daemon.file(
        "a.yaml",
        """\
        services:
          db: {image: appliance/pause:1.0, volumes: [data:/data], x-zpmd: {group: system}}
          web: {image: appliance/pause:1.0, depends_on: [db]}
        volumes: {data: {}}
        """,
    )
    daemon.start()
    daemon.converged()
    refused = daemon.ctl("down", "--volumes")
    assert refused.code == 5, "without a terminal it wants --yes"
    done = daemon.ctl("down", "--volumes", "--yes", "--wait")
    assert done.code == 0, done.err
    assert daemon.containers() == []
    assert daemon.engine.inspect(stranger)["State"]["Running"]
    assert [v["Name"] for v in client.volumes()["Volumes"]] == ["precious"]
    assert {n["Name"] for n in client.networks()} == {"bridge", "host", "none"}
    assert daemon.ctl("up", "--wait").code == 0
    assert len(daemon.running()) == 2
