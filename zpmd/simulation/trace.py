"""What happened on a simulated site, as lines: a transcript for people, and the same bytes for the same session."""

from __future__ import annotations

from zpmd.engines.virtual_time import VirtualClock
from zpmd.model.action import verb
from zpmd.model.events import Outcome, Snapshot
from zpmd.simulation.engine import Call


class Trace:
    """`lines` begin with the time since the beginning, `hours:minutes:seconds.milliseconds`."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._began = clock.now()
        self.lines: list[str] = []
        self.muted = False
        self._waiting: tuple[tuple[str, str], ...] = ()

    def say(self, text: str) -> None:
        if not self.muted:
            self.lines.append(f"{elapsed(self._clock.now() - self._began)}  {text}")

    def passed(self, snapshot: Snapshot) -> None:
        """What a pass decided, and what it waits for where that is news."""
        if self.muted:
            return
        for action in snapshot.plan.actions:
            self.say(f"  {verb(action)} {action.subject}: {action.cause}")
        waiting = tuple((w.subject, str(w.cause)) for w in snapshot.plan.waiting)
        for subject, cause in waiting:
            if (subject, cause) not in self._waiting:
                self.say(f"  {subject} waits: {cause}")
        self._waiting = waiting

    def called(self, call: Call) -> None:
        if call.outcome.ok or self.muted:
            return
        self.say(f"  {verb(call.action)} {call.action.subject} fails ({call.outcome.result}): {call.outcome.detail}")

    def ended(self, outcome: Outcome) -> None:
        if outcome.ok:
            self.say(f"  {outcome.action.subject}: {verb(outcome.action)} is done")


def elapsed(seconds: float) -> str:
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{milliseconds:03}"
