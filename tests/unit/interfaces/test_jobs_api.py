"""Jobs over the API: the list, the ledger by pages, one run, what is due next, and the verbs."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.unit.interfaces.given import NOON, Surface, service, standing
from tests.unit.interfaces.given_jobs import DAY, TWO_O_CLOCK, container, facts, job, keep, run, runs, scheduled
from zpmd.interfaces import jobs, planid
from zpmd.model.job import BAD, Concurrency, Ending
from zpmd.model.memory import Hold, Intent
from zpmd.model.naming import rfc3339
from zpmd.model.observed import Dossier, World
from zpmd.model.plan import State

SPRING = 1774746000.0 - DAY / 2
"""Half a day before the clocks of Berlin go from 02:00 to 03:00."""
TWO = "2023-11-15T02:00:00Z"


def test_a_job_has_its_schedule_its_last_run_those_that_are_open_and_the_next(
    surface: Surface, api: httpx.Client
) -> None:
    rows = (run(due=TWO_O_CLOCK), run(due=TWO_O_CLOCK + 60, ending=Ending.MISSED_DOWN), runs(TWO_O_CLOCK + 120))
    surface.publish(**facts(*rows, services=(job("report", zone="Europe/Berlin", retries=2), service("redis"))))
    (listed,) = api.get("/v1/jobs").json()["jobs"]
    view = api.get("/v1/jobs/report").json()
    assert listed == view
    assert (view["state"], view["next_at"]) == ("scheduled", TWO_O_CLOCK + DAY)
    assert view["last"]["due"] == TWO, "what was missed was no run"
    assert [(r["due_at"], r["step"]) for r in view["open"]] == [(TWO_O_CLOCK + 120, "running")]
    policy = view["policy"]
    assert (policy["schedules"], policy["words"]) == (["0 2 * * *"], ["at 02:00 every day"])
    assert (policy["time_zone"], policy["retries"], policy["deadline_seconds"]) == ("Europe/Berlin", 2, None)


@pytest.mark.parametrize(
    ("query", "names"),
    [({}, ["dump", "nightly", "report"]), ({"group": "app"}, ["nightly"]), ({"tenant": "acme"}, ["nightly"])],
)
def test_jobs_are_listed_by_group_and_tenant(
    surface: Surface, api: httpx.Client, query: dict[str, str], names: list[str]
) -> None:
    from zpmd.model.service import Group

    declared = (job("report"), job("dump"), job("nightly", Group.APP, "acme"), service("redis"))
    surface.publish(**facts(services=declared))
    assert [j["name"] for j in api.get("/v1/jobs", params=query).json()["jobs"]] == names


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("reprot", "no job reprot: did you mean report?"),
        ("nosuch", "no job nosuch: `zpmctl job list` has those that there are"),
        ("redis", "redis is no job: its file has no x-zpmd.schedule"),
        ("old", "old is no longer declared: `zpmctl job history old` has its runs"),
    ],
)
def test_what_is_no_job_says_what_it_is(surface: Surface, api: httpx.Client, name: str, detail: str) -> None:
    from dataclasses import replace

    from zpmd.model.job import JobMemory

    given = facts(services=(job("report"), service("redis")))
    memory = replace(given["memory"], jobs={"old": JobMemory()})
    surface.publish(**{**given, "memory": memory})
    answer = api.get(f"/v1/jobs/{name}")
    assert (answer.status_code, answer.json()["detail"]) == (404, detail)


def test_who_has_suspended_a_job_is_told(surface: Surface, api: httpx.Client) -> None:
    intent = Intent(suspended={"report": "ada"}, holds=(Hold(service="*", owner="root", reason="", since=NOON),))
    surface.publish(**facts(services=(job("report"), job("off", suspend=True)), intent=intent))
    off, report = api.get("/v1/jobs").json()["jobs"]
    assert (off["suspended_by"], report["suspended_by"]) == ("its file", "ada")
    assert (off["held_by"], report["stopped"]) == ("root", False)
    (intents,) = api.get("/v1/intents").json()["services"]
    assert (intents["service"], intents["suspended"]) == ("report", "ada")


def pages(api: httpx.Client, path: str, **query: Any) -> list[list[str]]:
    """All pages, each as the names of its runs."""
    found: list[list[str]] = []
    more: dict[str, Any] = {}
    while True:
        view = api.get(path, params={**query, **more}).json()
        found.append([f"{r['job']} {r['due_at'] - TWO_O_CLOCK}" for r in view["runs"]])
        if view["before"] is None:
            return found
        more = {"before": view["before"]} | ({} if "/jobs/" in path else {"before_job": view["before_job"]})


def test_the_ledger_is_read_by_pages_the_latest_due_first(surface: Surface, api: httpx.Client) -> None:
    rows = [run(name, due=TWO_O_CLOCK + n) for n in range(3) for name in ("a", "b")]
    keep(surface, *rows)
    surface.publish(**facts(services=(job("a"), job("b"))))
    assert pages(api, "/v1/jobs/a/runs", limit=2) == [["a 2", "a 1"], ["a 0"]]
    assert pages(api, "/v1/jobs/a/runs", limit=3) == [["a 2", "a 1", "a 0"]]
    assert pages(api, "/v1/runs", limit=3) == [["a 2", "b 2", "a 1"], ["b 1", "a 0", "b 0"]]
    assert pages(api, "/v1/runs", since=TWO_O_CLOCK + 1) == [["a 2", "b 2", "a 1", "b 1"]]
    first = api.get("/v1/runs", params={"before": TWO_O_CLOCK + 1}).json()["runs"]
    assert [r["due_at"] for r in first] == [TWO_O_CLOCK] * 2, "without a job: what is due earlier"


def test_of_the_ledger_what_somebody_has_to_look_at(surface: Surface, api: httpx.Client) -> None:
    keep(surface, *(run(due=TWO_O_CLOCK + n, ending=ending) for n, ending in enumerate(Ending)))
    surface.publish(**facts(services=(job("report"),)))
    view = api.get("/v1/jobs/report/runs", params={"bad": True}).json()
    assert {r["ending"] for r in view["runs"]} == {ending.value for ending in BAD}
    assert all(r["bad"] for r in view["runs"])
    assert view["before"] is None


def test_a_page_of_bad_runs_looks_through_a_bounded_number_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "SCANNED_MOST", 5)
    rows = [run(due=100 - n) for n in range(9)]
    asked: list[int] = []

    def page(limit: int, before: tuple[int, str] | None) -> list[Any]:
        asked.append(limit)
        return [row for row in rows if before is None or row.due < before[0]][:limit]

    view = jobs.page(page, jobs.Asked(3, bad=True), None, NOON)
    assert (view.runs, view.before, view.before_job) == ((), 96, "report")
    assert jobs.page(page, jobs.Asked(3, bad=True), (96, "report"), NOON).before is None


@pytest.mark.parametrize("due", [TWO, "2023-11-15T03:00:00+01:00", str(TWO_O_CLOCK)])
def test_one_run_has_its_last_lines_and_its_own_evidence(surface: Surface, api: httpx.Client, due: str) -> None:
    keep(surface, run(ending=Ending.FAILED, log_tail=("one", "two")))
    for slot in (TWO_O_CLOCK, TWO_O_CLOCK - DAY):
        surface.store.keep_dossier(Dossier(service="report", slot=slot, container_id=f"c{slot}", at=NOON))
    surface.publish(**facts(services=(job("report"),)))
    view = api.get(f"/v1/jobs/report/runs/{due}").json()
    assert (view["run"]["due"], view["run"]["ending"], view["run"]["exit_code"]) == (TWO, "failed", 3)
    assert (view["run"]["late_seconds"], view["run"]["lasted_seconds"]) == (pytest.approx(0.4), pytest.approx(12))
    assert (view["run"]["log_kept"], view["log_tail"]) == (True, ["one", "two"])
    assert [d["container_id"] for d in view["dossiers"]] == [f"c{TWO_O_CLOCK}"]
    assert [d["slot"] for d in api.get("/v1/dossiers", params={"slot": TWO_O_CLOCK}).json()] == [TWO_O_CLOCK]


@pytest.mark.parametrize("due", ["yesterday", "2023-11-31T02:00:00Z", "2023-11-15", "9" * 20, "2023-11-15T02:00:00"])
def test_a_due_that_is_none_is_no_run(surface: Surface, api: httpx.Client, due: str) -> None:
    surface.publish(**facts(services=(job("report"),)))
    answer = api.get(f"/v1/jobs/report/runs/{due}")
    assert (answer.status_code, answer.json()["detail"]) == (
        404,
        f"no run {due} of report: a run is named by when it is due, as in 2026-03-29T01:00:00Z",
    )


@pytest.mark.parametrize(
    ("more", "held_by"),
    [
        ({}, ""),
        ({"intent": Intent(suspended={"report": "ada"})}, "ada has suspended it: `zpmctl job resume report`"),
        ({"intent": Intent(stopped=frozenset({"report"}))}, "an operator has stopped it"),
        ({"intent": Intent(holds=(Hold(service="*", owner="eve", reason="disk", since=NOON),))}, "eve holds it: disk"),
    ],
)
def test_what_is_due_next_is_told_with_what_keeps_it(
    surface: Surface, api: httpx.Client, more: dict[str, Any], held_by: str
) -> None:
    surface.publish(**facts(services=(job("report", zone="Europe/Berlin", at="30 2 * * *"),), **more))
    surface.clock.at = SPRING
    view = api.get("/v1/jobs/report/next", params={"count": 1}).json()
    assert view["upcoming"] == [
        {
            "due": "2026-03-29T01:00:00Z",
            "due_at": 1774746000,
            "starts_at": 1774746000,
            "mark": "moved",
            "instead_of": ["2026-03-29 02:30"],
        }
    ]
    assert view["time_zone"] == "Europe/Berlin"
    assert view["held_by"].startswith(held_by)
    assert bool(view["held_by"]) is bool(held_by)


def test_a_second_run_in_a_second_is_that_of_the_next(
    surface: Surface, api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    surface.publish(**facts(services=(job("report", concurrency=Concurrency.ALLOW),)))
    begun, slept = surface.clock.at, []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        surface.clock.at += seconds if moves else 0.0

    monkeypatch.setattr("zpmd.interfaces.rest.jobs.time.sleep", sleep)
    surface.clock.at += 0.75
    moves = True
    named = [api.post("/v1/jobs/report/run").json()["run"] for _ in range(3)]
    assert named == [rfc3339(begun), rfc3339(begun + 1), rfc3339(begun + 2)]
    assert slept == [0.25, 1.0]
    moves = False
    answer = api.post("/v1/jobs/report/run")
    assert (answer.status_code, len(slept)) == (409, 4), "the clock stands: it is told, and nobody waits for ever"
    assert "due at this second already; try again" in answer.json()["detail"]
    assert [entry.verb for entry in surface.store.journal()] == ["run"] * 3, "what waited is no line of the journal"


def test_a_job_is_run_suspended_and_resumed_by_whoever_asks(surface: Surface, api: httpx.Client) -> None:
    surface.publish(**facts(services=(job("report"),)))
    key = {"Idempotency-Key": "once"}
    first = api.post("/v1/jobs/report/run", headers=key)
    assert first.status_code == 202
    assert first.json()["run"] == rfc3339(surface.clock.at)
    assert api.post("/v1/jobs/report/run", headers=key).json() == first.json(), "once, however often it is asked"
    assert api.post("/v1/jobs/report/run").status_code == 409
    story = api.get(f"/v1/jobs/report/runs/{first.json()['run']}").json()
    assert (story["run"]["step"], story["run"]["asked"]) == ("waiting", "root")
    assert api.post("/v1/jobs/report/suspend").status_code == 202
    assert surface.store.memory().intent.suspended == {"report": "root"}
    assert api.post("/v1/jobs/report/resume").status_code == 202
    assert [(e.verb, e.actor) for e in surface.store.journal()] == [(v, "root") for v in ("run", "suspend", "resume")]
    audit = [(r["route"], r["subject"], r["status"]) for r in api.get("/v1/audit").json()["rows"]]
    assert ("/v1/jobs/{name}/suspend", "report", 202) in audit
    assert ("/v1/jobs/{name}/run", "report", 409) in audit


def test_the_status_counts_no_replicas_of_a_job(surface: Surface, api: httpx.Client) -> None:
    row, last = runs(TWO_O_CLOCK + 60), run(ending=Ending.FAILED)
    given = facts(
        *(last, row),
        services=(job("report"), service("redis")),
        standings=(standing("redis"), scheduled("report", state=State.RUNNING, ready=1, desired=1)),
        world=World(replicas=(container(row, started_at=NOON - 60),)),
    )
    surface.publish(**given)
    (group,) = api.get("/v1/status").json()["groups"]
    assert (group["ready"], group["desired"]) == (1, 1), "redis alone"
    by_name = {s["name"]: s for s in group["services"]}
    assert by_name["redis"]["job"] is None
    brief = by_name["report"]["job"]
    assert (brief["schedule"], brief["open"], brief["running"]) == ("0 2 * * *", 1, 1)
    assert (brief["last"]["due"], brief["last"]["ending"], brief["last"]["exit_code"]) == (TWO, "failed", 3)
    (replica,) = by_name["report"]["replicas"]
    assert (replica["slot"], replica["due"]) == (TWO_O_CLOCK + 60, "2023-11-15T02:01:00Z")


def test_a_plan_is_another_when_a_job_is_suspended_or_its_schedule_changes(surface: Surface) -> None:
    def id_of(**more: Any) -> str:
        return planid.plan_id(surface.publish(**facts(**more)))

    plain = id_of(services=(job("report"),))
    assert plain == id_of(services=(job("report"),))
    assert plain != id_of(services=(job("report", zone="Europe/Berlin"),))
    assert plain != id_of(services=(job("report"),), intent=Intent(suspended={"report": "ada"}))
