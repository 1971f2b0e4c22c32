"""What the ledger of patches makes of the declared services, told without the planner's layer.

A move counts where its patch is applied, or rolling and at this service; not where it goes back or has gone back, and
not where the file names another image than the one that the patch found. Of several the one that was switched last has
the last word.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from zpmd.model.patch import Move, Patch, Stage
from zpmd.model.reference import retagged
from zpmd.model.service import ServiceData


@dataclass(frozen=True, slots=True)
class Layered:
    """`image` is what it is to run; `generation` what its replicas have to carry at least; `stuck`: going back has
    failed, and what runs is kept; `after` is the generation of that try."""

    image: str
    generation: int = 0
    stuck: bool = False
    after: int = 0


def layered(service: ServiceData, rows: Iterable[Patch]) -> Layered:
    """The service as declared, under these rows."""
    base = service.container.image
    found = Layered(base)
    for row in sorted(rows, key=switched):
        move = named(row.moves, service)
        if move is None or (move.bases and base not in move.bases):
            continue
        step = row.step(service.name)
        if row.stage is Stage.APPLIED or (row.stage is Stage.ROLLING and step is not None):
            image = move.image or (retagged(found.image, move.tag) if move.tag else found.image)
            found = Layered(image, step.generation if step is not None else found.generation)
        elif row.stage is Stage.ROLLING_BACK and step is not None:
            found = replace(found, stuck=False)
        elif row.stage is Stage.ROLLBACK_FAILED and step is not None and step.back_at is None:
            found = replace(found, stuck=True, after=step.generation)
    return found


def switched(row: Patch) -> tuple[int, int]:
    return row.turn, row.number


def named(moves: Sequence[Move], service: ServiceData) -> Move | None:
    """The move that names this service, or else the one that names its template."""
    names = {move.service: move for move in moves}
    return names.get(service.name) or (names.get(service.template) if service.template else None)


def over(service: ServiceData, found: Layered) -> ServiceData:
    """The service with what was found of it."""
    if found.image == service.container.image:
        return service
    return replace(service, container=replace(service.container, image=found.image))
