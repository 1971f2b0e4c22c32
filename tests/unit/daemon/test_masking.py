"""What engines, containers and sources say is masked before it is kept, shown or logged; names stay what they are."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.unit.planning.build import NOW, replica, service
from zpmd.daemon import masking
from zpmd.daemon.chronicle import Chronicle
from zpmd.daemon.clock import SystemClock
from zpmd.daemon.executor import Executor
from zpmd.model.action import StartReplica
from zpmd.model.cause import Cause, Code
from zpmd.model.container import Container, Hook
from zpmd.model.events import Outcome, Result
from zpmd.model.observed import Dossier, World
from zpmd.model.service import Group, Problem, ServiceData
from zpmd.redaction import KNOWN
from zpmd.stores.embedded import EmbeddedStore

SECRET = "masking-test-hunter2"
WEB = service("web")
START = StartReplica(replica=replica(WEB), cause=Cause(Code.DIED, f"exited: {SECRET}"))
OUTCOME = Outcome(
    action=START,
    result=Result.PERMANENT,
    at=NOW,
    detail=f'OCI runtime: exec: "--token={SECRET}": not found',
    dossier=Dossier(
        service="web",
        slot=1,
        container_id="c",
        at=NOW,
        error=f"env {SECRET}",
        log_tail=("begins", f"connecting as admin:{SECRET}"),
        health_output=(f"password={SECRET}",),
    ),
)


@pytest.fixture(autouse=True)
def _known() -> None:
    KNOWN.learn([SECRET])


class Quoting:
    """An engine that quotes what it was given."""

    def apply(self, action: object, progress: object) -> Outcome:
        progress(f"pulling with {SECRET}")  # type: ignore[operator]
        return OUTCOME


def test_an_outcome_is_masked_before_anybody_hears_of_it() -> None:
    heard: list[Outcome] = []
    done = threading.Event()

    def deliver(outcome: Outcome) -> None:
        heard.append(outcome)
        done.set()

    executor = Executor(Quoting(), SystemClock(), deliver, 1)  # type: ignore[arg-type]
    executor.submit(START)
    assert done.wait(10)
    (flight,) = executor.in_flight()
    executor.drain(5)
    assert flight.progress == "pulling with ***"
    (outcome,) = heard
    assert outcome.detail == 'OCI runtime: exec: "--token=***": not found'
    assert outcome.dossier is not None
    assert outcome.dossier.log_tail == ("begins", "connecting as admin:***")
    assert outcome.dossier.health_output == ("password=***",)
    assert outcome.dossier.error == "env ***"


def test_no_line_of_the_journal_has_it(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "zpmd.db", 100, SystemClock())
    chronicle = Chronicle(store)
    chronicle.decided(START, NOW)
    chronicle.ended(masking.outcome(OUTCOME))
    chronicle.note("lost", "engine", f"it said {SECRET}", NOW)
    kept = [asdict(entry) for entry in store.journal()]
    assert SECRET not in str(kept)
    assert "***" in str(kept)
    rows = sqlite3.connect(tmp_path / "zpmd.db").execute("SELECT * FROM journal").fetchall()
    assert SECRET not in str(rows)
    store.close()


def test_the_error_of_a_replica_is_masked_and_a_world_without_errors_costs_nothing() -> None:
    quiet = World(replicas=(replica(WEB),))
    assert masking.world(quiet) is quiet
    told = masking.world(World(replicas=(replica(WEB, error=f"bad {SECRET}"), replica(WEB))))
    assert [r.error for r in told.replicas] == ["bad ***", ""]


def test_a_problem_is_masked_and_its_place_is_not() -> None:
    (told,) = masking.problems([Problem(file="a.yaml", line=3, column=1, path="x", message=f"no such {SECRET}")])
    assert str(told) == "a.yaml:3:1: x: no such ***"


def test_the_environment_is_not_printed_with_a_definition() -> None:
    container = Container(
        image="web:1",
        environment=(("DB_PASSWORD", "not-known-to-anybody"),),
        post_start=(Hook(command=("true",), environment=(("TOKEN", "not-known-to-anybody"),)),),
    )
    definition = ServiceData(name="web", group=Group.APP, container=container)
    assert "not-known" not in f"{definition} {definition!r}"
