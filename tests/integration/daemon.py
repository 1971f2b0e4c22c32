"""A zpmd of the test's own: the real process, on the lab's engine, in its own folders; and zpmctl as people use it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import httpx

from tests.lab import forked
from tests.lab.engine import LabEngine
from tests.lab.eventually import eventually
from tests.lab.forked import Forked
from tests.lab.preloaded import zpmctl

CHECKOUT = Path(__file__).resolve().parents[2]
STOP_SECONDS = 20


@dataclass(slots=True)
class Said:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(slots=True)
class Daemon:
    """Write service files with `file` and rows with `rows`, then `start`. `settings` are extra lines of zpmd.yaml.

    With `inside` it runs in the network namespace of its engine, as on a host that has but one. `under` are words of a
    command that ends in running another. `program` is the module to run as zpmd, and words for it. With `installed` it
    is the script that users start, from its first instruction; without, it is forked from what has loaded zpmd already.
    """

    engine: LabEngine
    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    inside: bool = False
    under: tuple[str, ...] = ()
    program: tuple[str, ...] = ("zpmd",)
    installed: bool = False
    process: subprocess.Popen[bytes] | Forked | None = None

    def __post_init__(self) -> None:
        self.services_dir.mkdir(parents=True, exist_ok=True)

    @property
    def services_dir(self) -> Path:
        return self.folder / "services.d"

    @property
    def socket(self) -> Path:
        return self.folder / "zpmd.sock"

    @property
    def spool(self) -> Path:
        """Where patches are dropped, with the four folders below it."""
        return self.folder / "spool"

    @property
    def log(self) -> str:
        path = self.folder / "zpmd.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def file(self, name: str, text: str) -> Path:
        """Write a service file at once, as an editor that renames does."""
        return _written(self.services_dir / name, textwrap.dedent(text))

    def rows(self, **collections: list[dict[str, Any]]) -> Path:
        """Write the data file `rows.yaml`, all of it at once."""
        return _written(self.folder / "data.d" / "rows.yaml", json.dumps(collections))

    def start(self, wait: bool = True) -> None:
        """Start it; with `wait`, until its socket answers."""
        settings = {
            "project": "t",
            "services_dir": str(self.services_dir),
            "state_dir": str(self.folder / "state"),
            "data_dir": str(self.folder / "data.d"),
            "patches": {"dir": str(self.spool), "keys_dir": str(self.folder / "patch-keys"), "quiet_seconds": 0.5},
            "socket": str(self.socket),
            "engine": {"url": self.engine.url},
        } | self.settings
        (self.folder / "zpmd.yaml").write_text(json.dumps(settings))
        words = "run", "--settings", str(self.folder / "zpmd.yaml")
        with (self.folder / "zpmd.log").open("ab") as log:
            self.process = self._execute(words, log) if self.installed or self.under else self._fork(words, log)
        if wait:
            eventually(self._answers, 60, "a zpmd that answers", 0.05)

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def kill_after(self, seconds: float) -> None:
        """kill -9 at a moment of the scenario's choosing: `seconds` after now."""
        assert self.process is not None
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
        else:
            raise AssertionError(f"zpmd ended by itself with {code}:\n{self.log[-4000:]}")

    def stop(self) -> int:
        """SIGTERM, as systemd does. Returns the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    def ctl(self, *words: str, timeout: float = 90) -> Said:
        """Run `zpmctl WORDS` and return what it said, whatever its exit code. It is loaded once for all tests: loading
        it takes more than all that it does."""
        done = subprocess.run(
            [zpmctl(), "--socket", str(self.socket), *words],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "160"},
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def ask(self, path: str, **query: str) -> Any:
        """What the API answers, as JSON. zpmctl asks the same (test_ctl.py), and takes a process for every look."""
        transport = httpx.HTTPTransport(uds=str(self.socket))
        with httpx.Client(transport=transport, base_url="http://zpmd", timeout=30) as client:
            try:
                answer = client.get(path, params=query)
            except httpx.TransportError as error:
                raise AssertionError(f"zpmd does not answer: {error}") from error
        assert answer.status_code == 200, answer.text
        return answer.json()

    def status(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.ask("/v1/status")
        return answer

    def service(self, name: str) -> dict[str, Any]:
        """One service's row of the status."""
        for group in self.status()["groups"]:
            for row in group["services"]:
                if row["name"] == name:
                    found: dict[str, Any] = row
                    return found
        raise AssertionError(f"{name} is not in status")

    def converged(self, timeout: float = 60) -> None:
        """Wait until nothing is to be done and nothing is waited for."""
        eventually(lambda: self.status()["state"] == "converged", timeout, "a converged appliance", 0.2)

    def containers(self, service: str | None = None) -> list[dict[str, Any]]:
        """The engine's own list of what carries our labels, running or not, by (service, slot, age)."""
        found = self.engine.client().containers(all=True, filters={"label": "io.zpmd.owner"})
        mine = [c for c in found if service in (None, c["Labels"]["io.zpmd.service"])]
        key = "io.zpmd.service", "io.zpmd.slot"
        return sorted(mine, key=lambda c: (c["Labels"][key[0]], int(c["Labels"][key[1]]), c["Created"]))

    def running(self, service: str | None = None) -> list[str]:
        return [c["Id"] for c in self.containers(service) if c["State"] == "running"]

    def journal(self, service: str | None = None) -> list[dict[str, Any]]:
        """Its latest entries, the oldest first; of one service, or of all."""
        entries: list[dict[str, Any]] = self.ask("/v1/events", limit="50", **({"service": service} if service else {}))
        return entries

    def _execute(self, words: tuple[str, ...], log: BinaryIO) -> subprocess.Popen[bytes]:
        assert self.program == ("zpmd",), "only that is a script"
        enter = self.engine.enter if self.inside else ()
        return subprocess.Popen(
            [*enter, *self.under, Path(sys.executable).with_name("zpmd"), *words],
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **self.environment},
        )

    def _fork(self, words: tuple[str, ...], log: BinaryIO) -> Forked:
        network = self.engine.network if self.inside else ""
        return forked.server().start([*self.program, *words], {**os.environ, **self.environment}, log, network)

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"zpmd ended with {self.process.returncode}:\n{self.log[-4000:]}"
        return self.socket.exists() and bool(self.status())


def _written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(text)
    part.replace(path)
    return path
