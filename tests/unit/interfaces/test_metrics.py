"""What Prometheus is told of an appliance, held to Prometheus' own programs."""

from __future__ import annotations

import subprocess

import httpx

from tests.unit.interfaces.given import NOON, Surface, snapshot, standing
from tests.unit.interfaces.given_rows import tenancy
from tests.unit.interfaces.test_rows_api import told
from zpmd.daemon.meters import Meters
from zpmd.interfaces import metrics
from zpmd.model.events import SourceState, Unwritable
from zpmd.model.memory import Hold, Intent, Memory
from zpmd.model.plan import Cause, Code, Plan, State, Waiting


def test_promtool_finds_nothing_wrong_with_the_exposition() -> None:
    text = metrics.exposition(snapshot(tenancy=tenancy()), NOON, Meters("0.1.0"))
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
