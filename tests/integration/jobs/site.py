"""Jobs on a real engine, in real time: their files, what they are told to do, and their ledger as the API gives it.

One zpmd serves all tests of a module, since the shortest schedule is one of 10 s: while one test waits, the jobs of the
others are due. Each test has jobs of its own, and no other touches them.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.conftest import keep
from tests.integration.daemon import Daemon
from tests.lab.engine import LabEngine
from tests.lab.eventually import eventually

EVERY_SECONDS = 10
OFTEN = {"every": "10s"}
NEVER = {"cron": "0 0 29 2 *"}
"""It runs when it is asked to."""

Row = dict[str, Any]


class Jobs:
    """A zpmd with jobs."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon

    # what they are, and what they are told

    def declare(self, name: str, schedule: Mapping[str, Any], body: str = "", **said: Any) -> None:
        """Write the service file of a job. `said` is its environment, by which the image goes; `body` are more keys."""
        keys = {
            "image": "appliance/oneshot:1.0",
            "stop_grace_period": "1s",
            "environment": {key: str(value) for key, value in said.items()},
            "x-zpmd": {"group": "batch", "schedule": dict(schedule)},
        }
        text = "".join(f"{key}: {json.dumps(value)}\n" for key, value in keys.items()) + textwrap.dedent(body)
        self.daemon.file(f"{name}.yaml", f"services:\n  {name}:\n{textwrap.indent(text, '    ')}")

    def tell(self, path: str, **body: Any) -> Any:
        """A verb of the API, which must be taken."""
        answer = self._post(path, body)
        assert answer.is_success, answer.text
        return answer.json()

    def refused(self, path: str) -> str:
        """A verb of the API that must be refused; why it is."""
        answer = self._post(path)
        assert answer.status_code == httpx.codes.CONFLICT, answer.text
        return str(answer.json()["detail"])

    def _post(self, path: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        transport = httpx.HTTPTransport(uds=str(self.daemon.socket))
        with httpx.Client(transport=transport, base_url="http://zpmd", timeout=30) as client:
            return client.post(path, json=body or None)

    def run(self, job: str) -> int:
        """Ask for a run now; the instant that it is due at."""
        return int(datetime.fromisoformat(self.tell(f"/v1/jobs/{job}/run")["run"]).timestamp())

    # what became of them

    def rows(self, job: str) -> list[Row]:
        """Its ledger, the oldest first."""
        found: list[Row] = self.daemon.ask(f"/v1/jobs/{job}/runs", limit="100")["runs"]
        return found[::-1]

    def story(self, job: str, due: int) -> dict[str, Any]:
        """One run with all that was kept of it."""
        told: dict[str, Any] = self.daemon.ask(f"/v1/jobs/{job}/runs/{due}")
        return told

    def row(self, job: str, due: int) -> Row:
        run: Row = self.story(job, due)["run"]
        return run

    def running(self, job: str, due: int, timeout: float = 20) -> Row:
        """Wait until this run is going on."""
        return self._once(lambda row: row["step"] == "running", job, due, timeout, f"{job} to run")

    def ended(self, job: str, due: int, timeout: float = 30) -> Row:
        """Wait until this run has ended, and the logs of its last try are kept."""
        return self._once(_is_over, job, due, timeout, f"the end of {job}")

    def begun(self, job: str, due: int, timeout: float = 20) -> Row:
        """Wait until this run has begun; it may have ended."""
        return self._once(lambda row: row["started_at"] is not None, job, due, timeout, f"{job} to begin")

    def first(self, job: str, ending: str, timeout: float = 30, after: int = 0) -> Row:
        """Wait for the first row that ended so, of those that are due after an instant."""

        def found() -> Row:
            rows = (row for row in self.rows(job) if row["due_at"] > after)
            return next((row for row in rows if row["ending"] == ending), {})

        return eventually(found, timeout, f"a run of {job} that is {ending}", 0.2)

    def at_least(self, job: str, number: int, timeout: float = 40) -> list[Row]:
        """Wait for so many rows; the oldest of them."""
        return eventually(
            lambda: rows[:number] if len(rows := self.rows(job)) >= number else [],
            timeout,
            f"{number} rows of {job}",
            0.2,
        )

    def boxes(self, job: str, due: int | None = None) -> list[dict[str, Any]]:
        """The engine's own list of the containers of a job, or of one run, the oldest first."""
        found = [c for c in self.daemon.containers(job) if due is None or c["Labels"]["io.zpmd.due"] == str(due)]
        return sorted(found, key=lambda c: (c["Labels"]["io.zpmd.due"], int(c["Labels"]["io.zpmd.attempt"])))

    def made(self, job: str, due: int) -> list[str]:
        """The containers that the journal says were made for one run, by their ids."""
        return [e["container_id"] for e in self.journal(job, due) if e["verb"] == "run"]

    def journal(self, job: str, due: int) -> list[dict[str, Any]]:
        """What was done for one run, the oldest first."""
        return [e for e in self.events(job) if e["subject"] == f"{job}/{due}"]

    def events(self, job: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.daemon.ask("/v1/events", service=job, limit="500")
        return entries

    def _once(self, fits: Callable[[Row], bool], job: str, due: int, timeout: float, what: str) -> Row:
        return eventually(lambda: row if fits(row := self.row(job, due)) else {}, timeout, what, 0.1)

    def state(self, job: str) -> str:
        return str(self.daemon.service(job)["state"])


@contextmanager
def site(engine: LabEngine, folder: Path, request: pytest.FixtureRequest) -> Iterator[Jobs]:
    """A clean engine and a zpmd that is not started yet, for all tests of a module."""
    engine.cleanup()
    daemon = Daemon(engine, folder / "zpmd", settings={"limits": {"runs_at_once": 30}})
    failed, ready = request.session.testsfailed, False
    try:
        yield Jobs(daemon)
        ready = True
    finally:
        if not ready or request.session.testsfailed > failed:
            keep(daemon, folder / "artifacts")
            engine.keep_artifacts(folder / "artifacts")
        daemon.close()
        engine.cleanup()


def _is_over(row: Row) -> bool:
    began = row["started_at"] is not None
    return row["step"] == "ended" and (row["log_kept"] or not began or row["ending"] == "vanished")
