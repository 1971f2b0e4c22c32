"""What must hold of patches, whatever else happens. Told from the ledger, containers and files, without the planner.

1. A row goes forward along the edges that there are, and ends once; an applied one goes back because somebody asked.
2. It is switched once, and what it changes is written down then and never changes. Of rows with one id one is applied.
3. It is switched after whatever concerns the same services and comes before it: what moves there, what it requires,
   what has a lower id.
4. It is applied when everything it names runs what it says, and what was well before is well. It has gone back when
   nothing of it is left; that this has failed is said only where something is not well, or not what it was.
5. Steps come in the order of groups and dependencies.
6. What is done in the name of a patch is done to a service that it names.
7. A forged patch is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from zpmd.model.action import MovePatch, RemoveReplica, RestartReplica, RunReplica, StopReplica, verb
from zpmd.model.cause import Code
from zpmd.model.events import Snapshot
from zpmd.model.observed import Phase
from zpmd.model.patch import MOVING, Manifest, Patch, Stage
from zpmd.model.service import ServiceData
from zpmd.simulation import patch_truth
from zpmd.simulation.breach import Violation
from zpmd.simulation.host import SimulatedHost
from zpmd.simulation.truth import Truth

BACK_ENDS = frozenset({Stage.ROLLED_BACK, Stage.REVERTED, Stage.ROLLBACK_FAILED})
EDGES: dict[Stage, frozenset[Stage]] = {
    Stage.SEEN: frozenset({Stage.COPIED, Stage.QUARANTINED}),
    Stage.COPIED: frozenset({Stage.VERIFIED, Stage.QUARANTINED, Stage.APPLIED}),
    Stage.VERIFIED: frozenset({Stage.LOADED, Stage.QUARANTINED}),
    Stage.LOADED: frozenset({Stage.SWITCHED, Stage.QUARANTINED}),
    Stage.SWITCHED: frozenset({Stage.ROLLING, Stage.APPLIED}),
    Stage.ROLLING: frozenset({Stage.APPLIED, Stage.ROLLING_BACK}),
    Stage.APPLIED: frozenset({Stage.ROLLING_BACK}),
    Stage.ROLLING_BACK: BACK_ENDS,
} | dict.fromkeys((*BACK_ENDS, Stage.QUARANTINED), frozenset())
NAMING = frozenset({Code.PATCH, Code.ROLLBACK})
"""Codes of what is done to replicas in the name of a patch (ROLLBACK: or of a rollout)."""


@dataclass(slots=True)
class PatchLaws:
    host: SimulatedHost
    rows: dict[int, Patch] = field(default_factory=dict)
    """As they were when they were looked at last."""
    forged: set[str] = field(default_factory=set)
    """Names of files that must be refused."""

    def daemon_died(self) -> None:
        """What it knew and could not write is nobody's."""
        self.rows = {row.number: row for row in self.host.ledger}

    def memory_lost(self) -> None:
        self.rows = {}

    # --- after every move ---------------------------------------------------------------------------------------------

    def moved(self) -> None:
        """The ledger may have changed."""
        applied: dict[str, int] = {}
        for row in self.host.ledger:
            before = self.rows.get(row.number)
            if before is not row:
                self._went(before, row)
                self.rows[row.number] = row
            if row.stage is Stage.APPLIED and row.moves and applied.setdefault(row.id, row.number) != row.number:
                raise Violation("patches", f"{row.id} is applied twice, by drops {applied[row.id]} and {row.number}")

    def _went(self, before: Patch | None, row: Patch) -> None:
        name = f"drop {row.number} ({row.id or row.name})"
        if [stage for stage, _ in row.times].count(Stage.SWITCHED) > 1:
            raise Violation("patches", f"{name} was switched twice")
        if row.name in self.forged and row.stage in MOVING | {Stage.APPLIED} and row.moves:
            raise Violation("patches", f"{name} is forged, and is {row.stage}")
        if before is None:
            return
        if before.moves and row.moves != before.moves:
            raise Violation("patches", f"{name} changes something else than when it was switched")
        past = _past(before)
        if past != _past(row)[: len(past)]:
            raise Violation("patches", f"{name} has another past: {before.times}, and now {row.times}")
        if row.stage is before.stage:
            return
        if row.stage not in EDGES[before.stage]:
            raise Violation("patches", f"{name} went from {before.stage} to {row.stage}")
        if before.stage is Stage.APPLIED and not row.asked:
            raise Violation("patches", f"{name} goes back from applied, and nobody asked")
        if row.stage is Stage.APPLIED and before.stage is Stage.SWITCHED and row.steps:
            raise Violation("patches", f"{name} is applied without having moved")
        self.host.counts[f"patches {row.stage}"] += 1

    # --- after every pass ---------------------------------------------------------------------------------------------

    def decided(self, truth: Truth, snapshot: Snapshot) -> None:
        """A pass has decided; `truth` has the rows over it that the pass had."""
        rows = {row.number: row for row in snapshot.memory.patches}
        switched: list[Patch] = []
        for action in snapshot.plan.actions:
            if isinstance(action, MovePatch):
                before, after = rows[action.patch.number], action.patch
                if after.stage is not before.stage:
                    self._reached(truth, after, before, tuple(rows.values()), switched)
                elif after.stage is Stage.ROLLING:
                    self._steps(truth, before, after)
            elif isinstance(action, StopReplica | RemoveReplica | RestartReplica | RunReplica):
                self._in_its_name(truth, action)

    def _reached(self, truth: Truth, row: Patch, before: Patch, rows: Sequence[Patch], switched: list[Patch]) -> None:
        match row.stage:
            case Stage.SWITCHED:
                coming = {other.id for other in rows if not other.ended}
                for other in rows:
                    self._comes_after(truth, row, other, coming)
                for other in switched:
                    if shared(truth, row, other):
                        raise Violation("patches", f"{row.id} and {other.id} are switched at once")
                switched.append(row)
            case Stage.ROLLING:
                self._steps(truth, before, row)
            case Stage.APPLIED if row.moves:
                self._all_well(truth, row, "is applied")
            case Stage.ROLLED_BACK | Stage.REVERTED:
                self._all_well(truth, row, f"is {row.stage}")
            case Stage.ROLLBACK_FAILED:
                self._not_well(truth, row)
            case _:
                pass

    def _comes_after(self, truth: Truth, row: Patch, other: Patch, coming: set[str]) -> None:
        if other.number == row.number or other.ended or other.manifest is None or row.manifest is None:
            return
        if not shared(truth, row, other):
            return
        if other.stage in MOVING or other.reverting:
            raise Violation("patches", f"{row.id} is switched while {other.id}, on the same services, is {other.stage}")
        if other.id in row.manifest.requires:
            raise Violation("patches", f"{row.id} is switched before {other.id}, which it requires")
        if coming.isdisjoint(other.manifest.requires) and (natural(other.id), other.number) < (
            natural(row.id),
            row.number,
        ):
            raise Violation("patches", f"{row.id} is switched before {other.id}")

    def _steps(self, truth: Truth, before: Patch, row: Patch) -> None:
        """Services that begin to move: everything of the patch that starts before them has moved."""
        known = {step.service for step in before.steps}
        named = {s.name: s for s in truth.desired.services if counts(truth, row, s)}
        done = {step.service for step in row.steps if step.done_at is not None}
        for step in row.steps:
            service = named.get(step.service)
            if step.service in known or service is None:
                continue
            for other in named.values():
                earlier = other.group.order < service.group.order or other.name in needs(truth, service)
                if earlier and other.name not in done:
                    raise Violation("patches", f"{row.id} moves {service.name} before {other.name}")

    def _all_well(self, truth: Truth, row: Patch, what: str) -> None:
        for service in truth.desired.services:
            if row.step(service.name) is None or not counts(truth, row, service):
                continue
            others = _others(truth, service)
            if others:
                raise Violation("patches", f"{row.id} {what}, and {', '.join(others)} is of another definition")
        for name in row.baseline:
            found = truth.desired.service(name)
            if found is not None and not truth.up(found):
                raise Violation("patches", f"{row.id} {what}, and {name}, which was well before, is not")

    def _not_well(self, truth: Truth, row: Patch) -> None:
        """Of a one-shot that has ended it cannot be told from outside whether that was its good end."""
        for name in {*row.baseline, *(step.service for step in row.steps)}:
            service = truth.desired.service(name)
            if service is not None and (service.one_shot or not truth.up(service) or _others(truth, service)):
                return
        raise Violation("patches", f"going back from {row.id} has failed, it says, and all is well and as before")

    def _in_its_name(self, truth: Truth, action: StopReplica | RemoveReplica | RestartReplica | RunReplica) -> None:
        name = action.service.name if isinstance(action, RunReplica) else action.replica.service
        said = re.search(r"\bpatch (\S+?):? ", f"{action.cause.text} ") if action.cause.code in NAMING else None
        if said is None:
            return
        service = truth.desired.service(name)
        known = [row for row in self.host.ledger if row.id == said[1]]
        if service is None or not any(patch_truth.named(row.moves, service) for row in known):
            raise Violation(
                "patches", f"{verb(action)} {action.subject} ({action.cause}), and the patch does not name it"
            )


