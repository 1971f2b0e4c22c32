"""The shapes of why: stories of services, jobs, tenants and patches. The rules of views.py hold here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zpmd.interfaces.evidence_views import DossierView
from zpmd.interfaces.job_views import RunView
from zpmd.interfaces.patch_views import PatchStoryView
from zpmd.interfaces.row_views import TenantView, TroubleView
from zpmd.interfaces.views import EntryView


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
class JobStoryView:
    """What makes the story of a job: what it does when, its runs that have not ended, and its newest rows of others,
    the newest first.

    `run` is the run whose last words are told: the one that is asked about, or the one that went wrong last, if it is
    the last of all, or is being tried again; null where there is none. `retries_left` is how many more tries it has.
    `log_tail` are the last lines of its last try of which they were kept, `dossiers` the evidence of its tries that
    failed, the newest first.
    """

    schedule: str
    time_zone: str
    suspended_by: str
    next_at: float | None
    open: tuple[RunView, ...]
    runs: tuple[RunView, ...]
    run: RunView | None
    retries_left: int
    log_tail: tuple[str, ...]
    dossiers: tuple[DossierView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyView:
    """The causal story of one service, or of one slot of it: the answer in one line, whether it is being handled, then
    the evidence. Of a job, slots are its runs, each numbered by the instant that it is due at; `replicas` has the one
    that is asked about.

    `made_of` tells from which row and template it was made, `row_trouble` what is wrong with that row; "" for a service
    that is no integration, or has none. `patch` says which patch made it what it is, "" where none did. `root` is null
    for a service that waits for no other, `job` for one that is none. `awaited_by` are the services that wait for this
    one, over others too.
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
    job: JobStoryView | None = None


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
