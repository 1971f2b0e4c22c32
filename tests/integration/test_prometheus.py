"""Prometheus reads zpmd, and what is in etc/ for it and for Grafana speaks of what there is."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.integration.daemon import CHECKOUT
from tests.lab.eventually import eventually
from tests.lab.prometheus import Prometheus
from tests.unit.interfaces.given import NOON, Surface, snapshot, standing
from tests.unit.interfaces.given_jobs import facts, run
from tests.unit.interfaces.given_rows import tenancy
from zpmd.daemon.meters import Meters
from zpmd.interfaces import metrics
from zpmd.model.plan import State
from zpmd.settings import Api

FOLDER = CHECKOUT / "etc" / "prometheus"
RULES = FOLDER / "zpmd.rules.yml"
DASHBOARD = json.loads((CHECKOUT / "etc" / "grafana" / "zpmd.json").read_text())
NAME = re.compile(r"\b(?:zpmd|process)_[a-z_]+")


def promtool(*arguments: str, text: bytes = b"") -> str:
    said = subprocess.run(
        ["promtool", *arguments], input=text, cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120
    )
    assert said.returncode == 0, said.stdout.decode()
    return said.stdout.decode()


def alerts() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def expressions() -> list[str]:
    """Of every panel of the dashboard, for all hosts."""
    targets = [target for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
    notes = DASHBOARD["annotations"]["list"]
    return [one["expr"].replace("$instance", ".*") for one in (*targets, *notes)]


def test_promtool_finds_the_rules_good_and_each_alert_goes_off_when_it_should() -> None:
    promtool("check", "rules", RULES.name)
    promtool("test", "rules", "zpmd.rules.test.yml")
    tested = {test["name"] for test in yaml.safe_load((FOLDER / "zpmd.rules.test.yml").read_text())["tests"]}
    assert {rule["alert"] for rule in alerts()} <= tested


def test_promtool_finds_the_scrape_example_good(tmp_path: Path) -> None:
    (tmp_path / "zpmd.rules.yml").write_text(RULES.read_text())
    (tmp_path / "prometheus.yml").write_text((FOLDER / "scrape.yml").read_text())
    promtool("check", "config", "--syntax-only", str(tmp_path / "prometheus.yml"))


def test_every_alert_says_what_to_do() -> None:
    for rule in alerts():
        summary = rule["annotations"]["summary"]
        assert "$labels.instance" in summary, rule["alert"]
        assert re.search(r"`(zpmctl|zpmd|systemctl|journalctl) |make room", summary), rule["alert"]
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}, rule["alert"]


def test_the_manual_has_every_alert() -> None:
    manual = (CHECKOUT / "docs" / "operations.md").read_text()
    assert set(re.findall(r"^\| `(Zpmd\w+)` \|", manual, re.MULTILINE)) == {rule["alert"] for rule in alerts()}


def test_rules_and_dashboard_speak_of_metrics_that_there_are() -> None:
    made = snapshot(tenancy=tenancy(), **facts(run()))
    exposed = metrics.exposition(made, NOON, Meters("0.1.0")).decode()
    there = set(re.findall(r"^# TYPE (\w+)", exposed, re.MULTILINE))
    for text in (*(rule["expr"] for rule in alerts()), *expressions()):
        used = {name.removesuffix("_bucket") for name in NAME.findall(text)}
        assert used <= there, text


def test_labels_that_rules_and_dashboard_compare_with_are_said_somewhere() -> None:
    made = snapshot(tenancy=tenancy(), **facts(run()))
    exposed = metrics.exposition(made, NOON, Meters("0.1.0")).decode()
    for text in (*(rule["expr"] for rule in alerts()), *expressions()):
        for label, values in re.findall(r'(\w+)=~?"([^"$.]+)"', text):
            for value in values.split("|"):
                assert label == "job" or f'{label}="{value}"' in exposed, f"{label}={value} in {text}"


@pytest.fixture
def surface(tmp_path: Path) -> Iterator[Surface]:
    """Served over TCP, too, as `api.listen` has it."""
    made = Surface(tmp_path, Api(listen="127.0.0.1:0"))
    made.server.start()
    yield made
    made.close()


def token_to_read(surface: Surface) -> str:
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(surface.socket)), base_url="http://zpmd") as client:
        answer = client.post("/v1/tokens", json={"name": "prometheus", "scopes": ["read"]})
        assert answer.is_success, answer.text
        return str(answer.json()["key"])


def state(prometheus: Prometheus, alert: str) -> str:
    return next(str(rule["state"]) for rule in prometheus.rules() if rule["name"] == alert)


def test_prometheus_scrapes_zpmd_answers_queries_and_sees_nothing_wrong_with_rules_and_dashboard(
    surface: Surface, tmp_path: Path
) -> None:
    made = surface.publish(
        standing("redis", state=State.CRASH_LOOP, ready=0, restarts=7), standing("zona_user"), tenancy=tenancy()
    )
    surface.meters.passed(made)
    assert surface.server.tcp is not None
    address = f"127.0.0.1:{surface.server.tcp.ports[0]}"
    token = token_to_read(surface)
    (tmp_path / "token").write_text(token)
    (job,) = yaml.safe_load((FOLDER / "scrape.yml").read_text())["scrape_configs"]
    job = {key: job[key] for key in ("job_name", "authorization")} | {"static_configs": [{"targets": [address]}]}
    job["authorization"]["credentials_file"] = str(tmp_path / "token")
    with Prometheus(job, RULES) as prometheus:
        eventually(lambda: prometheus.value("zpmd_engine_up") == 1, 60, "a scrape")
        assert [target["health"] for target in prometheus.targets()] == ["up"]
        assert prometheus.value("sum(zpmd_crash_loops)") == 1
        assert prometheus.value('zpmd_services{state="crash-loop",group="core"}') == 1
        assert prometheus.value("zpmd_pass_duration_seconds_count") == 1
        assert prometheus.value('zpmd_build_info{version="0.1.0"}') == 1
        for expression in expressions():
            prometheus.query(expression)
        for rule in alerts():
            prometheus.query(rule["expr"])
        eventually(lambda: state(prometheus, "ZpmdCrashLoop") == "pending", 60, "an alert that has to last yet")
        assert state(prometheus, "ZpmdEngineDown") == "inactive"
        assert {rule["health"] for rule in prometheus.rules()} == {"ok"}
    url, headers = f"http://{address}/v1/audit", {"Authorization": f"Bearer {token}"}
    assert httpx.get(url, headers=headers, trust_env=False).status_code == 403, "he reads metrics, and no audit"
