"""zpmd as a unit of a live systemd: killed, frozen, reloaded, stopped, beside an engine that hangs or is restarted.

No container is touched by any of it. The unit is as the package brings it, but for a watchdog that is sooner.
"""

from __future__ import annotations

import json
import signal
import time

import pytest

from tests.integration.appliance import worker
from tests.integration.boot.appliance import Appliance
from tests.lab.eventually import eventually
from tests.lab.host import LabHost

pytestmark = pytest.mark.timeout(420)
WATCHDOG_SECONDS = 10
ENGINE_SECONDS = 3
"""After this long without an answer a call to the engine has failed: well within the watchdog, as the defaults are."""
FILES = {
    "10-db.yaml": worker("db", "system"),
    "20-web.yaml": worker("web", "core", "deploy: {replicas: 2}\n"),
    "30-jobs.yaml": worker("jobs", "batch", "depends_on: [web]\n"),
}


@pytest.fixture
def steady(host: LabHost, appliance: Appliance) -> Appliance:
    """The host is on, and zpmd has nothing to do."""
    appliance.declare(FILES)
    if not host.on:
        drop_in = f"[Service]\nWatchdogSec={WATCHDOG_SECONDS}\n"
        host.write("/etc/systemd/system/zpmd.service.d/watchdog.conf", drop_in)
        host.write("/etc/zpmd/zpmd.yaml", json.dumps({"engine": {"timeout_seconds": ENGINE_SECONDS}}))
        assert host.boot() == "running"
    host.must("systemctl start zpmd")
    eventually(lambda: len(appliance.containers()) == 4, 60, "the four containers that are declared", 0.2)
    appliance.converged()
    return appliance


def restarted(host: LabHost, before: dict[str, str]) -> bool:
    """Whether systemd has started zpmd again since `before`, and is told that it is ready."""
    now = host.unit("zpmd")
    return int(now["NRestarts"]) == int(before["NRestarts"]) + 1 and now["ActiveState"] == "active"


def test_a_zpmd_that_is_killed_is_started_again_and_touches_no_container(steady: Appliance) -> None:
    untouched, before = steady.untouched(), steady.host.unit("zpmd")
    steady.host.signal("zpmd", signal.SIGKILL)
    eventually(lambda: restarted(steady.host, before), 60, "a zpmd that systemd has started again", 0.2)
    steady.converged()
    assert steady.untouched() == untouched


def test_a_zpmd_that_hangs_is_ended_by_the_watchdog_and_started_again(steady: Appliance) -> None:
    untouched, before = steady.untouched(), steady.host.unit("zpmd")
    steady.host.signal("zpmd", signal.SIGSTOP)
    began = time.monotonic()
    eventually(lambda: steady.host.unit("zpmd")["Result"] == "watchdog", 60, "a watchdog that has had enough", 0.2)
    eventually(lambda: restarted(steady.host, before), 60, "a zpmd that systemd has started again", 0.2)
    assert time.monotonic() - began < WATCHDOG_SECONDS + 30, "what hangs is not asked to end for long"
    steady.converged()
    assert steady.untouched() == untouched


def test_an_engine_that_hangs_is_told_and_costs_zpmd_nothing(steady: Appliance) -> None:
    """Its passes end by their deadlines and feed the watchdog: zpmd is not ended for what another has done."""
    untouched, before = steady.untouched(), steady.host.unit("zpmd")
    steady.host.signal("docker", signal.SIGSTOP)
    try:
        hung_at = float(steady.host.must("cut -d ' ' -f 1 /proc/uptime"))
        eventually(lambda: "engine" in steady.status_line(), 30, "a status line that tells of the engine", 0.2)
        eventually(
            lambda: int(steady.host.unit("zpmd")["WatchdogTimestampMonotonic"]) / 1e6 > hung_at + WATCHDOG_SECONDS + 2,
            60,
            "a watchdog that is fed for longer than it waits",
            0.2,
        )
        assert steady.status()["state"] == "degraded"
    finally:
        steady.host.signal("docker", signal.SIGCONT)
    steady.converged()
    after = steady.host.unit("zpmd")
    assert (after["MainPID"], after["NRestarts"]) == (before["MainPID"], before["NRestarts"])
    assert steady.untouched() == untouched
    told = steady.host.journal("--unit=zpmd", f"_PID={before['MainPID']}", "ZPMD_ACTION=lost")
    assert [int(entry["PRIORITY"]) for entry in told] == [3], "it is told once, as an error"


def test_an_engine_that_is_restarted_takes_only_containers_with_it_and_these_come_back(steady: Appliance) -> None:
    before, ids = steady.host.unit("zpmd"), {one.id for one in steady.containers().values()}
    steady.host.must("systemctl restart docker")
    eventually(lambda: all(one.running for one in steady.containers().values()), 60, "containers that run again", 0.2)
    steady.converged()
    assert {one.id for one in steady.containers().values()} == ids
    assert steady.host.unit("zpmd")["MainPID"] == before["MainPID"]


def test_reload_takes_a_changed_file(steady: Appliance) -> None:
    untouched, before = steady.untouched(), steady.host.unit("zpmd")
    steady.declare({**FILES, "40-late.yaml": worker("late", "app")})
    steady.host.must("systemctl reload zpmd")
    eventually(lambda: [one.running for one in steady.containers("late").values()] == [True], 60, "the new service")
    steady.converged()
    assert untouched.items() < steady.untouched().items()
    assert steady.host.unit("zpmd")["MainPID"] == before["MainPID"]


def test_stop_leaves_every_container_as_it_is_and_start_finds_it_so(steady: Appliance) -> None:
    untouched = steady.untouched()
    steady.host.must("systemctl stop zpmd")
    unit = steady.host.unit("zpmd")
    assert (unit["ActiveState"], unit["Result"]) == ("inactive", "success")
    assert steady.untouched() == untouched
    steady.host.must("systemctl start zpmd")
    steady.converged()
    assert steady.untouched() == untouched
