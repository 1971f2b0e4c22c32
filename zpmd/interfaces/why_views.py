"""The shapes of why: stories of services, tenants and patches, and the evidence. The rules of views.py hold here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zpmd.interfaces.patch_views import PatchStoryView
from zpmd.interfaces.row_views import TenantView, TroubleView
from zpmd.interfaces.views import EntryView


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainView:
    """What happened to one slot, in a sentence: a replacement is one, with its stop, removal and run. `code` is that of
    its cause, `ok` null while its outcome is not known, `entries` are the lines of the journal that it was made of."""

    at: float
    slot: int
    code: str
    ok: bool | None
    text: str
    entries: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonView:
    """Why something waits, and what would change it. `by_itself`: nobody needs to do anything."""

    subject: str
    code: str
    text: str
    until: float | None
    by_itself: bool
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaStory:
    """One slot: how it stands in words, what happened to it (oldest first), and its evidence (newest first). `chains`
    are the same happenings as sentences."""

    subject: str
    name: str
    standing: str
    happenings: tuple[EntryView, ...]
    dossiers: tuple[DossierView, ...]
    chains: tuple[ChainView, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RootView:
    """Where the waiting of a service ends. `path` is the service, what it waits for, and so on to the root; `text` why
    the root is as it is; `handled` and `handling` are of the root."""

    service: str
    path: tuple[str, ...]
    text: str
    until: float | None
    handled: bool
    handling: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyView:
    """The causal story of one service, or of one slot of it: the answer in one line, whether it is being handled, then
    the evidence.

    `made_of` tells from which row and template it was made, `row_trouble` what is wrong with that row; "" for a service
    that is no integration, or has none. `patch` says which patch made it what it is, "" where none did. `root` is null
    for a service that waits for no other. `awaited_by` are the services that wait for this one, over others too.
    """

    service: str
    now: float
    answer: str
    handling: str
    handled: bool
    state: str
    ready: int
    desired: int
    reasons: tuple[ReasonView, ...]
    replicas: tuple[ReplicaStory, ...]
    rollout: str
    rollouts: tuple[EntryView, ...]
    operators: tuple[EntryView, ...]
    made_of: str = ""
    row_trouble: str = ""
    patch: str = ""
    kind: Literal["service", "slot"] = "service"
    name: str = ""
    root: RootView | None = None
    awaited_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupedView:
    """Integrations that are not ready for one and the same reason."""

    text: str
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantWhyView:
    """The story of one tenant: its row and databases, its integrations that are not ready, grouped by what that comes
    from, and what happened of late. `tenant` is null for one whose row was never good."""

    kind: Literal["tenant"] = "tenant"
    name: str
    now: float
    answer: str
    handling: str
    handled: bool
    tenant: TenantView | None
    groups: tuple[GroupedView, ...]
    troubles: tuple[TroubleView, ...]
    happenings: tuple[EntryView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchWhyView:
    """The story of one patch: the answer in one line, whether it is being handled, and its own story."""

    kind: Literal["patch"] = "patch"
    name: str
    now: float
    answer: str
    handling: str
    handled: bool
    story: PatchStoryView


AnyWhy = WhyView | TenantWhyView | PatchWhyView
"""Told apart by `kind`."""
