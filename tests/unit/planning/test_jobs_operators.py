"""Holds, stops, suspensions, files that change, patches: what they do to a job, and what they never do to a run."""

from __future__ import annotations

import dataclasses

import pytest

from tests.unit.planning.build import needs, replica, service
from tests.unit.planning.dues import instant
from tests.unit.planning.jobplay import JobPlay, Program, job
from tests.unit.planning.play import manifest
from zpmd.model.action import MovePatch, StopReplica
from zpmd.model.cause import Code
from zpmd.model.job import Concurrency, Ending, Step
from zpmd.model.memory import Down, Intent
from zpmd.model.observed import Observed, World
from zpmd.model.patch import Patch, Stage
from zpmd.model.plan import State
from zpmd.model.policy import Limits
from zpmd.model.service import Condition, Group
from zpmd.planning import upgrade

LONG = Program(seconds=5400)


def test_what_is_due_under_a_hold_is_told_and_what_runs_goes_on() -> None:
    play = JobPlay(job(timeout_seconds=600), report=LONG)
    play.until("03-02 01:05")
    play.hold("report")
    play.until("03-02 02:05")
    assert play.ledger() == ["03-02 01:00 running", "03-02 02:00 held: held by ann"]
    assert play.plan.standings[0].state is State.HELD
    assert play.plan.waiting == ()
    play.until("03-02 02:40")
    assert play.endings() == [Ending.OK, Ending.HELD], "not even its timeout touches it"
    play.release()
    play.until("03-02 03:05")
    assert play.row("03-02 03:00").step is Step.RUNNING


def test_a_hold_ends_by_itself_and_the_plan_looks_again_then() -> None:
    play = JobPlay(job())
    play.until("03-02 00:10")
    until = instant("2026-03-02 00:40")
    play.hold("report", until=until)
    play.settle()
    assert play.plan.wake_at == until
    assert play.plan.dues == {}
    play.until("03-02 01:10")
    assert play.endings() == [Ending.OK]


def test_a_run_that_waits_when_a_hold_begins_is_held_and_a_retry_waits_for_its_end() -> None:
    play = JobPlay(job(jitter=1800))
    play.until("03-02 01:00")
    play.hold()
    play.settle()
    assert play.ledger() == ["03-02 01:00 held: held by ann"]
    tried = JobPlay(job(retries=1), report=[Program(seconds=10, code=1), Program()])
    tried.until("03-02 01:00:15")
    tried.hold()
    tried.until("03-02 01:30")
    assert (tried.row("03-02 01:00").tries, tried.row("03-02 01:00").step) == (2, Step.STARTING)
    assert tried.running() == []
    tried.release()
    tried.until("03-02 01:40")
    assert tried.endings() == [Ending.OK]


def test_nothing_is_removed_under_a_hold() -> None:
    play = JobPlay(job(keep_succeeded=0))
    play.until("03-02 01:00:30")
    play.hold()
    play.until("03-02 01:30")
    assert len(play.boxes) == 1
    assert play.row("03-02 01:00").evidence == 1, "what only reads goes on"
    play.release()
    play.settle()
    assert play.boxes == []


def test_an_operator_stops_a_job_and_starts_it_again() -> None:
    play = JobPlay(job(retries=3), report=LONG)
    play.until("03-02 01:05")
    play.stop("report")
    play.until("03-02 03:05")
    assert play.ledger() == [
        "03-02 01:00 stopped: an operator stopped it",
        "03-02 02:00 held: an operator stopped it",
        "03-02 03:00 held: an operator stopped it",
    ]
    standing = play.plan.standings[0]
    assert (standing.state, standing.reason) == (State.STOPPED, "an operator stopped it")
    assert len(play.boxes) == 1, "its container stays"
    play.stop()
    play.until("03-02 04:05")
    assert play.row("03-02 04:00").step is Step.RUNNING


def test_a_stop_ends_what_waits_and_what_is_between_two_tries() -> None:
    play = JobPlay(job(jitter=1800))
    play.until("03-02 01:00")
    play.stop("report")
    play.settle()
    assert play.ledger() == ["03-02 01:00 held: an operator stopped it"]
    tried = JobPlay(job(retries=1), report=Program(seconds=10, code=1))
    tried.until("03-02 01:00:15")
    tried.stop("report")
    tried.settle()
    assert tried.ledger() == [
        "03-02 01:00 stopped: try 1 of 2 exited with 1; no other follows: an operator stopped it",
    ]


def test_down_stops_runs_before_what_they_depend_on_and_removes_everything_in_the_end() -> None:
    db = service("db", group=Group.SYSTEM)
    play = JobPlay(db, job(group=Group.BATCH), report=LONG)
    play.until("03-02 01:05")
    play.down()
    play.step()
    assert str(play.plan).splitlines()[1:] == [
        "stop report/1772413200: an operator took the appliance down",
        "waiting db/1: stops after report",
    ]
    play.settle()
    assert play.boxes == []
    assert play.ledger() == ["03-02 01:00 stopped: an operator took the appliance down"]
    assert play.row("03-02 01:00").evidence == 1


