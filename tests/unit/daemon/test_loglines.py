"""Which lines the log has of decisions and failures, how loud, and by which fields they are found again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from loguru import logger

from tests.unit.daemon.given import job, over, run
from tests.unit.planning.build import NOW, dead, replica, service
from zpmd.daemon.loglines import LogLines
from zpmd.messages import Message
from zpmd.model.action import (
    Action,
    JudgeSpec,
    KeepEvidence,
    MovePatch,
    PullImage,
    RemoveReplica,
    RestartReplica,
    RunHook,
    RunReplica,
    StartReplica,
    StopReplica,
)
from zpmd.model.cause import Cause, Code
from zpmd.model.events import Outcome, Result
from zpmd.model.memory import Verdict
from zpmd.model.patch import Patch, Stage

WEB = service("web", tenant="acme")
ONE, DEAD = replica(WEB, tenant="acme"), dead(WEB, tenant="acme")
DIED, DRIFT = Cause(Code.DIED, "exited with 137"), Cause(Code.DRIFT, "its definition changed")
PATCH = Cause(Code.PATCH, "patch hotfix changes it", ("patch:hotfix",))
REPORT = job("report", tenant="acme")
GOES_ON, ENDED = run(REPORT, 3600), over(REPORT, 3600)

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


def test_a_job_whose_runs_all_fail_alike_is_told_once(logged: list[Line]) -> None:
    lines = LogLines()
    for due in (3600, 7200, 10800):
        run = RunReplica(service=REPORT, slot=due, due=due, cause=Cause(Code.DUE, "is due"))
        lines.ended(Outcome(action=run, result=Result.PERMANENT, at=NOW, detail="no such image"))
    assert [level for level, _, _ in logged] == ["WARNING", "DEBUG", "DEBUG"]
    lines.forget({"web"})
    lines.ended(Outcome(action=run, result=Result.PERMANENT, at=NOW, detail="no such image"))
    assert logged[-1][0] == "WARNING"


def test_how_a_service_has_failed_is_forgotten_with_it(logged: list[Line]) -> None:
    lines = LogLines()
    pull, run = PullImage(image="web:2", cause=DRIFT), RunReplica(service=REPORT, slot=1, cause=DRIFT)

    def end() -> list[str]:
        for action in (pull, run):
            lines.ended(Outcome(action=action, result=Result.TRANSIENT, at=NOW, detail="timeout"))
        return [level for level, _, _ in logged[-2:]]

    assert end() == ["WARNING", "WARNING"]
    lines.forget({"report"})
    assert end() == ["DEBUG", "DEBUG"]
    lines.forget({"web"})
    assert end() == ["DEBUG", "WARNING"]


@pytest.mark.parametrize(
    ("action", "level", "message"),
    [
        (RunReplica(service=REPORT, slot=3600, due=3600, cause=Cause(Code.DUE, "is due")), "INFO", None),
        (RunReplica(service=REPORT, slot=3600, due=3600, cause=Cause(Code.RETRIED, "exit 3")), "WARNING", None),
        (StopReplica(replica=GOES_ON, cause=Cause(Code.TIMED_OUT, "runs for 2 h")), "WARNING", Message.JOB_TIMED_OUT),
        (RemoveReplica(replica=ENDED, cause=Cause(Code.HISTORY, "3 newer ones are kept")), "DEBUG", None),
        (KeepEvidence(replica=ENDED, failed=True, cause=Cause(Code.RUN_ENDED, "failed")), "DEBUG", None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_done_to_runs_is_told_and_what_is_tidied_up_after_them_is_not(
    logged: list[Line], action: Action, level: str, message: Message | None
) -> None:
    LogLines().decided(action, again=False)
    [(found, _, fields)] = logged
    assert (found, fields["service"], fields["tenant"]) == (level, "report", "acme")
    assert fields.get("message_id") == (message.id if message else None)
