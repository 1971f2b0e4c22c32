"""How every service stands: counted replicas, and the one word for it that an operator reads first."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from zpmd.model.cause import Code
from zpmd.model.memory import Verdict
from zpmd.model.observed import Slot
from zpmd.model.plan import Standing, State, Waiting
from zpmd.planning import backoff, readiness
from zpmd.planning.lineup import Lineup
from zpmd.planning.target import Target
from zpmd.planning.view import View

# The first code that is found decides: what needs a person stands before what zpmd is handling.
_BY_CODE: tuple[tuple[Code, State], ...] = (
    (Code.GAVE_UP, State.FAILED),
    (Code.CRASH_LOOP, State.CRASH_LOOP),
    (Code.NAME_TAKEN, State.BLOCKED),
    (Code.IMAGE_MISSING, State.BLOCKED),
    (Code.EXTERNAL_MISSING, State.BLOCKED),
    (Code.BACKOFF, State.BACKOFF),
    (Code.RETRY, State.BACKOFF),
    (Code.DEPENDENCY, State.WAITING),
    (Code.GROUP, State.WAITING),
)
_WEIGHT = {code: place for place, (code, _) in enumerate(_BY_CODE)}


def standing(view: View, target: Target, lineups: Sequence[Lineup], waiting: Collection[Waiting]) -> Standing:
    """`waiting` is what this pass found to wait for in this service."""
    service = target.service
    ready = len([slot for slot in lineups if slot.ready or slot.completed])
    restarts = _restarts(view, target, lineups)
    refused = _refused(view, target, lineups)
    started = [r.started_at for slot in lineups for r in slot.current if r.started_at and r.running]
    if any(slot.old for slot in lineups):
        started += [r.started_at for slot in lineups for r, _ in slot.old if r.started_at and r.running]
    return Standing(
        service=service.name,
        group=service.group,
        state=_state(view, target, lineups, waiting, ready, restarts, refused),
        ready=ready,
        desired=target.replicas,
        restarts=restarts,
        image=service.container.image,
        tenant=service.tenant,
        since=max(started, default=None),
        reason=_reason(target, waiting, refused),
    )


def undeclared(view: View, name: str, waiting: Collection[Waiting]) -> Standing:
    """A service that left the files and whose containers are still there."""
    replicas = view.containers(name)
    held = any(w.cause.code in (Code.MASS_REMOVAL, Code.HELD, Code.SOURCE_UNKNOWN) for w in waiting)
    return Standing(
        service=name,
        group=replicas[0].group,
        state=State.HELD if held else State.REMOVING,
        ready=sum(r.running for r in replicas),
        desired=0,
        image=replicas[0].image,
        tenant=replicas[0].tenant,
        since=max((r.started_at for r in replicas if r.running and r.started_at), default=None),
        reason=next((w.cause.text for w in waiting), "is no longer declared"),
    )


def unknown(target: Target) -> Standing:
    """While the engine does not answer nothing is claimed of any service."""
    return Standing(
        service=target.name,
        group=target.service.group,
        state=State.UNKNOWN,
        ready=0,
        desired=target.replicas,
        image=target.service.container.image,
        tenant=target.service.tenant,
        reason="the engine does not answer",
    )


def _state(
    view: View,
    target: Target,
    lineups: Sequence[Lineup],
    waiting: Collection[Waiting],
    ready: int,
    restarts: int,
    refused: str,
) -> State:
    if target.hold:
        return State.HELD
    if not target.replicas:
        going = any(r.live or target.remove for r in view.replicas(target.name))
        return State.REMOVING if going else State.STOPPED
    if target.verdict is Verdict.PAUSED:
        return State.PAUSED
    codes = {w.cause.code for w in waiting}
    if ready == len(lineups):
        return _good_state(target, lineups, codes)
    if refused:
        return State.BLOCKED
    if restarts >= view.limits.fresh_after and Code.GAVE_UP not in codes:
        return State.CRASH_LOOP
    for code, state in _BY_CODE:
        if code in codes:
            return state
    if any(readiness.failed(target.service, r) for slot in lineups for r in slot.current if r.running):
        return State.UNHEALTHY
    return State.UPDATING if any(slot.old for slot in lineups) else State.STARTING


def _good_state(target: Target, lineups: Sequence[Lineup], codes: Collection[Code]) -> State:
    if any(slot.old for slot in lineups):
        stuck = Code.IMAGE_MISSING in codes or Code.EXTERNAL_MISSING in codes
        return State.BLOCKED if stuck else State.UPDATING
    if target.reverting:
        return State.ROLLED_BACK
    return State.COMPLETED if all(slot.completed for slot in lineups) else State.RUNNING


def _restarts(view: View, target: Target, lineups: Sequence[Lineup]) -> int:
    """The most restarts in a row that a slot has behind it."""
    most = 0
    proven_before = view.now - backoff.window_seconds(target.service.restart)
    for slot in lineups:
        replica = slot.current[0] if slot.current else None
        if slot.ready and replica and replica.started_at and replica.running and replica.started_at <= proven_before:
            continue  # as nearly always: spared the look into what is remembered
        most = max(most, backoff.restarts(view, target, slot.number, replica))
    return most


def _refused(view: View, target: Target, lineups: Sequence[Lineup]) -> str:
    """The engine's words where it refuses to make or start a replica: a name or port is taken, an option is invalid."""
    for slot in lineups:
        if not (slot.ready or slot.completed or slot.running):
            place = Slot(target.name, slot.number)
            record = backoff.remembered(view, target, place, slot.current[0] if slot.current else None)
            if record and record.failed:
                return record.error or "the engine refuses it"
    return ""


def _reason(target: Target, waiting: Collection[Waiting], refused: str) -> str:
    if target.hold:
        return str(target.hold)
    if target.leaving:
        return str(target.leaving)
    if target.reverting and target.revision:
        return f"rolled back: {target.revision.reason}"
    if refused:
        return refused
    first = min(waiting, key=lambda w: _WEIGHT.get(w.cause.code, len(_WEIGHT)), default=None)
    return str(first.cause) if first else ""
