"""What stood around a replica when it failed: what it depends on, and what was done in the hour before.

The engine gathers the evidence that lies with it; this adds what it cannot know. Dependencies are looked at when the
decision is made, in the world that it was made from: by the time of the outcome they may have changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from zpmd.errors import StoreError
from zpmd.model.action import Action, KeepEvidence, RemoveReplica, RestartReplica, StartReplica, StopReplica, service_of
from zpmd.model.cause import Code
from zpmd.model.events import Entry, Outcome
from zpmd.model.observed import Change, Neighbour
from zpmd.model.plan import Plan, Standing
from zpmd.model.service import Desired, ServiceData
from zpmd.planning.ordering import dependencies
from zpmd.ports import Store

BEFORE_SECONDS = 3600.0
CHANGES = 20
READ = 200
ON_PURPOSE = frozenset(
    {
        *(Code.DRIFT, Code.FILE_CHANGED, Code.PATCH, Code.ROLLBACK, Code.RESTART_ASKED, Code.SCALED_DOWN),
        *(Code.PATCH_SWITCHED, Code.PATCH_APPLIED, Code.PATCH_FAILED, Code.PATCH_REVERTING, Code.PATCH_BACK),
        *(Code.ROLLOUT_FAILED, Code.ROLLOUT_OK),
    }
)
"""Actions that change what runs, as against those that keep it running."""
SITE_WIDE = frozenset({"reload", "lost", "found", "boot", "down", "up", "approve", "revert", "patch", "watch", "clock"})
"""What concerns no service alone, and may have brought one down."""
ENDS = frozenset({"job"})
"""Lines about runs that have ended: they tell what came of it, not what was done."""


class Witness:
    """Used by the loop's thread alone."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._stood: dict[str, tuple[Neighbour, ...]] = {}

    def decided(self, actions: Iterable[Action], desired: Desired, plan: Plan) -> None:
        """Before they are carried out: of those that keep evidence, how their dependencies stand."""
        failed = [action for action in actions if _keeps_evidence(action)]
        if not failed:
            return
        standings = {standing.service: standing for standing in plan.standings}
        for action in failed:
            service = desired.service(service_of(action))
            self._stood[action.subject] = _neighbours(service, standings) if service else ()

    def ended(self, outcome: Outcome) -> Outcome:
        """The outcome, its dossier complete."""
        stood = self._stood.pop(outcome.action.subject, ())
        dossier = outcome.dossier
        if dossier is None:
            return outcome
        until = outcome.at if dossier.finished_at is None or dossier.stopped else dossier.finished_at
        changes = self._changes(dossier.service, until)
        return replace(outcome, dossier=replace(dossier, dependencies=stood, changes=changes))

    def _changes(self, service: str, until: float) -> tuple[Change, ...]:
        since = until - BEFORE_SECONDS
        try:
            entries = [e for name in (service, "") for e in self._store.journal(name, 0, since, READ)]
        except StoreError:  # evidence never holds up the cure
            return ()
        told = sorted((e for e in entries if e.at <= until and _changes_something(e)), key=lambda e: e.id)
        return tuple(Change(at=e.at, text=_line(e), actor=e.actor, service=e.service) for e in told[-CHANGES:])


def _keeps_evidence(action: Action) -> bool:
    match action:
        case RestartReplica():
            return True
        case StartReplica() | StopReplica() | RemoveReplica():
            return action.evidence
        case KeepEvidence():
            return action.failed
        case _:
            return False


def _neighbours(service: ServiceData, standings: Mapping[str, Standing]) -> tuple[Neighbour, ...]:
    found = []
    for name in dict.fromkeys(dependency.service for dependency in dependencies(service)):
        stands = standings.get(name)
        state = "not declared" if stands is None else stands.state.value
        counts = (0, 0) if stands is None else (stands.ready, stands.desired)
        found.append(Neighbour(service=name, state=state, ready=counts[0], desired=counts[1]))
    return tuple(found)


def _changes_something(entry: Entry) -> bool:
    if entry.kind == "action":
        return entry.code in ON_PURPOSE
    return entry.actor != "zpmd" or entry.verb in SITE_WIDE or (bool(entry.service) and entry.verb not in ENDS)


def _line(entry: Entry) -> str:
    return f"{entry.verb} {entry.subject}: {entry.text}"
