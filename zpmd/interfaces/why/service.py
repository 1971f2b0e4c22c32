"""The causal story of one service, or of one slot of it. Pure.

What waits for others is told by what they wait for in the end, and whether that is being handled: nobody is helped by
being sent from one waiting service to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from zpmd.interfaces import evidence, patches
from zpmd.interfaces.root import Roots, spoken
from zpmd.interfaces.row_views import IntegrationView
from zpmd.interfaces.status import status
from zpmd.interfaces.tenancy import story
from zpmd.interfaces.views import EntryView, ReplicaView, ServiceView
from zpmd.interfaces.why import chain, handling, job, waits
from zpmd.interfaces.why_views import ChainView, ReplicaStory, RootView, WhyView
from zpmd.interfaces.words import clock, exit_meaning, plural, span
from zpmd.model.cause import Code
from zpmd.model.events import Entry, Snapshot
from zpmd.model.job import Run
from zpmd.model.memory import Revision, Verdict
from zpmd.model.observed import Dossier
from zpmd.model.plan import State

FAILURES = frozenset({Code.DIED, Code.UNHEALTHY, Code.FAILED_START, Code.VANISHED, Code.CRASH_LOOP})
ROLLOUTS = frozenset(
    {Code.DRIFT, Code.FILE_CHANGED, Code.PATCH, Code.RESTART_ASKED, Code.ROLLBACK, Code.ROLLOUT_FAILED, Code.ROLLOUT_OK}
)
WORTH_TELLING = FAILURES | ROLLOUTS
"""Causes of what is told of a service that runs."""

ITS_ROW = "needs you: correct its row; until then it goes on as the row was when it was last good"
JOB = "job"
"""The verb of lines that say how runs of a job have ended: the ledger has them."""


def nothing(_service: str) -> Sequence[Entry]:
    """A journal that has nothing."""
    return ()


def why(
    service: str,
    snapshot: Snapshot,
    entries: Sequence[Entry],
    dossiers: Sequence[Dossier],
    now: float,
    zone: tzinfo | None = None,
    slot: int | None = None,
    journal: waits.Journal = nothing,
    kept: Run | None = None,
) -> WhyView:
    """`entries` oldest first, `dossiers` newest first, both of this service. `journal` is asked for those of others.
    `kept` is the run of a job whose last words are told: the one that is asked about, or job.culprit's."""
    views = {s.name: s for s in status(snapshot, now).services()}
    view = views.get(service)
    roots = Roots(views)
    reasons = tuple(handling.reason(w, view) for w in view.waiting) if view else ()
    root = waits.view(service, views, roots, snapshot, now, zone, journal) if view else None
    integration = story(snapshot, service)
    against = _against(service, snapshot, integration)
    if root is not None:
        handled, what = root.handled, root.handling
    elif view is not None:
        handled, what = handling.handling(view, snapshot, reasons, now, zone)
    else:
        handled, what = handling.absent(integration, against)
    if what == handling.NOTHING and integration is not None and integration.trouble:
        handled, what = False, ITS_ROW
    happenings = tuple(entry_view(e) for e in entries)
    notes = waits.notes(entries, journal)
    replicas = _replicas(service, view, entries, notes, dossiers, now, zone)
    replicas = tuple(r for r in replicas if _is_of(r, slot))
    if slot is not None:
        reasons = tuple(r for r in reasons if r.subject in (service, f"{service}/{slot}"))
    awaited_by = roots.awaiting(service)
    answer = _answer(service, view, snapshot, entries, against, root, notes, replicas, now, zone)
    if slot is not None and kept is not None and kept.due == slot:
        answer = job.answer_of_run(kept, now, zone)
        handled, what = (handled, what) if _goes_on(kept, snapshot, service) else (True, handling.NOTHING)
    elif slot is not None and replicas:
        answer = _of_slot(service, slot, replicas[0], answer, root)
    return WhyView(
        kind="service" if slot is None else "slot",
        name=service if slot is None else f"{service}/{slot}",
        service=service,
        now=now,
        answer=answer + _awaited(awaited_by, view),
        handling=what,
        handled=handled,
        state=view.state if view else "unknown",
        ready=view.ready if view else 0,
        desired=view.desired if view else 0,
        reasons=reasons,
        replicas=replicas,
        rollout=_rollout(snapshot.memory.revisions.get(service), now, zone),
        rollouts=tuple(e for e in happenings if e.kind == "action" and e.code in ROLLOUTS),
        operators=tuple(e for e in happenings if e.kind == "note" and e.verb != JOB),
        made_of=_made_of(integration, snapshot) if integration else "",
        row_trouble=integration.trouble if integration else "",
        patch=_patch(view, snapshot, now, zone),
        root=root,
        awaited_by=awaited_by,
        job=job.story(snapshot, service, view.job if view else None, kept, dossiers),
    )


