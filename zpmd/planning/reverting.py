"""Which patches have to go back, and in which order, for one of them to be undone."""

from __future__ import annotations

from collections.abc import Sequence

from zpmd.model.patch import Patch, Stage
from zpmd.planning.view import names


def to_revert(id: str, patches: Sequence[Patch], with_later: bool) -> tuple[tuple[Patch, ...], str]:
    """The row of this id and, `with_later`, all that stand on it, the latest first; or none, and why: it is not
    applied, or later ones stand on it and were not named, or one of those has not ended."""
    mine = next((p for p in reversed(patches) if p.id == id and _in_force(p)), None)
    if mine is None:
        return (), f"cannot revert {id}: {_why_not([p for p in patches if p.id == id])}"
    standing = [mine]
    for patch in sorted((p for p in patches if _in_force(p) and p.number != mine.number), key=_switched):
        if any(_stands_on(patch, other) for other in standing):
            standing.append(patch)
    moving = [p.id for p in patches if p.moving and any(_stands_on(p, other) for other in standing)]
    if moving:
        return (), f"cannot revert {id}: {names(moving)} is on its way on top of it; try again when that has ended"
    standing.sort(key=_switched, reverse=True)
    later = [patch.id for patch in reversed(standing) if patch is not mine]
    if later and not with_later:
        text = (
            f"cannot revert {id} alone: {names(later)} came on top of it;"
            f" `zpmctl patch revert {id} --with-later` takes back all of them, the latest first"
        )
        return (), text
    return tuple(standing), ""


def _in_force(patch: Patch) -> bool:
    return patch.stage is Stage.APPLIED and not patch.asked and bool(patch.moves)


def _switched(patch: Patch) -> tuple[int, int]:
    return patch.turn, patch.number


def _stands_on(patch: Patch, other: Patch) -> bool:
    """It was switched later, and concerns a service of the other or requires it."""
    if _switched(patch) < _switched(other):
        return False
    concerned = {m.service for m in patch.moves}.union(step.service for step in patch.steps)
    others = {m.service for m in other.moves}.union(step.service for step in other.steps)
    requires = patch.manifest.requires if patch.manifest else ()
    return not concerned.isdisjoint(others) or other.id in requires


def _why_not(rows: Sequence[Patch]) -> str:
    if not rows:
        return "it is too long ago; the ledger alone knows of it"
    row = next((row for row in reversed(rows) if row.stage is not Stage.QUARANTINED), rows[-1])
    if row.asked and row.stage is Stage.APPLIED:
        return f"{row.asked} has asked for that already"
    if row.stage is Stage.APPLIED:
        return "it changed nothing"
    return f"it is {row.stage}, not applied"
