"""Which patch goes before which: by what they require, then by id, where they have a service in common.

One that still waits for a patch that it requires keeps nobody else waiting: it may have to let pass what the required
one itself waits for. So all waiting leads either to a lower id or along what is required, and ends.

What came in one delivery is put in order before any of it begins: a patch that is read first lets the others be read,
for one of them may go before it. It costs a patch that came alone nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Set

from zpmd.model.patch import ENDS, MOVING, Patch, Stage
from zpmd.planning.scene import Scene

DELIVERY_SECONDS = 1.0
"""Files that are seen no later than this after a patch was read came with it."""
READ_SECONDS = 60.0
"""How long they are waited for: as long as it takes to read a large bundle on a slow disk."""

_NUMBER = re.compile(r"([0-9]+)")


def in_order(patches: Iterable[Patch]) -> list[Patch]:
    """Patches in the order of their ids, `hotfix-9` before `hotfix-10`; those of one id in the order of dropping."""
    return sorted(patches, key=lambda patch: (natural(patch.id), patch.number))


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """A key that sorts numbers inside a text as numbers."""
    parts = (part for part in _NUMBER.split(text) if part)
    return tuple((0, int(part), "") if part[0] in "0123456789" else (1, 0, part) for part in parts)


def ahead(scene: Scene, patch: Patch) -> Iterator[Patch]:
    """The patches that this one has to wait for: whatever moves within its reach, and what comes before it there."""
    manifest = patch.manifest
    if manifest is None:
        return
    reach = scene.reach(patch, manifest)
    coming = {other.id for other in scene.patches if other.stage not in ENDS}
    for other in scene.patches:
        if other.number == patch.number or other.manifest is None or not _pending(other):
            continue
        if reach.isdisjoint(scene.reach(other, other.manifest)):
            continue
        if other.stage in MOVING or other.reverting or _before(other, patch, coming):
            yield other


def unread(patches: Iterable[Patch], patch: Patch, now: float) -> tuple[list[Patch], float]:
    """What came together with this patch and is still being read, and until when that is waited for. A file that says
    why it waits keeps nobody else waiting."""
    read_at = patch.since(Stage.COPIED) or now
    found = [
        (other, seen)
        for other in patches
        if other.stage is Stage.SEEN
        and not other.reason
        and (seen := other.since(Stage.SEEN)) is not None
        and seen <= read_at + DELIVERY_SECONDS
        and seen <= now < seen + READ_SECONDS
    ]
    return [other for other, _ in found], min((seen for _, seen in found), default=now) + READ_SECONDS


def _pending(patch: Patch) -> bool:
    return patch.stage not in ENDS or patch.reverting


def _before(one: Patch, other: Patch, coming: Set[str]) -> bool:
    """`coming` are the ids of all that are on their way."""
    if one.stage is Stage.SEEN or one.manifest is None or other.manifest is None:
        return False
    if one.id in other.manifest.requires:
        return True
    if not coming.isdisjoint(one.manifest.requires):
        return False
    return (natural(one.id), one.number) < (natural(other.id), other.number)
