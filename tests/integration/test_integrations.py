"""Integrations from data files on a real engine: which row leads to which container, and what no mistake in a row does.

Each scenario begins with two tenants and three integrations, which the templates below make services of.
"""

from __future__ import annotations

import base64
import copy
import io
import json
import tarfile
from typing import Any

import httpx

from tests.integration.daemon import Daemon
from tests.lab.eventually import eventually, settled

PASSWORD, TOKEN = "pw-of-acme-83b1f0", "token-of-jira-5c27de"
SPLUNK, JIRA, GLOBEX = "splunk-acme-1", "jira-acme-2", "splunk-globex-1"
ALL = [JIRA, SPLUNK, GLOBEX]

TEMPLATES = """
    x-zpmd: {group: app}
    services:
      integration:
        image: appliance/worker:1.0
        stop_grace_period: 2s
        environment: {PORT: "${integration.port}", LEVEL: "${params.LEVEL:-info}", TITLE: "${integration.title}"}
        volumes: ["data:/data"]
        x-zpmd: {for_each: active-integration, ports: {range: 9100-9119}, credentials: files}
    volumes: {data: {name: "data-${tenant.tenantcode}"}}
"""

ROWS: dict[str, list[dict[str, Any]]] = {
    "tenants": [
        {
            "id": 1,
            "name": "Acme",
            "tenantcode": "acme",
            "status": "active",
            # nobody listens on port 1: probing it is over at once
            "db_host": "127.0.0.1:1",
            "db_username": "acme",
            "db_password": PASSWORD,
        },
        {"id": 2, "name": "Globex", "tenantcode": "globex", "status": "active"},
    ],
    "integrations": [
        {"integration_id": 1, "tenantcode": "acme", "serviceName": "splunk", "status": "active", "title": "one"},
        {"integration_id": 2, "tenantcode": "acme", "serviceName": "jira", "status": "active", "title": "two"},
        {"integration_id": 1, "tenantcode": "globex", "serviceName": "splunk", "status": "active", "title": "one"},
    ],
    "app_params": [{"buildName": "jira", "tenantcode": "acme", "name": "TOKEN", "value": TOKEN, "secret": True}],
}

Rows = dict[str, list[dict[str, Any]]]


def _rows() -> Rows:
    return copy.deepcopy(ROWS)


def _write(daemon: Daemon, rows: Rows) -> None:
    daemon.rows(**rows)


def _up(daemon: Daemon, templates: str = TEMPLATES) -> Rows:
    daemon.file("40-app.yaml", templates)
    rows = _rows()
    _write(daemon, rows)
    daemon.start()
    _running(daemon, ALL)
    daemon.converged()
    return rows


def _running(daemon: Daemon, services: list[str], timeout: float = 30) -> dict[str, str]:
    """Wait until exactly these services have a running container; the container of each."""

    def found() -> dict[str, str]:
        there = {c["Labels"]["io.zpmd.service"]: c["Id"] for c in daemon.containers() if c["State"] == "running"}
        assert sorted(there) == sorted(services), there
        return there

    return eventually(found, timeout, f"{services} to run, and no others", 0.1)


def _asked(daemon: Daemon, path: str) -> httpx.Response:
    """The daemon's own answer: a zpmctl for each look would take most of the time of these scenarios."""
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(daemon.socket)), base_url="http://zpmd", timeout=10) as api:
        return api.get(path)


def _registry(daemon: Daemon) -> dict[str, Any]:
    found: dict[str, Any] = _asked(daemon, "/v1/status").json()["registry"]
    return found


def _ports(daemon: Daemon) -> dict[str, int]:
    found = _asked(daemon, "/v1/ports").json()["ports"]
    return {f"{p['tenantcode']}/{p['integration_id']}": p["port"] for p in found if p["state"] == "leased"}


def _integration(daemon: Daemon, service: str) -> dict[str, Any]:
    found = _asked(daemon, "/v1/integrations").json()["integrations"]
    return next(dict(i) for i in found if i["service"] == service)


def _environment(daemon: Daemon, container: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in daemon.engine.inspect(container)["Config"]["Env"])


def _content(daemon: Daemon, container: str, path: str) -> str:
    """Of a file as the container's processes read it."""
    client = daemon.engine.client()
    made = client.exec_create(container, ["cat", path])
    return bytes(client.exec_start(made["Id"])).decode()


def _put(daemon: Daemon, container: str, path: str, text: str) -> None:
    content, tar = text.encode(), io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        entry = tarfile.TarInfo(path.rpartition("/")[2])
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    daemon.engine.client().put_archive(container, path.rpartition("/")[0], tar.getvalue())


