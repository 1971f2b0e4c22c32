"""The causal story of one service, from the snapshot, the journal and the dossiers. Pure.

Written for whoever is called at three in the morning: what is down, why, is it being handled, and by whom. The answer
is one line; the evidence comes after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from zpmd.interfaces import patches
from zpmd.interfaces.advice import advice, standing_advice
from zpmd.interfaces.row_views import IntegrationView
from zpmd.interfaces.status import TROUBLE, status
from zpmd.interfaces.tenancy import NONE, story
from zpmd.interfaces.views import (
    DossierView,
    EntryView,
    ReasonView,
    ReplicaStory,
    ReplicaView,
    ServiceView,
    WaitingView,
    WhyView,
)
from zpmd.interfaces.words import clock, due, exit_meaning, plural, span
from zpmd.model.events import Entry, Snapshot
from zpmd.model.memory import Down, Revision, Verdict
from zpmd.model.observed import Dossier
from zpmd.model.plan import Code, State

FAILURES = frozenset({Code.DIED, Code.UNHEALTHY, Code.FAILED_START, Code.VANISHED, Code.CRASH_LOOP})
NOTHING = "nothing to do"
ROLLOUTS = frozenset(
    {Code.DRIFT, Code.FILE_CHANGED, Code.PATCH, Code.RESTART_ASKED, Code.ROLLBACK, Code.ROLLOUT_FAILED, Code.ROLLOUT_OK}
)


def why(
    service: str,
    snapshot: Snapshot,
    entries: Sequence[Entry],
    dossiers: Sequence[Dossier],
    now: float,
    zone: tzinfo | None = None,
) -> WhyView:
    """`entries` oldest first, `dossiers` newest first, both of this service."""
    view = status(snapshot, now).service(service)
    reasons = tuple(_reason(w, view) for w in view.waiting) if view else ()
    integration = story(snapshot, service)
    against = _against(service, snapshot, integration)
    handled, handling = _handling(view, snapshot, reasons, now, zone) if view else _absent(integration, against)
    if handling == NOTHING and integration is not None and integration.trouble:
        handled, handling = (
            False,
            "needs you: correct its row; until then it goes on as the row was when it was last good",
        )
    happenings = tuple(entry_view(e) for e in entries)
    return WhyView(
        service=service,
        now=now,
        answer=_answer(service, view, snapshot, entries, against, now, zone),
        handling=handling,
        handled=handled,
        state=view.state if view else "unknown",
        ready=view.ready if view else 0,
        desired=view.desired if view else 0,
        reasons=reasons,
        replicas=_replicas(service, view, happenings, dossiers, now),
        rollout=_rollout(snapshot.memory.revisions.get(service), now, zone),
        rollouts=tuple(e for e in happenings if e.kind == "action" and e.code in ROLLOUTS),
        operators=tuple(e for e in happenings if e.kind == "note"),
        made_of=_made_of(integration, snapshot) if integration else "",
        row_trouble=integration.trouble if integration else "",
        patch=_patch(view, snapshot, now, zone),
    )


def entry_view(entry: Entry) -> EntryView:
    return EntryView(
        id=entry.id,
        at=entry.at,
        kind=entry.kind,
        verb=entry.verb,
        subject=entry.subject,
        service=entry.service,
        code=entry.code,
        text=entry.text,
        attempt=entry.attempt,
        actor=entry.actor,
        result=entry.result.value if entry.result else None,
        detail=entry.detail,
        seconds=entry.seconds,
        container_id=entry.container_id,
    )


def _answer(
    service: str,
    view: ServiceView | None,
    snapshot: Snapshot,
    entries: Sequence[Entry],
    against: str,
    now: float,
    zone: tzinfo | None,
) -> str:
    if view is None:
        if snapshot.desired.service(service) is not None:
            return f"{service} is declared, and nothing is known of it: {snapshot.observed.error or 'engine unknown'}"
        if against:
            return f"{service} does not run here: {against}"
        last = f"; last heard of at {clock(entries[-1].at, now, zone)}" if entries else ""
        return f"{service} is not declared and has no container{last}"
    count = f"{view.ready} of {plural(view.desired, 'replica')} ready"
    state = State(view.state)
    if state is State.RUNNING:
        since = f" since {clock(view.since, now, zone)} ({span(now - view.since)})" if view.since is not None else ""
        return f"{service} runs{since}: {count}{_last_failure(entries, now, zone)}"
    reason = view.reason or next((w.text for w in view.waiting), "")
    return f"{service} is {_spoken(state)}: {count}" + (f"; {reason}" if reason else "")


def _against(service: str, snapshot: Snapshot, integration: IntegrationView | None) -> str:
    """Why a service does not run here though something knows of it; "" where nothing does."""
    return dict(snapshot.desired.retired).get(service) or (integration.reason if integration else "")


def _absent(integration: IntegrationView | None, against: str) -> tuple[bool, str]:
    """As `_handling`, of a service that is neither declared nor there."""
    if integration is not None and integration.state == NONE:
        return False, "needs you: correct its row, or the template in the service files; `zpmctl status` names them"
    return (True, NOTHING) if against else (False, "zpmd does nothing about it")


def _made_of(integration: IntegrationView, snapshot: Snapshot) -> str:
    """From which row and by which template a service was made."""
    name = f"integration {integration.tenantcode}/{integration.integration_id}"
    title = f" ({integration.title})" if integration.title else ""
    row = f", row {integration.row}" if integration.row else ""
    declared = snapshot.desired.service(integration.service)
    template = f", by the template at {declared.origin}" if declared is not None and declared.origin else ""
    port = f", port {integration.port}" if integration.port is not None else ""
    return f"{name}{title}{row}{template}{port}"


def _spoken(state: State) -> str:
    return {State.CRASH_LOOP: "in a crash loop", State.BACKOFF: "in backoff", State.ROLLED_BACK: "rolled back"}.get(
        state, state.value
    )


def _last_failure(entries: Sequence[Entry], now: float, zone: tzinfo | None) -> str:
    for entry in reversed(entries):
        if entry.kind == "action" and entry.code in FAILURES:
            return f"; last {entry.verb} at {clock(entry.at, now, zone)}: {entry.text}"
    return ""


def _handling(
    view: ServiceView, snapshot: Snapshot, reasons: Sequence[ReasonView], now: float, zone: tzinfo | None
) -> tuple[bool, str]:
    """(whether nobody needs to do anything, one line about it)."""
    for action in view.in_flight:
        progress = f" ({action.progress})" if action.progress else ""
        return True, f"being handled: {action.verb} {action.subject} for {span(now - action.since)}{progress}"
    for reason in reasons:
        if not reason.by_itself:
            return False, f"needs you: {reason.advice}"
    for reason in sorted(reasons, key=lambda r: now if r.until is None else r.until):
        when = f", {due(reason.until, now, zone)}" if reason.until is not None else ""
        return True, f"being handled{when}: {reason.advice}"
    if what := _lasting(view, snapshot):
        return False, f"needs you: {what}"
    if view.state in TROUBLE:
        return False, f"needs a look: `zpmctl logs {view.name}`"
    return True, NOTHING


def _lasting(view: ServiceView, snapshot: Snapshot) -> str:
    """What would end a state that an operator, or a failed rollout, has brought about."""
    if snapshot.memory.intent.down is not Down.NO:
        return "`zpmctl up` ends `zpmctl down`"
    if view.scaled == 0 and not view.stopped:
        return f"it is scaled to 0; `zpmctl scale {view.name} file` goes back to what its file says"
    return standing_advice(view.state, _held_name(view) if view.state == State.HELD else view.name)


def _reason(waiting: WaitingView, view: ServiceView) -> ReasonView:
    by_itself, what = advice(waiting.code, _held_name(view) if waiting.code == Code.HELD else view.name)
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


def _replicas(
    service: str,
    view: ServiceView | None,
    happenings: Sequence[EntryView],
    dossiers: Sequence[Dossier],
    now: float,
) -> tuple[ReplicaStory, ...]:
    """A story for each slot that has a container, or has had one within what the journal remembers."""
    present = {r.slot: r for r in view.replicas} if view else {}
    slots = {
        *present,
        *(d.slot for d in dossiers),
        *(n for e in happenings if (n := _slot(service, e.subject)) is not None),
    }
    return tuple(
        ReplicaStory(
            subject=f"{service}/{slot}",
            name=present[slot].name if slot in present else "",
            standing=_standing(present.get(slot), now),
            happenings=tuple(e for e in happenings if _slot(service, e.subject) == slot and e.kind == "action"),
            dossiers=tuple(_dossier(d) for d in dossiers if d.slot == slot),
        )
        for slot in sorted(slots)
    )


def _slot(service: str, subject: str) -> int | None:
    """Subjects are also volumes, revisions, and integrations, whose names look alike."""
    name, _, number = subject.rpartition("/")
    return int(number) if name == service and number.isdecimal() else None


def _standing(replica: ReplicaView | None, now: float) -> str:
    if replica is None:
        return "no container"
    if replica.phase == "running":
        since = f" for {span(now - replica.started_at)}" if replica.started_at is not None else ""
        return f"running{since}" + (f", {replica.health}" if replica.health != "none" else "")
    if replica.phase in ("exited", "dead"):
        ago = f" {span(now - replica.finished_at)} ago" if replica.finished_at is not None else ""
        meaning = replica.error or exit_meaning(replica.exit_code, replica.oom_killed)
        return f"{replica.phase}{ago}; {meaning}"
    return replica.phase + (f"; {replica.error}" if replica.error else "")


def _dossier(dossier: Dossier) -> DossierView:
    return DossierView(
        slot=dossier.slot,
        container_id=dossier.container_id,
        at=dossier.at,
        exit_code=dossier.exit_code,
        oom_killed=dossier.oom_killed,
        meaning=dossier.error or exit_meaning(dossier.exit_code, dossier.oom_killed),
        error=dossier.error,
        image=dossier.image,
        started_at=dossier.started_at,
        finished_at=dossier.finished_at,
        health_output=dossier.health_output,
        log_tail=dossier.log_tail,
    )


def _patch(view: ServiceView | None, snapshot: Snapshot, now: float, zone: tzinfo | None) -> str:
    """Which patch made it what it is, since when, and what its file would have it run."""
    if view is None or view.patched is None:
        return ""
    told = view.patched
    row = next((row for row in snapshot.memory.patches if row.number == told.number), None)
    since = f" since {clock(row.times[-1][1], now, zone)}" if row is not None and row.times else ""
    stage = f", {row.stage}{since}" if row is not None else ""
    file = f"; its file says {told.base}" if told.base and told.base != view.image else ""
    return f"{patches.under_text(told)}{stage}{file}: `zpmctl patch show {told.patch}`"


def _rollout(revision: Revision | None, now: float, zone: tzinfo | None) -> str:
    """The verdict on the newest definition, in a sentence; "" while there is none worth telling."""
    if revision is None or revision.verdict in (None, Verdict.STABLE):
        return ""
    because = f" because {revision.reason}" if revision.reason else ""
    at = clock(revision.at, now, zone)
    if revision.verdict is Verdict.PAUSED:
        return f"its rollout was paused at {at}{because}"
    if revision.stable is None:
        return f"its definition failed at {at}{because}; there is no earlier one to go back to"
    return f"rolled back to the previous definition at {at}{because}"