def test_networks_stay_on_down_as_long_as_a_run_has_a_container() -> None:
    play = JobPlay(job(), report=LONG)
    play.until("03-02 01:05")
    play.lost = lambda action: isinstance(action, StopReplica)
    play.down()
    play.step()
    assert not any(line.startswith("remove") for line in play.told)


def test_a_suspended_job_has_rows_and_no_runs_and_can_be_asked_to_run() -> None:
    play = JobPlay(job(suspend=True))
    play.until("03-02 01:10")
    assert play.ledger() == ["03-02 01:00 suspended: its service file suspends it"]
    assert play.plan.standings[0].state is State.SUSPENDED
    assert play.plan.dues == {}
    play.ask()
    play.until("03-02 01:20")
    assert play.endings() == [Ending.SUSPENDED, Ending.OK]


def test_a_run_that_waits_when_its_job_is_suspended_does_not_begin_and_what_runs_goes_on() -> None:
    play = JobPlay(job(jitter=1800))
    play.until("03-02 01:00")
    play.suspend()
    play.settle()
    assert play.ledger() == ["03-02 01:00 suspended: suspended by ann"]
    running = JobPlay(job(), report=LONG)
    running.until("03-02 01:05")
    running.suspend()
    running.until("03-02 02:40")
    assert running.endings() == [Ending.OK, Ending.SUSPENDED]


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_job_that_leaves_the_files_ends_its_run_and_then_goes() -> None:
    play = JobPlay(job(retries=3), report=[Program(seconds=5400, code=1), Program()])
    play.until("03-02 01:05")
    play.undeclare("report")
    play.until("03-02 02:00")
    assert play.ledger() == ["03-02 01:00 running"]
    standing = play.plan.standings[0]
    assert (standing.state, standing.ready, standing.reason) == (State.REMOVING, 1, "is no longer declared")
    play.until("03-02 02:40")
    assert play.ledger() == ["03-02 01:00 failed: exited with 1"]
    assert play.boxes == []
    assert play.told[-2:] == [
        "keep evidence report/03-02 01:00: try 1 of the run of 2026-03-02 01:00 UTC has ended",
        "remove report/03-02 01:00: is no longer declared",
    ]
    play.declare(job())
    play.until("03-02 04:10")
    assert play.endings() == [Ending.FAILED, Ending.OK, Ending.OK], "it owes nothing of the time in between"


def test_a_run_without_end_of_a_job_that_leaves_the_files_ends_by_the_timeout_that_it_had() -> None:
    play = JobPlay(job(timeout_seconds=1200, retries=1), report=LONG)
    play.until("03-02 01:05")
    play.undeclare("report")
    play.until("03-02 01:19")
    assert play.ledger() == ["03-02 01:00 running"]
    assert play.plan.wake_at == instant("2026-03-02 01:20")
    play.until("03-02 01:30")
    assert play.ledger() == ["03-02 01:00 timed-out: took longer than 1200 s"]
    assert play.boxes == []


def test_a_timeout_that_is_changed_counts_for_the_run_that_goes_on() -> None:
    play = JobPlay(job(timeout_seconds=1200), report=LONG)
    play.until("03-02 01:05")
    play.declare(job())
    play.until("03-02 01:30")
    play.undeclare("report")
    play.until("03-02 02:20")
    assert play.ledger() == ["03-02 01:00 running"]
    play.declare(job(timeout_seconds=60))
    play.until("03-02 02:21")
    assert play.ledger() == ["03-02 01:00 timed-out: took longer than 60 s"]


def test_what_waits_of_a_job_that_leaves_the_files_is_held() -> None:
    play = JobPlay(job(jitter=1800))
    play.until("03-02 01:00")
    play.desired = dataclasses.replace(play.desired, services=(), complete=False)
    play.settle()
    assert play.ledger() == ["03-02 01:00 waiting"], "a source has never answered: unknown is not absent"
    play.desired = dataclasses.replace(play.desired, complete=True)
    play.settle()
    assert play.ledger() == ["03-02 01:00 held: is no longer declared"]


@pytest.mark.parametrize(
    ("retired", "why"),
    [((("report", "tenant acme is suspended"),), "tenant acme is suspended"), ((), "is no longer declared")],
)
def test_what_waits_of_a_job_that_leaves_is_held_by_what_made_it_leave(
    retired: tuple[tuple[str, str], ...], why: str
) -> None:
    play = JobPlay(job(jitter=1800))
    play.until("03-02 01:00")
    play.desired = dataclasses.replace(play.desired, services=(), retired=retired)
    play.settle()
    assert play.ledger() == [f"03-02 01:00 held: {why}"]


def test_what_waits_of_a_job_that_is_a_service_from_now_on_is_held() -> None:
    play = JobPlay(job(jitter=1800))
    play.until("03-02 01:00")
    play.declare(dataclasses.replace(job(), job=None))
    play.settle()
    assert play.ledger() == ["03-02 01:00 held: has no schedule any more"]