def test_an_edited_row_rolls_exactly_its_own_container_and_a_status_stops_and_starts_it(daemon: Daemon) -> None:
    rows = _up(daemon)
    before, ports = _running(daemon, ALL), _ports(daemon)
    assert ports == {"acme/1": 9100, "acme/2": 9101, "globex/1": 9102}
    assert {s: _environment(daemon, c)["PORT"] for s, c in before.items()} == {
        SPLUNK: "9100", JIRA: "9101", GLOBEX: "9102",
    }  # fmt: skip

    rows["integrations"][0]["title"] = "edited"
    _write(daemon, rows)
    after = eventually(lambda: (r := _running(daemon, ALL))[SPLUNK] != before[SPLUNK] and r, 30, "a new container")
    assert (after[JIRA], after[GLOBEX]) == (before[JIRA], before[GLOBEX])
    assert _environment(daemon, after[SPLUNK])["TITLE"] == "edited"
    assert _ports(daemon) == ports

    rows["integrations"][0]["status"] = "inactive"
    _write(daemon, rows)
    _running(daemon, [JIRA, GLOBEX])
    off = eventually(
        lambda: (i := _integration(daemon, SPLUNK))["state"] == "off" and i, 20, "an integration that is off"
    )
    assert (off["state"], off["port"], off["reason"]) == ("off", 9100, "integration acme/1 is inactive")

    rows["integrations"][0]["status"] = "active"
    _write(daemon, rows)
    again = _running(daemon, ALL)
    assert _environment(daemon, again[SPLUNK])["PORT"] == "9100"
    assert (again[JIRA], again[GLOBEX]) == (before[JIRA], before[GLOBEX])


def test_a_suspended_tenant_stops_and_finds_its_volume_again(daemon: Daemon) -> None:
    rows = _up(daemon)
    before = _running(daemon, ALL)
    _put(daemon, before[SPLUNK], "/data/kept", "what acme has")
    rows["tenants"][0]["status"] = "suspended"
    _write(daemon, rows)
    _running(daemon, [GLOBEX])
    view = daemon.ctl("tenants", "--json").json
    assert [(t["tenantcode"], t["status"], t["active"]) for t in view["tenants"]] == [
        ("globex", "active", 1), ("acme", "suspended", 0),
    ]  # fmt: skip
    assert "tenant acme is suspended" in daemon.ctl("why", SPLUNK).out
    rows["tenants"][0]["status"] = "active"
    _write(daemon, rows)
    again = _running(daemon, ALL)
    assert again[GLOBEX] == before[GLOBEX]
    assert _content(daemon, again[SPLUNK], "/data/kept") == "what acme has"
    assert _content(daemon, again[JIRA], "/data/kept") == "what acme has"
    assert "No such file" in _content(daemon, again[GLOBEX], "/data/kept")


def test_a_bad_row_is_frozen_and_shown_with_field_and_reason_and_the_others_go_on(daemon: Daemon) -> None:
    rows = _up(daemon)
    before = _running(daemon, ALL)
    rows["integrations"][0] |= {"status": 1, "title": "never to be seen"}
    rows["integrations"][2]["title"] = "edited"
    rows["integrations"].append(
        {"integration_id": 7, "tenantcode": "nobody", "serviceName": "misp", "status": "active"}
    )
    _write(daemon, rows)
    after = eventually(lambda: (r := _running(daemon, ALL))[GLOBEX] != before[GLOBEX] and r, 30, "the good edit")
    assert (after[SPLUNK], after[JIRA]) == (before[SPLUNK], before[JIRA])

    status = daemon.ctl("status").out
    assert "2 rows not used as they stand" in status
    assert "(acme/1): status: must be one of active, inactive, suspended, deleted, not the number 1; frozen" in status
    assert "(nobody/7): tenantcode: there is no tenant nobody" in status
    assert "status: must be one of" in _integration(daemon, SPLUNK)["trouble"]
    assert "status: must be one of" in daemon.ctl("integrations").out
    why = daemon.ctl("why", SPLUNK)
    assert why.code == 0
    assert "status: must be one of" in why.out
    assert "correct its row" in why.out
    noted = [f"{e['subject']} {e['service']}: {e['text']}" for e in daemon.journal() if e["verb"] == "row"]
    assert any(n.startswith(f"acme/1 {SPLUNK}: ") and "status: must be one of" in n for n in noted), noted

    _write(daemon, _rows())
    eventually(lambda: not _registry(daemon)["troubles"], 20, "rows without a trouble", 0.1)
    assert _running(daemon, ALL)[SPLUNK] == before[SPLUNK]


def test_a_large_loss_is_held_until_it_is_approved(daemon: Daemon) -> None:
    daemon.file("40-app.yaml", TEMPLATES)
    rows = _rows()
    rows["integrations"] = [ROWS["integrations"][0] | {"integration_id": n} for n in range(1, 6)]
    _write(daemon, rows)
    daemon.start()
    before = _running(daemon, [f"splunk-acme-{n}" for n in range(1, 6)])
    daemon.converged()
    del rows["integrations"][1:]
    _write(daemon, rows)
    held = eventually(lambda: _registry(daemon)["held"], 20, "a held loss", 0.1)
    assert [loss["integration"] for loss in held] == [f"acme/{n}" for n in range(2, 6)]
    assert settled(lambda: sorted(daemon.running())) == sorted(before.values())
    plan = daemon.ctl("plan")
    assert plan.code == 3
    assert "zpmctl approve" in plan.out
    assert daemon.ctl("approve", "--wait").code == 0
    assert _running(daemon, ["splunk-acme-1"])["splunk-acme-1"] == before["splunk-acme-1"]
    assert not _registry(daemon)["held"]


