"""How every service stands: counted replicas, and the one word for it that an operator reads first."""

from __future__ import annotations

from collections.abc import Collection

from zpmd.model.memory import Verdict
from zpmd.model.observed import Replica, Slot
from zpmd.model.plan import Code, Standing, State, Waiting
from zpmd.planning import backoff, drift, readiness
from zpmd.planning.target import Target
from zpmd.planning.view import View

# The first code that is found decides: what needs a person stands before what zpmd is handling.
_BY_CODE: tuple[tuple[Code, State], ...] = (
    (Code.GAVE_UP, State.FAILED),
    (Code.CRASH_LOOP, State.CRASH_LOOP),
    (Code.IMAGE_MISSING, State.BLOCKED),
    (Code.EXTERNAL_MISSING, State.BLOCKED),
    (Code.BACKOFF, State.BACKOFF),
    (Code.RETRY, State.BACKOFF),
    (Code.DEPENDENCY, State.WAITING),
    (Code.GROUP, State.WAITING),
)


def standing(view: View, target: Target, waiting: Collection[Waiting]) -> Standing:
    """`waiting` is what this pass found to wait for in this service."""
    service = target.service
    numbers = range(1, target.replicas + 1)
    by_slot = view.slots(service.name)
    ready = sum(
        any(readiness.ready(service, r, view.memory) or readiness.completed(service, r) for r in by_slot.get(n, ()))
        for n in numbers
    )
    restarts = max(
        (backoff.restarts(view, target, Slot(service.name, n), _first(view, target, n)) for n in numbers), default=0
    )
    return Standing(
        service=service.name,
        group=service.group,
        state=_state(view, target, ready, waiting),
        ready=ready,
        desired=target.replicas,
        restarts=restarts,
        image=service.container.image,
        tenant=service.tenant,
        since=max((r.started_at for r in view.replicas(service.name) if r.running and r.started_at), default=None),
        reason=_reason(target, waiting),
    )


def undeclared(view: View, name: str, waiting: Collection[Waiting]) -> Standing:
    """A service that left the files and whose containers are still there."""
    replicas = view.replicas(name)
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


def _state(view: View, target: Target, ready: int, waiting: Collection[Waiting]) -> State:
    replicas = view.replicas(target.name)
    if target.hold:
        return State.HELD
    if target.leaving:
        return State.REMOVING if any(r.live for r in replicas) or (target.remove and replicas) else State.STOPPED
    if target.verdict is Verdict.PAUSED:
        return State.PAUSED
    if ready == target.replicas:
        return _good_state(view, target)
    if _refused(view, target):
        return State.BLOCKED
    codes = {w.cause.code for w in waiting}
    for code, state in _BY_CODE:
        if code in codes:
            return state
    if any(r.running and readiness.failed(target.service, r) for r in replicas):
        return State.UNHEALTHY
    return State.UPDATING if _drifted(view, target) else State.STARTING


def _good_state(view: View, target: Target) -> State:
    if _drifted(view, target):
        return State.UPDATING
    if target.reverting:
        return State.ROLLED_BACK
    replicas = view.replicas(target.name)
    done = bool(replicas) and all(readiness.completed(target.service, r) for r in replicas)
    return State.COMPLETED if done else State.RUNNING


def _drifted(view: View, target: Target) -> bool:
    return any(drift.cause(view, target, r) for r in view.replicas(target.name) if r.slot <= target.replicas)


def _refused(view: View, target: Target) -> bool:
    """The engine refuses to make a replica: a name or port is taken, an option is invalid."""
    by_slot = view.slots(target.name)
    for number in range(1, target.replicas + 1):
        record = backoff.remembered(view, target, Slot(target.name, number))
        if record and record.failed and not any(r.running for r in by_slot.get(number, ())):
            return True
    return False


def _reason(target: Target, waiting: Collection[Waiting]) -> str:
    if target.hold:
        return f"held by {target.hold.owner}: {target.hold.reason}"
    if target.leaving:
        return str(target.leaving)
    if target.reverting and target.revision:
        return f"rolled back: {target.revision.reason}"
    ordered = sorted(waiting, key=_weight)
    return str(ordered[0].cause) if ordered else ""


def _weight(waiting: Waiting) -> int:
    codes = [code for code, _ in _BY_CODE]
    return codes.index(waiting.cause.code) if waiting.cause.code in codes else len(codes)


def _first(view: View, target: Target, number: int) -> Replica | None:
    return next((r for r in view.slots(target.name).get(number, ()) if drift.own_cause(target, r) is None), None)