def test_a_tenant_that_is_suspended_ends_its_runs_and_its_containers_go() -> None:
    play = JobPlay(job())
    play.until("03-02 01:00:30")
    play.undeclare("report")
    play.desired = dataclasses.replace(play.desired, retired=(("report", "tenant acme is suspended"),), complete=False)
    play.until("03-02 01:10")
    assert play.ledger() == ["03-02 01:00 ok"]
    assert play.told[-1] == "remove report/03-02 01:00: tenant acme is suspended"


def test_many_jobs_that_leave_at_once_wait_for_an_operator_with_their_containers() -> None:
    names = [f"job{n}" for n in range(6)]
    play = JobPlay(*(job(name) for name in names))
    play.until("03-02 01:10")
    play.undeclare(*names[:4])
    play.until("03-02 02:10")
    assert {box.service for box in play.boxes} == set(names)
    held = {w.service for w in play.plan.waiting if w.cause.code is Code.MASS_REMOVAL}
    assert held == set(names[:4])
    play.intend(approved=frozenset(names[:4]))
    play.settle()
    assert {box.service for box in play.boxes} == set(names[4:])


# --- order, dependencies, patches -------------------------------------------------------------------------------------


def test_a_job_keeps_no_later_group_waiting_and_waits_for_those_before_it() -> None:
    db, app = service("db", group=Group.SYSTEM), service("app", group=Group.APP)
    play = JobPlay(db, job(group=Group.BATCH), app)
    play.lost = lambda action: action.subject == "db/1"
    play.now = instant("2026-03-02 00:59")
    play.step()
    assert [w.cause.code for w in play.plan.waiting] == [Code.GROUP]
    play.now = instant("2026-03-02 01:00")
    play.step()
    place = f"report/{int(play.now)}"
    assert {w.subject: w.cause.code for w in play.plan.waiting} == {"app/1": Code.GROUP, place: Code.GROUP}
    assert next(s for s in play.plan.standings if s.service == "report").state is State.WAITING
    play.lost = lambda action: False
    play.settle()
    assert {box.service for box in play.boxes} == {"db", "report", "app"}


def test_what_depends_on_a_job_waits_until_its_last_run_has_ended_well() -> None:
    app = service("app", depends_on=(needs("report", Condition.COMPLETED),))
    play = JobPlay(app, job(), report=[Program(seconds=10, code=1), Program(seconds=10), Program(code=1)])
    play.until("03-02 01:30")
    assert [str(w) for w in (w.cause for w in play.plan.waiting)] == ["waits for report to be completed"]
    play.until("03-02 02:00:30")
    assert {box.service for box in play.boxes} == {"app", "report"}
    play.until("03-02 03:30")
    assert play.endings()[-1] is Ending.FAILED
    assert any(box.service == "app" and box.running for box in play.boxes), "what runs already is left alone"


def test_a_job_waits_for_another_one() -> None:
    first, second = job("first"), job("second", depends_on=(needs("first", Condition.COMPLETED),))
    play = JobPlay(first, second, first=Program(seconds=60), second=Program(seconds=60))
    play.until("03-02 01:10")
    assert play.row("03-02 01:00", "second").started_at == instant("2026-03-02 01:01")


def test_a_patch_that_moves_a_job_settles_at_once_and_its_run_goes_on() -> None:
    play = JobPlay(job(), report=LONG)
    play.until("03-02 01:05")
    what = manifest("hotfix-1", ["report"], tag="2")
    times = ((Stage.SEEN, play.now), (Stage.COPIED, play.now))
    play.images.add("report:2")
    play.patches = (Patch(number=1, name="p", stage=Stage.COPIED, id=what.id, manifest=what, times=times, sha256="x"),)
    for _ in range(20):
        plan = play.step()
        moves = [action for action in plan.actions if isinstance(action, MovePatch)]
        if moves:
            play.patches = (moves[0].patch,)
        play.now += 1
    assert play.patches[0].stage is Stage.APPLIED
    assert play.ledger() == ["03-02 01:00 running"]
    play.until("03-02 03:05")
    assert [(box.image, box.revision) for box in play.boxes] == [("report:1", ""), ("report:2", "hotfix-1")]
    assert not any(line.startswith("stop") for line in play.told)


def test_a_rehearsal_of_an_upgrade_does_not_call_a_run_a_change() -> None:
    play = JobPlay(job(), report=LONG)
    play.until("03-02 01:05")
    observed = Observed(world=World(replicas=tuple(play.boxes)))
    play.declare(job(image="report:2"))
    assert upgrade.differences(play.desired, observed, play.memory(), play.now, Limits(), {}) == ()


def test_nothing_is_scaled_or_rolled_out_of_a_job() -> None:
    play = JobPlay(job(concurrency=Concurrency.ALLOW), report=LONG)
    play.intent = Intent(scaled={"report": 3}, generations={"report": 2})
    play.until("03-02 01:05")
    assert [(box.due, box.generation) for box in play.boxes] == [(instant("2026-03-02 01:00"), 0)]
    assert play.intent.down is Down.NO
    assert replica(play.desired.services[0]).due is None
