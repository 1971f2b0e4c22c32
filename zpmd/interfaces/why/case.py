"""What is known of one service when somebody asks why: looked up once, and what all of its story is told from. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

from zpmd.interfaces.root import Roots
from zpmd.interfaces.row_views import IntegrationView
from zpmd.interfaces.status import status
from zpmd.interfaces.tenancy import story
from zpmd.interfaces.views import ServiceView
from zpmd.interfaces.why import waits
from zpmd.interfaces.why_views import RootView
from zpmd.model.events import Entry, Snapshot
from zpmd.model.observed import Dossier


@dataclass(frozen=True, slots=True)
class Case:
    """`view` is None for a service that is not declared and has no container, `root` for one that waits for no other.
    `entries` are its own, oldest first, `dossiers` newest first; `notes` are what operators asked of it, or of all."""

    service: str
    snapshot: Snapshot
    now: float
    zone: tzinfo | None
    view: ServiceView | None
    root: RootView | None
    awaited_by: tuple[str, ...]
    integration: IntegrationView | None
    entries: Sequence[Entry]
    notes: Sequence[Entry]
    dossiers: Sequence[Dossier]

    @property
    def against(self) -> str:
        """Why it does not run here though something knows of it; "" where nothing does."""
        retired = dict(self.snapshot.desired.retired).get(self.service)
        return retired or (self.integration.reason if self.integration else "")

    @property
    def row_trouble(self) -> str:
        """What is wrong with the row that it is made of."""
        return self.integration.trouble if self.integration else ""


def case(
    service: str,
    snapshot: Snapshot,
    entries: Sequence[Entry],
    dossiers: Sequence[Dossier],
    now: float,
    zone: tzinfo | None,
    journal: waits.Journal,
) -> Case:
    views = {s.name: s for s in status(snapshot, now).services()}
    roots = Roots(views)
    return Case(
        service=service,
        snapshot=snapshot,
        now=now,
        zone=zone,
        view=views.get(service),
        root=waits.view(service, views, roots, snapshot, now, zone, journal) if service in views else None,
        awaited_by=roots.awaiting(service),
        integration=story(snapshot, service),
        entries=entries,
        notes=waits.notes(entries, journal),
        dossiers=dossiers,
    )
