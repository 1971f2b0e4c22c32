"""What a pass knows when it comes to patches and jobs, and how a decision about a patch is drafted."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from zpmd.model.action import MovePatch
from zpmd.model.cause import Cause, Code
from zpmd.model.job import Calendar
from zpmd.model.observed import Slot
from zpmd.model.patch import Manifest, Move, Patch, Stage
from zpmd.planning import admission, layer
from zpmd.planning.lineup import Lineup
from zpmd.planning.ordering import Order, dependencies
from zpmd.planning.target import Target
from zpmd.planning.view import Draft, View


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One pass's view of everything; it lives for one call. `away` says why a source cannot tell everything."""

    view: View
    order: Order
    lineups: Mapping[str, Sequence[Lineup]]
    draft: Draft
    away: str = ""
    calendar: Calendar = field(default_factory=Calendar)
    _reaches: dict[int, frozenset[str]] = field(default_factory=dict)
    """By the number of the row: each is compared with every other one that is on its way."""

    @property
    def now(self) -> float:
        return self.view.now

    @cached_property
    def patches(self) -> tuple[Patch, ...]:
        """The rows of the ledger, by number."""
        return tuple(sorted(self.view.memory.patches, key=lambda patch: patch.number))

    @cached_property
    def site(self) -> admission.Site:
        return admission.Site(
            desired=self.view.desired,
            world=self.view.world,
            patches=self.patches,
            now=self.view.now,
            away=self.away,
        )

    def concerned(self, moves: Collection[Move]) -> list[Target]:
        """The services that these moves concern, in the order in which they start; without those whose files have
        overtaken the move."""
        found, move_of = [], layer.by_service(moves)
        for service in self.view.desired.services:  # as its file has it: its target may be the last stable definition
            move = move_of(service)
            if move is not None and not layer.overtaken(move, service):
                found.append(self.view.targets[service.name])
        return sorted(found, key=lambda t: (self.order.rank(t.name), t.name))

    def moves(self, patch: Patch, manifest: Manifest) -> tuple[Move, ...]:
        """Those that were written down when it was switched, or would be now."""
        return patch.moves or layer.moves_of(manifest, self.view.desired.services)

    def reach(self, patch: Patch, manifest: Manifest) -> frozenset[str]:
        """The services that a patch concerns and all that depend on them."""
        if patch.number in self._reaches:
            return self._reaches[patch.number]
        found: set[str] = set()
        front = [target.name for target in self.concerned(self.moves(patch, manifest))]
        while front:
            name = front.pop()
            if name not in found:
                found.add(name)
                front += self._dependants.get(name, ())
        self._reaches[patch.number] = frozenset(found)
        return self._reaches[patch.number]

    @cached_property
    def _dependants(self) -> Mapping[str, Sequence[str]]:
        found: dict[str, list[str]] = {}
        for target in self.view.targets.values():
            for dependency in dependencies(target.service):
                found.setdefault(dependency.service, []).append(target.name)
        return found

    def well(self, name: str) -> bool:
        """Every slot of it is ready or has come to its good end; what is to have no replica is well."""
        return all(slot.ready or slot.completed for slot in self.lineups.get(name, ()))

    def serving(self, names: Collection[str]) -> tuple[str, ...]:
        """Those that are to run and are well: what a patch has to leave well, or bring back."""
        return tuple(sorted(n for n in names if self.lineups.get(n) and self.well(n)))

    def busy(self, name: str, replicas: int) -> bool:
        return any(str(Slot(name, number)) in self.view.busy for number in range(1, replicas + 1))

    def move(self, patch: Patch, stage: Stage, code: Code, text: str, **changes: Any) -> None:
        """Draft the row as it is to be from now on: at `stage`, with these fields changed."""
        times = patch.times if stage is patch.stage else (*patch.times, (stage, self.now))
        row = dataclasses.replace(patch, stage=stage, times=times, **changes)
        self.draft.act(MovePatch(patch=row, cause=Cause(code, text)))

    def refuse(self, patch: Patch, why: str) -> None:
        self.move(patch, Stage.QUARANTINED, Code.PATCH_REFUSED, f"is refused: {why}", reason=why)

    def wait(self, patch: Patch, text: str, until: float | None = None, on: Iterable[str] = ()) -> None:
        self.draft.wait(f"patch:{patch.id}", Cause(Code.PATCH_WAITS, text, tuple(on)), until=until)
        if patch.manifest is not None and patch.manifest.expires is not None and not patch.moving:
            self.draft.wake(patch.manifest.expires)
