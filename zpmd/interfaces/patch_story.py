"""The story of one patch: its stages, how far each of its services is, and what the one that failed it said last.

Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import PurePath

from zpmd.interfaces import evidence, patches, status
from zpmd.interfaces.patch_views import EvidenceView, PatchImageView, PatchStepView, PatchStoryView, StageView
from zpmd.interfaces.views import ServiceView
from zpmd.model.events import Snapshot
from zpmd.model.observed import Dossier
from zpmd.model.patch import Manifest, Patch, Stage, Step
from zpmd.patching import results

WAITING, MOVING, HELD, MOVED = "waiting", "moving", "held", "moved"
GOING_BACK, BACK, STUCK = "going-back", "back", "stuck"
"""`PatchStepView.state`."""
TALKING = frozenset({MOVING, HELD, GOING_BACK, STUCK})
"""States in which how the service stands belongs to the story."""


def story(rows: Sequence[Patch], snapshot: Snapshot, dossiers: Sequence[Dossier], now: float) -> PatchStoryView:
    """Of the first of these drops, of one id and newest first. `dossiers` are those of its culprit, newest first."""
    patch, *others = rows
    manifest = patch.manifest or Manifest(id=patch.id)
    return PatchStoryView(
        now=now,
        patch=patches.view(patch, snapshot, now),
        description=manifest.description,
        restart_only=manifest.restart_only,
        requires=manifest.requires,
        expires=manifest.expires,
        min_version=manifest.min_version,
        deadline_seconds=manifest.deadline_seconds,
        parallelism=manifest.parallelism,
        images=tuple(
            PatchImageView(reference=image.reference, file=archive.file, size=archive.size)
            for archive in manifest.images
            for image in archive.images
        ),
        stages=_stages(patch),
        steps=_steps(patch, manifest, snapshot, now),
        evidence=_evidence(patch, dossiers),
        result=result_file(patch),
        drops=tuple(patches.view(row, snapshot, now) for row in others),
    )


def result_file(patch: Patch) -> str:
    """The path of its result, where its file has been put away; else what the ledger says of the file has it."""
    if not patch.filed.startswith("/"):
        return ""
    if patch.stage is Stage.QUARANTINED:
        return str(PurePath(patch.filed).parent / results.REASON)
    return patch.filed + results.SUFFIX


def _stages(patch: Patch) -> tuple[StageView, ...]:
    # a pass decides as of its beginning, so a stage may be dated before the one that was written meanwhile
    lasted: list[float | None] = [max(0.0, after - at) for (_, at), (_, after) in pairwise(patch.times)]
    return tuple(
        StageView(stage=stage.value, at=at, seconds=seconds)
        for (stage, at), seconds in zip(patch.times, [*lasted, None], strict=False)
    )


def _steps(patch: Patch, manifest: Manifest, snapshot: Snapshot, now: float) -> tuple[PatchStepView, ...]:
    views = {view.name: view for view in status.status(snapshot, now).services()}
    begun = [_step(step, patch, views.get(step.service), now) for step in patch.steps]
    coming = [] if patch.ended else [_coming(name) for name in _concerned(patch, manifest, snapshot)]
    known = {step.service for step in begun}
    return (*begun, *(step for step in coming if step.service not in known))


def _concerned(patch: Patch, manifest: Manifest, snapshot: Snapshot) -> list[str]:
    """The services that it concerns, as far as they are declared; those that were written down once it is switched."""
    named = {move.service for move in patch.moves} or {change.service for change in manifest.services}
    groups = () if patch.moves else manifest.groups
    services = sorted(snapshot.desired.services, key=lambda s: (s.group.order, s.name))
    return [s.name for s in services if not named.isdisjoint({s.name, s.template}) or s.group in groups]


def _coming(service: str) -> PatchStepView:
    return PatchStepView(service=service, state=WAITING, was="", image="", at=None, seconds=None, text="")


def _step(step: Step, patch: Patch, service: ServiceView | None, now: float) -> PatchStepView:
    state = _state(step, patch)
    return PatchStepView(
        service=step.service,
        state=state,
        was=step.was,
        image=step.image,
        at=step.at,
        seconds=_seconds(step, patch, state, now),
        text=_stands(service) if service is not None and state in TALKING else "",
    )


def _state(step: Step, patch: Patch) -> str:
    if step.back_at is not None:
        return BACK
    if patch.stage is Stage.ROLLBACK_FAILED:
        return STUCK
    if patch.stage is Stage.ROLLING_BACK:
        return HELD if step.clock is None else GOING_BACK
    if step.done_at is not None:
        return MOVED
    return HELD if step.clock is None else MOVING


def _seconds(step: Step, patch: Patch, state: str, now: float) -> float:
    """How long it took to move or to go back, or for how long it has been at it."""
    back_since = patch.since(Stage.ROLLING_BACK)
    began = step.at if back_since is None else back_since
    match state:
        case _ if state == MOVED and step.done_at is not None:
            return step.done_at - step.at
        case _ if state == BACK and step.back_at is not None:
            return step.back_at - began
        case _:
            return now - began


def _stands(service: ServiceView) -> str:
    why = service.reason or next((w.text for w in service.waiting), "")
    return f"{service.state}, {service.ready} of {service.desired} ready" + (f": {why}" if why else "")


def _evidence(patch: Patch, dossiers: Sequence[Dossier]) -> EvidenceView | None:
    """The last that was kept of its culprit while it was on its way."""
    began, ended_at = patch.since(Stage.SWITCHED), patch.times[-1][1] if patch.times and patch.ended else math.inf
    kept = next((d for d in dossiers if began is not None and began <= d.at <= ended_at), None)
    if kept is None:
        return None
    return EvidenceView(
        service=kept.service,
        at=kept.at,
        meaning=evidence.meaning(kept),
        health_output=kept.health_output,
        log_tail=kept.log_tail,
    )
