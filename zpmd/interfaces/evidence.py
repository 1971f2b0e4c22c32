"""Dossiers as people see them: how a replica ended in words, what it was allowed, what stood around it. Pure."""

from __future__ import annotations

from zpmd.interfaces.evidence_views import ChangeView, DossierView, LimitsView, NeighbourView
from zpmd.interfaces.words import exit_meaning
from zpmd.model.observed import Dossier

PROBE_OK = "exit 0"
"""How a line of `Dossier.health_output` begins where the probe was content."""
OBEYED = frozenset({0, 143})
"""How one ends that does as it is told."""


def meaning(kept: Dossier) -> str:
    """How it ended; of one that obeyed when it was stopped for its health, that says less than its probe."""
    failing = bool(kept.health_output) and not kept.health_output[-1].startswith(PROBE_OK)
    if (kept.stopped or failing) and kept.exit_code in OBEYED and not kept.error:
        return "unhealthy until it was stopped"
    return kept.error or exit_meaning(kept.exit_code, kept.oom_killed)


def view(dossier: Dossier) -> DossierView:
    limits = dossier.limits
    return DossierView(
        service=dossier.service,
        slot=dossier.slot,
        container_id=dossier.container_id,
        at=dossier.at,
        exit_code=dossier.exit_code,
        oom_killed=dossier.oom_killed,
        meaning=meaning(dossier),
        error=dossier.error,
        image=dossier.image,
        started_at=dossier.started_at,
        finished_at=dossier.finished_at,
        health_output=dossier.health_output,
        log_tail=dossier.log_tail,
        stopped=dossier.stopped,
        limits=None
        if limits is None
        else LimitsView(memory_bytes=limits.memory_bytes, cpus=limits.cpus, pids=limits.pids),
        restart=dossier.attempt,
        generation=dossier.generation,
        spec=dossier.spec,
        revision=dossier.revision,
        changes=tuple(ChangeView(at=c.at, text=c.text, actor=c.actor) for c in dossier.changes),
        dependencies=tuple(
            NeighbourView(service=n.service, state=n.state, ready=n.ready, desired=n.desired)
            for n in dossier.dependencies
        ),
    )
