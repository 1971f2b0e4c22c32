"""An observation is whole or unknown, and asks no more than it has to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.engines.conftest import RealTime
from tests.unit.engines.scripted_engine import VERSION, Conversation, ScriptedEngine
from zpmd.engines import labels
from zpmd.engines.docker import DockerEngine
from zpmd.errors import EngineUnknown
from zpmd.model.action import Action, KeepEvidence, PullImage, StartReplica, StopReplica
from zpmd.model.cause import Cause, Code
from zpmd.model.events import Result
from zpmd.model.observed import Replica, Stranger

OURS = {labels.OWNER: "me", labels.SERVICE: "web", labels.SLOT: "1", labels.SPEC: "1:abc"}
CAUSE = Cause(Code.DIED, "it died")


def listed(
    container_id: str = "c1", marked: dict[str, str] | None = None, status: str = "Up 3 hours"
) -> dict[str, Any]:
    marked = OURS if marked is None else marked
    return {"Id": container_id, "Names": [f"/{container_id}"], "Labels": marked, "State": "running", "Status": status}


def inspected(container_id: str = "c1", started: str = "2026-11-22T10:00:00Z") -> dict[str, Any]:
    state = {"Status": "running", "Running": True, "StartedAt": started}
    return {"Id": container_id, "Name": f"/{container_id}", "Config": {"Labels": OURS}, "State": state}


def serve_one(scripted: ScriptedEngine) -> None:
    scripted.answers["/containers/json"] = [listed()]
    scripted.answers["/containers/c1/json"] = inspected()


@pytest.mark.parametrize("path", ["/version", "/containers/json", "/containers/c1/json", "/volumes", "/images/json"])
@pytest.mark.parametrize(
    "answer",
    [
        lambda c: c.send_bytes(b"<html>Bad gateway</html>", 502),
        lambda c: c.send_bytes(b"<html>all is well</html>"),
        lambda c: c.send_bytes(b'[{"Id": "c1"', claimed_length=4000),
        lambda c: c.send_bytes(b'[{"Id": "c1"'),
        lambda c: c.send_bytes(b""),
        lambda c: c.send_bytes(b"\xff\xfe\x00"),
        lambda c: c.send_chunks(b'[{"Id":', finish=False),
        lambda c: c.send_json("text"),
        lambda c: c.send_json([1]),
        lambda c: c.send_json({"message": None}, 500),
        lambda c: c.send_bytes(b"[" * 100_000),
        lambda c: c.send_bytes(b"[" * 100_000, 500),
        lambda c: c.hang(),
        lambda c: setattr(c, "close_connection", True),
    ],
    ids=["html-error", "html", "cut", "half-json", "empty", "binary", "cut-chunk", "text", "list", "error", "deep",
         "deep-error", "hang",
         "closed"],
)  # fmt: skip
def test_an_answer_that_is_none_makes_the_engine_unknown(
    scripted: ScriptedEngine, engine: DockerEngine, path: str, answer: Callable[[Conversation], None]
) -> None:
    serve_one(scripted)
    scripted.answers[path] = answer
    with pytest.raises(EngineUnknown):
        engine.observe(())


@pytest.mark.parametrize(
    "item",
    [
        {"Names": ["/x"], "Labels": {}},
        {"Id": "", "Names": ["/x"], "Labels": {}},
        {"Id": "c1", "Names": ["/x"]},
        {"Id": "c1", "Names": ["/x"], "Labels": "none"},
        {"Id": "c1", "Names": 7, "Labels": {}},
        {"Id": "c1", "Names": ["/x"], "Labels": {}, "Ports": ["80"]},
        None,
    ],
)
def test_one_entry_of_another_shape_makes_all_of_it_unknown(
    scripted: ScriptedEngine, engine: DockerEngine, item: Any
) -> None:
    scripted.answers["/containers/json"] = [listed("s1", {}), item]
    with pytest.raises(EngineUnknown):
        engine.observe(())


@pytest.mark.parametrize(
    "state",
    [
        '{"Status": "exited", "ExitCode": 1e999}',
        '{"Status": "exited", "ExitCode": Infinity}',
        '{"Status": "exited", "ExitCode": NaN}',
        '{"Status": "exited", "ExitCode": "1"}',
        '{"Status": "exited", "ExitCode": 1' + "0" * 400 + "}",
        '{"Status": "exited", "ExitCode": 1, "Error": "\\ud800"}',
    ],
    ids=lambda state: state[:60],
)
def test_numbers_and_texts_that_json_cannot_hold_are_garbage(
    scripted: ScriptedEngine, engine: DockerEngine, state: str
) -> None:
    serve_one(scripted)
    body = f'{{"Id": "c1", "Name": "/c1", "State": {state}}}'
    scripted.answers["/containers/c1/json"] = lambda c: c.send_bytes(body.encode())
    with pytest.raises(EngineUnknown):
        engine.observe(())


def test_an_engine_that_is_down_is_unknown_and_known_once_it_is_up(
    tmp_path: Path, make_engine: Callable[..., DockerEngine]
) -> None:
    path = tmp_path / "later.sock"
    engine = make_engine(f"unix://{path}")
    with pytest.raises(EngineUnknown, match="is it running"):
        engine.observe(())
    scripted = ScriptedEngine(path)
    try:
        assert engine.observe(()).replicas == ()
    finally:
        scripted.close()


def test_an_engine_that_is_too_old_says_so(scripted: ScriptedEngine, engine: DockerEngine) -> None:
    scripted.answers["/version"] = {**VERSION, "ApiVersion": "1.40"}
    with pytest.raises(EngineUnknown, match=r"API 1\.40 at most, zpmd needs 1\.41"):
        engine.observe(())


def test_a_version_that_is_refused_is_agreed_anew(scripted: ScriptedEngine, engine: DockerEngine) -> None:
    """The engine was upgraded while no stream was open that would have told."""
    engine.observe(())
    scripted.answers["/version"] = {**VERSION, "ApiVersion": "1.52", "MinAPIVersion": "1.44"}
    refusal = "client version 1.41 is too old. Minimum supported API version is 1.44"

    def refuse_old(conversation: Conversation) -> None:
        if conversation.path.startswith("/v1.41/"):
            conversation.send_json({"message": refusal}, 400)
        else:
            conversation.send_json([])

    scripted.answers["/containers/json"] = refuse_old
    with pytest.raises(EngineUnknown, match="too old"):
        engine.observe(())
    assert engine.observe(()).replicas == ()


def test_a_container_that_goes_between_list_and_inspection_is_gone(
    scripted: ScriptedEngine, engine: DockerEngine
) -> None:
    scripted.answers["/containers/json"] = [listed("c1"), listed("c2")]
    scripted.answers["/containers/c2/json"] = inspected("c2")
    assert [r.id for r in engine.observe(()).replicas] == ["c2"]


@pytest.mark.parametrize(
    "marked",
    [
        {},
        {**OURS, labels.OWNER: "another"},
        {labels.OWNER: "me"},
        {labels.OWNER: "me", labels.SERVICE: "web", labels.SLOT: "x"},
    ],
)
def test_what_is_not_ours_or_cannot_be_told_is_a_stranger(
    scripted: ScriptedEngine, engine: DockerEngine, marked: dict[str, str]
) -> None:
    scripted.answers["/containers/json"] = [listed("s1", marked)]
    world = engine.observe(())
    assert (world.replicas, world.strangers) == ((), (Stranger(id="s1", name="s1"),))


def test_a_second_look_at_the_same_world_is_one_call(scripted: ScriptedEngine, engine: DockerEngine) -> None:
    serve_one(scripted)
    first = engine.observe(())
    scripted.requests.clear()
    scripted.answers["/containers/json"] = [listed(status="Up 4 hours")]
    assert engine.observe(()) == first
    assert scripted.requests == ["GET /containers/json"]


@pytest.mark.parametrize(
    "now",
    [
        {**listed(), "State": "exited", "Status": "Exited (137) 1 second ago"},
        {**listed(), "Status": "Up 3 hours (unhealthy)"},
        {**listed(), "Names": ["/renamed"]},
    ],
    ids=["state", "health", "name"],
)
def test_a_changed_line_is_inspected_again(scripted: ScriptedEngine, engine: DockerEngine, now: dict[str, Any]) -> None:
    serve_one(scripted)
    engine.observe(())
    scripted.requests.clear()
    scripted.answers["/containers/json"] = [now]
    engine.observe(())
    assert scripted.requests == ["GET /containers/json", "GET /containers/c1/json"]


def test_a_replica_that_is_young_again_is_inspected_again(scripted: ScriptedEngine, engine: DockerEngine) -> None:
    serve_one(scripted)
    engine.observe(())
    scripted.answers["/containers/json"] = [listed(status="Up 2 seconds")]
    scripted.answers["/containers/c1/json"] = inspected(started="2026-11-22T12:00:00Z")
    assert engine.observe(()).replicas[0].started_at == 1795348800.0


def test_what_an_action_touched_is_inspected_again(scripted: ScriptedEngine, engine: DockerEngine) -> None:
    serve_one(scripted)
    replica = engine.observe(()).replicas[0]
    scripted.answers["POST /containers/c1/start"] = lambda c: c.send_json({"message": "no"}, 500)
    assert engine.apply(StartReplica(replica=replica, cause=CAUSE), print).result is Result.TRANSIENT
    scripted.requests.clear()
    engine.observe(())
    assert scripted.requests == ["GET /containers/json", "GET /containers/c1/json"]


def serve_tries(scripted: ScriptedEngine) -> None:
    """Two tries of one run of a job: c1 has ended, c2 goes on."""
    marked = {**OURS, labels.SLOT: "1774746000", labels.DUE: "1774746000"}
    ended = {**listed("c1", {**marked, labels.ATTEMPT: "1"}, "Exited (3) 2 seconds ago"), "State": "exited"}
    scripted.answers["/containers/json"] = [ended, listed("c2", {**marked, labels.ATTEMPT: "2"})]
    state = {"Status": "exited", "ExitCode": 3, "FinishedAt": "2026-11-22T10:00:09Z"}
    scripted.answers["/containers/c1/json"] = {**inspected("c1"), "State": state}
    scripted.answers["/containers/c2/json"] = inspected("c2")


def seen_at(scripted: ScriptedEngine, engine: DockerEngine, request: str, action: Action) -> tuple[Replica, ...]:
    """What is observed, with nothing kept, while the engine has this request of the action in hand."""
    seen: list[tuple[Replica, ...]] = []

    def look(conversation: Conversation) -> None:
        engine._observer.forget()
        seen.append(engine.observe(()).replicas)
        conversation.send_bytes(b"")

    scripted.answers[request] = look
    assert engine.apply(action, print).ok
    return seen[0]


def test_a_replica_at_which_there_is_work_is_known_from_the_list_alone(
    scripted: ScriptedEngine, engine: DockerEngine
) -> None:
    serve_one(scripted)
    replica = engine.observe(()).replicas[0]
    stop = StopReplica(replica=replica, cause=CAUSE, grace_seconds=1.0)
    assert seen_at(scripted, engine, "POST /containers/c1/stop", stop)[0].started_at is None


def test_when_a_run_began_and_how_it_ended_is_known_while_there_is_work_at_it(
    scripted: ScriptedEngine, engine: DockerEngine
) -> None:
    serve_tries(scripted)
    before = engine.observe(()).replicas
    stop = StopReplica(replica=before[1], cause=CAUSE, grace_seconds=1.0)
    assert {(r.exit_code, r.started_at is None) for r in before} == {(3, True), (None, False)}
    assert seen_at(scripted, engine, "POST /containers/c2/stop", stop) == before


def test_a_run_that_has_not_begun_is_known_from_the_list_alone(scripted: ScriptedEngine, engine: DockerEngine) -> None:
    serve_tries(scripted)
    before = engine.observe(()).replicas
    created = {**scripted.answers["/containers/json"][1], "State": "created", "Status": "Created"}
    scripted.answers["/containers/json"] = [created]
    stop = StopReplica(replica=before[1], cause=CAUSE, grace_seconds=1.0)
    assert seen_at(scripted, engine, "POST /containers/c2/stop", stop)[0].started_at is None


def test_a_run_is_inspected_while_its_evidence_is_gathered(scripted: ScriptedEngine, engine: DockerEngine) -> None:
    serve_tries(scripted)
    before = engine.observe(()).replicas
    keep = KeepEvidence(replica=before[0], failed=True, cause=CAUSE)
    assert seen_at(scripted, engine, "/containers/c1/logs", keep) == before


def test_lists_beside_the_containers_are_kept_for_half_a_minute(
    scripted: ScriptedEngine, engine: DockerEngine, clock: RealTime
) -> None:
    engine.observe(())
    scripted.answers["/volumes"] = {"Volumes": [{"Name": "data", "Labels": {labels.OWNER: "me"}}]}
    scripted.answers["/networks"] = [{"Name": "front", "Labels": None}]
    assert engine.observe(()).volumes == frozenset()
    clock.ahead_seconds = 31.0
    world = engine.observe(())
    assert (world.volumes, world.own_volumes) == ({"data"}, {"data"})
    assert (world.networks, world.own_networks) == ({"front"}, set())


def test_a_pull_makes_the_image_seen_at_once(scripted: ScriptedEngine, engine: DockerEngine) -> None:
    assert engine.observe(["web:1"]).images == frozenset()
    scripted.answers["POST /images/create"] = lambda c: c.send_chunks(b'{"status": "Pull complete", "id": "a"}\n')
    scripted.answers["/images/json"] = [{"Id": "sha256:ab", "RepoTags": ["web:1"], "RepoDigests": None, "Labels": {}}]
    assert engine.apply(PullImage(image="web:1", cause=CAUSE), print).ok
    assert engine.observe(["web:1"]).images == frozenset({"web:1"})


def test_a_failed_observation_does_not_lose_what_was_touched(scripted: ScriptedEngine, engine: DockerEngine) -> None:
    serve_one(scripted)
    replica = engine.observe(()).replicas[0]
    scripted.answers["POST /containers/c1/start"] = lambda c: c.send_bytes(b"", 204)
    engine.apply(StartReplica(replica=replica, cause=CAUSE), print)
    scripted.answers["/containers/json"] = lambda c: c.send_bytes(b"no", 500)
    with pytest.raises(EngineUnknown):
        engine.observe(())
    scripted.answers["/containers/json"] = [listed()]
    scripted.answers["/containers/c1/json"] = inspected(started="2026-11-22T12:00:00Z")
    assert engine.observe(()).replicas[0].started_at == 1795348800.0