def test_data_files_that_are_moved_away_or_broken_remove_nothing_over_a_restart_too(daemon: Daemon) -> None:
    rows = _up(daemon)
    before = _running(daemon, ALL)
    data_dir, aside = daemon.folder / "data.d", daemon.folder / "aside"

    def away(what: str) -> None:
        eventually(lambda: what in (_registry(daemon)["away_why"] or ""), 20, f"away: {what}", 0.1)
        assert _running(daemon, ALL) == before

    data_dir.rename(aside)
    away("no data file any more")
    daemon.kill()
    daemon.start()
    away("no data file any more")
    daemon.engine.kill_container_process(before[JIRA])
    eventually(lambda: _running(daemon, ALL), 30, "the repair of what died meanwhile")
    aside.rename(data_dir)
    eventually(lambda: not _registry(daemon)["away_why"], 20, "rows that are read again", 0.1)
    (data_dir / "rows.yaml").write_text("integrations: [{integration_id: 1, ")
    away("rows.yaml:2:1: this is not YAML")
    _write(daemon, rows)
    daemon.converged()
    assert _running(daemon, ALL) == before


def test_a_port_outlives_restart_edit_template_and_a_killed_zpmd(daemon: Daemon) -> None:
    rows = _up(daemon)
    ports = _ports(daemon)
    replaced = _running(daemon, ALL)

    def still(service: str) -> None:
        """`service` has another container, with the same port."""

        def other() -> str:
            now = _running(daemon, ALL)[service]
            assert now != replaced[service]
            return now

        replaced[service] = eventually(other, 30, f"another container of {service}")
        assert _environment(daemon, replaced[service])["PORT"] == str(ports["acme/2"])
        assert _ports(daemon) == ports

    assert daemon.ctl("restart", JIRA, "--wait").code == 0
    still(JIRA)
    del rows["integrations"][0]  # the lowest port is free then, and is nobody else's for a day
    rows["integrations"].append(ROWS["integrations"][0] | {"integration_id": 5})
    _write(daemon, rows)
    _running(daemon, [JIRA, GLOBEX, "splunk-acme-5"])
    assert _ports(daemon)["acme/5"] == 9103
    rows = _rows()
    rows["integrations"][1]["title"] = "edited"
    _write(daemon, rows)
    still(JIRA)
    daemon.kill()
    daemon.file("40-app.yaml", TEMPLATES.replace("range: 9100-9119", "range: 9110-9119").replace("info", "debug"))
    daemon.start()
    still(JIRA)
    daemon.converged()
    assert _ports(daemon) == ports


def test_secrets_are_files_of_their_own_container_and_are_nowhere_else(daemon: Daemon) -> None:
    _up(daemon)
    before = _running(daemon, ALL)
    assert _content(daemon, before[JIRA], "/run/secrets/TOKEN") == TOKEN
    assert _content(daemon, before[JIRA], "/run/secrets/db_password") == PASSWORD
    assert _content(daemon, before[SPLUNK], "/run/secrets/db_password") == PASSWORD
    assert "No such file" in _content(daemon, before[SPLUNK], "/run/secrets/TOKEN")
    assert "No such file" in _content(daemon, before[GLOBEX], "/run/secrets/db_password")
    asked = ("status", "tenants", "integrations", "ports", "plan", "doctor", "journal", f"services/{JIRA}/why")
    said = {path: _asked(daemon, f"/v1/{path}").text for path in asked}
    said |= {path: _asked(daemon, f"/{path}").text for path in ("status", "tenant/list", "integration/list", "metrics")}
    said |= {word: daemon.ctl(word, JIRA).out for word in ("why", "logs")}
    said |= {"the log": daemon.log, "the labels": json.dumps(daemon.containers())}
    said |= {service: json.dumps(daemon.engine.inspect(c)) for service, c in before.items()}
    assert all(said.values())
    planted = [form for s in (PASSWORD, TOKEN) for form in (s, base64.b64encode(s.encode()).decode(), s.encode().hex())]
    assert [(where, form) for where, text in said.items() for form in planted if form in text] == []

    daemon.file("40-app.yaml", TEMPLATES.replace("credentials: files", "credentials: environment"))
    after = eventually(lambda: (r := _running(daemon, ALL))[JIRA] != before[JIRA] and r, 30, "variables instead")
    found = _environment(daemon, after[JIRA])
    assert (found["TOKEN"], found["DB_PASSWORD"]) == (TOKEN, PASSWORD)
    assert "No such file" in _content(daemon, after[JIRA], "/run/secrets/TOKEN")
    assert TOKEN not in daemon.log + daemon.ctl("events", "--json").out + daemon.ctl("why", JIRA, "--json").out
