"""Starting, stopping, hooks and the evidence of a failure, on a real engine."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.integration.docker_engine.conftest import CAUSE, Rig, service
from tests.lab.eventually import eventually
from zpmd.cut import Cut
from zpmd.model.action import RemoveReplica, RestartReplica, RunHook, StartReplica, StopReplica
from zpmd.model.container import Healthcheck, Hook
from zpmd.model.events import Reason, Result
from zpmd.model.observed import Health, Phase
from zpmd.model.service import ServiceData


def shell(script: str, **options: Any) -> ServiceData:
    return service(entrypoint=("sh", "-c", script), **options)


def hook(script: str, **options: Any) -> Hook:
    return Hook(command=("sh", "-c", script), **options)


def test_a_start_in_place_keeps_the_evidence_of_the_life_before(rig: Rig) -> None:
    script = "echo life $(cat /n 2>/dev/null); echo x >> /n; test $(wc -l < /n) -ge 2 && exec sleep 1000; exit 7"
    born = rig.run(shell(script))
    dead = eventually(lambda: (r := rig.seen(born.container_id)).ended and r, 10)
    outcome = rig.apply(StartReplica(replica=dead, cause=CAUSE, evidence=True))
    assert outcome.ok, outcome.detail
    dossier = outcome.dossier
    assert dossier is not None
    assert (dossier.exit_code, dossier.oom_killed, dossier.log_tail) == (7, False, ("life",))
    assert dossier.finished_at == dead.finished_at
    assert outcome.started_at == rig.seen(dead.id).started_at
    eventually(lambda: [line.text for line in rig.engine.logs(dead.id, 10, False)] == [b"life", b"life x"], 5)


def test_an_unhealthy_replica_leaves_what_its_probe_said(rig: Rig) -> None:
    check = Healthcheck(test=("CMD-SHELL", "echo no route; exit 1"), interval_seconds=0.1, retries=1)
    sick = rig.running(service(healthcheck=check))
    sick = eventually(lambda: (r := rig.seen(sick.id)).health is Health.UNHEALTHY and r, 10)
    outcome = rig.apply(RestartReplica(replica=sick, cause=CAUSE, grace_seconds=2.0))
    assert outcome.ok, outcome.detail
    assert outcome.dossier is not None
    assert "exit 1: no route" in outcome.dossier.health_output
    assert any("starts" in line for line in outcome.dossier.log_tail)
    again = rig.seen(sick.id)
    assert again.running
    assert again.started_at == outcome.started_at != sick.started_at


def test_hooks_run_in_order_with_their_own_settings(rig: Rig) -> None:
    replica = rig.running(service())
    hooks = (
        hook('echo "$A $(pwd) $(id -u)" > /tmp/1', environment=(("A", "a"),), working_dir="/tmp", user="0"),
        hook("cp /tmp/1 /tmp/2"),
        hook("grep -q 'a /tmp 0' /tmp/2"),
    )
    outcome = rig.apply(RunHook(replica=replica, hooks=hooks, cause=CAUSE))
    assert (outcome.ok, outcome.detail) == (True, "")
    assert (outcome.container_id, outcome.started_at) == (replica.id, replica.started_at)


def test_a_hook_that_fails_is_told_with_its_output_and_ends_the_row(rig: Rig) -> None:
    replica = rig.running(service())
    hooks = (hook("echo one; echo two >&2; exit 3"), hook("touch /ran"))
    outcome = rig.apply(RunHook(replica=replica, hooks=hooks, cause=CAUSE))
    assert outcome.result is Result.TRANSIENT
    assert "exited with 3" in outcome.detail
    assert {"one", "two"} <= set(outcome.detail.replace("|", " ").split())
    again = rig.apply(RunHook(replica=replica, hooks=(hook("test ! -e /ran"),), cause=CAUSE))
    assert again.ok, again.detail


def test_a_hook_that_does_not_end_is_given_up(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    replica = rig.running(service())
    monkeypatch.setattr("zpmd.engines.dockerd.hooks.POST_START_SECONDS", 0.5)
    for script in ("sleep 30", "while :; do echo x; done"):
        outcome = rig.apply(RunHook(replica=replica, hooks=(hook(script),), cause=CAUSE))
        assert (outcome.result, "has not ended within 0.5 s" in outcome.detail) == (Result.TRANSIENT, True)


def test_pre_stop_runs_first_and_its_failure_does_not_keep_the_container(rig: Rig) -> None:
    replica = rig.running(service(image="appliance/worker:1.0"))
    hooks = (hook("echo farewell > /proc/1/fd/1"), hook("exit 4"))
    outcome = rig.apply(StopReplica(replica=replica, cause=CAUSE, pre_stop=hooks, evidence=True))
    assert outcome.ok
    assert "pre_stop: hook" in outcome.detail
    assert "exited with 4" in outcome.detail
    assert outcome.dossier is not None
    assert "farewell" in outcome.dossier.log_tail
    assert rig.seen(replica.id).phase is Phase.EXITED


def test_a_stubborn_replica_is_killed_after_its_grace(rig: Rig) -> None:
    replica = rig.running(service(image="appliance/stubborn:1.0"))
    outcome = rig.apply(StopReplica(replica=replica, cause=CAUSE, grace_seconds=1.0))
    assert outcome.ok
    assert outcome.seconds >= 1.0
    assert rig.seen(replica.id).exit_code == 137


def test_a_paused_replica_can_be_stopped(rig: Rig) -> None:
    replica = rig.running(service())
    rig.host.client().pause(replica.id)
    paused = rig.seen(replica.id)
    assert paused.phase is Phase.PAUSED
    assert rig.apply(StopReplica(replica=paused, cause=CAUSE, grace_seconds=1.0)).ok
    assert rig.seen(replica.id).phase is Phase.EXITED


def test_a_removal_takes_no_running_and_no_foreign_container(rig: Rig) -> None:
    replica = rig.running(service())
    remove = RemoveReplica(replica=replica, cause=CAUSE, evidence=True)
    assert rig.apply(remove).result is Result.TRANSIENT
    assert rig.apply(StopReplica(replica=replica, cause=CAUSE, grace_seconds=1.0)).ok
    outcome = rig.apply(remove)
    assert (outcome.ok, outcome.dossier is not None) == (True, True)
    assert rig.apply(remove).ok
    assert rig.engine.observe(()).replicas == ()


def test_a_death_wakes_and_is_seen(rig: Rig) -> None:
    reasons: list[Reason] = []
    stop = threading.Event()
    thread = threading.Thread(target=rig.engine.watch, args=(reasons.append, stop))
    thread.start()
    try:
        eventually(rig.engine.stream_alive, 5)
        replica = rig.running(service())
        before = len(reasons)
        rig.host.kill_container_process(replica.id)
        eventually(lambda: len(reasons) > before, 5)
        assert eventually(lambda: (r := rig.seen(replica.id)).ended and r, 5).exit_code == 137
    finally:
        stop.set()
        thread.join(5)
    assert not thread.is_alive()


def test_probes_do_not_wake(rig: Rig) -> None:
    check = Healthcheck(test=("CMD", "true"), interval_seconds=0.05)
    replica = rig.running(service(healthcheck=check))
    eventually(lambda: rig.seen(replica.id).health is Health.HEALTHY, 5)
    reasons: list[Reason] = []
    stop = threading.Event()
    thread = threading.Thread(target=rig.engine.watch, args=(reasons.append, stop))
    thread.start()
    probes = rig.host.client().events(decode=True, filters={"event": "exec_start"})
    try:
        eventually(rig.engine.stream_alive, 5)
        for _ in range(10):
            next(probes)
        assert reasons == [Reason.ENGINE]
    finally:
        probes.close()
        stop.set()
        thread.join(5)


def test_a_log_is_followed_until_the_container_ends(rig: Rig) -> None:
    replica = rig.running(shell("echo one; echo two >&2; sleep 1; echo three"))
    assert sorted(line.text for line in rig.engine.logs(replica.id, 10, True)) == [b"one", b"three", b"two"]


def test_following_a_container_that_says_nothing_more_ends_when_it_is_cut(rig: Rig) -> None:
    """Or each reader that went away would leave a thread and a connection behind for as long as it is silent."""
    replica = rig.running(shell("echo one; exec sleep 1000"))
    cut, said = Cut(), list[bytes]()

    def follow() -> None:
        for line in rig.engine.logs(replica.id, 10, True, None, cut):
            said.append(line.text)
        said.append(b"over")

    thread = threading.Thread(target=follow)
    thread.start()
    eventually(lambda: said == [b"one"], 10, "its one line")
    cut.now()
    thread.join(10)
    assert said == [b"one", b"over"]


def test_what_was_cut_before_it_began_is_not_followed(rig: Rig) -> None:
    replica = rig.running(shell("exec sleep 1000"))
    cut = Cut()
    cut.now()
    assert list(rig.engine.logs(replica.id, 10, True, None, cut)) == []


def test_the_log_of_a_terminal_comes_in_lines_as_well(rig: Rig) -> None:
    replica = rig.running(shell("echo one; echo two", tty=True))
    eventually(lambda: rig.seen(replica.id).ended, 5)
    assert [line.text for line in rig.engine.logs(replica.id, 10, False)] == [b"one", b"two"]
