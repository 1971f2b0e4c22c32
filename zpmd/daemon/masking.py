"""Where texts of others come in: what an engine or a source says is masked before anybody keeps, shows or logs it.

An engine quotes what it was given, and a container prints what it likes into its log. Names are left alone: they are
how things are found again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from zpmd.model.events import Outcome
from zpmd.model.observed import Dossier, World
from zpmd.model.service import Problem
from zpmd.redaction import redact, redact_lines


def outcome(given: Outcome) -> Outcome:
    evidence = dossier(given.dossier) if given.dossier else None
    return replace(given, detail=redact(given.detail), dossier=evidence)


def dossier(given: Dossier) -> Dossier:
    return replace(
        given,
        error=redact(given.error),
        log_tail=redact_lines(given.log_tail),
        health_output=redact_lines(given.health_output),
    )


def world(given: World) -> World:
    """Most replicas have no error to tell, and a pass is made often: then it is the same object."""
    if not any(r.error for r in given.replicas):
        return given
    return replace(given, replicas=tuple(replace(r, error=redact(r.error)) if r.error else r for r in given.replicas))


def problems(given: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(replace(problem, message=redact(problem.message)) for problem in given)
