"""What stood around a replica when it failed."""

from __future__ import annotations

from tests.unit.daemon.given import job, over
from tests.unit.planning.build import NOW, dead, needs, replica, service
from zpmd.daemon.witness import Witness
from zpmd.model.action import KeepEvidence, RestartReplica, StartReplica, StopReplica
from zpmd.model.cause import Cause, Code
from zpmd.model.events import Entry, Outcome, Result
from zpmd.model.observed import Change, Dossier, Neighbour
from zpmd.model.plan import Plan, Standing, State
from zpmd.model.service import Desired, Group
from zpmd.stores.memory import MemoryStore, Tablet

DB = service("db")
WEB = service("web", depends_on=(needs("db"), needs("queue")))
DIED = Cause(Code.DIED, "exited with 137")
START = StartReplica(replica=dead(WEB, ended_ago=2.0), cause=DIED, evidence=True)
STOOD = Plan(standings=(Standing(service="db", group=Group.CORE, state=State.CRASH_LOOP, ready=0, desired=2),))


def line(verb: str, ago: float, service: str = "web", code: str = "", actor: str = "root", kind: str = "note") -> Entry:
    facts = {"kind": kind, "verb": verb, "subject": service or "*", "service": service, "code": code, "actor": actor}
    return Entry(id=0, at=NOW - ago, text="x", **facts)


def ended(action: StartReplica | StopReplica | RestartReplica, dossier: bool = True) -> Outcome:
    kept = Dossier(service="web", slot=1, container_id="c", at=NOW, finished_at=NOW - 2.0) if dossier else None
    return Outcome(action=action, result=Result.OK, at=NOW, dossier=kept)


def test_dependencies_are_told_as_they_stood_when_the_decision_was_made() -> None:
    witness = Witness(MemoryStore(Tablet(), 100))
    witness.decided((START,), Desired(services=(DB, WEB)), STOOD)
    witness.decided((), Desired(services=(DB, WEB)), Plan())
    dossier = witness.ended(ended(START)).dossier
    assert dossier is not None
    assert dossier.dependencies == (
        Neighbour(service="db", state="crash-loop", ready=0, desired=2),
        Neighbour(service="queue", state="not declared", ready=0, desired=0),
    )


def test_changes_are_those_of_the_hour_before_the_failure_and_no_others() -> None:
    store = MemoryStore(Tablet(), 100)
    for entry in (
        line("stop", 4000),
        line("restart", 3000),
        line("run", 2500, code="missing", actor="zpmd", kind="action"),
        line("stop", 2000, code="patch", actor="zpmd", kind="action"),
        line("scale", 1900, service="other"),
        line("reload", 1800, service="", actor="zpmd"),
        line("note", 1700, service="", actor="zpmd"),
        line("patch", 1600, service="", code="patch-applied", actor="zpmd", kind="action"),
        line("start", 1),
    ):
        store.begin(entry)
    dossier = Witness(store).ended(ended(START)).dossier
    assert dossier is not None
    assert dossier.changes == (
        Change(at=NOW - 3000, text="restart web: x", actor="root", service="web"),
        Change(at=NOW - 2000, text="stop web: x", service="web"),
        Change(at=NOW - 1800, text="reload *: x"),
        Change(at=NOW - 1600, text="patch *: x"),
    )


def test_a_noisy_hour_leaves_the_latest_twenty() -> None:
    store = MemoryStore(Tablet(), 1000)
    for number in range(50):
        store.begin(line("restart", 100 - number))
    dossier = Witness(store).ended(ended(START)).dossier
    assert dossier is not None
    assert [change.at for change in dossier.changes] == [NOW - 70 + number for number in range(20)]


def test_an_outcome_without_evidence_goes_through_as_it_is() -> None:
    witness = Witness(MemoryStore(Tablet(), 100))
    stop = StopReplica(replica=replica(WEB), cause=Cause(Code.DRIFT, "its definition changed"))
    witness.decided((stop,), Desired(services=(DB, WEB)), STOOD)
    outcome = ended(stop, dossier=False)
    assert witness.ended(outcome) is outcome


def test_a_run_that_failed_has_what_stood_around_it_and_one_that_ended_well_does_not() -> None:
    witness = Witness(MemoryStore(Tablet(), 100))
    report = job("report", depends_on=(needs("db"),))
    failed, well = (
        KeepEvidence(replica=over(report, due), failed=bad, cause=Cause(Code.RUN_ENDED, "it ended"))
        for due, bad in ((3600, True), (7200, False))
    )
    witness.decided((failed, well), Desired(services=(DB, report)), STOOD)
    kept = Dossier(service="report", slot=3600, container_id="c", at=NOW)
    told = witness.ended(Outcome(action=failed, result=Result.OK, at=NOW, dossier=kept)).dossier
    assert told is not None
    assert told.dependencies == (Neighbour(service="db", state="crash-loop", ready=0, desired=2),)
    nothing = witness.ended(Outcome(action=well, result=Result.OK, at=NOW, dossier=kept)).dossier
    assert nothing is not None
    assert nothing.dependencies == ()


def test_how_earlier_runs_have_ended_is_no_change_and_a_clock_that_was_set_is_one() -> None:
    store = MemoryStore(Tablet(), 100)
    store.begin(line("job", 100, actor="zpmd"))
    store.begin(line("clock", 50, service="", actor="zpmd"))
    dossier = Witness(store).ended(ended(START)).dossier
    assert dossier is not None
    assert [change.text for change in dossier.changes] == ["clock *: x"]
