"""Every way in which an action can end has its one result; none raises. (What a real engine does is tested on one.)"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.engines.scripted_engine import Conversation, ScriptedEngine
from zpmd.engines import labels
from zpmd.engines.docker import DockerEngine
from zpmd.model.action import (
    Action,
    CreateVolume,
    JudgeSpec,
    KeepEvidence,
    KeepRuns,
    PullImage,
    RemoveNetwork,
    RemoveReplica,
    RemoveVolume,
    RunHook,
    RunReplica,
    StartReplica,
    StopReplica,
)
from zpmd.model.cause import Cause, Code
from zpmd.model.container import Container, Hook, Mount, MountKind
from zpmd.model.events import Result
from zpmd.model.job import RunsKept
from zpmd.model.memory import Verdict
from zpmd.model.observed import Phase, Replica
from zpmd.model.service import Group, ServiceData, VolumeSpec
from zpmd.model.spechash import spec_hash

CAUSE = Cause(Code.DIED, "it died")
WEB = ServiceData(name="web", group=Group.CORE, container=Container(image="web:1", container_name="web"))
REPLICA = Replica(
    id="c1", name="web", service="web", group=Group.CORE, slot=1, spec="1:ab", phase=Phase.EXITED, finished_at=1.0
)
START = StartReplica(replica=REPLICA, cause=CAUSE)
REMOVE = RemoveReplica(replica=REPLICA, cause=CAUSE)
RUN = RunReplica(service=WEB, slot=1, cause=CAUSE, generation=2)
REPORT = RunReplica(
    service=ServiceData(name="report", group=Group.BATCH, container=Container(image="web:1")),
    slot=1774746000,
    due=1774746000,
    attempt=1,
    cause=CAUSE,
)
EVIDENCE = KeepEvidence(replica=REPLICA, failed=True, cause=CAUSE)
PULL = PullImage(image="registry.test:5000/web:1", cause=CAUSE)
MARKS = {
    labels.OWNER: "me",
    labels.SERVICE: "web",
    labels.SLOT: "1",
    labels.SPEC: spec_hash(WEB.container),
    labels.GENERATION: "2",
}

Answer = Callable[[Conversation], None] | dict[str, Any] | list[Any]


def says(status: int, message: str) -> Callable[[Conversation], None]:
    return lambda conversation: conversation.send_json({"message": message}, status)


def silent(status: int = 204) -> Callable[[Conversation], None]:
    return lambda conversation: conversation.send_bytes(b"", status)


def holder(**marked: str) -> dict[str, Any]:
    return {"Id": "c" * 64, "Config": {"Labels": marked}, "State": {"Status": "created"}}


TAKEN = says(409, 'Conflict. The container name "/web" is already in use by container "c"')

CASES: list[tuple[str, Action, dict[str, Answer], Result, str]] = [
    ("started", START, {"POST /containers/c1/start": silent()}, Result.OK, ""),
    ("runs already", START, {"POST /containers/c1/start": silent(304)}, Result.OK, ""),
    ("gone", START, {"POST /containers/c1/start": says(404, "No such container: c1")}, Result.PERMANENT, "No such"),
    ("port taken", START, {"POST /containers/c1/start": says(500, "driver failed programming external connectivity on "
     "endpoint web: Bind for 0.0.0.0:80 failed: port is already allocated")}, Result.PERMANENT, "0.0.0.0:80"),
    ("no answer", START, {"POST /containers/c1/start": Conversation.hang}, Result.UNKNOWN, "did not answer in time"),
    ("cut", START, {"POST /containers/c1/start": lambda c: setattr(c, "close_connection", True)}, Result.UNKNOWN,
     "closed the connection"),
    ("control characters", START, {"POST /containers/c1/start": says(500, "a\x1b[31m\nb")}, Result.TRANSIENT,
     "a [31m b"),
    ("removed before", REMOVE, {}, Result.OK, ""),
    ("not ours", REMOVE, {"/containers/c1/json": holder(**{labels.OWNER: "another"})}, Result.PERMANENT,
     "is not ours"),
    ("without labels", REMOVE, {"/containers/c1/json": {"Id": "c1", "Config": {"Labels": None}}}, Result.PERMANENT,
     "is not ours"),
    ("still runs", REMOVE, {"/containers/c1/json": {**holder(**MARKS), "State": {"Running": True}}}, Result.TRANSIENT,
     "still runs"),
    ("stopped before", StopReplica(replica=REPLICA, cause=CAUSE, grace_seconds=0.0),
     {"POST /containers/c1/stop": silent(304)}, Result.OK, ""),
    ("stop of what is gone", StopReplica(replica=REPLICA, cause=CAUSE), {}, Result.OK, ""),
    ("name of a stranger", RUN, {"/containers/create": TAKEN, "/containers/web/json": holder()}, Result.PERMANENT,
     "name web is taken by container cccccccccccc that is not ours"),
    ("name of another spec", RUN, {"/containers/create": TAKEN,
     "/containers/web/json": holder(**{**MARKS, labels.SPEC: "1:old"})}, Result.PERMANENT, "ours of another spec"),
    ("name of another generation", RUN, {"/containers/create": TAKEN,
     "/containers/web/json": holder(**{**MARKS, labels.GENERATION: "1"})}, Result.PERMANENT, "ours of another spec"),
    ("name of a ghost", RUN, {"/containers/create": TAKEN}, Result.TRANSIENT, "restart the engine"),
    ("adopted", RUN, {"/containers/create": TAKEN, "/containers/web/json": holder(**MARKS),
     f"/containers/{'c' * 64}/start": silent()}, Result.OK, ""),
    ("no image", RUN, {"/containers/create": says(404, "No such image: web:1")}, Result.PERMANENT,
     "no such image: web:1"),
    ("no id", RUN, {"/containers/create": {"Warnings": []}}, Result.UNKNOWN, "garbage"),
    ("no neighbour", RunReplica(service=ServiceData(name="web", group=Group.CORE,
     container=Container(image="web:1", network_mode="service:db")), slot=1, cause=CAUSE), {}, Result.TRANSIENT,
     "waits for a container of db"),
    ("undeclared volume", RunReplica(service=ServiceData(name="web", group=Group.CORE, container=Container(
     image="web:1", mounts=(Mount(kind=MountKind.VOLUME, source="data", target="/d"),))), slot=1, cause=CAUSE), {},
     Result.PERMANENT, "volume data does not exist, and no file declares it"),
    ("too new", RunReplica(service=ServiceData(name="web", group=Group.CORE, container=Container(image="web:1",
     annotations=(("a", "b"),))), slot=1, cause=CAUSE), {}, Result.PERMANENT, "annotations needs Engine API 1.43"),
    ("external volume", CreateVolume(volume=VolumeSpec(name="v", external=True), cause=CAUSE), {}, Result.PERMANENT,
     "create it by hand"),
    ("network gone", RemoveNetwork(name="n", cause=CAUSE), {}, Result.OK, ""),
    ("network not ours", RemoveNetwork(name="n", cause=CAUSE),
     {"/networks/n": {"Name": "n", "Id": "1", "Labels": {}}}, Result.PERMANENT, "network n is not ours"),
    ("network in use", RemoveNetwork(name="n", cause=CAUSE),
     {"/networks/n": {"Name": "n", "Id": "1", "Labels": {labels.OWNER: "me"}},
      "DELETE /networks/1": says(403, "network n has active endpoints")}, Result.TRANSIENT, "active endpoints"),
    ("volume in use", RemoveVolume(name="v", cause=CAUSE),
     {"GET /volumes/v": {"Name": "v", "Labels": {labels.OWNER: "me"}},
      "DELETE /volumes/v": says(409, "volume is in use - [c1]")}, Result.TRANSIENT, "in use"),
    ("pull refused", PULL, {"/images/create": says(404, "pull access denied for web")}, Result.PERMANENT,
     "cannot pull registry.test:5000/web:1: pull access denied"),
    ("pull limited", PULL, {"/images/create": says(500, "toomanyrequests: slow down")}, Result.TRANSIENT,
     "toomanyrequests"),
    ("pull fails on the way", PULL, {"/images/create": lambda c: c.send_chunks(
     b'{"status":"Pulling fs layer","id":"a"}\n', b'{"errorDetail":{"message":"x"},"error":"manifest unknown"}\n')},
     Result.PERMANENT, "manifest unknown"),
    ("pull is cut", PULL, {"/images/create": lambda c: c.send_chunks(b'{"status":"Pul', finish=False)},
     Result.UNKNOWN, ""),
    ("hook in what is gone", RunHook(replica=REPLICA, hooks=(Hook(command=("x",)),), cause=CAUSE), {},
     Result.PERMANENT, "nothing at"),
    ("not the engine's", JudgeSpec(service=WEB, spec="1:ab", verdict=Verdict.STABLE, generation=0, cause=CAUSE), {},
     Result.PERMANENT, "the store's"),
    ("the ledger is not the engine's", KeepRuns(kept=RunsKept(), cause=CAUSE), {}, Result.PERMANENT, "the store's"),
    ("run of a stranger's name", REPORT, {"/containers/zpmd-report-20260329T010000Z/json": holder()}, Result.PERMANENT,
     "name zpmd-report-20260329T010000Z is taken by container cccccccccccc that is not ours"),
    ("run of a taken name", REPORT, {"/containers/zpmd-report-20260329T010000Z/json": holder(**MARKS)},
     Result.PERMANENT, "ours of another run"),
    ("evidence of what is gone", EVIDENCE, {}, Result.PERMANENT, "nothing at"),
    ("evidence without an answer", EVIDENCE, {"/containers/c1/json": holder(**MARKS),
     "/containers/c1/logs": Conversation.hang}, Result.UNKNOWN, "did not answer in time"),
    ("evidence of a busy engine", EVIDENCE, {"/containers/c1/json": holder(**MARKS),
     "/containers/c1/logs": says(500, "too many open files")}, Result.TRANSIENT, "too many open files"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("action", "answers", "result", "words"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_an_action_ends_in_one_result(
    scripted: ScriptedEngine,
    engine: DockerEngine,
    action: Action,
    answers: dict[str, Answer],
    result: Result,
    words: str,
) -> None:
    scripted.answers.update(answers)
    outcome = engine.apply(action, print)
    assert (outcome.result, words in outcome.detail) == (result, True), outcome.detail
    assert outcome.action is action


def test_an_engine_that_is_down_is_transient(tmp_path: Path, make_engine: Callable[..., DockerEngine]) -> None:
    outcome = make_engine(f"unix://{tmp_path}/absent.sock").apply(START, print)
    assert (outcome.result, outcome.detail) == (
        Result.TRANSIENT,
        "the engine's socket does not exist: is it running?",
    )


def test_a_removal_is_done_only_when_the_engine_no_longer_knows_the_container(
    scripted: ScriptedEngine, engine: DockerEngine
) -> None:
    scripted.answers["DELETE /containers/c1"] = silent()
    looks: list[int] = []

    def there_twice_more(conversation: Conversation) -> None:
        looks.append(1)
        if len(looks) <= 3:
            conversation.send_json(holder(**MARKS))
        else:
            conversation.send_json({"message": "No such container"}, 404)

    scripted.answers["GET /containers/c1/json"] = there_twice_more
    assert engine.apply(REMOVE, print).ok
    assert len(looks) == 4


def test_a_removal_that_hangs_in_the_engine_is_unknown(
    scripted: ScriptedEngine, engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zpmd.engines.dockerd.stopping.GONE_SECONDS", 0.1)
    scripted.answers["DELETE /containers/c1"] = says(409, "removal of container c1 is already in progress")
    scripted.answers["GET /containers/c1/json"] = holder(**MARKS)
    outcome = engine.apply(REMOVE, print)
    assert (outcome.result, outcome.detail) == (Result.UNKNOWN, "container c1 is being removed, and still there")


def test_a_start_is_the_first_request_of_its_action(scripted: ScriptedEngine, engine: DockerEngine) -> None:
    scripted.answers["POST /containers/c1/start"] = silent()
    engine.observe(())
    scripted.requests.clear()
    evidence = StartReplica(replica=REPLICA, cause=CAUSE, evidence=True)
    assert engine.apply(evidence, print).ok
    assert scripted.requests[0] == "POST /containers/c1/start"


def test_a_log_that_goes_elsewhere_leaves_evidence_without_lines(
    scripted: ScriptedEngine, engine: DockerEngine
) -> None:
    scripted.answers["/containers/c1/json"] = holder(**MARKS)
    scripted.answers["/containers/c1/logs"] = says(501, "configured logging driver does not support reading")
    outcome = engine.apply(EVIDENCE, print)
    assert outcome.ok, outcome.detail
    assert outcome.dossier is not None
    assert outcome.dossier.log_tail == ()


@pytest.mark.parametrize("status", ["running", "paused", "exited", "dead", "removing"])
def test_a_run_that_has_begun_is_not_started(scripted: ScriptedEngine, engine: DockerEngine, status: str) -> None:
    run_id = "c" * 64
    marked = labels.labels_for("me", "zpmd", REPORT)
    found = {**holder(**marked), "State": {"Status": status, "StartedAt": "2026-03-29T01:00:01Z"}}
    scripted.answers["/containers/zpmd-report-20260329T010000Z/json"] = found
    scripted.answers[f"/containers/{run_id}/json"] = found
    outcome = engine.apply(REPORT, print)
    assert (outcome.result, outcome.container_id) == (Result.OK, run_id), outcome.detail
    assert outcome.started_at == 1774746001.0
    assert [request for request in scripted.requests if request.startswith("POST")] == []


def test_a_pull_tells_its_progress_in_words(scripted: ScriptedEngine, engine: DockerEngine) -> None:
    items = [
        {"status": "Pulling from web", "id": "1"},
        {"status": "Pulling fs layer", "id": "a"},
        {"status": "Already exists", "id": "b"},
        {"status": "Downloading", "id": "a", "progressDetail": {"current": 45_000_000, "total": 90_000_000}},
        {"status": "Pull complete", "id": "a"},
        {"status": "Status: Downloaded newer image"},
    ]
    scripted.answers["/images/create"] = lambda c: c.send_chunks(*(json.dumps(i).encode() + b"\r\n" for i in items))
    said: list[str] = []
    assert engine.apply(PULL, said.append).ok
    assert said == [
        "pulling 0/1 layers 0 MB",
        "pulling 1/2 layers 0 MB",
        "pulling 1/2 layers 45 MB",
        "pulling 2/2 layers 45 MB",
    ]


def test_a_replica_runs_on_the_local_image_where_the_pull_fails(scripted: ScriptedEngine, engine: DockerEngine) -> None:
    scripted.answers["/images/create"] = says(500, "no route to host")
    scripted.answers["/containers/create"] = {"Id": "c2"}
    scripted.answers["/containers/c2/start"] = silent()
    outcome = engine.apply(RunReplica(service=WEB, slot=1, cause=CAUSE, pull=True), print)
    assert (outcome.result, outcome.container_id) == (Result.OK, "c2")
    assert outcome.detail == "the image on this host is used: cannot pull web:1: no route to host"
