"""What an outcome makes of memory: the table that planning relies on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from loguru import logger

from tests.unit.full_disk import no_room
from tests.unit.planning.build import NOW, replica, service, slot
from zpmd.daemon.chronicle import Chronicle
from zpmd.daemon.clock import SystemClock
from zpmd.model.events import Outcome, Result
from zpmd.model.memory import Tried, Verdict
from zpmd.model.patch import Patch, Stage
from zpmd.model.plan import (
    Action,
    Cause,
    Code,
    CreateVolume,
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
from zpmd.model.service import VolumeSpec
from zpmd.model.spechash import spec_hash
from zpmd.stores.embedded import EmbeddedStore

WEB = service("web")
ONE = replica(WEB)
WHY = Cause(Code.DIED, "exited with 137")


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
