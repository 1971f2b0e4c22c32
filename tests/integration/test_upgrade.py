"""`zpmctl doctor --upgrade` on a real engine: what it proves, what it finds, whom it blames, and that no trace is left.

The former version is a copy of the package in which a line was changed, run as a program of its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.appliance import service, worker
from tests.integration.daemon import CHECKOUT, Daemon, Said
from tests.integration.patches.drops import UPDATE, dropped, ended
from tests.lab import processes
from tests.lab.eventually import eventually, settled
from tests.lab.preloaded import zpmctl
from zpmd import __version__
from zpmd.stores.schema import SCHEMA, STEPS

FORMER = "0.0.9"
SECRET = "pw-that-nobody-prints-7c1e"
INTEGRATIONS = """\
    x-zpmd: {group: app}
    services:
      integration:
        image: appliance/worker:1.0
        stop_grace_period: 1s
        deploy: {update_config: {monitor: 300ms}}
        environment: {PORT: "${integration.port}"}
        x-zpmd: {for_each: active-integration, ports: {range: 9100-9119}, credentials: files}
"""
TENANT = {"id": 1, "name": "Acme", "tenantcode": "acme", "status": "active"}
ROW = {"integration_id": 1, "tenantcode": "acme", "serviceName": "splunk", "status": "active"}
PARAMETER = {"buildName": "splunk", "tenantcode": "acme", "name": "TOKEN", "value": SECRET, "secret": True}


def asked(daemon: Daemon, *more: str) -> Said:
    return daemon.ctl("doctor", "--upgrade", "--settings", str(daemon.folder / "zpmd.yaml"), *more)


def rehearsed(daemon: Daemon, *more: str) -> Said:
    """What it is computed by, without the running zpmd being asked."""
    command = [zpmctl().with_name("zpmd"), "rehearse", "--settings", daemon.folder / "zpmd.yaml", *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False, stdin=subprocess.DEVNULL)
    return Said(done.returncode, done.stdout, done.stderr)


def traces(daemon: Daemon) -> dict[str, tuple[Any, ...]]:
    """Everything below the state folder and the spool, with owner, mode, times of change, and content."""
    found = {}
    for top in (daemon.folder / "state", daemon.spool):
        for path in [top, *top.rglob("*")]:
            at = path.lstat()
            content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            found[str(path)] = (at.st_uid, at.st_gid, at.st_mode, at.st_mtime_ns, at.st_ino, content)
    return found


def started(daemon: Daemon) -> dict[str, str]:
    return {c["Id"]: daemon.engine.inspect(c["Id"])["State"]["StartedAt"] for c in daemon.containers()}


@contextlib.contextmanager
def untouched(daemon: Daemon) -> Iterator[None]:
    """Neither a container nor a byte of what zpmd has."""
    before, running = settled(lambda: traces(daemon), 2, 60, "a store that nobody writes"), started(daemon)
    yield
    assert traces(daemon) == before
    assert started(daemon) == running
    assert list(Path("/dev/shm").glob("zpmd-rehearsal-*")) == []


def well_worn(daemon: Daemon) -> None:
    """Patched, reverted, scaled, restarted, held, stopped, with an integration that has a port and a secret."""
    daemon.settings = {"resync_seconds": 600}
    daemon.file("10-db.yaml", service("db", "system", UPDATE))
    daemon.file("20-web.yaml", worker("web", "core", UPDATE + "depends_on: [db]\n"))
    daemon.file("21-user.yaml", service("user", "core", UPDATE))
    daemon.file("30-jobs.yaml", worker("jobs", "batch", UPDATE))
    daemon.file("31-idle.yaml", worker("idle", "batch", UPDATE))
    daemon.file("40-app.yaml", INTEGRATIONS)
    daemon.rows(tenants=[TENANT], integrations=[ROW], app_params=[PARAMETER])
    daemon.start()
    daemon.converged()
    dropped(daemon, "hotfix-1", tag="1.1", services=["user"])
    assert ended(daemon, "hotfix-1") == "applied"
    dropped(daemon, "hotfix-2", tag="1.1", services=["db"])
    assert ended(daemon, "hotfix-2") == "applied"
    assert daemon.ctl("patch", "revert", "hotfix-2").code == 0
    eventually(lambda: "reverted" in daemon.ctl("patch", "show", "hotfix-2").out, 60, "hotfix-2 to be reverted", 0.5)
    for words in (("scale", "web=3"), ("restart", "jobs"), ("stop", "idle"), ("hold", "web", "--for", "1h")):
        assert daemon.ctl(*words).code == 0
    daemon.converged()


def test_an_appliance_that_has_seen_everything_would_not_be_touched_whether_zpmd_runs_or_not(daemon: Daemon) -> None:
    well_worn(daemon)
    with untouched(daemon):
        running = asked(daemon)
    assert running.code == 0, running.out + running.err
    compared = f"(6 services, {len(daemon.containers())} containers compared)"
    assert running.out.splitlines() == [f"zpmd {__version__} would touch no container {compared}"]

    daemon.kill()  # its write-ahead log stays
    assert (daemon.folder / "state" / "zpmd.db-wal").stat().st_size
    with untouched(daemon):
        killed = asked(daemon, "--json")
    assert killed.code == 0, killed.out + killed.err
    assert (killed.json["changes"], killed.json["former"]) == ([], __version__)

    daemon.start()
    assert daemon.stop() == 0
    with untouched(daemon):
        assert rehearsed(daemon).out == running.out


def former(daemon: Daemon, folder: Path, file: str, line: str, instead: str) -> None:
    """Have the daemon be a zpmd in which this line was another one."""
    shutil.copytree(CHECKOUT / "zpmd", folder / "zpmd", ignore=shutil.ignore_patterns("__pycache__"))
    for path, old, new in (("__init__.py", __version__, FORMER), (file, line, instead)):
        text = (folder / "zpmd" / path).read_text()
        assert text.count(old) == 1, f"{old!r} in {path}"
        (folder / "zpmd" / path).write_text(text.replace(old, new))
    daemon.under = (sys.executable, "-P")
    daemon.environment = {"PYTHONPATH": str(folder)}


def test_a_version_that_takes_a_key_in_another_way_is_found_out_with_the_field_and_without_its_value(
    daemon: Daemon, tmp_path: Path
) -> None:
    line = '            working_dir=f["working_dir"].text(),\n'
    former(daemon, tmp_path / "former", "sources/compose/service.py", line, "")
    daemon.file("a.yaml", worker("here", "core", f"working_dir: /{SECRET}\n{UPDATE}"))
    daemon.file("b.yaml", worker("there", "core", UPDATE))
    daemon.start()
    daemon.converged()
    assert daemon.ctl("scale", "here=2", "--wait").code == 0
    with untouched(daemon):
        said = asked(daemon)
    assert said.code == 3, said.out + said.err
    lines = said.out.splitlines()
    assert lines[0] == f"upgrade {FORMER} -> {__version__} would change this (2 services, 3 containers compared)"
    assert [line.split()[:2] for line in lines[1:]] == [["replace", "here/1"], ["replace", "here/2"]]
    assert all(line.endswith("; differs in: working_dir") for line in lines[1:])
    assert SECRET not in said.out
    changes = asked(daemon, "--json").json["changes"]
    assert [(c["verb"], c["code"], c["fields"], c["anyway"]) for c in changes] == [
        ("replace", "drift", ["working_dir"], False)
    ] * 2


def test_a_version_that_hashes_in_another_way_is_found_out_though_nothing_else_differs(
    daemon: Daemon, tmp_path: Path
) -> None:
    former(daemon, tmp_path / "former", "model/spechash.py", 'separators=(",", ":")', 'separators=(",", ": ")')
    daemon.file("a.yaml", worker("here", "core"))
    daemon.start()
    daemon.converged()
    daemon.kill()
    with untouched(daemon):
        said = asked(daemon)
    assert said.code == 3, said.out + said.err
    assert f"upgrade {FORMER} -> {__version__} would change this" in said.out
    assert "its former definition is not known any more" in said.out


def test_what_the_running_zpmd_is_about_itself_is_not_the_upgrades_doing(daemon: Daemon) -> None:
    daemon.file("a.yaml", worker("well", "core"))
    daemon.file("b.yaml", worker("flaky", "core", "command: [sh, -c, exit 1]\ndeploy: {restart_policy: {delay: 1h}}\n"))
    daemon.start()
    eventually(lambda: daemon.service("flaky")["state"] in ("backoff", "crash-loop"), 60, "a row of failures", 0.2)
    said = asked(daemon)
    assert said.code == 0, said.out + said.err
    assert "would touch no container" in said.out
    daemon.kill()
    for container in daemon.running("well"):
        processes.send(daemon.engine.pid_of(container), signal.SIGKILL)
    eventually(lambda: not daemon.running("well"), 20, "a container that is dead", 0.1)
    nobody_to_excuse_it = asked(daemon)
    assert nobody_to_excuse_it.code == 3
    assert "start well/1" in nobody_to_excuse_it.out


@pytest.fixture
def small(daemon: Daemon) -> Daemon:
    """A small appliance whose zpmd was stopped."""
    daemon.file("a.yaml", worker("one", "core"))
    daemon.start()
    daemon.converged()
    assert daemon.stop() == 0
    return daemon


def database(daemon: Daemon) -> Path:
    return daemon.folder / "state" / "zpmd.db"


def take_back_the_last_step(store: sqlite3.Connection) -> None:
    """Leave what a zpmd of one schema before would have written: without the tables and columns that came since."""
    with contextlib.closing(sqlite3.connect(":memory:")) as older:
        older.executescript(";".join(STEPS[:-1]))
        had = {name for (name,) in older.execute("SELECT name FROM sqlite_master")}
        for kind, name in store.execute("SELECT type, name FROM sqlite_master ORDER BY type DESC").fetchall():
            if name not in had and not name.startswith("sqlite_"):
                store.execute(f"DROP {kind} IF EXISTS {name}")
            elif kind == "table":
                for column in columns(store, name) - columns(older, name):
                    store.execute(f"ALTER TABLE {name} DROP COLUMN {column}")
    store.execute(f"PRAGMA user_version = {SCHEMA - 1}")


def columns(store: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in store.execute(f"PRAGMA table_info({table})")}


def test_what_cannot_be_told_is_said_and_is_no_yes(small: Daemon) -> None:
    small.file("b.yaml", "services: {two: {imago: x}}\n")
    with untouched(small):
        wrong = rehearsed(small)
    assert wrong.code == 78
    assert "b.yaml:1:" in wrong.err
    assert "does not understand this" in wrong.err
    said = asked(small, "--json")
    assert said.code == 1
    assert "b.yaml:1:" in json.loads(said.err)["detail"]
    (small.services_dir / "b.yaml").unlink()

    small.engine.stop()
    try:
        away = rehearsed(small)
    finally:
        small.engine.start()
    assert away.code == 1
    assert "the containers that run are not known" in away.err

    os.rename(small.folder / "state", small.folder / "elsewhere")
    none = rehearsed(small)
    os.rename(small.folder / "elsewhere", small.folder / "state")
    assert none.code == 1
    assert "no zpmd has run here yet" in none.err

    with contextlib.closing(sqlite3.connect(database(small))) as store:
        store.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    with untouched(small):
        newer = rehearsed(small)
    assert newer.code == 1
    assert "was written by a newer zpmd" in newer.err

    database(small).write_bytes(b"SQLite format 3\0" + b"?" * 8000)
    with untouched(small):
        damaged = rehearsed(small)
    assert damaged.code == 1
    assert f"cannot read {database(small)}" in damaged.err


def test_a_store_whose_key_is_not_at_hand_is_not_mistaken_for_one_that_has_forgotten(small: Daemon) -> None:
    os.rename(small.folder / "state" / "key", small.folder / "key")
    with untouched(small):
        said = rehearsed(small)
    assert said.code == 1
    assert "is its key a credential of systemd" in said.err


def test_the_store_of_an_older_zpmd_is_read_and_left_as_it_is(small: Daemon) -> None:
    with contextlib.closing(sqlite3.connect(database(small), isolation_level=None)) as store:
        take_back_the_last_step(store)
    with untouched(small):
        said = rehearsed(small)
    assert said.code == 0, said.out + said.err
    assert f"the store goes from schema {SCHEMA - 1} to {SCHEMA} at the first start" in said.out
