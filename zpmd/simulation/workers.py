"""Workers that a scheduler drives: it says when an action is begun, and when its outcome arrives.

The real executor has lanes and threads, so that actions may begin in any order and end in any other. Here every such
order can be had, and none is left to chance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from zpmd.model.action import Action, verb
from zpmd.model.events import Outcome
from zpmd.model.observed import InFlight
from zpmd.ports import Clock, Engine


class ScheduledWorkers:
    """`daemon.loop.Workers` of one daemon; they die with it, and with them what was not begun or not delivered."""

    def __init__(self, engine: Engine, clock: Clock, deliver: Callable[[Outcome], None]) -> None:
        self._engine = engine
        self._clock = clock
        self._deliver = deliver
        self._flights: dict[str, InFlight] = {}
        self.waiting: dict[str, Action] = {}
        """Submitted, and not begun. By subject, in the order of their submission, as the next two."""
        self.ending: dict[str, Outcome] = {}
        """Begun: the engine has it, and the outcome is known at its `at`, an instant of the wall clock."""
        self.ends_at: dict[str, float] = {}
        """The same instants in true time."""
        self.doubled: list[str] = []
        """Subjects that were submitted while they were under way: there must never be one."""

    def submit(self, action: Action) -> None:
        subject = action.subject
        if subject in self._flights:
            self.doubled.append(subject)
        self._flights[subject] = InFlight(subject=subject, verb=verb(action), since=self._clock.now())
        self.waiting[subject] = action

    def land(self, outcome: Outcome) -> None:
        self._flights.pop(outcome.action.subject, None)

    def in_flight(self) -> tuple[InFlight, ...]:
        return tuple(sorted(self._flights.values(), key=lambda f: f.subject))

    # the scheduler's

    def begin(self, subject: str) -> Outcome:
        """The engine is asked. Raises Killed where the daemon dies over it."""
        action = self.waiting.pop(subject)
        began = self._clock.monotonic()
        outcome = self._engine.apply(action, lambda text: self._progress(subject, text))
        self.ending[subject] = outcome
        self.ends_at[subject] = began + outcome.seconds
        return outcome

    def over(self) -> list[str]:
        """The subjects whose outcome is known by now."""
        now = self._clock.monotonic()
        return [subject for subject, at in self.ends_at.items() if at <= now]

    def hand_over(self, subject: str) -> Outcome:
        """The outcome goes to the loop."""
        outcome = self.ending.pop(subject)
        del self.ends_at[subject]
        self._deliver(outcome)
        return outcome

    def _progress(self, subject: str, text: str) -> None:
        self._flights[subject] = replace(self._flights[subject], progress=text)
