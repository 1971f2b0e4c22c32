"""What dies runs again, in place, with its reason; what keeps dying is slowed down and shown, and harms nobody."""

from __future__ import annotations

import itertools

import pytest

from tests.integration.appliance import three_tiers, worker
from tests.integration.daemon import Daemon
from tests.lab.eventually import eventually


@pytest.fixture
def tiers(daemon: Daemon) -> Daemon:
    for name, text in three_tiers().items():
        daemon.file(name, text)
    daemon.start()
    daemon.converged()
    return daemon


def test_a_killed_container_runs_again_in_place_and_the_journal_says_why(tiers: Daemon) -> None:
    for service in ("db", "web", "jobs"):
        before = tiers.containers(service)
        victim = before[0]["Id"]
        started = tiers.engine.inspect(victim)["State"]["StartedAt"]
        tiers.engine.kill_container_process(victim)
        eventually(
            lambda v=victim, s=started: (
                (state := tiers.engine.inspect(v)["State"])["Running"] and state["StartedAt"] != s
            ),
            10,
            f"{service} running again in the same container",
            0.05,
        )
        assert [c["Id"] for c in tiers.containers(service)] == [c["Id"] for c in before]
        said = [e for e in tiers.journal(service) if e["verb"] == "start" and e["code"] == "died"]
        assert said, f"the journal says nothing of the death of {service}"
        assert "exited with 137" in said[-1]["text"]
    why = tiers.ctl("why", "db")
    assert why.code == 0
    assert "137" in why.out
    tiers.converged()


def test_six_deaths_in_a_row_are_slowed_down_replaced_and_shown_while_siblings_go_on(tiers: Daemon) -> None:
    siblings = tiers.running("web") + tiers.running("db")
    first = tiers.running("jobs")[0]
    seen_ids: list[str] = [first]
    states: set[str] = set()

    def kill_the_running_one() -> None:
        current = eventually(lambda: tiers.running("jobs"), 60, "jobs to run", 0.05)[0]
        if current not in seen_ids:
            seen_ids.append(current)
        tiers.engine.kill_container_process(current)
        eventually(lambda: current not in tiers.running("jobs"), 10, "the death to be seen", 0.02)

    for _ in range(6):
        kill_the_running_one()
    states.add(eventually(lambda: tiers.service("jobs")["state"], 5, "a state"))
    assert states == {"crash-loop"}, states
    entries = [e for e in tiers.journal("jobs") if e["verb"] in ("start", "remove", "run")]
    kinds = [e["verb"] for e in entries if e["code"] == "died"]
    assert kinds[:2] == ["start", "start"], "the first two failures restart it in place"
    assert kinds[2:4] == ["remove", "run"], "from the third failure a fresh one takes its place"
    starts = [e["at"] for e in entries if e["verb"] in ("start", "run") and e["code"] == "died"]
    gaps = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert gaps[-1] >= 7.5, f"no backoff is seen in {gaps}"
    assert len(seen_ids) >= 4, "fresh containers"
    assert [i for i in siblings if i not in tiers.running("web") + tiers.running("db")] == [], "siblings were touched"
    status = tiers.ctl("status")
    assert "crash-loop" in status.out
    tiers.ctl("start", "jobs")
    eventually(lambda: tiers.running("jobs"), 5, "an operator's start to skip the backoff", 0.1)


def test_an_unhealthy_replica_is_restarted_like_a_dead_one(daemon: Daemon) -> None:
    daemon.file("a.yaml", worker("steady", "core"))
    daemon.file(
        "b.yaml",
        """\
        services:
          moody:
            image: appliance/service:1.0
            healthcheck:
              test: ["CMD-SHELL", "! test -e /tmp/broken"]
              interval: 300ms
              retries: 2
        """,
    )
    daemon.start()
    daemon.converged()
    moody = daemon.running("moody")[0]
    client = daemon.engine.client()
    client.exec_start(client.exec_create(moody, ["touch", "/dev/shm/x"])["Id"])
    client.exec_start(client.exec_create(moody, ["touch", "/tmp/broken"])["Id"])
    eventually(
        lambda: [e for e in daemon.journal("moody") if e["code"] == "unhealthy" and e["result"] == "ok"],
        20,
        "a restart because it is unhealthy",
        0.2,
    )
    restarted = next(e for e in daemon.journal("moody") if e["code"] == "unhealthy")
    assert restarted["verb"] == "restart"


def test_dependants_of_a_stopped_service_wait_spend_no_budget_and_return_with_it(tiers: Daemon) -> None:
    web = tiers.running("web")
    assert tiers.ctl("stop", "db", "--wait").code == 0
    assert tiers.running("db") == []
    for one in web:
        tiers.engine.kill_container_process(one)
    eventually(lambda: not tiers.running("web"), 15, "the engine to see both of them dead", 0.1)
    row = eventually(lambda: (r := tiers.service("web"))["state"] == "waiting" and r, 15, "web to wait for db", 0.1)
    assert all("db" in w["text"] for w in row["waiting"]), row["waiting"]
    assert row["restarts"] == 0
    assert tiers.running("web") == []
    assert tiers.ctl("start", "db", "--wait").code == 0
    tiers.converged()
    assert sorted(tiers.running("web")) == sorted(web), "they return in place"
    assert tiers.service("web")["restarts"] == 0
