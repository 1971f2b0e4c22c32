"""What can go wrong between the simulated engine and whoever asks it: each fault is set by the one who simulates."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from zpmd.model.events import Result


class Failed(Exception):
    """An action that the simulated engine did not carry out, or whose answer was lost.

    `at` is when that is known, None: as soon as the engine gets round to the action.
    """

    def __init__(self, result: Result, detail: str, container_id: str = "", at: float | None = None) -> None:
        super().__init__(detail)
        self.result = result
        self.detail = detail
        self.container_id = container_id
        self.at = at


class Fault(StrEnum):
    """How one action fails: refused before its effect, cut off between its steps, or done and the answer lost."""

    REFUSED = "refused"
    HALF_DONE = "half-done"
    ANSWER_LOST = "answer-lost"


class Delivery(StrEnum):
    """What becomes of the engine's events."""

    ONCE = "once"
    LOST = "lost"
    TWICE = "twice"


@dataclass(slots=True)
class Faults:
    """All of them off at first.

    `slow_seconds` is added to each action; `pull_seconds` is what a pull or a load takes; `registry_down` is why no
    pull succeeds now, "" when it does; `no_space` why nothing can be made, pulled or loaded, "" when it can; `spoilt`
    says of a bundle why no archive in it can be loaded. That nothing answers at all is SimulatedEngine.go_away.
    """

    slow_seconds: float = 0.0
    pull_seconds: float = 0.0
    registry_down: str = ""
    no_space: str = ""
    spoilt: dict[str, str] = field(default_factory=dict)
    events: Delivery = Delivery.ONCE
    _next: list[tuple[Fault, str]] = field(default_factory=list)

    def fail_next(self, fault: Fault, verb: str = "") -> None:
        """The next action, or the next with this verb, fails so. Several are used up in the order they were set."""
        self._next.append((fault, verb))

    @property
    def set(self) -> int:
        """How many are waiting for their action."""
        return len(self._next)

    def strike(self, fault: Fault, verb: str, at: float) -> None:
        """Raises Failed, once, where this fault is set for this verb."""
        found = next((entry for entry in self._next if entry[0] is fault and entry[1] in ("", verb)), None)
        if found is None:
            return
        self._next.remove(found)
        if fault is Fault.REFUSED:
            raise Failed(Result.TRANSIENT, f"the simulated engine refuses to {verb} this time", at=at)
        raise Failed(Result.UNKNOWN, f"the answer of the simulated engine was lost: {verb}, {fault}", at=at)

    def clear(self) -> None:
        """Everything works again."""
        self.registry_down = self.no_space = ""
        self.slow_seconds = self.pull_seconds = 0.0
        self.events = Delivery.ONCE
        self.spoilt.clear()
        self._next.clear()
