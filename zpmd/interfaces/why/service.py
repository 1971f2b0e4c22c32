"""The causal story of one service, or of one slot of it. Pure.

What waits for others is told by what they wait for in the end, and whether that is being handled: nobody is helped by
being sent from one waiting service to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import tzinfo

from zpmd.interfaces import patches
from zpmd.interfaces.root import spoken
from zpmd.interfaces.row_views import IntegrationView
from zpmd.interfaces.views import ServiceView
from zpmd.interfaces.why import handling, job, waits
from zpmd.interfaces.why.case import Case, case
from zpmd.interfaces.why.replicas import entry_view, stories
from zpmd.interfaces.why_views import ChainView, ReasonView, ReplicaStory, WhyView
from zpmd.interfaces.words import clock, plural, span
from zpmd.model.cause import Code
from zpmd.model.events import Entry, Snapshot
from zpmd.model.job import Run
from zpmd.model.memory import Verdict
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
    known = case(service, snapshot, entries, dossiers, now, zone, journal)
    replicas = stories(known, slot)
    whole = _whole(known, replicas, kept)
    return whole if slot is None else _of_slot(whole, known, slot, kept)


def _whole(case: Case, replicas: tuple[ReplicaStory, ...], kept: Run | None) -> WhyView:
    view, happenings = case.view, tuple(entry_view(e) for e in case.entries)
    reasons = tuple(handling.reason(w, view) for w in view.waiting) if view else ()
    handled, what = _handling(case, reasons)
    return WhyView(
        kind="service",
        name=case.service,
        service=case.service,
        now=case.now,
        answer=_answer(case, replicas) + _awaited(case),
        handling=what,
        handled=handled,
        state=view.state if view else "unknown",
        ready=view.ready if view else 0,
        desired=view.desired if view else 0,
        reasons=reasons,
        replicas=replicas,
        rollout=_rollout(case),
        rollouts=tuple(e for e in happenings if e.kind == "action" and e.code in ROLLOUTS),
        operators=tuple(e for e in happenings if e.kind == "note" and e.verb != JOB),
        made_of=_made_of(case.integration, case.snapshot) if case.integration else "",
        row_trouble=case.row_trouble,
        patch=_patch(case),
        root=case.root,
        awaited_by=case.awaited_by,
        job=job.story(case.snapshot, case.service, view.job if view else None, kept, case.dossiers),
    )


def _of_slot(whole: WhyView, case: Case, slot: int, kept: Run | None) -> WhyView:
    """What the story of a service is for who asks about one of its slots, or about one run of a job."""
    name = f"{case.service}/{slot}"
    mine = tuple(r for r in whole.reasons if r.subject in (case.service, name))
    told = replace(whole, kind="slot", name=name, reasons=mine)
    if kept is not None and kept.due == slot:
        answer = job.answer_of_run(kept, case.now, case.zone)
        if not _goes_on(kept, case):
            told = replace(told, handled=True, handling=handling.NOTHING)
    elif whole.replicas and case.root is None:
        (replica,) = whole.replicas
        last = f"; {replica.chains[-1].text}" if replica.chains else ""
        answer = f"{name}: {replica.standing}{last}"
    else:
        return told
    return replace(told, answer=answer + _awaited(case))


def _goes_on(run: Run, case: Case) -> bool:
    """Whether what is to be done about the job is to be done about this run."""
    last = job.culprit(case.snapshot, case.service)
    return run.open or (last is not None and last.due == run.due)


def _handling(case: Case, reasons: Sequence[ReasonView]) -> tuple[bool, str]:
    """(whether nobody needs to do anything, one line about it)."""
    if case.root is not None:
        handled, what = case.root.handled, case.root.handling
    elif case.view is not None:
        handled, what = handling.handling(case.view, case.snapshot, reasons, case.now, case.zone)
    else:
        handled, what = handling.absent(case.integration, case.against)
    return (False, ITS_ROW) if what == handling.NOTHING and case.row_trouble else (handled, what)


def _awaited(case: Case) -> str:
    if not case.awaited_by or case.view is None:
        return ""
    verb = "waits" if len(case.awaited_by) == 1 else "wait"
    return f"; {plural(len(case.awaited_by), 'service')} {verb} for it"


def _answer(case: Case, replicas: Sequence[ReplicaStory]) -> str:
    """The one line."""
    view = case.view
    if view is None:
        return _of_none(case)
    if case.root is not None:
        return waits.waits(case.root, view, case.now)
    stopped = waits.stopped(view, case.notes, case.now, case.zone)
    if view.job is not None:
        return job.answer(view, view.job, case.snapshot, case.notes, stopped, case.now, case.zone)
    count = f"{view.ready} of {plural(view.desired, 'replica')} ready"
    state = State(view.state)
    if state is State.RUNNING:
        return f"{view.name} runs{_since(case, view)}: {count}{_last(replicas)}"
    if stopped:
        return stopped
    reason = view.reason or next((w.text for w in view.waiting), "")
    return f"{view.name} is {spoken(state)}: {count}" + (f"; {reason}" if reason else "")


def _of_none(case: Case) -> str:
    """Of a service that has no standing."""
    if case.snapshot.desired.service(case.service) is not None:
        unknown = case.snapshot.observed.error or "engine unknown"
        return f"{case.service} is declared, and nothing is known of it: {unknown}"
    if case.against:
        return f"{case.service} does not run here: {case.against}"
    last = f"; last heard of at {clock(case.entries[-1].at, case.now, case.zone)}" if case.entries else ""
    return f"{case.service} is not declared and has no container{last}"


def _since(case: Case, view: ServiceView) -> str:
    if view.since is None:
        return ""
    return f" since {clock(view.since, case.now, case.zone)} ({span(case.now - view.since)})"


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


def _patch(case: Case) -> str:
    """Which patch made it what it is, since when, and what its file would have it run."""
    if case.view is None or case.view.patched is None:
        return ""
    told = case.view.patched
    row = next((row for row in case.snapshot.memory.patches if row.number == told.number), None)
    since = f" since {clock(row.times[-1][1], case.now, case.zone)}" if row is not None and row.times else ""
    stage = f", {row.stage}{since}" if row is not None else ""
    file = f"; its file says {told.base}" if told.base and told.base != case.view.image else ""
    return f"{patches.under_text(told)}{stage}{file}: `zpmctl patch show {told.patch}`"


def _rollout(case: Case) -> str:
    """The verdict on the newest definition, in a sentence; "" while there is none worth telling."""
    revision = case.snapshot.memory.revisions.get(case.service)
    if revision is None or revision.verdict in (None, Verdict.STABLE):
        return ""
    because = f" because {revision.reason}" if revision.reason else ""
    at = clock(revision.at, case.now, case.zone)
    if revision.verdict is Verdict.PAUSED:
        return f"its rollout was paused at {at}{because}"
    if revision.stable is None:
        return f"its definition failed at {at}{because}; there is no earlier one to go back to"
    return f"rolled back to the previous definition at {at}{because}"
