"""One line changed in one file moves exactly one service, and never leaves it without a replica that serves."""

from __future__ import annotations

import textwrap

from tests.integration.appliance import service, three_tiers, worker
from tests.integration.daemon import Daemon
from tests.integration.fewest import Fewest, ready_replicas
from tests.lab.eventually import eventually

WEB = """\
depends_on: {db: {condition: service_healthy}}
deploy: {replicas: 2, update_config: {order: start-first, monitor: 1s}}
"""


def tiers(daemon: Daemon) -> Daemon:
    for name, text in three_tiers().items():
        daemon.file(name, text)
    daemon.start()
    daemon.converged()
    eventually(lambda: _judged(daemon, "web", "stable"), 15, "web to be judged stable", 0.2)
    return daemon


def _judged(daemon: Daemon, name: str, verdict: str) -> bool:
    return any(e["verb"] == "judge" and e["detail"] == verdict for e in daemon.journal(name))


def test_one_changed_line_rolls_one_service_without_a_moment_of_no_ready_replica(daemon: Daemon) -> None:
    tiers(daemon)
    others = sorted(daemon.running("db") + daemon.running("jobs"))
    old = daemon.running("web")
    with Fewest(ready_replicas(daemon, "web")) as watch:
        daemon.file("20-web.yaml", service("web", "core", WEB, image="appliance/service:1.1"))
        eventually(
            lambda: [c["Image"] for c in daemon.containers("web")] == ["appliance/service:1.1"] * 2,
            60,
            "two replicas of the new image and none of the old",
            0.2,
        )
        daemon.converged()
    assert watch.looks > 50
    assert watch.fewest >= 2, f"only {watch.fewest} ready replicas at some moment"
    assert not set(old) & set(daemon.running("web"))
    assert sorted(daemon.running("db") + daemon.running("jobs")) == others, "another service was touched"
    assert {e["service"] for e in daemon.journal() if e["code"] in ("drift", "replaced")} == {"web"}


def test_an_image_that_never_becomes_healthy_is_rolled_back_and_old_replicas_never_leave(daemon: Daemon) -> None:
    tiers(daemon)
    old = sorted(daemon.running("web"))
    with Fewest(ready_replicas(daemon, "web")) as watch:
        daemon.file("20-web.yaml", service("web", "core", WEB, image="appliance/sick:1.0"))
        eventually(lambda: _judged(daemon, "web", "failed"), 60, "the verdict", 0.2)
        eventually(
            lambda: sorted(c["Id"] for c in daemon.containers("web")) == old, 30, "the failed replica to be gone", 0.2
        )
    assert watch.fewest >= 2
    row = daemon.service("web")
    assert row["state"] == "rolled-back"
    assert "unhealthy" in row["reason"]
    why = daemon.ctl("why", "web")
    assert "rolled back" in why.out.lower()
    assert any(e["code"] == "rollout-failed" for e in daemon.journal("web"))
    daemon.file("20-web.yaml", service("web", "core", WEB, image="appliance/service:1.1"))
    eventually(
        lambda: [c["Image"] for c in daemon.containers("web")] == ["appliance/service:1.1"] * 2,
        60,
        "the next good definition to be taken",
        0.2,
    )


def test_a_fixed_host_port_makes_start_first_stop_first_and_says_so(daemon: Daemon) -> None:
    body = 'ports: ["18080:8000"]\ndeploy: {update_config: {order: start-first, monitor: 0s}}\n'
    daemon.file("a.yaml", worker("edge", "core", body))
    daemon.start()
    daemon.converged()
    eventually(lambda: _judged(daemon, "edge", "stable"), 15, "the first definition to be judged", 0.2)
    daemon.file("a.yaml", worker("edge", "core", body + "environment: {A: b}\n"))
    eventually(lambda: [e for e in daemon.journal("edge") if e["code"] == "drift"], 20, "the change", 0.2)
    said = next(e for e in daemon.journal("edge") if e["code"] == "drift")
    assert said["verb"] == "stop"
    assert "host port 18080" in said["text"]
    daemon.converged()


def test_one_port_to_spare_is_enough_for_start_first_however_long_an_old_replica_takes_to_go(daemon: Daemon) -> None:
    body = """\
        ports: ["127.0.0.1:18080-18083:8000"]
        pre_stop: [{command: [sleep, "1"]}]
        deploy: {replicas: 3, update_config: {order: start-first, monitor: 0s}}
        """
    daemon.file("a.yaml", worker("edge", "core", textwrap.dedent(body)))
    daemon.start()
    daemon.converged()
    eventually(lambda: _judged(daemon, "edge", "stable"), 15, "the first definition to be judged", 0.2)
    old = daemon.running("edge")
    daemon.file("a.yaml", worker("edge", "core", textwrap.dedent(body) + "environment: {A: b}\n"))
    eventually(lambda: len(set(daemon.running("edge")) - set(old)) == 3, 60, "three new replicas", 0.2)
    daemon.converged()
    assert not set(old) & set(daemon.running("edge"))
    assert not [e for e in daemon.journal("edge") if e["result"] not in ("", "ok")]
    assert not _judged(daemon, "edge", "failed")


def test_an_operators_restart_replaces_every_replica_one_by_one(daemon: Daemon) -> None:
    tiers(daemon)
    old = daemon.running("web")
    with Fewest(ready_replicas(daemon, "web")) as watch:
        said = daemon.ctl("restart", "web", "--wait")
        assert said.code == 0, said.err
    assert not set(old) & set(daemon.running("web"))
    assert watch.fewest >= 2


def test_scaling_touches_only_the_slots_beyond(daemon: Daemon) -> None:
    tiers(daemon)
    before = daemon.running("web")
    assert daemon.ctl("scale", "web=3", "--wait").code == 0
    assert len(daemon.running("web")) == 3
    assert set(before) <= set(daemon.running("web"))
    assert daemon.ctl("scale", "web=1", "--wait").code == 0
    assert daemon.running("web") == [before[0]]
