"""The few exceptions that somebody reacts to."""

from __future__ import annotations

from zpmd.model.service import Problem


class ZpmdError(Exception):
    """The root of ours. Its text is one line that says what cannot be done and why."""


class ConfigError(ZpmdError):
    """An input is wrong. Carries every problem at once, in file order."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(p) for p in problems))
        self.problems = problems


class EngineUnknown(ZpmdError):
    """The engine did not answer, or answered garbage: its world is unknown. Nothing may be concluded from it."""


class Refused(ZpmdError):
    """An operator's request that is understood and not carried out; the text says what would make it so."""


class SecondTaken(Refused):
    """A run is named by the second at which it is due, and the ledger has one of that job there: the next is free."""

    def __init__(self, job: str) -> None:
        super().__init__(f"cannot run {job}: the ledger has a run of it that is due at this second already; try again")


class NotFound(ZpmdError):
    """An operator named something that does not exist."""


class StoreError(ZpmdError):
    """The store cannot read or write."""
