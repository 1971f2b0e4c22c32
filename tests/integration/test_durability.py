"""zpmd may die at any moment and be away for any time: containers do not notice, and it finds its way again."""

from __future__ import annotations

import random

from tests.integration.appliance import service, three_tiers, worker
from tests.integration.daemon import Daemon
from tests.lab.eventually import eventually


def facts(daemon: Daemon) -> dict[str, str]:
    """Container id -> when it was started."""
    return {i: daemon.engine.inspect(i)["State"]["StartedAt"] for i in daemon.running()}


def test_kill_minus_nine_at_ten_moments_of_a_cold_start_leaves_no_duplicate_and_restarts_nothing(
    daemon: Daemon,
) -> None:
    daemon.installed = True
    for name, text in three_tiers().items():
        daemon.file(name, text)
    daemon.file("40-apps.yaml", worker("splunk", "app", "deploy: {replicas: 3}\n"))
    daemon.file("15-cache.yaml", service("redis", "system", "environment: {START_DELAY: '1'}\n"))
    chance = random.Random(20261122)
    started: dict[str, str] = {}
    for _ in range(10):
        daemon.start(wait=False)
        daemon.kill_after(chance.uniform(0.2, 1.6))
        now = facts(daemon)
        restarted = [i for i in started if i in now and now[i] != started[i]]
        gone = [i for i in started if i not in now]
        assert not restarted, f"{restarted} ran and were restarted"
        assert not gone, f"{gone} ran and are gone"
        started |= now
    daemon.start()
    daemon.converged(90)
    slots = [(c["Labels"]["io.zpmd.service"], c["Labels"]["io.zpmd.slot"]) for c in daemon.containers()]
    assert len(slots) == len(set(slots)), f"duplicates in {slots}"
    assert len(slots) == 8
    now = facts(daemon)
    assert {i: now.get(i) for i in started} == started, "what ran was restarted"


def test_after_an_absence_it_adopts_what_runs_and_repairs_what_does_not(daemon: Daemon) -> None:
    for name, text in three_tiers().items():
        daemon.file(name, text)
    daemon.file("40-apps.yaml", worker("splunk", "app", "deploy: {replicas: 3}\n"))
    daemon.start()
    daemon.converged()
    assert daemon.stop() == 0
    before = facts(daemon)
    assert len(before) == 7, "stopping zpmd touches no container"
    victims = [daemon.running("db")[0], daemon.running("web")[1], daemon.running("splunk")[2]]
    for victim in victims:
        daemon.engine.kill_container_process(victim)
    eventually(lambda: len(daemon.running()) == 4, 10, "three dead containers", 0.1)
    daemon.start()
    daemon.converged()
    after = facts(daemon)
    assert set(after) == set(before), "every container is the same one"
    assert {i for i in before if after[i] != before[i]} == set(victims), "only what died was started again"


def test_the_engine_killed_and_restarted_comes_back_in_order(daemon: Daemon) -> None:
    for name, text in three_tiers().items():
        daemon.file(name, text)
    daemon.start()
    daemon.converged()
    ids = {c["Id"]: c["Labels"]["io.zpmd.service"] for c in daemon.containers()}
    daemon.engine.kill()
    eventually(lambda: daemon.status()["state"] == "degraded", 30, "a degraded status", 0.2)
    assert "engine" in daemon.ctl("status").out
    daemon.engine.start()
    eventually(lambda: daemon.status()["state"] == "converged", 90, "a converged appliance", 0.2)
    started = {service: [] for service in ids.values()}
    for container_id, name in ids.items():
        started[name].append(daemon.engine.inspect(container_id)["State"]["StartedAt"])
    assert max(started["db"]) < min(started["web"]) <= max(started["web"]) < min(started["jobs"]), started
