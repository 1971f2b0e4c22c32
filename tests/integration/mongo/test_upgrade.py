"""What an upgrade would do where rows are in MongoDB: read if it answers, known from before if not, never written."""

from __future__ import annotations

import subprocess

from tests.integration.daemon import Daemon, Said
from tests.lab.eventually import eventually
from tests.lab.mongod import DATABASE, LabMongod
from tests.lab.preloaded import zpmctl

TEMPLATE = """\
services:
  integration:
    image: appliance/worker:1.0
    stop_grace_period: 1s
    environment: {PORT: "${integration.port}", TITLE: "${integration.title}"}
    x-zpmd: {group: app, for_each: active-integration, ports: {range: 9100-9131}}
"""
WRITES = {"$or": [{"op": {"$in": ["insert", "update", "remove"]}}, {"command.findAndModify": {"$exists": True}}]}


def rehearsed(daemon: Daemon) -> Said:
    command = [zpmctl().with_name("zpmd"), "rehearse", "--settings", daemon.folder / "zpmd.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False, stdin=subprocess.DEVNULL)
    return Said(done.returncode, done.stdout, done.stderr)


def test_rows_are_read_where_mongodb_answers_and_known_from_before_where_not_and_nothing_is_written(
    daemon: Daemon, standalone: LabMongod
) -> None:
    daemon.file("40-app.yaml", TEMPLATE)
    hosts = [standalone.address]
    daemon.settings["mongodb"] = {"hosts": hosts, "database": DATABASE, "timeout_seconds": 2, "poll_seconds": 0.5}
    daemon.start()
    eventually(lambda: len(daemon.running()) == 2, 60, "two integrations", 0.1)
    daemon.converged()
    assert daemon.stop() == 0
    database = standalone.direct[DATABASE]
    database["integration_ports"].delete_many({})
    database.command("profile", 2)

    same = rehearsed(daemon)
    assert (same.code, same.err) == (0, "")
    assert "would touch no container (2 services, 2 containers compared)" in same.out
    assert "note" not in same.out

    database["integrations"].update_one({"tenantcode": "acme"}, {"$set": {"title": "another"}})
    changed = rehearsed(daemon)
    assert changed.code == 3, changed.out + changed.err
    assert changed.out.splitlines()[1].endswith("differs in: environment.TITLE")

    written = [one["ns"] for one in database["system.profile"].find(WRITES)]
    assert written == [f"{DATABASE}.integrations"], "that is the test's own"
    assert database["integration_ports"].count_documents({}) == 0

    standalone.stop()
    away = rehearsed(daemon)
    assert (away.code, away.err) == (0, "")
    assert "would touch no container (2 services, 2 containers compared)" in away.out
    assert "note: integrations: " in away.out
    assert "what was known last counts" in away.out
