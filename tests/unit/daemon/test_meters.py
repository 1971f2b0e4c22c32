"""What is counted while it happens."""

from __future__ import annotations

from dataclasses import replace

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tests.unit.daemon.given import job, keep, row, run
from tests.unit.interfaces.given import NOON, replica, service, snapshot
from zpmd.daemon.mailbox import Mailbox
from zpmd.daemon.meters import Meters
from zpmd.model.action import RestartReplica, RunReplica, StartReplica
from zpmd.model.cause import Cause, Code
from zpmd.model.events import Reason
from zpmd.model.job import Ending, JobMemory, Step
from zpmd.model.memory import Memory
from zpmd.model.plan import Plan
from zpmd.model.service import Group


def told(meters: Meters) -> dict[tuple[str, ...], float]:
    """{(name, label values ...): value} of ours, without what is 0."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(generate_latest(meters).decode())
        for sample in family.samples
        if sample.value and sample.name.startswith("zpmd_") and not sample.name.endswith("_bucket")
    }


def test_before_anything_has_happened_everything_is_there_with_zero() -> None:
    text = generate_latest(Meters("0.1.0")).decode()
    assert {name for name, *_ in told(Meters("0.1.0"))} == {"zpmd_build_info"}
    assert 'zpmd_restarts_total{cause="died",group="core"} 0.0' in text
    assert 'zpmd_wakeups_total{reason="engine"} 0.0' in text
    assert 'zpmd_api_refused_total{status="401"} 0.0' in text
    assert "_created" not in text


def test_a_pass_is_measured_with_what_woke_it() -> None:
    meters = Meters("0.1.0")
    made = snapshot(seconds={"load": 0.25, "plan": 0.5}, reasons=frozenset({Reason.ENGINE, Reason.OUTCOME}))
    meters.passed(made)
    meters.passed(replace(made, reacted_seconds=0.125))
    values = told(meters)
    assert (values["zpmd_pass_duration_seconds_count",], values["zpmd_pass_duration_seconds_sum",]) == (2, 1.5)
    assert (values["zpmd_reaction_seconds_count",], values["zpmd_reaction_seconds_sum",]) == (1, 0.125)
    assert (values["zpmd_wakeups_total", "engine"], values["zpmd_wakeups_total", "outcome"]) == (2, 2)


def test_a_restart_is_what_went_wrong_and_not_what_was_asked() -> None:
    meters = Meters("0.1.0")
    redis = replica("redis", group=Group.SYSTEM)
    actions = (
        StartReplica(replica=redis, cause=Cause(Code.DIED, "exited"), attempt=1),
        RestartReplica(replica=replica("zona_user"), cause=Cause(Code.UNHEALTHY, "is unhealthy")),
        StartReplica(replica=replica("zona_user", 2), cause=Cause(Code.STARTED, "is to run again")),
        RunReplica(service=service("zona_user"), slot=3, cause=Cause(Code.MISSING, "is declared and not there")),
        RunReplica(service=service("zona_user"), slot=4, cause=Cause(Code.VANISHED, "was removed")),
    )
    meters.passed(snapshot(plan=Plan(standings=snapshot().plan.standings, actions=actions)))
    assert {key: value for key, value in told(meters).items() if key[0] == "zpmd_restarts_total"} == {
        ("zpmd_restarts_total", "died", "system"): 1,
        ("zpmd_restarts_total", "unhealthy", "core"): 1,
        ("zpmd_restarts_total", "vanished", "core"): 1,
    }


def test_a_run_of_a_job_that_is_started_is_no_restart() -> None:
    meters, stuck = Meters("0.1.0"), Cause(Code.STUCK, "was made and never started")
    begun = StartReplica(replica=run(job("report"), 3600), cause=stuck)
    meters.passed(snapshot(plan=Plan(standings=snapshot().plan.standings, actions=(begun,))))
    assert "zpmd_restarts_total" not in {key[0] for key in told(meters)}


def test_due_instants_are_counted_by_how_they_ended_each_once() -> None:
    meters, ended = Meters("0.1.0"), row(3600, ending=Ending.FAILED)
    missed = row(7200, ending=Ending.MISSED_DOWN, until=360_000, count=99)
    kept = keep(ended, missed, row(400_000, Step.RUNNING))
    meters.passed(snapshot(plan=Plan(actions=(kept,))))
    known = Memory(jobs={"report": JobMemory(runs=(ended, missed))})
    longer = keep(replace(ended, reason="said again"), replace(missed, until=500_000, count=120))
    meters.passed(snapshot(plan=Plan(actions=(longer,)), memory=known))
    assert {key: value for key, value in told(meters).items() if key[0] == "zpmd_job_runs_total"} == {
        ("zpmd_job_runs_total", "failed"): 1,
        ("zpmd_job_runs_total", "missed-down"): 120,
    }
    assert 'zpmd_job_runs_total{ending="ok"} 0.0' in generate_latest(meters).decode()


def test_requests_are_counted_by_route_and_class() -> None:
    meters = Meters("0.1.0")
    meters.answered("GET", "/v1/services/{name}", 200, 0.01)
    meters.answered("GET", "/v1/services/{name}", 404, 0.01)
    meters.answered("POST", "", 401, 0.01)
    values = told(meters)
    assert values["zpmd_api_requests_total", "GET", "/v1/services/{name}", "2xx"] == 1
    assert values["zpmd_api_requests_total", "GET", "/v1/services/{name}", "4xx"] == 1
    assert values["zpmd_api_requests_total", "", "", "4xx"] == 1
    assert values["zpmd_api_refused_total", "401"] == 1
    assert values["zpmd_api_answer_seconds_count",] == 3


def test_a_mailbox_knows_when_the_first_of_what_it_gave_came_in() -> None:
    now = [NOON]
    mailbox = Mailbox(lambda: now[0])
    mailbox.wake(Reason.ENGINE)
    now[0] += 5
    mailbox.wake(Reason.FILES)
    mailbox.take(0)
    assert mailbox.woken_at == NOON
    mailbox.take(0)
    assert mailbox.woken_at is None, "a timer woke it, and nobody else"
