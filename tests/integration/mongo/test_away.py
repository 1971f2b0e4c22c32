"""The MongoDB that zpmd itself runs is away, in every way that it can be: what runs goes on, zpmd says since when and
why, and nothing is removed; when it is back, what was changed is taken up, and nothing else is touched."""

from __future__ import annotations

import signal

import pytest

from tests.integration.mongo.followed import integration
from tests.integration.mongo.product import APPS, AWAY, Product, told_away
from tests.lab import processes
from tests.lab.eventually import eventually


def test_mongodb_is_stopped_for_a_while(running: Product) -> None:
    daemon, before = running.daemon, running.containers()
    assert daemon.ctl("stop", "mongo_metadb").code == 0
    said = told_away(daemon, "connection refused")
    assert "4 integrations go on as last known" in said
    daemon.kill()
    daemon.start()
    told_away(daemon, "connection refused")
    victim = before["jira-acme-2"][0]
    daemon.engine.kill_container_process(victim)
    eventually(lambda: running.containers().get("jira-acme-2", ("",))[0] == victim, 20, "one that died, up again")
    assert daemon.ctl("start", "mongo_metadb").code == 0
    running.insert("integrations", integration("acme", 9, "qradar"))
    after = running.up(*APPS, "qradar-acme-9")
    for name in ("splunk-acme-1", "splunk-globex-3", "misp-globex-4"):
        assert after[name] == before[name]
    eventually(lambda: AWAY not in daemon.ctl("status").out, 30, "a status without it", 0.1)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
def test_mongodb_is_restarted_by_zpmd_and_nothing_else(running: Product, number: signal.Signals) -> None:
    daemon, before = running.daemon, running.containers()
    processes.send(daemon.engine.pid_of(before["mongo_metadb"][0]), number)
    eventually(lambda: running.containers().get("mongo_metadb", before["mongo_metadb"]) != before["mongo_metadb"], 60)
    running.insert("integrations", integration("acme", 9, "qradar"))
    after = running.up(*APPS, "qradar-acme-9")
    assert after.keys() - {"mongo_metadb", "qradar-acme-9"} == before.keys() - {"mongo_metadb"}
    assert {n for n, c in after.items() if before.get(n) != c} == {"mongo_metadb", "qradar-acme-9"}
