"""Whether something is being handled, and what would change it: the second line of a story. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from zpmd.interfaces.advice import BELOW, advice, standing_advice
from zpmd.interfaces.row_views import IntegrationView
from zpmd.interfaces.status import TROUBLE
from zpmd.interfaces.tenancy import NONE
from zpmd.interfaces.views import JobBriefView, ServiceView, WaitingView
from zpmd.interfaces.why import job
from zpmd.interfaces.why_views import ReasonView
from zpmd.interfaces.words import due, span
from zpmd.model.cause import Code
from zpmd.model.events import Snapshot
from zpmd.model.memory import Down
from zpmd.model.plan import State

NOTHING = "nothing to do"


def handling(
    view: ServiceView, snapshot: Snapshot, reasons: Sequence[ReasonView], now: float, zone: tzinfo | None
) -> tuple[bool, str]:
    """(whether nobody needs to do anything, one line about it)."""
    for action in view.in_flight:
        progress = f" ({action.progress})" if action.progress else ""
        return True, f"being handled: {action.verb} {action.subject} for {span(now - action.since)}{progress}"
    for each in reasons:
        if not each.by_itself:
            return False, f"needs you: {each.advice}"
    for each in sorted(reasons, key=lambda r: now if r.until is None else r.until):
        when = f", {due(each.until, now, zone)}" if each.until is not None else ""
        return True, f"being handled{when}: {each.advice}"
    if view.state == State.UNKNOWN:
        return False, f"needs you: {advice(Code.ENGINE_UNKNOWN, view.name)[1]}"
    if what := _lasting(view, snapshot):
        return False, f"needs you: {what}"
    if view.job is not None:
        return _of_job(view, view.job, now, zone)
    if view.state in TROUBLE:
        return False, f"needs a look: `zpmctl logs {view.name}`"
    return True, NOTHING


def _of_job(view: ServiceView, brief: JobBriefView, now: float, zone: tzinfo | None) -> tuple[bool, str]:
    if view.state == State.SUSPENDED:
        return False, f"needs you: {job.resume(view, brief)}"
    if view.state in TROUBLE:
        return False, f"needs a look: {BELOW}; {job.again(view, brief, now, zone)}"
    return True, NOTHING


def _lasting(view: ServiceView, snapshot: Snapshot) -> str:
    """What would end a state that an operator, or a failed rollout, has brought about."""
    if snapshot.memory.intent.down is not Down.NO:
        return "`zpmctl up` ends `zpmctl down`"
    if view.scaled == 0 and not view.stopped and view.job is None:
        return f"it is scaled to 0; `zpmctl scale {view.name} file` goes back to what its file says"
    return standing_advice(view.state, _held_name(view) if view.state == State.HELD else view.name)


def reason(waiting: WaitingView, view: ServiceView) -> ReasonView:
    by_itself, what = advice(waiting.code, _held_name(view) if waiting.code == Code.HELD else view.name)
    if view.job is not None and waiting.code == Code.BACKOFF:
        by_itself, what = True, f"its next try comes by itself; {BELOW}"
    return ReasonView(
        subject=waiting.subject,
        code=waiting.code,
        text=waiting.text,
        until=waiting.until,
        by_itself=by_itself,
        advice=what,
    )


def _held_name(view: ServiceView) -> str:
    """What to release: the service, or everything where that is what is held."""
    return "'*'" if view.hold is not None and view.hold.service == "*" else view.name


def absent(integration: IntegrationView | None, against: str) -> tuple[bool, str]:
    """As `handling`, of a service that is neither declared nor there."""
    if integration is not None and integration.state == NONE:
        return False, "needs you: correct its row, or the template in the service files; `zpmctl status` names them"
    return (True, NOTHING) if against else (False, "zpmd does nothing about it")
