"""The shapes of the evidence that is kept of failures. The rules of views.py hold here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsView:
    """What a container was allowed; 0: as much as there is."""

    memory_bytes: int
    cpus: float
    pids: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighbourView:
    """How a service that another one depends on stood at an instant."""

    service: str
    state: str
    ready: int
    desired: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeView:
    """What was done in the hour before a failure, and who asked for it."""

    at: float
    text: str
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DossierView:
    """The evidence kept of a replica that failed; `meaning` puts its exit into words. `limits` is null where they are
    not known; `restart`: it was the result of the how many-th restart in a row. `changes` are of the hour before,
    `dependencies` as they stood when the failure was seen."""

    slot: int
    container_id: str
    at: float
    exit_code: int | None
    oom_killed: bool
    meaning: str
    error: str
    image: str
    started_at: float | None
    finished_at: float | None
    health_output: tuple[str, ...]
    log_tail: tuple[str, ...]
    service: str = ""
    stopped: bool = False
    limits: LimitsView | None = None
    restart: int = 0
    generation: int = 0
    spec: str = ""
    revision: str = ""
    changes: tuple[ChangeView, ...] = ()
    dependencies: tuple[NeighbourView, ...] = ()
