"""Sources that say what a script makes them say: the service files of the simulated host, and one that is silent."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from zpmd.errors import ConfigError
from zpmd.model.service import Desired, Problem
from zpmd.model.tenant import Away
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


@dataclass(slots=True)
class SecondSource:
    """`ports.Source` that declares nothing. While it is `silent` it has never been heard of: what it would declare is
    unknown, so that nothing is known to be undeclared."""

    silent: bool = False
    name: str = "second"

    def load(self) -> Desired:
        return Desired(complete=not self.silent)

    def away(self) -> Away | None:
        return Away(since=0.0, why="it does not answer") if self.silent else None

    def watch(self, wake: Wake, stop: threading.Event) -> None:
        """Nothing to do, as above."""
        del wake
        stop.wait()

    def watching(self) -> bool:
        return True
