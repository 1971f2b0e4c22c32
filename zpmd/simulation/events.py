"""The engine's event stream between the simulated host and one daemon: in time, twice, late, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from zpmd.engines.simulated import SimulatedEngine
from zpmd.engines.simulated_world import SimulatedWorld
from zpmd.model.events import Reason
from zpmd.ports import Wake


class Delivery(StrEnum):
    PROMPT = "prompt"
    LOST = "lost"
    TWICE = "twice"
    LATE = "late"
    BURST = "burst"


TIMES = {Delivery.TWICE: 2, Delivery.BURST: 500}
"""How often each event arrives, where that is not once."""


class Stream:
    def __init__(self) -> None:
        self.delivery = Delivery.PROMPT
        self.held_back = False
        """Whether an event waits to be delivered late."""
        self._wake: Wake | None = None
        self._listener: Callable[[], None] | None = None

    def connect(self, engine: SimulatedEngine, wake: Wake) -> None:
        """A daemon begins to listen."""
        self._wake = wake
        self._listener = engine.listen(self._hear)

    def disconnect(self, world: SimulatedWorld) -> None:
        """Its daemon is dead."""
        if self._listener is not None:
            world.listeners.remove(self._listener)
        self._wake = self._listener = None
        self.held_back = False

    def deliver_late(self) -> bool:
        if not self.held_back or self._wake is None:
            return False
        self.held_back = False
        self._wake(Reason.ENGINE)
        return True

    def _hear(self, reason: Reason) -> None:
        if self._wake is None or (self.delivery is Delivery.LOST and reason is Reason.ENGINE):
            return
        if self.delivery is Delivery.LATE and reason is Reason.ENGINE:
            self.held_back = True
            return
        for _ in range(TIMES.get(self.delivery, 1)):
            self._wake(reason)
