"""The part of the REST API that explains: the story of whatever somebody names, and the evidence of failures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field

from zpmd.errors import NotFound
from zpmd.interfaces import evidence, patch_story, registry
from zpmd.interfaces.asked import DossiersQuery
from zpmd.interfaces.evidence_views import DossierView
from zpmd.interfaces.rest.access import principal
from zpmd.interfaces.rest.problems import StrictRoute
from zpmd.interfaces.why import job, patch, subject, tenant, why
from zpmd.interfaces.why_views import AnyWhy, PatchWhyView, WhyView
from zpmd.model.events import Entry, Snapshot
from zpmd.model.job import Run
from zpmd.model.naming import rfc3339
from zpmd.ports import Control

ENTRIES = 200
"""Of a service's journal, for its story."""
DROPS = 100
DOSSIERS_LOOKED_AT = 500
"""The newest of all services', of which those that are asked for are picked."""


def router(control: Control, now: Callable[[], float]) -> APIRouter:
    made = APIRouter(prefix="/v1", route_class=StrictRoute)

    @made.get("/why/{name:path}", tags=["status"])
    def get_any_why(name: str, request: Request) -> Annotated[AnyWhy, Field(discriminator="kind")]:
        """The causal story of a service, a slot, a tenant or a patch."""
        snapshot = control.snapshot()
        try:
            meant = subject.subject(name, _names(control, snapshot, request))
        except NotFound:
            if row := registry.complaint(snapshot, name):
                raise NotFound(f"no service {name}: {row}") from None
            raise
        match meant.kind:
            case subject.TENANT:
                return tenant.story(meant.name, snapshot, journal_of(control, tenant.HAPPENINGS), now())
            case subject.PATCH:
                return _patch(control, snapshot, meant.name, now())
            case _:
                return story(control, snapshot, meant.name, now(), meant.slot)

    @made.get("/dossiers", tags=["status"])
    def get_dossiers(query: Annotated[DossiersQuery, Query()], request: Request) -> list[DossierView]:
        """The evidence of replicas that failed, the newest first."""
        if query.service is not None:
            subject.subject(f"{subject.SERVICE}:{query.service}", _names(control, control.snapshot(), request))
        found = control.dossiers(query.service, DOSSIERS_LOOKED_AT)
        wanted = [dossier for dossier in found if query.slot in (None, dossier.slot)]
        return [evidence.view(dossier) for dossier in wanted[: query.limit]]

    return made


def story(control: Control, snapshot: Snapshot, name: str, now: float, slot: int | None = None) -> WhyView:
    """Of a service, or of one slot. Raises NotFound for a slot that it has not, and never had."""
    entries, kept = control.journal(name, 0, None, ENTRIES), _run(control, snapshot, name, slot)
    dossiers = control.dossiers(name)
    told = why(name, snapshot, entries, dossiers, now, slot=slot, journal=journal_of(control), kept=kept)
    if slot is not None and slot >= job.FIRST_RUN and kept is None and not told.replicas:
        raise NotFound(
            f"{name} has no run that was due at {rfc3339(slot)}: `zpmctl job history {name}` has those it had"
        )
    if slot is not None and kept is None and not told.replicas and not 1 <= slot <= told.desired:
        raise NotFound(f"{name} has no slot {slot}: it is to have {told.desired}")
    return told


def _run(control: Control, snapshot: Snapshot, name: str, slot: int | None) -> Run | None:
    """The row of the ledger whose last words are told, with its logs."""
    culprit = job.culprit(snapshot, name)
    due = slot if slot is not None else culprit.due if culprit is not None else None
    if due is None or due < job.FIRST_RUN:
        return None
    try:
        return control.run(name, due)
    except NotFound:
        return None


def journal_of(control: Control, entries: int = ENTRIES) -> Callable[[str], Sequence[Entry]]:
    """What the journal has of each service, the last so many lines, asked for once a story."""
    asked: dict[str, tuple[Entry, ...]] = {}

    def journal(service: str) -> tuple[Entry, ...]:
        if service not in asked:
            asked[service] = control.journal(service, 0, None, entries if service else ENTRIES)
        return asked[service]

    return journal


def _names(control: Control, snapshot: Snapshot, request: Request) -> subject.Names:
    """What whoever asks may ask about; patches are nothing of a single tenant's."""
    whole = not principal(request).tenant

    def remembered(service: str) -> bool:
        return bool(service) and bool(control.journal(service, 0, None, 1) or control.dossiers(service, 1))

    def dropped(id: str) -> bool:
        return whole and bool(control.patches(1, id))

    return subject.names(snapshot, remembered, dropped)


def _patch(control: Control, snapshot: Snapshot, id: str, now: float) -> PatchWhyView:
    rows = control.patches(DROPS, id)
    culprit = rows[0].culprit
    told = patch_story.story(rows, snapshot, control.dossiers(culprit) if culprit else (), now)
    return patch.story(told, snapshot, now)
