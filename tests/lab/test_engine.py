"""The lab keeps its promises: engines of its own that disturb nobody, break on request and leave nothing behind."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import pytest

from tests.lab import processes
from tests.lab.engine import LabEngine
from tests.lab.eventually import eventually

SERVICE = "appliance/service:1.0"


def publish_service(engine: LabEngine, port: int) -> None:
    options = engine.client().create_host_config(port_bindings={8000: port})
    engine.run_stranger("web", SERVICE, ports=[8000], host_config=options)


def answers(engine: LabEngine, port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{engine.address}:{port}/health", timeout=2) as response:
            return bool(response.read() == b"OK\n")
    except OSError:
        return False


def test_two_engines_publish_the_same_port_and_the_end_of_one_leaves_the_other(engine_host: LabEngine) -> None:
    publish_service(engine_host, 18000)
    other = LabEngine()
    try:
        other.start()
        other.load_images()
        publish_service(other, 18000)
        eventually(lambda: answers(engine_host, 18000) and answers(other, 18000), 10, "both answer")
        folder = other.folder
    finally:
        other.close()
    assert answers(engine_host, 18000)
    assert not folder.exists()
    assert not list(processes.working_in(folder))
    assert not processes.mounts_below(folder)


def test_cleanup_leaves_the_sample_images_and_nothing_else(engine_host: LabEngine) -> None:
    client = engine_host.client()
    client.create_volume("left")
    client.create_network("left")
    engine_host.run_stranger("left")
    engine_host.cleanup()
    assert client.containers(all=True) == []
    assert client.volumes()["Volumes"] in (None, [])
    assert {network["Name"] for network in client.networks()} == {"bridge", "host", "none"}
    assert engine_host.image_id(SERVICE)


def test_images_keep_their_ids_when_they_are_made_again(engine_host: LabEngine) -> None:
    before = engine_host.image_id(SERVICE)
    engine_host.load_images()
    assert engine_host.image_id(SERVICE) == before


def test_a_killed_engine_leaves_its_containers_running_until_it_starts_again() -> None:
    engine = LabEngine({"live-restore": True})
    try:
        engine.start()
        engine.load_images()
        container = engine.run_stranger("survivor")
        pid = engine.pid_of(container)
        engine.kill()
        assert processes.alive(pid)
        engine.start()
        assert engine.pid_of(container) == pid
        engine.kill()
    finally:
        engine.close()
    assert not processes.alive(pid)
    assert not engine.folder.exists()


def test_a_crash_from_outside_ends_the_container_with_137(engine_host: LabEngine) -> None:
    container = engine_host.run_stranger("victim")
    engine_host.kill_container_process(container)
    state = eventually(lambda: (s := engine_host.inspect(container)["State"])["Status"] == "exited" and s, 5)
    assert state["ExitCode"] == 137


def test_a_failed_test_can_look_into_containers_and_their_logs(engine_host: LabEngine, tmp_path: Path) -> None:
    container = engine_host.run_stranger("talker", "appliance/worker:1.0")
    eventually(lambda: b"starts" in engine_host.client().logs(container), 5, "its first line")
    engine_host.keep_artifacts(tmp_path)
    assert "starts" in (tmp_path / "talker.log").read_text()
    assert container in (tmp_path / "talker.json").read_text()
    assert "API listen on" in (tmp_path / "dockerd.log").read_text()


def test_what_does_not_come_about_is_named() -> None:
    with pytest.raises(AssertionError, match=r"not within 0.01 s: the moon; last value False"):
        eventually(lambda: False, 0.01, "the moon")
