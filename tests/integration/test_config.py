"""A change of files is taken whole or not at all; what is broken changes nothing and is shown with file and line."""

from __future__ import annotations

import shutil

from tests.integration.appliance import three_tiers, worker
from tests.integration.daemon import Daemon
from tests.lab.eventually import eventually


def _up(daemon: Daemon) -> list[str]:
    for name, text in three_tiers().items():
        daemon.file(name, text)
    daemon.start()
    daemon.converged()
    return sorted(daemon.running())


def _degraded(daemon: Daemon) -> str:
    status = eventually(lambda: (s := daemon.status())["state"] == "degraded" and s, 20, "a degraded status", 0.1)
    return "\n".join(p for d in status["degraded"] for p in d["problems"])


def test_a_broken_file_changes_nothing_and_is_shown_and_the_next_good_one_is_taken_at_once(daemon: Daemon) -> None:
    before = _up(daemon)
    daemon.file("20-web.yaml", "services:\n  web:\n    imagee: nothing\n")
    problems = _degraded(daemon)
    assert "20-web.yaml:3:5" in problems, problems
    assert "image" in problems
    assert sorted(daemon.running()) == before
    daemon.file("20-web.yaml", "services:\n  web:\n    image: [unclosed\n")
    eventually(lambda: "20-web.yaml:" in _degraded(daemon) and "imagee" not in _degraded(daemon), 10, "the new problem")
    assert sorted(daemon.running()) == before
    daemon.file("50-more.yaml", worker("misp", "app"))
    daemon.file("20-web.yaml", three_tiers()["20-web.yaml"])
    eventually(lambda: daemon.running("misp"), 10, "the good files to be taken", 0.1)
    daemon.converged()
    assert set(before) <= set(daemon.running())


def test_the_last_good_copy_outlives_a_restart_on_broken_files(daemon: Daemon) -> None:
    before = _up(daemon)
    daemon.file("20-web.yaml", "services: {web: {image: 5, ports: maybe}}\n")
    _degraded(daemon)
    daemon.kill()
    victim = daemon.running("web")[0]
    daemon.engine.kill_container_process(victim)
    daemon.start()
    eventually(lambda: sorted(daemon.running()) == before, 30, "the repair by the last good copy", 0.2)
    assert "20-web.yaml:1:" in _degraded(daemon)


def test_a_vanished_directory_removes_nothing(daemon: Daemon) -> None:
    before = _up(daemon)
    aside = daemon.services_dir.with_name("aside")
    daemon.services_dir.rename(aside)
    assert "services.d" in _degraded(daemon)
    assert sorted(daemon.running()) == before
    daemon.services_dir.mkdir()
    assert "services.d" in _degraded(daemon)
    assert sorted(daemon.running()) == before
    for path in aside.iterdir():
        shutil.copy(path, daemon.services_dir)
    daemon.converged()
    assert sorted(daemon.running()) == before


def test_a_change_that_removes_half_of_the_services_waits_for_approval(daemon: Daemon) -> None:
    for number in range(8):
        daemon.file(f"{number}.yaml", worker(f"s{number}", "core"))
    daemon.start()
    daemon.converged()
    before = sorted(daemon.running())
    for number in range(4):
        (daemon.services_dir / f"{number}.yaml").unlink()
    daemon.ctl("reload")
    held = eventually(lambda: (h := daemon.status()["held_removals"]) and len(h) == 4 and h, 20, "a held removal", 0.1)
    assert held == ["s0", "s1", "s2", "s3"]
    assert sorted(daemon.running()) == before
    assert "approve" in daemon.ctl("status").out
    assert daemon.ctl("plan").code == 3 or "approve" in daemon.ctl("plan").out
    approved = daemon.ctl("approve", "--wait")
    assert approved.code == 0, approved.err
    eventually(lambda: len(daemon.containers()) == 4, 20, "the approved removal", 0.1)
    daemon.converged()


def test_the_very_first_start_on_a_broken_file_exits_78_and_touches_nothing(daemon: Daemon) -> None:
    daemon.file("a.yaml", "services:\n  a:\n    image: appliance/pause:1.0\n    comand: x\n")
    daemon.installed = True
    daemon.start(wait=False)
    assert daemon.process is not None
    assert daemon.process.wait(20) == 78
    assert "a.yaml:4:5" in daemon.log
    assert "command" in daemon.log
    assert daemon.containers() == []


def test_a_hangup_signal_has_the_files_read_again(daemon: Daemon) -> None:
    import signal

    _up(daemon)
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGHUP)
    eventually(lambda: [e for e in daemon.journal() if e["verb"] == "reload"], 10, "a note of the reload", 0.1)
    assert daemon.process.poll() is None
