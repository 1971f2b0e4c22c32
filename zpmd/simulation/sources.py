"""A source that says what a script makes it say: the service files of the simulated host."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from zpmd.errors import ConfigError
from zpmd.model.service import Desired, Problem
from zpmd.ports import Wake


@dataclass(slots=True)
class ScriptedSource:
    """`ports.Source`. `broken` is why it cannot be read, "" when it can; `answered` the last answer that it gave."""

    desired: Desired
    name: str = "files"
    broken: str = ""
    answered: Desired | None = None

    def load(self) -> Desired:
        if self.broken:
            raise ConfigError((Problem(file="services.yaml", line=1, column=1, path="", message=self.broken),))
        self.answered = self.desired
        return self.desired

    def away(self) -> None:
        """A file is there or it is broken."""

    def watch(self, wake: Wake, stop: threading.Event) -> None:
        """Nothing to do: whoever changes `desired` wakes the loop."""
        del wake
        stop.wait()

    def watching(self) -> bool:
        return True
