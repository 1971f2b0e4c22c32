"""An HAProxy of the test's own, in the foreground, on the config that it is given; and what it says of its servers.

The config is not changed: what the test needs for itself (a stats socket, logs) is a second file. It is ended by pid.
"""

from __future__ import annotations

import csv
import io
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.engine import SEARCH_PATH, ComponentMissing
from tests.lab.eventually import eventually

OWN = "global\n    stats socket {socket} mode 600 level admin\n"
STOP_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Proxied:
    """What a backend has done so far: `retries` to the same server, `redispatches` to another one, `failed` responses
    (5xx, of servers or of HAProxy's own)."""

    requests: int
    retries: int
    redispatches: int
    failed: int


class Haproxy:
    """Runs `config`, in the namespace that `enter` enters. Use it as a context."""

    def __init__(self, config: Path, enter: Sequence[str] = ()) -> None:
        program = shutil.which("haproxy", path=SEARCH_PATH)
        if program is None:
            raise ComponentMissing("haproxy missing; run: apt-get install haproxy")
        self._folder = Path(tempfile.mkdtemp(prefix="zpmd-lab-"))  # not pytest's: a socket's path has 108 bytes
        self._socket = self._folder / "stats.sock"
        own = self._folder / "own.cfg"
        own.write_text(OWN.format(socket=self._socket))
        self._command = [*enter, program, "-db", "-f", str(own), "-f", str(config)]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Haproxy:
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            eventually(self._answers, 10, "an haproxy that answers")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(STOP_SECONDS)
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text(errors="replace")

    def rotation(self, backend: str) -> frozenset[str]:
        """The servers that get requests now. One that HAProxy has not checked yet does not count, though it may."""
        return frozenset(
            row["svname"]
            for row in self._rows(backend)
            if row["svname"] != "BACKEND" and row["status"].startswith("UP") and "INI" not in row["check_status"]
        )

    def proxied(self, backend: str) -> Proxied:
        """Counted since HAProxy was started."""
        total = next(row for row in self._rows(backend) if row["svname"] == "BACKEND")
        return Proxied(
            requests=int(total["req_tot"]),
            retries=int(total["wretr"]),
            redispatches=int(total["wredis"]),
            failed=int(total["hrsp_5xx"]),
        )

    def _rows(self, backend: str) -> list[dict[str, str]]:
        """A row for each server and one named BACKEND for all of them, of `show stat`."""
        rows = csv.DictReader(io.StringIO(self._ask("show stat").removeprefix("# ")))
        return [row for row in rows if row["pxname"] == backend and row["svname"] != "FRONTEND"]

    def _ask(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wire:
            wire.settimeout(10)
            wire.connect(str(self._socket))
            wire.sendall(command.encode() + b"\n")
            with wire.makefile("r") as answer:
                return answer.read()

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"haproxy ended with {self._process.returncode}:\n{self.log[-3000:]}")
        try:
            return bool(self._ask("show info"))
        except OSError:
            return False
