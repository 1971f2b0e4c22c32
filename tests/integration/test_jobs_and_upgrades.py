"""Jobs that are due while an upgrade is rehearsed, on a real engine: runs are no change that a new version makes."""

from __future__ import annotations

import time

from tests.integration.appliance import worker
from tests.integration.daemon import Daemon
from tests.integration.test_upgrade import rehearsed
from tests.lab.eventually import eventually

JOB = """\
command: [sh, -c, "echo counted; exit 0"]
x-zpmd: {schedule: {every: 10s, time_zone: Europe/Berlin, history: {succeeded: 1}}}
"""


def test_runs_that_are_due_begin_and_go_are_no_change_of_an_upgrade(daemon: Daemon) -> None:
    daemon.file("web.yaml", worker("web", "core"))
    daemon.file("report.yaml", worker("report", "core", JOB).replace("    x-zpmd: {group: core}\n", "", 1))
    daemon.start()
    ended = "ended well, exit 0"
    eventually(lambda: daemon.log.count(ended) >= 2 and daemon.running("web"), 60, "runs that have ended")
    daemon.kill()
    killed = time.time()
    eventually(lambda: time.time() // 10 > killed // 10, 20, "a run that is due")
    said = rehearsed(daemon, "--json")
    assert (said.code, said.err) == (0, "")
    assert (said.json["would_change"], said.json["changes"]) == (False, [])
    before = daemon.log.count(ended)
    daemon.start()
    eventually(lambda: daemon.log.count(ended) > before, 60, "a run of the next zpmd")
    told = [entry["text"] for entry in daemon.journal("report") if entry["verb"] == "job" and entry["code"] == "ok"]
    assert len(told) == len(set(told)), "no run has ended twice"
    assert "Traceback" not in daemon.log
