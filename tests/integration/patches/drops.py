"""Dropping files as people do, and asking what became of them."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from pathlib import Path
from typing import Any

from tests.integration.appliance import service, worker
from tests.integration.daemon import Daemon
from tests.lab.eventually import eventually

ENDS = ("applied", "rolled-back", "reverted", "rollback-failed", "quarantined")
UPDATE = "deploy: {update_config: {monitor: 300ms}}\n"


def appliance(daemon: Daemon) -> None:
    """db <- user <- siem, and mail that nobody has to do with; well, and judged stable."""
    daemon.file("10-db.yaml", service("db", "system"))
    daemon.file("20-user.yaml", service("user", "core", UPDATE + "depends_on: [db]\n"))
    daemon.file("21-siem.yaml", service("siem", "core", UPDATE + "depends_on: {user: {condition: service_healthy}}\n"))
    daemon.file("30-mail.yaml", worker("mail", "batch"))
    daemon.start()
    daemon.converged()


def dropped(daemon: Daemon, id: str, **fields: Any) -> Path:
    """Put a manifest into incoming/ as the contract asks: written elsewhere, then renamed."""
    return put(daemon, f"{id}.patch.yaml", json.dumps({"id": id, **fields}).encode())


def put(daemon: Daemon, name: str, content: bytes) -> Path:
    incoming = daemon.spool / "incoming"
    eventually(incoming.is_dir, 20, "the drop directory", 0.05)
    part = daemon.spool / f"{name}.part"
    part.write_bytes(content)
    os.rename(part, incoming / name)
    return incoming / name


def ledger(daemon: Daemon) -> list[dict[str, Any]]:
    """Every drop, the oldest first: from the file itself, which is there while zpmd is dead, too."""
    path = daemon.folder / "state" / "zpmd.db"
    if not path.exists():
        return []
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as connection:
        connection.row_factory = sqlite3.Row
        return [{**json.loads(one["body"]), **dict(one)} for one in connection.execute("SELECT * FROM patch")]


def row(daemon: Daemon, id: str) -> dict[str, Any]:
    """The newest drop of this id, as the ledger has it; {} before there is one."""
    rows = [one for one in ledger(daemon) if one["id"] == id]
    return max(rows, key=lambda one: int(one["number"]), default={})


def ended(daemon: Daemon, id: str, timeout: float = 90) -> str:
    """Wait until it has ended; how."""
    eventually(lambda: row(daemon, id).get("stage") in ENDS, timeout, f"the end of patch {id}", 0.2)
    return str(row(daemon, id)["stage"])


def refusal(daemon: Daemon) -> str:
    """Why the one file in the quarantine was refused: it is put there after its row says so."""
    folder = daemon.spool / "quarantine"
    (told,) = eventually(lambda: list(folder.glob("*/reason.json")), 30, "a file in the quarantine")
    return str(json.loads(told.read_text())["reason"])


def images(daemon: Daemon) -> dict[str, list[str]]:
    """What every service runs, by the engine."""
    found: dict[str, list[str]] = {}
    for one in daemon.containers():
        if one["State"] == "running":
            found.setdefault(one["Labels"]["io.zpmd.service"], []).append(one["Image"])
    return {name: sorted(found[name]) for name in sorted(found)}


def ids(daemon: Daemon, *services: str) -> list[str]:
    return sorted(i for name in services for i in daemon.running(name))


def result(daemon: Daemon, folder: str, name: str) -> dict[str, Any]:
    """The result file beside the file of a patch."""
    path = daemon.spool / folder / f"{name}.result.json"
    eventually(path.exists, 20, f"{path}", 0.1)
    answer: dict[str, Any] = json.loads(path.read_text())
    return answer
