"""Rows of the ledger as people see them: what each is up to, and which of them somebody has to look at. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from zpmd.interfaces.patch_views import PatchedView, PatchesView, PatchView
from zpmd.model.events import Snapshot
from zpmd.model.patch import Patch, Stage
from zpmd.model.plan import State, Waiting
from zpmd.model.service import ServiceData, Under

FAILED, UNDER_WAY, LATELY, NONE = "failed", "under-way", "lately", ""
"""`PatchView.attention`, in the order in which they are told."""
RANK = (FAILED, UNDER_WAY, LATELY, NONE)

REVERTING = "reverting"
LATELY_SECONDS = 86_400.0
BAD_ENDS = frozenset({Stage.QUARANTINED, Stage.ROLLED_BACK, Stage.ROLLBACK_FAILED})
UNDER = {
    Under.TRIAL: "on trial under patch {}",
    Under.APPLIED: "patched by {}",
    Under.BACK: "goes back from patch {}",
    Under.STUCK: "could not go back from patch {}",
}
WELL = frozenset({State.RUNNING, State.COMPLETED, State.SCHEDULED, State.SUSPENDED, State.STOPPED})
SUBJECT = "patch:"
TOLD = 20
"""How many patches a status tells at most."""


def listed(patches: Iterable[Patch], snapshot: Snapshot, now: float, limit: int) -> PatchesView:
    """Up to so many of these rows, and of all others that the snapshot has and that need attention."""
    rows = {row.number: row for row in snapshot.memory.patches if attention(row, snapshot, now) in (FAILED, UNDER_WAY)}
    rows.update((row.number, row) for row in patches)
    first = _in_order(rows.values(), snapshot, now)[:limit]
    waiting = _waiting(snapshot)
    views = tuple(view(row, snapshot, now, waiting) for row in first)
    return PatchesView(now=now, trouble=snapshot.patches_trouble, patches=views)


def to_tell(snapshot: Snapshot, now: float) -> tuple[tuple[PatchView, ...], int]:
    """The patches that a status speaks of, those that need attention or did lately; and how many more there are."""
    rows = _in_order((row for row in snapshot.memory.patches if attention(row, snapshot, now)), snapshot, now)
    waiting = _waiting(snapshot)
    return tuple(view(row, snapshot, now, waiting) for row in rows[:TOLD]), max(0, len(rows) - TOLD)


def failed(snapshot: Snapshot, now: float) -> tuple[Patch, ...]:
    """Those of which the rollback has failed, and that a person has not put right since."""
    return tuple(row for row in snapshot.memory.patches if attention(row, snapshot, now) == FAILED)


def under_way(snapshot: Snapshot) -> bool:
    return not all(row.ended for row in snapshot.memory.patches)


def attention(patch: Patch, snapshot: Snapshot, now: float) -> str:
    if not patch.ended:
        return UNDER_WAY
    if patch.stage is Stage.ROLLBACK_FAILED and _unwell(patch, snapshot):
        return FAILED
    ended_at = patch.times[-1][1] if patch.times else 0.0
    if patch.stage not in BAD_ENDS or now - ended_at >= LATELY_SECONDS:
        return NONE
    anew = patch.id and any(row.id == patch.id and row.number > patch.number for row in snapshot.memory.patches)
    return NONE if anew else LATELY


def view(patch: Patch, snapshot: Snapshot, now: float, waits: Mapping[str, Waiting] | None = None) -> PatchView:
    """`waits`: what `_waiting` says of this snapshot, where it has been asked already."""
    known = _waiting(snapshot) if waits is None else waits
    waiting = None if patch.ended else known.get(f"{SUBJECT}{patch.id or patch.number}")
    return PatchView(
        number=patch.number,
        id=patch.id,
        name=patch.name,
        state=REVERTING if patch.reverting else patch.stage.value,
        attention=attention(patch, snapshot, now),
        ended=patch.ended,
        services=_named(patch),
        owner=patch.owner,
        signer=patch.signer,
        sha256=patch.sha256,
        size=patch.size,
        dropped_at=patch.times[0][1] if patch.times else None,
        since=patch.times[-1][1] if patch.times else None,
        reason=patch.reason,
        culprit=patch.culprit,
        waits=waiting.cause.text if waiting else "",
        until=waiting.until if waiting else None,
        asked=patch.asked,
        filed=patch.filed,
    )


def patched(service: ServiceData | None) -> PatchedView | None:
    if service is None or service.patched is None:
        return None
    told = service.patched
    return PatchedView(patch=told.patch, number=told.number, under=told.under.value, base=told.base)


def under_text(told: PatchedView) -> str:
    """How a service stands under its patch."""
    return UNDER[Under(told.under)].format(told.patch)


def concerns_a_patch(subject: str) -> bool:
    """Whether something that waits is a patch: its own line says what for."""
    return subject.startswith(SUBJECT)


def _waiting(snapshot: Snapshot) -> Mapping[str, Waiting]:
    """By the subject of the patch."""
    return {w.subject: w for w in snapshot.plan.waiting if concerns_a_patch(w.subject)}


def _in_order(rows: Iterable[Patch], snapshot: Snapshot, now: float) -> list[Patch]:
    """What needs attention first; of those under way the ones that move services, then as they were dropped; of all
    others the newest."""

    def turn(row: Patch) -> tuple[int, bool, int]:
        why = attention(row, snapshot, now)
        return RANK.index(why), not (row.moving or row.reverting), row.number if why == UNDER_WAY else -row.number

    return sorted(rows, key=turn)


def _unwell(patch: Patch, snapshot: Snapshot) -> bool:
    """Whether a service that it has moved, or that was well before it, is not well now."""
    concerned = {step.service for step in patch.steps}.union(patch.baseline)
    return any(s.state not in WELL for s in snapshot.plan.standings if s.service in concerned)


def _named(patch: Patch) -> tuple[str, ...]:
    manifest = patch.manifest
    if manifest is None:
        return ()
    return (*(change.service for change in manifest.services), *(f"group {group}" for group in manifest.groups))