def _past(row: Patch) -> list[tuple[Stage, float]]:
    """Each stage with its first time: while images are waited for, the patience with them may begin anew."""
    first: dict[Stage, float] = {}
    for stage, at in row.times:
        first.setdefault(stage, at)
    return list(first.items())


def counts(truth: Truth, row: Patch, service: ServiceData) -> bool:
    """Whether the row has its word on a service that people want to run, and may be touched."""
    return has_word(truth, row, service) and bool(truth.replicas(service)) and not truth.held(service.name)


def has_word(truth: Truth, row: Patch, service: ServiceData) -> bool:
    """Whether a row that was switched names it, and its file does not name another image than then."""
    move = patch_truth.named(row.moves, service)
    return move is not None and (not move.bases or _base(truth, service.name) in move.bases)


def _base(truth: Truth, name: str) -> str:
    """The image that its file, or its row, names."""
    host = truth.host
    answers = [host.source.answered or host.source.desired, host.rows_answered]
    found = next((s for a in answers if a is not None for s in a.services if s.name == name), None)
    return found.container.image if found is not None else ""


def _others(truth: Truth, service: ServiceData) -> list[str]:
    """Containers of its wanted slots that are of another definition than it is to be, or carry too low a generation."""
    found = []
    for number in range(1, truth.replicas(service) + 1):
        for box in truth.slots.get(f"{service.name}/{number}", ()):
            marks = truth.host.marks(box)
            if marks is None or box.phase(truth.now) is Phase.REMOVING:
                continue
            if marks.spec not in truth.specs(service) or marks.generation < truth.generation(service.name):
                found.append(f"{box.name} ({box.image})")
    return found


def concerned(truth: Truth, row: Patch) -> set[str]:
    """The services that it concerns, now: those that it names, but where their files have overtaken it."""
    if row.stage in MOVING | {Stage.APPLIED} and row.moves:
        return {s.name for s in truth.desired.services if has_word(truth, row, s)}
    manifest = row.manifest or Manifest(id=row.id)
    names = {change.service for change in manifest.services}
    return {s.name for s in truth.desired.services if {s.name, s.template} & names or s.group in manifest.groups}


def shared(truth: Truth, row: Patch, other: Patch) -> set[str]:
    return concerned(truth, row) & concerned(truth, other)


def needs(truth: Truth, service: ServiceData) -> set[str]:
    """The services that it depends on, also by others."""
    found: set[str] = set()
    front = [service]
    while front:
        for dependency in front.pop().depends_on:
            needed = truth.desired.service(dependency.service)
            if needed is not None and needed.name not in found:
                found.add(needed.name)
                front.append(needed)
    return found


def natural(text: str) -> list[tuple[int, str]]:
    """`hotfix-9` before `hotfix-10`."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.findall(r"[0-9]+|[^0-9]+", text)]
