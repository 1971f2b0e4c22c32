"""One job in one pass: what is declared of it, what is there, and what its ledger says."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from functools import cached_property
from typing import Any

from zpmd.model.cause import Cause
from zpmd.model.job import Ending, JobPolicy, Run, Step
from zpmd.model.memory import Hold
from zpmd.model.observed import Phase, Replica, Slot
from zpmd.planning.jobs.book import Book
from zpmd.planning.jobs.dues import shown
from zpmd.planning.scene import Scene
from zpmd.planning.target import Target


@dataclass(frozen=True, kw_only=True)
class Job:
    """`target` and `policy` are None where it is not declared, `policy` also where it is no job any more: then `gone`
    says so, and what runs of it goes on to its end. `leaving` says why its runs are to stop."""

    name: str
    scene: Scene
    book: Book
    target: Target | None
    policy: JobPolicy | None
    gone: str = ""
    leaving: Cause | None = None
    hold: Hold | None = None

    @property
    def now(self) -> float:
        return self.scene.now

    @cached_property
    def zone(self) -> tzinfo | None:
        """None: this host does not know it."""
        if self.policy is None:
            return UTC
        name = self.policy.timetable.zone
        return self.scene.calendar.zones.get(name) or (UTC if name == "UTC" else None)

    @property
    def boxes(self) -> Sequence[Replica]:
        """Its containers, by when they are due and by try."""
        return self.scene.view.runs.get(self.name, ())

    @property
    def open(self) -> tuple[Run, ...]:
        return self.book.open(self.name)

    def box(self, run: Run) -> Replica | None:
        """The container of its present try. There can be one of a name; of several, one that lives."""
        found = [box for box in self.boxes if box.due == run.due and try_of(box) == run.tries]
        return max(found, key=lambda box: (box.live, box.created_at), default=None)

    def place(self, due: int) -> Slot:
        return Slot(self.name, due)

    def busy(self, due: int) -> bool:
        """Whether a worker has it in hand."""
        return self.name in self.scene.view.busy_services and str(self.place(due)) in self.scene.view.busy

    def change(self, run: Run, **fields: Any) -> Run:
        """The row as it is from now on."""
        changed = dataclasses.replace(run, **fields)
        self.book.put(changed)
        return changed

    def end(self, run: Run, ending: Ending, reason: str, **fields: Any) -> None:
        self.change(run, step=Step.ENDED, ending=ending, reason=reason, stopping=None, not_before=None, **fields)

    def told(self, at: float) -> str:
        """An instant as the clock of its zone shows it."""
        return shown(at, self.zone or UTC)


def try_of(box: Replica) -> int:
    return max(1, box.attempt)


def began(box: Replica) -> bool:
    """Whether its program was ever started."""
    return box.phase is not Phase.CREATED and (box.live or box.started_at is not None)
