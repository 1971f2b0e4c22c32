"""zpmd is killed at every moment of a run: right before and after each thing that it does. No run is made twice, and
none is lost.

One life after the other has two new runs to see to, and what the lives before have left: one run ends well, the other
fails twice. The engine itself tells what was made and started, also of what has long been removed.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.integration.jobs.site import NEVER, Jobs, site
from tests.integration.patches.crashing import LIFE_SECONDS, witness
from tests.lab.engine import LabEngine
from tests.lab.eventually import eventually
from zpmd.daemon.clock import SystemClock
from zpmd.model import naming
from zpmd.model.job import Run
from zpmd.stores.embedded import EmbeddedStore

MOMENTS = (
    "before rows",
    "after rows",
    "before create",
    "after create",
    "before start",
    "after start",
    "after start 2",
    "before rows 2",
    "after rows 2",
    "before evidence",
    "after evidence",
    "after rows 3",
    "before create 3",
    "after create 3",
    "after start 3",
    "before remove",
    "after remove",
)
TRIES = {"well": 1, "badly": 2}


@dataclass(frozen=True, slots=True)
class Lived:
    """What all the lives have come to: when the runs of each job are due, and what the engine was seen to do, by the
    names of containers."""

    jobs: Jobs
    dues: dict[str, list[int]]
    made: Counter[str]
    started: Counter[str]

    def names(self) -> list[str]:
        """Those of every container that there should have been."""
        return [
            naming.run_name("t", job, due, number)
            for job, dues in self.dues.items()
            for due in dues
            for number in range(1, TRIES[job] + 1)
        ]


@pytest.fixture(scope="module")
def lived(
    lab_engine: LabEngine, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Lived]:
    with site(lab_engine, tmp_path_factory.mktemp("lived"), request) as jobs:
        schedule = {**NEVER, "concurrency": "allow", "history": {"succeeded": 0, "failed": 0}}
        jobs.declare("well", schedule)
        jobs.declare("badly", {**schedule, "retries": 1, "retry_delay": "0s"}, EXIT_CODE=3)
        jobs.daemon.start()
        jobs.daemon.kill()
        dues: dict[str, list[int]] = {job: [] for job in TRIES}
        with witness(jobs.daemon) as seen:
            began_at = int(time.time())
            for number, moment in enumerate(MOMENTS):
                for job, of_job in dues.items():
                    of_job.append(began_at - len(MOMENTS) + number)
                    ask(jobs, job, of_job[-1])
                dies(jobs, moment)
            jobs.daemon.start()
            for job, of_job in dues.items():
                for due in of_job:
                    jobs.ended(job, due, 60)
        yield Lived(jobs, dues, seen.created, seen.started)


def ask(jobs: Jobs, job: str, due: int) -> None:
    """Ask for a run of a zpmd that is dead: in its store, where a verb of the API would have put it."""
    store = EmbeddedStore(jobs.daemon.folder / "state" / "zpmd.db", 10_000, SystemClock())
    try:
        store.ask_run(Run(job=job, due=due, asked="somebody"))
    finally:
        store.close()


def dies(jobs: Jobs, moment: str) -> None:
    """Have a zpmd live until that moment."""
    daemon = jobs.daemon
    daemon.program = ("tests.integration.jobs.dying", moment)
    daemon.start(wait=False)
    daemon.program = ("zpmd",)
    assert daemon.process is not None
    code = daemon.process.wait(LIFE_SECONDS)
    assert code == -signal.SIGKILL, f"it never came to {moment}, and ended with {code}:\n{daemon.log[-4000:]}"


def test_every_try_was_made_and_started_once(lived: Lived) -> None:
    wanted = Counter(lived.names())
    assert lived.made == wanted
    assert lived.started == wanted


@pytest.mark.parametrize(("job", "ending", "code"), [("well", "ok", 0), ("badly", "failed", 3)])
def test_every_run_has_its_row_with_its_end_and_its_last_lines(lived: Lived, job: str, ending: str, code: int) -> None:
    for due in lived.dues[job]:
        told = lived.jobs.story(job, due)
        run = told["run"]
        assert (run["ending"], run["exit_code"], run["tries"]) == (ending, code, TRIES[job]), run
        assert f"ends with {code}" in told["log_tail"][-1]
        assert None not in (run["started_at"], run["finished_at"])


def test_nothing_is_left_behind(lived: Lived) -> None:
    """Of a job that keeps no containers."""
    eventually(lambda: lived.jobs.boxes("well") == lived.jobs.boxes("badly") == [], 20, "no container of ended runs")
