"""Rows that vanish and rows that are wrong: a mistake takes nothing down, and one row never stops another."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.integration.mongo.followed import integration
from tests.integration.mongo.product import APPS, INTEGRATIONS, LOW, Product
from tests.lab.engine import LabEngine
from tests.lab.eventually import eventually

MOST = {"integration_id": {"$in": [1, 2, 3]}}
LAST = "misp-globex-4"
LISTEN = "import socket, sys; s = socket.create_server(('', int(sys.argv[1]))); print('listens', flush=True); input()"


def test_rows_that_say_deleted_are_followed_however_many_they_are(running: Product) -> None:
    before = running.containers()
    with running.database() as database:
        database["integrations"].update_many(MOST, {"$set": {"status": "deleted"}})
    assert running.up(LAST)[LAST] == before[LAST]


def test_most_rows_gone_at_once_are_held_until_somebody_approves(running: Product) -> None:
    daemon, before = running.daemon, running.containers()
    for _ in ("what was approved once", "is not approved for ever"):
        assert running.remove("integrations", MOST) == 3
        eventually(lambda: len(daemon.status()["registry"]["held"]) == 3, 20, "three that are held")
        said = daemon.ctl("status").out
        assert "held: the removal of 3 integrations" in said
        assert "zpmctl approve" in said
        held = {row["service"]: row["held"] for row in running.integrations().values() if row["held"]}
        assert sorted(held) == ["jira-acme-2", "splunk-acme-1", "splunk-globex-3"]
        assert running.containers() == before
        daemon.kill()
        daemon.start()
        eventually(lambda: len(daemon.status()["registry"]["held"]) == 3, 20, "three that are held, by the next zpmd")
        assert running.containers() == before
        assert daemon.ctl("approve").code == 0
        assert running.up(LAST)[LAST] == before[LAST]
        before = running.restore()


def test_rows_that_come_back_are_as_if_they_had_never_gone(running: Product) -> None:
    before = running.containers()
    assert running.remove("integrations", MOST) == 3
    eventually(lambda: len(running.daemon.status()["registry"]["held"]) == 3, 20, "three that are held")
    running.insert("integrations", *INTEGRATIONS[:3])
    eventually(lambda: not running.daemon.status()["registry"]["held"], 20, "nothing held")
    running.daemon.converged()
    assert running.containers() == before


def test_a_wrong_row_freezes_itself_and_stops_no_other(running: Product) -> None:
    daemon, before = running.daemon, running.containers()
    running.change("integrations", {"integration_id": 1}, status=7, title="wrong")
    running.insert("integrations", integration("acme", 2, "jira", title="another"))
    running.insert("integrations", integration("nobody", 40, "splunk"))
    running.insert("integrations", {"title": "says nothing of itself", "tenantcode": "acme", "status": "active"})
    running.change("integrations", {"integration_id": 4}, title="right")
    eventually(lambda: running.containers().get(LAST, before[LAST]) != before[LAST], 30, "the right row taken up")
    after = running.up(*APPS)
    assert {n for n, c in after.items() if c != before[n]} == {LAST}

    troubles = {(t["integration"], t["field"]): t for t in daemon.status()["registry"]["troubles"]}
    assert "must be one of active, inactive, suspended, deleted" in troubles["acme/1", "status"]["reason"]
    assert troubles["acme/1", "status"]["consequence"].startswith("frozen at its last good version")
    assert troubles["acme/2", "integration_id"]["consequence"].startswith("frozen at its last good version")
    assert troubles["nobody/40", "tenantcode"]["consequence"] == "not running"
    said = daemon.ctl("integrations").out
    assert "acme/2" in said or "jira-acme-2" in said
    assert "not used" in daemon.ctl("status").out
    daemon.kill()
    daemon.start()
    daemon.converged()
    assert running.up(*APPS) == after


def test_a_port_that_a_stranger_listens_on_is_passed_over_and_reported(running: Product) -> None:
    leased = {row["port"] for row in running.daemon.ctl("ports", "--json").json["ports"]}
    free = next(port for port in range(LOW, LOW + 30) if port not in leased)
    with listening(running.daemon.engine, free):
        running.insert("integrations", integration("acme", 60, "qradar"))
        running.up(*APPS, "qradar-acme-60")
        port = running.ports()["qradar-acme-60"]
        assert port == free + 1
        assert running.containers()["qradar-acme-60"][0][:12] in running.answers(port)
    said: dict[str, Any] = running.daemon.ctl("ports", "--json").json
    assert {"port": free, "why": "somebody on this host listens on it"} in said["skipped"]
    assert str(free) in running.daemon.ctl("ports").out


@contextmanager
def listening(engine: LabEngine, port: int) -> Iterator[None]:
    """A program on the host of the engine that has nothing to do with zpmd."""
    stranger = subprocess.Popen(
        [*engine.enter, sys.executable, "-c", LISTEN, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with stranger:
        assert stranger.stdout is not None
        assert stranger.stdout.readline() == b"listens\n"
        yield
        stranger.kill()
