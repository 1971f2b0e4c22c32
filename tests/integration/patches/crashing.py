"""What the scenarios of crashes are made of: bundles of new images, lives that end at a moment, and what must hold."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import docker

from tests.integration.daemon import Daemon
from tests.integration.patches.drops import ENDS, ended, images, ledger, row
from tests.lab import archives
from tests.lab.engine import API_VERSION
from tests.lab.eventually import eventually
from tests.lab.forked import Forked
from zpmd.model.patch import Change, Manifest
from zpmd.patching import building

LIFE_SECONDS = 60
FOLDERS = {"applied": "applied", "rolled-back": "rolled-back", "quarantined": "quarantine"}


def bundle(daemon: Daemon, id: str, made_of: Mapping[str, str], tag: str) -> tuple[Path, dict[str, str]]:
    """A bundle, not dropped yet, that brings each service to an image of its own, which no engine has seen before; and
    that image. `made_of` says what they are made of: `{"siem": "appliance/sick:1.0"}`."""
    folder = daemon.folder / "made" / id
    folder.mkdir(parents=True)
    changes, paths, references = [], [], {}
    for service, base in made_of.items():
        references[service] = f"{base.partition(':')[0]}-{service}:{tag}"
        content, _ = archives.archive(daemon.engine, base, [references[service]])
        paths.append(folder / f"{service}.tar")
        paths[-1].write_bytes(content)
        changes.append(Change(service=service, image=references[service]))
    out = folder / f"{id}.zpatch"
    building.build(Manifest(id=id, services=tuple(changes)), paths, out)
    return out, references


def drop(daemon: Daemon, path: Path) -> None:
    os.rename(path, daemon.spool / "incoming" / path.name)


def dies(daemon: Daemon, moment: str) -> None:
    """Have a zpmd live until that moment (dying.py)."""
    begun(daemon, moment)
    assert daemon.process is not None
    try:
        code = daemon.process.wait(LIFE_SECONDS)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"it never came to {moment}; {ledger(daemon)}") from None
    assert code == -signal.SIGKILL, f"it ended with {code}:\n{daemon.log[-4000:]}"


def lives(daemon: Daemon, id: str, moment: str) -> int:
    """One short life after the other, each until its own `moment`, until one has nothing left to do for the patch."""
    for number in range(1, 50):
        begun(daemon, moment)
        process = daemon.process
        assert process is not None
        eventually(partial(_over, daemon, process, id), LIFE_SECONDS, f"life {number}")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1 if row(daemon, id).get("filed") else 0)
        if process.poll() is None:
            daemon.kill()
            return number
        assert process.returncode == -signal.SIGKILL, f"it ended with {process.returncode}:\n{daemon.log[-4000:]}"
    raise AssertionError(f"it has no end: {ledger(daemon)}")


def _over(daemon: Daemon, process: subprocess.Popen[bytes] | Forked, id: str) -> bool:
    return process.poll() is not None or bool(row(daemon, id).get("filed"))


def begun(daemon: Daemon, moment: str) -> None:
    daemon.program = ("tests.integration.patches.dying", moment)
    daemon.start(wait=False)
    daemon.program = ("zpmd",)


@dataclass(slots=True)
class Witness:
    """What the engine has done since the scenario began: how many containers of each service it has made, and how often
    it has created, and started, each by its name."""

    made: Counter[str] = field(default_factory=Counter)
    created: Counter[str] = field(default_factory=Counter)
    started: Counter[str] = field(default_factory=Counter)


@contextlib.contextmanager
def witness(daemon: Daemon) -> Iterator[Witness]:
    """Listens to the engine itself: no container that comes and goes is missed."""
    client = docker.APIClient(base_url=daemon.engine.url, version=API_VERSION, timeout=3600)
    seen = Witness()
    stream = client.events(decode=True, filters={"type": "container", "event": ["create", "start"]})

    def listen() -> None:
        for event in stream:
            labels = event["Actor"]["Attributes"]
            if "io.zpmd.service" not in labels:
                continue
            if event["Action"] == "start":
                seen.started[labels["name"]] += 1
            else:
                seen.created[labels["name"]] += 1
                seen.made[labels["io.zpmd.service"]] += 1

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        stream.close()
        thread.join(10)
        client.close()


def lifetimes(daemon: Daemon, *services: str) -> dict[str, str]:
    """Id and start of every container of these services."""
    found = [one for name in services for one in daemon.containers(name)]
    return {one["Id"]: daemon.engine.inspect(one["Id"])["State"]["StartedAt"] for one in found}


def has_one_end(daemon: Daemon, id: str, end: str) -> dict[str, Any]:
    """The row of a patch after all crashes. It began and ended once; its file lies in one place, with its result."""
    assert ended(daemon, id) == end
    (found,) = eventually(lambda: [r for r in ledger(daemon) if r["name"].startswith(f"{id}.") and r["filed"]])
    reached = Counter(stage for stage, _ in found["times"])
    assert [stage for stage in reached if stage in ENDS] == [end], found["times"]
    twice = {stage for stage, count in reached.items() if count > 1}
    assert twice <= {"verified"}, (
        f"the time for its images counts anew after a start, and nothing else: {found['times']}"
    )
    assert reached["switched"] == (0 if end == "quarantined" else 1)
    name = found["name"]
    places = [str(path.parent.relative_to(daemon.spool)) for path in daemon.spool.rglob(name)]
    assert len(places) == 1, places
    assert places[0].partition("/")[0] == FOLDERS[end]
    told = "reason.json" if end == "quarantined" else f"{name}.result.json"
    results = [path for path in daemon.spool.rglob("*.json") if json.loads(path.read_text())["file"] == name]
    assert [str(path.relative_to(daemon.spool)) for path in results] == [f"{places[0]}/{told}"]
    assert json.loads(results[0].read_text())["outcome"] == end
    return found


def runs(daemon: Daemon, wanted: Mapping[str, list[str]]) -> None:
    eventually(lambda: images(daemon) == wanted, 60, f"{wanted}", 0.2)
