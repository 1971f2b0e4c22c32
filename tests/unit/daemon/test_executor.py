"""Which actions wait for each other, and which never do."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from tests.lab.eventually import eventually
from tests.unit.daemon.given import job, over
from tests.unit.planning.build import replica, service
from zpmd.daemon.clock import SystemClock
from zpmd.daemon.executor import PULL_LANE, Executor
from zpmd.model.action import Action, KeepEvidence, LoadImages, PullImage, StartReplica
from zpmd.model.cause import Cause, Code
from zpmd.model.events import Outcome, Result

WHY = Cause(Code.MISSING, "the test asks for it")
START = StartReplica(replica=replica(service("web")), cause=WHY)


def pull(number: int) -> Action:
    return PullImage(image=f"web:{number}", cause=WHY)


def load(number: int) -> Action:
    return LoadImages(bundle="bundle", member=f"images/{number}.tar", images=(), cause=WHY)


class SlowLine:
    """An engine that starts at once, and to which images take for ever to come."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.over = threading.Event()

    def apply(self, action: Action, progress: Callable[[str], None]) -> Outcome:
        self.begun.append(action.subject)
        if not isinstance(action, StartReplica):
            progress("on its way")
            self.over.wait(30)
        return Outcome(action=action, result=Result.OK, at=0.0)


@pytest.mark.parametrize("bring", [pull, load])
def test_images_that_are_on_their_way_never_stand_before_a_start(bring: Callable[[int], Action]) -> None:
    engine, heard = SlowLine(), list[Outcome]()
    executor = Executor(engine, SystemClock(), heard.append, 1)  # type: ignore[arg-type]
    slow = [bring(number) for number in range(PULL_LANE + 1)]
    for action in slow:
        executor.submit(action)
    eventually(lambda: len(engine.begun) == PULL_LANE, 10, "the lane is full")
    executor.submit(START)
    eventually(lambda: [outcome.action for outcome in heard] == [START], 10, "the start is done")
    assert slow[-1].subject not in engine.begun
    engine.over.set()
    eventually(lambda: len(heard) == 1 + len(slow), 10, "the images are there")
    executor.drain(5)


def test_logs_of_runs_that_have_ended_are_read_beside_the_starts() -> None:
    engine, heard = SlowLine(), list[Outcome]()
    executor = Executor(engine, SystemClock(), heard.append, 1)  # type: ignore[arg-type]
    reads = [
        KeepEvidence(replica=over(job("report"), due), failed=False, cause=Cause(Code.RUN_ENDED, "it ended"))
        for due in (3600, 7200)
    ]
    for action in reads:
        executor.submit(action)
    eventually(lambda: len(engine.begun) == len(reads), 10, "they are being read")
    executor.submit(START)
    eventually(lambda: [outcome.action for outcome in heard] == [START], 10, "the start is done")
    engine.over.set()
    eventually(lambda: len(heard) == 1 + len(reads), 10, "they have been read")
    executor.drain(5)