def _is_of(replica: ReplicaStory, slot: int | None) -> bool:
    """Whether it is asked about: the replica of this slot, or any; the runs of a job are told from its ledger."""
    number = int(replica.subject.rpartition("/")[2])
    return number < job.FIRST_RUN if slot is None else number == slot


def _goes_on(run: Run, snapshot: Snapshot, service: str) -> bool:
    """Whether what is to be done about the job is to be done about this run."""
    last = job.culprit(snapshot, service)
    return run.open or (last is not None and last.due == run.due)


def _of_slot(service: str, slot: int, replica: ReplicaStory, answer: str, root: RootView | None) -> str:
    """The answer of one slot: how it stands and what happened to it last."""
    if root is not None:
        return answer
    last = f"; {replica.chains[-1].text}" if replica.chains else ""
    return f"{service}/{slot}: {replica.standing}{last}"


def _awaited(awaited_by: Sequence[str], view: ServiceView | None) -> str:
    if not awaited_by or view is None:
        return ""
    waits = "waits" if len(awaited_by) == 1 else "wait"
    return f"; {plural(len(awaited_by), 'service')} {waits} for it"


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
        exit_code=entry.exit_code,
        lived_seconds=entry.lived_seconds,
        ready_seconds=entry.ready_seconds,
    )


def _answer(
    service: str,
    view: ServiceView | None,
    snapshot: Snapshot,
    entries: Sequence[Entry],
    against: str,
    root: RootView | None,
    notes: Sequence[Entry],
    replicas: Sequence[ReplicaStory],
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
    if root is not None:
        return waits.waits(root, view, now)
    stopped = waits.stopped(view, notes, now, zone)
    if view.job is not None:
        return job.answer(view, view.job, snapshot, notes, stopped, now, zone)
    count = f"{view.ready} of {plural(view.desired, 'replica')} ready"
    state = State(view.state)
    if state is State.RUNNING:
        since = f" since {clock(view.since, now, zone)} ({span(now - view.since)})" if view.since is not None else ""
        return f"{service} runs{since}: {count}{_last(replicas)}"
    if stopped:
        return stopped
    reason = view.reason or next((w.text for w in view.waiting), "")
    return f"{service} is {spoken(state)}: {count}" + (f"; {reason}" if reason else "")


def _against(service: str, snapshot: Snapshot, integration: IntegrationView | None) -> str:
    """Why a service does not run here though something knows of it; "" where nothing does."""
    return dict(snapshot.desired.retired).get(service) or (integration.reason if integration else "")


def _made_of(integration: IntegrationView, snapshot: Snapshot) -> str:
    """From which row and by which template a service was made."""
    name = f"integration {integration.tenantcode}/{integration.integration_id}"
    title = f" ({integration.title})" if integration.title else ""
    row = f", row {integration.row}" if integration.row else ""
    declared = snapshot.desired.service(integration.service)
    template = f", by the template at {declared.origin}" if declared is not None and declared.origin else ""
    port = f", port {integration.port}" if integration.port is not None else ""
    return f"{name}{title}{row}{template}{port}"


def _last(replicas: Sequence[ReplicaStory]) -> str:
    """The last thing that happened to a service that runs, and was no mere beginning."""
    told: list[ChainView] = [c for replica in replicas for c in replica.chains if c.code in WORTH_TELLING]
    last = max(told, key=lambda c: c.at, default=None)
    return f"; {last.text}" if last is not None else ""


def _replicas(
    service: str,
    view: ServiceView | None,
    entries: Sequence[Entry],
    notes: Sequence[Entry],
    dossiers: Sequence[Dossier],
    now: float,
    zone: tzinfo | None,
) -> tuple[ReplicaStory, ...]:
    """A story for each slot that has a container, or has had one within what the journal remembers."""
    present = {r.slot: r for r in view.replicas} if view else {}
    happened: dict[int, list[Entry]] = {}
    for entry in entries:
        number = _slot(service, entry.subject)
        if number is not None and entry.kind == "action":
            happened.setdefault(number, []).append(entry)
    return tuple(
        ReplicaStory(
            subject=f"{service}/{slot}",
            name=present[slot].name if slot in present else "",
            standing=_standing(present.get(slot), now),
            happenings=tuple(entry_view(e) for e in happened.get(slot, ())),
            dossiers=tuple(evidence.view(d) for d in dossiers if d.slot == slot),
            chains=(chain.of_run if slot >= job.FIRST_RUN else chain.chains)(
                slot, happened.get(slot, ()), notes, now, zone
            ),
        )
        for slot in sorted({*present, *happened, *(d.slot for d in dossiers)})
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
