"""What an outcome makes of memory: the table that planning relies on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from loguru import logger

from tests.unit.daemon.given import job, keep, over, row, run
from tests.unit.full_disk import no_room
from tests.unit.planning.build import NOW, replica, service, slot
from zpmd.daemon.chronicle import Chronicle
from zpmd.daemon.clock import SystemClock
from zpmd.messages import Message
from zpmd.model.action import (
    Action,
    CreateVolume,
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
from zpmd.model.job import Ending, Mark, Step
from zpmd.model.memory import Tried, Verdict
from zpmd.model.observed import Dossier, Slot
from zpmd.model.patch import Patch, Stage
from zpmd.model.service import VolumeSpec
from zpmd.model.spechash import spec_hash
from zpmd.stores.embedded import EmbeddedStore

WEB = service("web")
ONE = replica(WEB)
WHY = Cause(Code.DIED, "exited with 137")
REPORT, DUE = job("report"), 3600
BEGUN = RunReplica(service=REPORT, slot=DUE, due=DUE, cause=Cause(Code.DUE, "was due"), attempt=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    one = EmbeddedStore(tmp_path / "zpmd.db", 100, SystemClock())
    yield one
    one.close()


def after(store: EmbeddedStore, action: Action, result: Result = Result.OK, detail: str = "") -> Chronicle:
    chronicle = Chronicle(store)
    chronicle.decided(action, NOW)
    chronicle.ended(Outcome(action=action, result=result, at=NOW + 1, detail=detail))
    return chronicle


@pytest.mark.parametrize(
    ("action", "tried", "count"),
    [
        (RunReplica(service=WEB, slot=1, cause=WHY, attempt=4), Tried.RUN, 4),
        (StartReplica(replica=ONE, cause=WHY, attempt=2), Tried.START, 2),
        (RestartReplica(replica=ONE, cause=WHY, attempt=1), Tried.RESTART, 1),
        (RemoveReplica(replica=ONE, cause=WHY, attempt=3), Tried.REMOVE, 3),
        (StopReplica(replica=ONE, cause=WHY), Tried.STOP, 0),
    ],
)
def test_a_slot_action_that_succeeded_is_an_attempt(
    store: EmbeddedStore, action: Action, tried: Tried, count: int
) -> None:
    memory = after(store, action).memory()
    record = memory.attempts[slot(WEB)]
    assert (record.tried, record.count, record.at, record.failed) == (tried, count, NOW + 1, False)
    assert record.spec == spec_hash(WEB.container)
    assert memory.retries == {}


def test_what_the_engine_refuses_is_a_failed_attempt_of_the_replica(store: EmbeddedStore) -> None:
    action = RunReplica(service=WEB, slot=1, cause=WHY, attempt=1)
    memory = after(store, action, Result.PERMANENT, "port 80 is taken").memory()
    record = memory.attempts[slot(WEB)]
    assert (record.failed, record.error) == (True, "port 80 is taken")
    assert memory.retries == {}


@pytest.mark.parametrize("result", [Result.TRANSIENT, Result.UNKNOWN])
def test_what_is_not_the_replicas_fault_is_a_retry_and_no_attempt(store: EmbeddedStore, result: Result) -> None:
    memory = after(store, StartReplica(replica=ONE, cause=WHY, attempt=2), result, "engine busy").memory()
    assert slot(WEB) not in memory.attempts
    assert (memory.retries["web/1"].count, memory.retries["web/1"].error) == (1, "engine busy")


def test_failures_of_what_is_no_slot_are_counted_until_one_succeeds(store: EmbeddedStore) -> None:
    action = CreateVolume(volume=VolumeSpec(name="data"), cause=WHY)
    chronicle = after(store, action, Result.PERMANENT, "no space left")
    assert chronicle.memory().retries["volume:data"].lasting
    chronicle.ended(Outcome(action=action, result=Result.TRANSIENT, at=NOW + 2, detail="busy"))
    retry = chronicle.memory().retries["volume:data"]
    assert (retry.count, retry.lasting) == (2, False)
    chronicle.ended(Outcome(action=action, result=Result.OK, at=NOW + 3))
    assert chronicle.memory().retries == {}


def test_evidence_stops_leave_the_count_of_failures_alone(store: EmbeddedStore) -> None:
    after(store, StartReplica(replica=ONE, cause=WHY, attempt=2))
    memory = after(store, StopReplica(replica=ONE, cause=WHY, evidence=True)).memory()
    assert memory.attempts[slot(WEB)].count == 2


def test_a_hook_is_remembered_for_this_run_of_this_container_and_fails_under_a_name_of_its_own(
    store: EmbeddedStore,
) -> None:
    action = RunHook(replica=ONE, hooks=(), cause=WHY)
    assert "hook:web/1" in after(store, action, Result.TRANSIENT, "exit 1").memory().retries
    assert (ONE.id, ONE.started_at) in after(store, action).memory().hooked


def test_a_pull_is_remembered_with_its_instant(store: EmbeddedStore) -> None:
    assert after(store, PullImage(image="web:1", cause=WHY)).memory().pulls == {"web:1": NOW + 1}


def test_a_failed_verdict_keeps_the_last_stable_definition(store: EmbeddedStore) -> None:
    chronicle = Chronicle(store)
    bad = service("web", image="web:2")

    def judge(of: object, verdict: Verdict) -> None:
        action = JudgeSpec(
            service=of,  # type: ignore[arg-type]
            spec=spec_hash(of.container),  # type: ignore[attr-defined]
            verdict=verdict,
            generation=0,
            cause=WHY,
        )
        chronicle.decided(action, NOW)
        chronicle.judged(action, NOW)

    judge(WEB, Verdict.STABLE)
    judge(bad, Verdict.FAILED)
    revision = chronicle.memory().revisions["web"]
    assert revision.stable == WEB
    assert (revision.judged, revision.verdict, revision.reason) == (
        spec_hash(bad.container),
        Verdict.FAILED,
        "exited with 137",
    )


def test_the_journal_has_the_decision_before_and_the_outcome_after(store: EmbeddedStore) -> None:
    chronicle = Chronicle(store)
    action = StartReplica(replica=ONE, cause=WHY, attempt=2)
    chronicle.decided(action, NOW)
    (entry,) = store.journal()
    assert (entry.verb, entry.subject, entry.service, entry.code, entry.attempt, entry.result) == (
        "start",
        "web/1",
        "web",
        "died",
        2,
        None,
    )
    chronicle.ended(Outcome(action=action, result=Result.OK, at=NOW + 1, seconds=0.3))
    assert store.journal()[0].result is Result.OK


def test_a_full_disk_holds_nothing_up_is_said_and_ends(store: EmbeddedStore) -> None:
    chronicle = Chronicle(store)
    action = StartReplica(replica=ONE, cause=WHY, attempt=2)
    with no_room():
        chronicle.decided(action, NOW)
        chronicle.ended(Outcome(action=action, result=Result.OK, at=NOW + 1))
        chronicle.recover(NOW + 2)
        assert chronicle.memory().attempts[slot(WEB)].count == 2
        trouble = chronicle.unwritable
        assert trouble is not None
        assert (trouble.since, trouble.lost) == (NOW, 1)
        assert "cannot write" in trouble.error
    chronicle.recover(NOW + 10)
    assert chronicle.unwritable is None
    (entry,) = store.journal()
    assert entry.text == "it can be written again after 10 s; 1 lines of the journal are lost"


@pytest.mark.parametrize(
    ("code", "level"),
    [
        (Code.PATCH_APPLIED, "INFO"),
        (Code.PATCH_BACK, "INFO"),
        (Code.PATCH_REFUSED, "WARNING"),
        (Code.PATCH_FAILED, "WARNING"),
        (Code.PATCH_STUCK, "ERROR"),
    ],
)
def test_a_patch_that_goes_wrong_is_among_the_warnings(store: EmbeddedStore, code: Code, level: str) -> None:
    levels: list[str] = []
    sink = logger.add(lambda message: levels.append(message.record["level"].name), level="DEBUG")
    try:
        patch = Patch(number=1, name="p.patch.yaml", stage=Stage.ROLLING, id="p")
        Chronicle(store).decided(MovePatch(patch=patch, cause=Cause(code, "goes back")), NOW)
    finally:
        logger.remove(sink)
    assert levels == [level]


@pytest.mark.parametrize("result", list(Result))
def test_runs_of_jobs_are_no_attempts_whatever_is_done_to_them(store: EmbeddedStore, result: Result) -> None:
    going, ended = run(REPORT, DUE), over(REPORT, DUE)
    for action in (
        BEGUN,
        StartReplica(replica=going, cause=WHY, attempt=1),
        StopReplica(replica=going, cause=WHY),
        RemoveReplica(replica=ended, cause=WHY),
    ):
        assert after(store, action, result).memory().attempts == {}


def test_what_the_engine_refuses_of_a_run_is_counted_where_the_plan_sees_it(store: EmbeddedStore) -> None:
    retry = after(store, BEGUN, Result.PERMANENT, "no such image").memory().retries["report/3600"]
    assert (retry.count, retry.at, retry.error, retry.lasting) == (1, NOW + 1, "no such image", True)


def test_what_was_counted_of_a_run_is_forgotten_when_its_row_ends_or_nothing_is_left_of_it(
    store: EmbeddedStore,
) -> None:
    chronicle = after(store, BEGUN, Result.PERMANENT, "no such image")
    evidence = KeepEvidence(replica=over(REPORT, 7200), failed=True, cause=Cause(Code.RUN_ENDED, "it failed"))
    chronicle.ended(Outcome(action=evidence, result=Result.TRANSIENT, at=NOW, detail="no answer"))
    assert chronicle.memory().retries.keys() == {"report/3600", "evidence:report/7200"}
    chronicle.kept(keep(row(DUE, Step.STARTING, tries=1)), NOW)
    chronicle.forget({"report"}, (), (), NOW, {Slot("report", 7200)})
    assert chronicle.memory().retries.keys() == {"report/3600", "evidence:report/7200"}
    chronicle.kept(keep(row(DUE, ending=Ending.FAILED_START)), NOW)
    chronicle.forget({"report"}, (), (), NOW)
    assert chronicle.memory().retries == {}


def test_evidence_goes_into_the_row_and_a_dossier_is_kept_of_what_failed_alone(store: EmbeddedStore) -> None:
    chronicle = Chronicle(store)
    chronicle.kept(keep(row(DUE, ending=Ending.OK, tries=1), row(7200, ending=Ending.FAILED, tries=1)), NOW)
    for due, failed in ((DUE, False), (7200, True)):
        action = KeepEvidence(replica=over(REPORT, due), failed=failed, cause=Cause(Code.RUN_ENDED, "it ended"))
        chronicle.decided(action, NOW)
        dossier = Dossier(service="report", slot=due, container_id="c", at=NOW, log_tail=(f"said at {due}",))
        chronicle.ended(Outcome(action=action, result=Result.OK, at=NOW + 1, dossier=dossier))
    rows = [store.run("report", due) for due in (DUE, 7200)]
    assert [one and (one.evidence, one.log_tail) for one in rows] == [
        (1, ("said at 3600",)),
        (1, ("said at 7200",)),
    ]
    assert [one.slot for one in store.dossiers("report")] == [7200]
    assert {entry.verb for entry in store.journal()} == {"job"}, "that logs are read is no line"


def test_a_job_that_is_new_is_marked_and_nothing_is_said(store: EmbeddedStore) -> None:
    mark = Mark("digest", NOW)
    chronicle = Chronicle(store)
    chronicle.kept(keep(marks={"report": mark}), NOW)
    assert chronicle.memory().jobs["report"].mark == mark
    assert store.journal() == ()


def test_a_run_that_ended_has_its_line_with_how_and_the_log_its_name(store: EmbeddedStore) -> None:
    logged: list[tuple[str, str, str]] = []

    def take(message: object) -> None:
        record = message.record  # type: ignore[attr-defined]
        logged.append((record["level"].name, record["extra"]["service"], record["extra"]["message_id"]))

    sink = logger.add(take, level="INFO")
    try:
        failed = row(DUE, ending=Ending.FAILED, exit_code=3, reason="exited with 3", tries=2)
        Chronicle(store).kept(keep(failed), NOW)
    finally:
        logger.remove(sink)
    (entry,) = store.journal()
    assert (entry.kind, entry.verb, entry.subject, entry.service, entry.code) == (
        *("note", "job", "report/3600", "report", "failed"),
    )
    assert entry.text == "its run of 1970-01-01T01:00:00Z failed, exit 3, on try 2: exited with 3"
    assert logged == [("ERROR", "report", Message.JOB_FAILED.id)]


def test_a_full_disk_loses_no_row_of_this_process(store: EmbeddedStore) -> None:
    chronicle = Chronicle(store)
    with no_room():
        chronicle.kept(keep(row(DUE, Step.STARTING, tries=1), marks={"report": Mark("digest", NOW)}), NOW)
        assert [one.due for one in chronicle.memory().jobs["report"].open] == [DUE]
        assert chronicle.unwritable is not None
        chronicle.kept(keep(row(DUE, ending=Ending.OK, tries=1)), NOW + 1)
        assert chronicle.memory().jobs["report"].open == ()


def test_a_job_that_fails_ever_again_does_not_fill_the_log_with_its_retries(store: EmbeddedStore) -> None:
    levels: list[str] = []
    sink = logger.add(lambda message: levels.append(message.record["level"].name), level="DEBUG")
    try:
        chronicle = Chronicle(store)
        for due in range(60, 3600, 60):
            cause = Cause(Code.RETRIED, "try 2 of 2")
            chronicle.decided(RunReplica(service=REPORT, slot=due, due=due, cause=cause, attempt=2), NOW + due)
    finally:
        logger.remove(sink)
    assert (levels.count("WARNING"), levels.count("DEBUG")) == (1, 58)
