"""What Prometheus is told of an appliance, held to Prometheus' own programs."""

from __future__ import annotations

import subprocess

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.unit.interfaces.given import NOON, Surface, service, snapshot, standing
from tests.unit.interfaces.given_jobs import DAY, TWO_O_CLOCK, facts, job, run, runs, scheduled
from tests.unit.interfaces.given_rows import tenancy
from tests.unit.interfaces.test_rows_api import told
from zpmd.daemon.meters import Meters
from zpmd.interfaces import metrics
from zpmd.model.cause import Cause, Code
from zpmd.model.events import Snapshot, SourceState, Unwritable
from zpmd.model.job import Ending
from zpmd.model.memory import Hold, Intent, Memory
from zpmd.model.plan import Plan, State, Waiting


def test_promtool_finds_nothing_wrong_with_the_exposition() -> None:
    jobs = facts(run(), runs(TWO_O_CLOCK + 60))
    text = metrics.exposition(snapshot(tenancy=tenancy(), **jobs), NOON, Meters("0.1.0"))
    said = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False, timeout=60)
    assert (said.returncode, said.stdout + said.stderr) == (0, b"")


def test_what_waits_is_counted_by_reason_and_loops_and_holds_by_themselves() -> None:
    waiting = tuple(
        Waiting(subject=name, service=name, cause=Cause(code, "x"))
        for name, code in (("a", Code.BACKOFF), ("b", Code.BACKOFF), ("c", Code.MASS_REMOVAL))
    )
    standings = (standing("a", state=State.CRASH_LOOP), standing("b", state=State.BACKOFF))
    hold = Hold(service="*", owner="root", reason="", since=1.0)
    made = snapshot(plan=Plan(waiting=waiting, standings=standings), memory=Memory(intent=Intent(holds=(hold,))))
    values = told(made)
    assert values["zpmd_waiting", "backoff"] == 2
    assert values["zpmd_waiting", "mass-removal"] == 1
    assert (values["zpmd_crash_loops",], values["zpmd_holds",]) == (1, 1)


def test_a_source_has_an_age_while_it_cannot_be_read_and_a_full_disk_is_told() -> None:
    sources = (
        SourceState(name="files", ok=False, at=NOON, since=NOON - 90),
        SourceState(name="mongodb", ok=True, at=NOON),
    )
    unwritable = Unwritable(since=NOON - 5, error="disk full", lost=7)
    values = told(snapshot(sources=sources, unwritable=unwritable, watchers={"patch files": True, "files": False}))
    assert values["zpmd_source_age_seconds", "files"] == 90
    assert ("zpmd_source_age_seconds", "mongodb") not in values
    assert ("zpmd_store_writable",) not in values
    assert values["zpmd_journal_lines_lost",] == 7
    assert values["zpmd_watcher_up", "patch files"] == 1
    assert ("zpmd_watcher_up", "files") not in values


def of_job(made: Snapshot, name: str = "report") -> dict[str, float]:
    """What is told of a job, also where that is 0, without the prefix."""
    return {
        "_".join((sample.name.removeprefix("zpmd_job_"), sample.labels.get("step", ""))).strip("_"): sample.value
        for family in text_string_to_metric_families(metrics.exposition(made, NOON).decode())
        for sample in family.samples
        if sample.name.startswith("zpmd_job_") and sample.labels["service"] == name
    }


def test_a_job_is_told_by_name_with_its_last_run_its_next_and_what_goes_on() -> None:
    failed = run(ending=Ending.FAILED)
    intent = Intent(suspended={"report": "root"})
    made = snapshot(**facts(run(due=TWO_O_CLOCK - DAY), failed, runs(TWO_O_CLOCK + 60), intent=intent))
    assert of_job(made) == {
        "last_end_time_seconds": TWO_O_CLOCK + 12.4,
        "last_success_time_seconds": TWO_O_CLOCK - DAY + 12.4,
        "last_duration_seconds": 12.0,
        "last_late_seconds": pytest.approx(0.4),
        "last_failed": 1,
        "next_time_seconds": TWO_O_CLOCK + DAY,
        "suspended": 1,
        "open_runs_waiting": 0,
        "open_runs_starting": 0,
        "open_runs_running": 1,
    }


def test_of_a_job_that_has_not_run_yet_no_time_is_told_and_of_one_that_has_left_nothing() -> None:
    services = (job("report", suspend=True), service("redis"))
    made = snapshot(**facts(services=services, dues={}))
    assert of_job(made) == {
        "last_failed": 0,
        "suspended": 1,
        "open_runs_waiting": 0,
        "open_runs_starting": 0,
        "open_runs_running": 0,
    }
    assert of_job(made, "redis") == {}
    left = snapshot(**facts(run("old"), services=(service("redis"),)) | {"memory": facts(run("old"))["memory"]})
    assert of_job(left, "old") == {}


@pytest.mark.parametrize(
    ("ending", "failed"),
    [
        (Ending.OK, 0),
        (Ending.STOPPED, 0),
        (Ending.TOO_LATE, 1),
        (Ending.FAILED_START, 1),
        (Ending.VANISHED, 1),
        (Ending.TIMED_OUT, 1),
    ],
)
def test_what_was_not_to_run_says_nothing_of_how_a_job_goes(ending: Ending, failed: int) -> None:
    skipped = (run(due=TWO_O_CLOCK + n, ending=e) for n, e in enumerate((Ending.SKIPPED_OVERLAP, Ending.HELD), 1))
    assert of_job(snapshot(**facts(run(ending=ending), *skipped)))["last_failed"] == failed


def test_runs_of_jobs_are_no_replicas() -> None:
    standings = (scheduled("report", state=State.WAITING, desired=3), standing("redis", ready=1, desired=1))
    values = told(snapshot(**facts(services=(job("report"), service("redis")), standings=standings)))
    assert values["zpmd_replicas_desired", "core"] == values["zpmd_replicas_ready", "core"] == 1
    assert values["zpmd_services", "core", "waiting"] == 1


def test_before_the_first_pass_what_was_counted_is_told(surface: Surface, api: httpx.Client) -> None:
    text = api.get("/metrics").text
    assert "zpmd_build_info" in text
    assert "zpmd_services" not in text


def test_requests_are_counted_by_route_and_never_by_what_was_written_into_the_path(
    surface: Surface, api: httpx.Client
) -> None:
    surface.publish()
    for name in ("redis", "nowhere", "../../etc"):
        api.get(f"/v1/services/{name}")
    api.post("/v1/services/redis/stop")
    api.request("BREW", "/coffee")
    text = api.get("/metrics").text
    assert 'zpmd_api_requests_total{method="GET",route="/v1/services/{name}",status="2xx"} 1.0' in text
    assert 'zpmd_api_requests_total{method="GET",route="/v1/services/{name}",status="4xx"} 1.0' in text
    assert 'zpmd_api_requests_total{method="POST",route="/v1/services/{name}/stop",status="2xx"} 1.0' in text
    assert "nowhere" not in text
    assert "coffee" not in text
    assert "BREW" not in text
