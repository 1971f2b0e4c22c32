"""A changed file replaces exactly the services that watch it, once; one that changes its own files is stopped."""

from __future__ import annotations

import os
from pathlib import Path

from tests.integration.appliance import worker
from tests.integration.daemon import Daemon
from tests.lab.eventually import eventually, settled

QUICK = "deploy: {update_config: {monitor: 200ms}}\nx-zpmd: {group: core, watch: {quiet: 500ms, at_most: 10s}}\n"


def watching(name: str, *paths: Path, body: str = "") -> str:
    rules = ", ".join(f"{{path: {path}, action: restart}}" for path in paths)
    text = worker(name, "core", f"{QUICK}develop: {{watch: [{rules}]}}\n{body}")
    return text.replace("    x-zpmd: {group: core}\n", "", 1)


def runs(daemon: Daemon, name: str) -> list[str]:
    """The journal's replacements of a service for changed files."""
    return [e["text"] for e in daemon.journal(name) if e["verb"] == "stop" and e["code"] == "file-changed"]


def test_a_changed_file_replaces_exactly_its_watchers_and_once(daemon: Daemon, tmp_path: Path) -> None:
    etc = tmp_path / "etc"
    for name in ("a", "b", "shared"):
        (etc / name).mkdir(parents=True)
        (etc / name / "x.conf").write_text("1")
    daemon.file("a.yaml", watching("a", etc / "a", etc / "shared"))
    daemon.file("b.yaml", watching("b", etc / "b", etc / "shared"))
    daemon.file("c.yaml", worker("c", "core"))
    daemon.start()
    daemon.converged()
    before = {name: daemon.running(name) for name in "abc"}

    os.utime(etc / "a" / "x.conf", (1, 1))
    for number in range(20):
        (etc / "a" / "x.conf").write_text(f"a burst, {number}")
        (etc / "a" / f"new-{number}.conf").write_text("x")
    eventually(lambda: daemon.running("a") not in ([], before["a"]), 30, "a to be replaced", 0.2)
    daemon.converged()
    settled(lambda: daemon.running("a"), 3.0, 20)
    assert runs(daemon, "a") == [f"what it watches has changed: {etc / 'a'}"]
    assert {name: daemon.running(name) for name in "bc"} == {name: before[name] for name in "bc"}

    a = daemon.running("a")
    (etc / "shared" / "x.conf").write_text("2")
    eventually(lambda: daemon.running("b") not in ([], before["b"]), 30, "b to be replaced", 0.2)
    eventually(lambda: daemon.running("a") not in ([], a), 30, "a to be replaced again", 0.2)
    daemon.converged()
    assert daemon.running("c") == before["c"]

    daemon.kill()
    running = {name: daemon.running(name) for name in "abc"}
    (etc / "b" / "x.conf").write_text("while zpmd is away")
    daemon.start()
    eventually(lambda: daemon.running("b") not in ([], running["b"]), 30, "b to be replaced by the next zpmd", 0.2)
    daemon.converged()
    assert {name: daemon.running(name) for name in "ac"} == {name: running[name] for name in "ac"}


def test_a_service_that_writes_what_it_watches_is_stopped_from_looping(daemon: Daemon, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "state").write_text("")
    command = "trap 'exit 0' TERM; head -c 8 /dev/urandom > /own/state; while :; do sleep 1 & wait; done"
    daemon.file(
        "loop.yaml",
        watching("loop", own, body=f'volumes: ["{own}:/own"]\ncommand: ["sh", "-c", "{command}"]\nentrypoint: []\n'),
    )
    daemon.start()
    reason = eventually(
        lambda: next((w["text"] for w in daemon.service("loop")["waiting"] if w["code"] == "watch-suspended"), ""),
        90,
        "the watch to be suspended",
        0.5,
    )
    assert str(own) in reason
    assert len(runs(daemon, "loop")) == 5
    assert daemon.service("loop")["state"] == "running"
    assert any(e["verb"] == "watch" for e in daemon.journal("loop"))
    assert "does it write into what it watches" in daemon.ctl("why", "loop").out
    standing = daemon.running("loop")

    daemon.kill()
    (own / "state").write_text("and somebody else writes as well")
    daemon.start()
    assert settled(lambda: daemon.running("loop"), 5.0, 30) == standing, "it outlives zpmd"

    assert daemon.ctl("restart", "loop", "--wait").code == 0
    assert daemon.running("loop") != standing
