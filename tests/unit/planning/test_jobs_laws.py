"""Laws of the ledger, whatever happens: drawn by Hypothesis, and held to after every pass.

1. Every due instant that has passed is in exactly one row.
2. There is never a second container of one try, where anybody has seen the first one, and a run that has ended is not
   run again.
3. A row that has ended stays as it is.
4. There are never more runs than there are places.
5. A run is stopped for its timeout, for the next one, or for an operator; and nothing else.
6. When nothing more happens, every run comes to its end.

checks.py, which play.step() asks, holds the plan itself to 2, 4 and 5.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.planning.dues import dues
from tests.unit.planning.jobplay import START, JobPlay, Program, job
from zpmd.model.action import Action, KeepRuns
from zpmd.model.job import CatchUp, Concurrency, Ending, Run, Step
from zpmd.model.policy import Limits

PROGRAMS = st.builds(
    Program, seconds=st.sampled_from([1.0, 20.0, 90.0, 400.0, None]), code=st.sampled_from([0, 0, 0, 1])
)
JOBS = st.fixed_dictionaries(
    {
        "concurrency": st.sampled_from(Concurrency),
        "catch_up": st.sampled_from(CatchUp),
        "deadline_seconds": st.sampled_from([None, 30.0, 600.0]),
        "timeout_seconds": st.sampled_from([60.0, 300.0]),
        "retries": st.integers(0, 2),
        "jitter": st.sampled_from([0.0, 45.0]),
        "keep_succeeded": st.integers(0, 3),
        "keep_failed": st.integers(0, 2),
    }
)
EVENTS = st.one_of(
    st.tuples(st.just("go"), st.floats(0.5, 300.0)),
    st.tuples(st.just("away"), st.floats(1.0, 2000.0)),
    st.tuples(st.just("back"), st.floats(1.0, 2000.0)),
    st.tuples(st.sampled_from(["hold", "release", "stop", "start", "suspend", "resume", "ask", "remove", "image"])),
    st.tuples(st.just("killed"), st.integers(0, 3)),
)
SCHEDULES = st.sampled_from(["* * * * *", "*/5 * * * *", "every 90s", "every 7m"])


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    schedule=SCHEDULES,
    policy=JOBS,
    programs=st.lists(PROGRAMS, min_size=1, max_size=4),
    events=st.lists(EVENTS, max_size=10),
    places=st.integers(1, 3),
)
def test_the_ledger_holds_what_it_says(
    zone: str, schedule: str, policy: dict[str, Any], programs: list[Program], events: list[Any], places: int
) -> None:
    of = job("report", schedule, zone=zone, **policy)
    other = job("other", "*/3 * * * *")
    play = Watched(of, other, report=programs, other=Program(seconds=100))
    play.limits = Limits(runs_at_once=places)
    play.settle()
    latest = play.now
    for event in events:
        play.happens(*event)
        latest = max(latest, play.now)
    play.intend(holds=(), stopped=frozenset(), suspended={})
    play.go(max(0.0, latest - play.now) + 60)
    for of_one in (of, other):
        assert of_one.job is not None
        asked = {due for due, run in play.rows.get(of_one.name, {}).items() if due in play.asked}
        expected = {int(due.at) for due in dues(of_one.job.timetable, START, latest)}
        told = [due for run in play.rows.get(of_one.name, {}).values() for due in play.covered(run, of_one)]
        assert len(told) == len(set(told)), "a due instant has two rows"
        assert expected <= set(told)
        assert set(told) - asked <= {int(due.at) for due in dues(of_one.job.timetable, START, play.now)}
    play.comes_to_rest()


class Watched(JobPlay):
    """A play in which everything that it must never do is an error."""

    def __init__(self, *services: Any, **programs: Any) -> None:
        super().__init__(*services, **programs)
        self.asked: set[int] = set()
        self.ended: dict[tuple[str, int], Run] = {}
        self.made: set[str] = set()

    def happens(self, what: str, value: float = 0.0) -> None:
        match what:
            case "go":
                self.go(value)
            case "away":
                self.away(value)
            case "back":
                self.now -= value
                self.ends = {box: at - value for box, at in self.ends.items()}
            case "killed":
                done = iter(range(int(value)))
                self.lost = lambda action: next(done, None) is None
                self.step()
                self.lost = lambda action: False
                self.away(1)
            case "hold":
                self.hold("report")
            case "release":
                self.release()
            case "stop":
                self.stop("report")
            case "start":
                self.stop()
            case "suspend":
                self.suspend()
            case "resume":
                self.suspend(by=None)
            case "ask" if int(self.now) not in self.rows.get("report", {}):
                self.asked.add(self.ask())
            case "remove":
                self._unseen()
                self.remove()
            case "image":
                self.declare(*self.desired.services)
            case _:
                pass

    def _unseen(self) -> None:
        """Of a container that was made by a zpmd that was killed at once, and is removed by hand before the next one
        looks, nobody knows."""
        for run in self.rows.get("report", {}).values():
            if run.step is Step.STARTING:
                self.made.discard(f"{run.job} {run.due} {run.tries}")

    def _do(self, action: Action) -> None:
        if isinstance(action, KeepRuns):
            for run in action.kept.rows:
                before = self.ended.get((run.job, run.due))
                seen = before is not None and before.ending is Ending.VANISHED
                longer = before is not None and before.until is not None
                assert before is None or seen or longer, f"{before} has ended, and becomes {run}"
                if not run.open:
                    self.ended[run.job, run.due] = run
        super()._do(action)

    def _make(self, action: Any) -> None:
        name = f"{action.service.name} {action.due} {action.attempt}"
        assert name not in self.made, f"a second container of {name}"
        self.made.add(name)
        super()._make(action)
        assert sum(box.live for box in self.boxes) <= self.limits.runs_at_once

    def covered(self, run: Run, of: Any) -> list[int]:
        """The due instants of which a row speaks."""
        if run.until is None:
            return [run.due]
        found = [int(due.at) for due in dues(of.job.timetable, run.due - 1, run.until)]
        assert len(found) == run.count
        return found

    def comes_to_rest(self) -> None:
        """Nothing is due any more, and what goes on comes to its end."""
        for box in self.boxes:
            if box.live and box.id not in self.ends:
                self.ends[box.id], self.codes[box.id] = self.now + 500, 0
        self.programs = {name: [Program(seconds=1)] for name in self.programs}
        self.suspend()
        self.intend(suspended={"report": "ann", "other": "ann"})
        self.go(3000)
        open_rows = [run for rows in self.rows.values() for run in rows.values() if run.open]
        assert open_rows == []
        assert not any(box.live for box in self.boxes)
