"""Which lines the log has of decisions and failures, how loud, and by which fields they are found again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from loguru import logger

from tests.unit.planning.build import NOW, dead, replica, service
from zpmd.daemon.loglines import LogLines
from zpmd.messages import Message
from zpmd.model.events import Outcome, Result
from zpmd.model.memory import Verdict
from zpmd.model.patch import Patch, Stage
from zpmd.model.plan import (
    Action,
    Cause,
    Code,
    JudgeSpec,
    MovePatch,
    PullImage,
    RemoveReplica,
    RestartReplica,
    RunHook,
    RunReplica,
    StartReplica,
    StopReplica,
)

WEB = service("web", tenant="acme")
ONE, DEAD = replica(WEB, tenant="acme"), dead(WEB, tenant="acme")
DIED, DRIFT = Cause(Code.DIED, "exited with 137"), Cause(Code.DRIFT, "its definition changed")
PATCH = Cause(Code.PATCH, "patch hotfix changes it", ("patch:hotfix",))

Line = tuple[str, str, dict[str, str]]


@pytest.fixture
def logged() -> Iterator[list[Line]]:
    """Level, text and fields of each line."""
    lines: list[Line] = []

    def take(message: object) -> None:
        record = message.record  # type: ignore[attr-defined]
        lines.append((record["level"].name, record["message"], dict(record["extra"])))

    logger.enable("zpmd")
    sink = logger.add(take, level="DEBUG", format="{message}")
    yield lines
    logger.remove(sink)


@pytest.mark.parametrize(
    "action",
    [
        RunReplica(service=WEB, slot=1, cause=DRIFT),
        StartReplica(replica=ONE, cause=DRIFT),
        RestartReplica(replica=ONE, cause=DRIFT),
        StopReplica(replica=ONE, cause=DRIFT),
        RemoveReplica(replica=ONE, cause=DRIFT),
        RunHook(replica=ONE, hooks=(), cause=DRIFT),
        JudgeSpec(service=WEB, spec="1:a", verdict=Verdict.STABLE, generation=0, cause=DRIFT),
    ],
    ids=lambda action: type(action).__name__,
)
def test_what_concerns_a_service_is_found_by_it_and_by_its_tenant(logged: list[Line], action: Action) -> None:
    LogLines().decided(action, again=False)
    [(level, _, fields)] = logged
    assert (level, fields["service"], fields["tenant"], fields["cause"]) == ("INFO", "web", "acme", "drift")


def test_what_a_patch_does_is_found_by_the_patch(logged: list[Line]) -> None:
    LogLines().decided(StopReplica(replica=ONE, cause=PATCH), again=False)
    row = Patch(number=1, name="p.patch.yaml", stage=Stage.SWITCHED, id="hotfix")
    LogLines().decided(MovePatch(patch=row, cause=Cause(Code.PATCH_SWITCHED, "begins")), again=False)
    nameless = replace(row, id="")
    LogLines().decided(MovePatch(patch=nameless, cause=Cause(Code.PATCH_REFUSED, "is none")), again=False)
    assert [fields["patch"] for _, _, fields in logged] == ["hotfix", "hotfix", "p.patch.yaml"]


def test_a_field_that_is_not_known_is_not_there(logged: list[Line]) -> None:
    LogLines().decided(PullImage(image="web:2", cause=DRIFT), again=False)
    assert logged[0][2].keys() == {"action", "cause"}


@pytest.mark.parametrize(
    ("ended_at", "level"), [(NOW - 1, "INFO"), (NOW, "WARNING"), (NOW + 5, "WARNING"), (None, "WARNING")]
)
def test_a_death_is_a_warning_if_somebody_was_looking(logged: list[Line], ended_at: float | None, level: str) -> None:
    lines = LogLines()
    lines.looks_since(NOW)
    lines.decided(StartReplica(replica=replace(DEAD, finished_at=ended_at), cause=DIED), again=False)
    assert logged[0][0] == level


def test_a_kill_for_lack_of_memory_has_its_own_name(logged: list[Line]) -> None:
    killed = replace(DEAD, oom_killed=True)
    LogLines().decided(StartReplica(replica=killed, cause=DIED, evidence=True), again=False)
    assert logged[0][2]["message_id"] == Message.OOM_KILLED.id


def test_tries_of_what_is_known_to_fail_are_for_debug_and_what_is_meant_is_not(logged: list[Line]) -> None:
    lines = LogLines()
    lines.hush({"web"})
    lines.decided(StartReplica(replica=DEAD, cause=DIED), again=False)
    lines.decided(StopReplica(replica=ONE, cause=DRIFT), again=False)
    lines.decided(PullImage(image="web:2", cause=DRIFT), again=True)
    assert [level for level, _, _ in logged] == ["DEBUG", "INFO", "DEBUG"]


def test_a_failure_is_told_once_for_each_of_its_words_until_it_succeeds(logged: list[Line]) -> None:
    lines, pull = LogLines(), PullImage(image="web:2", cause=DRIFT)

    def ends(detail: str = "", result: Result = Result.TRANSIENT) -> str:
        lines.ended(Outcome(action=pull, result=result, at=NOW, detail=detail))
        return logged[-1][0]

    told = [ends("timeout"), ends("timeout"), ends("refused"), ends("timeout"), ends("refused")]
    assert told == ["WARNING", "DEBUG", "WARNING", "DEBUG", "DEBUG"]
    ends(result=Result.OK)
    assert ends("timeout") == "WARNING"
    endless = [ends(f"other words {number}") for number in range(100)]
    assert endless.count("WARNING") < 10
