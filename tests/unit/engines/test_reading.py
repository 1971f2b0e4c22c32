"""The engine's JSON becomes values, or is garbage."""

from __future__ import annotations

from typing import Any

import pytest

from zpmd.engines.dockerd import reading
from zpmd.engines.dockerd.faults import Garbage
from zpmd.engines.labels import Marks
from zpmd.model.observed import Health, Phase, Stranger


def inspected(**state: Any) -> dict[str, Any]:
    return {
        "Id": "c1",
        "Name": "/zpmd-web-1",
        "Created": "2026-11-22T10:00:00.5Z",
        "Image": "sha256:ab",
        "Config": {"Image": "web:1"},
        "State": {
            "Status": "running",
            "StartedAt": "2026-11-22T10:00:01.123456789Z",
            "FinishedAt": "0001-01-01T00:00:00Z",
            "ExitCode": 0,
            **state,
        },
    }


MARKS = Marks(service="web", slot=1)


def test_a_running_replica_has_no_exit_code() -> None:
    replica = reading.replica(inspected(Health={"Status": "healthy"}), MARKS)
    assert (replica.id, replica.name, replica.image, replica.image_id) == ("c1", "zpmd-web-1", "web:1", "sha256:ab")
    assert (replica.phase, replica.health, replica.exit_code) == (Phase.RUNNING, Health.HEALTHY, None)
    assert (replica.created_at, replica.finished_at) == (1795341600.5, None)
    assert replica.started_at == pytest.approx(1795341601.123456)


def test_an_ended_one_has_its_end() -> None:
    replica = reading.replica(
        inspected(Status="exited", ExitCode=137, OOMKilled=True, FinishedAt="2026-11-22T10:00:02+00:00", Error="x\ny"),
        MARKS,
    )
    assert (replica.phase, replica.exit_code, replica.oom_killed) == (Phase.EXITED, 137, True)
    assert (replica.finished_at, replica.error) == (1795341602.0, "x y")


@pytest.mark.parametrize(
    ("health", "expected"),
    [
        (None, Health.NONE),
        ({}, Health.NONE),
        ({"Status": "none"}, Health.NONE),
        ({"Status": "starting"}, Health.STARTING),
        ({"Status": "unhealthy"}, Health.UNHEALTHY),
    ],
)
def test_health_is_none_unless_the_engine_says_otherwise(health: Any, expected: Health) -> None:
    assert reading.replica(inspected(Health=health), MARKS).health is expected


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {**inspected(), "State": None},
        {**inspected(), "Id": 7},
        inspected(Status="dancing"),
        inspected(StartedAt="yesterday"),
    ],
)
def test_what_is_no_container_is_garbage(body: Any) -> None:
    with pytest.raises(Garbage):
        reading.replica(body, MARKS)


@pytest.mark.parametrize("answer", [None, {}, "x", [1], [None], [{}, "x"]])
def test_what_is_no_list_of_objects_is_garbage(answer: Any) -> None:
    with pytest.raises(Garbage):
        reading.items(answer, "containers")


def test_a_stranger_is_known_by_its_own_name_and_its_published_ports() -> None:
    listed = {
        "Id": "s1",
        "Names": ["/web/db", "/db"],
        "State": "running",
        "Ports": [
            {"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
            {"IP": "::", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
            {"PrivatePort": 443, "Type": "tcp"},
        ],
    }
    assert reading.stranger(listed) == Stranger(id="s1", name="db", ports=("0.0.0.0:8080/tcp", ":::8080/tcp"))


def test_a_stranger_that_does_not_live_holds_no_port() -> None:
    port = {"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}
    listed = {"Id": "s1", "Names": ["/db"], "State": "created", "Ports": [port]}
    assert reading.stranger(listed).ports == (), "its start failed, and the engine lists the port all the same"


@pytest.mark.parametrize("names", [None, []])
def test_a_container_on_its_way_out_may_have_no_name(names: Any) -> None:
    assert reading.name({"Names": names}) == ""


def test_the_probes_outputs_are_lines() -> None:
    body = inspected(Health={"Status": "unhealthy", "Log": [{"ExitCode": 1, "Output": "no\nroute"}]})
    assert reading.health_output(body) == ("exit 1: no route",)
    assert reading.health_output(inspected()) == ()
