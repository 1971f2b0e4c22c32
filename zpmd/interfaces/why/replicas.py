"""What happened to each replica of a service, and how it stands. Pure."""

from __future__ import annotations

from zpmd.interfaces import evidence
from zpmd.interfaces.views import EntryView, ReplicaView
from zpmd.interfaces.why import chain, job
from zpmd.interfaces.why.case import Case
from zpmd.interfaces.why_views import ReplicaStory
from zpmd.interfaces.words import exit_meaning, span
from zpmd.model.events import Entry


def stories(case: Case, slot: int | None) -> tuple[ReplicaStory, ...]:
    """Of this slot, or of each that has a container, or has had one within what the journal remembers. Runs of a job
    are told from its ledger, and here only where one of them is asked about."""
    present = {r.slot: r for r in case.view.replicas} if case.view else {}
    happened: dict[int, list[Entry]] = {}
    for entry in case.entries:
        number = _slot(case.service, entry.subject)
        if number is not None and entry.kind == "action":
            happened.setdefault(number, []).append(entry)
    known = sorted({*present, *happened, *(d.slot for d in case.dossiers)})
    wanted = [n for n in known if (n < job.FIRST_RUN if slot is None else n == slot)]
    return tuple(_story(case, n, present.get(n), happened.get(n, [])) for n in wanted)


def _story(case: Case, slot: int, replica: ReplicaView | None, happened: list[Entry]) -> ReplicaStory:
    chains = chain.of_run if slot >= job.FIRST_RUN else chain.chains
    return ReplicaStory(
        subject=f"{case.service}/{slot}",
        name=replica.name if replica else "",
        standing=_standing(replica, case.now),
        happenings=tuple(entry_view(e) for e in happened),
        dossiers=tuple(evidence.view(d) for d in case.dossiers if d.slot == slot),
        chains=chains(slot, happened, case.notes, case.now, case.zone),
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
        exit_code=entry.exit_code,
        lived_seconds=entry.lived_seconds,
        ready_seconds=entry.ready_seconds,
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
