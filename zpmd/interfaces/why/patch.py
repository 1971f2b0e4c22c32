"""The story of one patch, led by one line and whether somebody has to do something. Pure."""

from __future__ import annotations

from datetime import tzinfo

from zpmd.interfaces import patches
from zpmd.interfaces.patch_story import BACK, MOVED
from zpmd.interfaces.patch_views import PatchStoryView, PatchView
from zpmd.interfaces.status import status
from zpmd.interfaces.why.handling import NOTHING
from zpmd.interfaces.why_views import PatchWhyView
from zpmd.interfaces.words import clock, due, plural
from zpmd.model.events import Snapshot
from zpmd.model.patch import Stage
from zpmd.model.plan import State


def story(told: PatchStoryView, snapshot: Snapshot, now: float, zone: tzinfo | None = None) -> PatchWhyView:
    patch = told.patch
    handled, what = _handling(patch, snapshot, now, zone)
    return PatchWhyView(
        name=patch.id or str(patch.number),
        now=now,
        answer=_answer(told, now, zone),
        handling=what,
        handled=handled,
        story=told,
    )


def _answer(told: PatchStoryView, now: float, zone: tzinfo | None) -> str:
    patch = told.patch
    name = f"patch {patch.id or patch.name}"
    at = f" at {clock(patch.since, now, zone)}" if patch.since is not None else ""
    because = f": {patch.reason}" if patch.reason else ""
    moved = sum(step.state == MOVED for step in told.steps)
    back = sum(step.state == BACK for step in told.steps)
    match patch.state:
        case Stage.APPLIED:
            return f"{name} was applied{at}: {plural(moved, 'service')} moved"
        case Stage.ROLLED_BACK:
            return f"{name} was rolled back{at}{because}; {plural(back, 'service')} went back"
        case Stage.REVERTED:
            return f"{name} was reverted{at}{because}; {plural(back, 'service')} went back"
        case Stage.QUARANTINED:
            return f"{name} was refused{at}{because}"
        case Stage.ROLLBACK_FAILED:
            return f"{name} could not be rolled back{at}{because}"
        case state:
            far = f": {moved} of {plural(len(told.steps), 'service')} moved" if told.steps else ""
            since = f" since {clock(patch.since, now, zone)}" if patch.since is not None else ""
            waits = f"; {patch.waits}" if patch.waits else ""
            return f"{name} is on its way, {state}{since}{far}{waits}"


def _handling(patch: PatchView, snapshot: Snapshot, now: float, zone: tzinfo | None) -> tuple[bool, str]:
    name = patch.id or str(patch.number)
    if patch.attention == patches.FAILED:
        return False, f"needs you: mend what keeps it from getting well; `zpmctl patch show {name}` has its last words"
    if patch.state in (Stage.ROLLED_BACK, Stage.QUARANTINED):
        return True, "nothing to do here: what ran before runs on; drop a mended one under a new id"
    if patch.ended:
        return True, NOTHING
    if held := _held(name, snapshot, now):
        return False, f"needs you: `zpmctl release {held}` lets it go on"
    when = f", {due(patch.until, now, zone)}" if patch.until is not None else ""
    return True, f"being handled{when}: {patch.waits or 'its next step comes by itself'}"


def _held(name: str, snapshot: Snapshot, now: float) -> str:
    """The held service that it waits for; "" where it waits for none."""
    waiting = next((w for w in snapshot.plan.waiting if w.subject == f"{patches.SUBJECT}{name}"), None)
    if waiting is None:
        return ""
    held = {s.name for s in status(snapshot, now).services() if s.state == State.HELD}
    return next((service for service in waiting.on if service in held), "")
