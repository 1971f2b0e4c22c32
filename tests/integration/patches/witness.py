"""A small appliance, and what is asked of it and of the ledger when somebody has dropped what is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.integration.appliance import service, worker
from tests.integration.daemon import Daemon
from tests.integration.patches.drops import ledger
from tests.lab.eventually import eventually


def small_appliance(daemon: Daemon) -> None:
    """web, and mail: well, and judged stable."""
    update = "deploy: {update_config: {monitor: 300ms}}\n"
    daemon.file("20-web.yaml", service("web", "core", update, healthy=False))
    daemon.file("30-mail.yaml", worker("mail", "batch"))
    daemon.start()
    daemon.converged()
    eventually((daemon.spool / "incoming").is_dir, 20, "the drop directory")


def lives(daemon: Daemon) -> dict[str, tuple[Any, ...]]:
    """Of every container: since when its one process runs, and how often it was started."""
    found = {}
    for one in daemon.containers():
        told = daemon.engine.inspect(one["Id"])
        found[one["Id"]] = (told["State"]["StartedAt"], told["State"]["Pid"], told["RestartCount"])
    return found


def engine_images(daemon: Daemon) -> set[str]:
    return {str(reference) for one in daemon.engine.client().images() for reference in one["RepoTags"] or ()}


def shown(name: str) -> str:
    """As the ledger has it."""
    text = name.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def by_name(daemon: Daemon) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in ledger(daemon)}


def filed(daemon: Daemon, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The rows of these files once all have ended and are put away."""

    wanted = set(names)

    def missing() -> list[str]:
        rows = by_name(daemon)
        return sorted(name for name in wanted if not rows.get(name, {}).get("filed"))

    def none() -> bool:
        assert not missing()
        return True

    eventually(none, 120, "every file put away", 0.3)
    return by_name(daemon)


def readable(text: str) -> bool:
    """Whether nothing in it steers a terminal."""
    return all(line.isprintable() for line in text.splitlines())


def reason_of(row: dict[str, Any]) -> dict[str, Any]:
    """What lies beside the file in quarantine."""
    text = (Path(row["filed"]).parent / "reason.json").read_text()
    assert readable(text), row["name"]
    told: dict[str, Any] = json.loads(text)
    return told


def journal(daemon: Daemon) -> list[str]:
    return [str(entry["text"]) for entry in daemon.ask("/v1/events", limit="500")]
