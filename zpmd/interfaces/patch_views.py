"""The shapes of patches, as people see them. Values, without behaviour; the rules of views.py hold here too.

What a patch would do is `model.preview.Preview` itself: the planner's answer, which is a value already.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchedView:
    """The patch that last had its word on a service: `under` is trial, applied, back or stuck; `base` is the image that
    the service's file names."""

    patch: str
    number: int
    under: str
    base: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchView:
    """One drop: a row of the ledger. `name` is that of its file, `id` "" where no manifest could be read.

    `state` is its stage, or `reverting` where somebody has asked to take it back and that has not begun. `attention`
    is `failed` (its rollback has failed, and a service of it is not well), `under-way`, `lately` (refused or rolled
    back within a day, and not dropped anew), or "". `services` are those that its file names, `group X` for all of a
    group. `dropped_at` is when it was seen, `since` when it came to this stage. `reason` is why it failed, was refused
    or goes back, `waits` what it waits for now; `until` belongs to `waits`. `filed` tells where its file has gone.
    """

    number: int
    id: str
    name: str
    state: str
    attention: str
    ended: bool
    services: tuple[str, ...]
    owner: str
    signer: str
    sha256: str
    size: int
    dropped_at: float | None
    since: float | None
    reason: str
    culprit: str
    waits: str
    until: float | None
    asked: str
    filed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchesView:
    """Drops, those that need attention first, then the newest. `trouble`: why files are not taken as they should."""

    now: float
    trouble: str
    patches: tuple[PatchView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageView:
    """`seconds` until the next stage; null for the one that lasts."""

    stage: str
    at: float
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchStepView:
    """One service of a patch: `state` is waiting, moving, held, moved, going-back, back or stuck, `seconds` how long
    that took or has lasted. `text` is how the service stands while it moves, or is stuck."""

    service: str
    state: str
    was: str
    image: str
    at: float | None
    seconds: float | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchImageView:
    """An image that the bundle carries, in one of its archives."""

    reference: str
    file: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceView:
    """What the culprit said last: how it ended, what its probe said, its log. "" where nothing was kept."""

    service: str
    at: float
    meaning: str
    health_output: tuple[str, ...]
    log_tail: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchStoryView:
    """The story of one patch. `drops` are the other drops of its id, newest first. `result` is the path of its result
    file, "" while there is none. `expires` is Unix seconds."""

    now: float
    patch: PatchView
    description: str
    restart_only: bool
    requires: tuple[str, ...]
    expires: float | None
    min_version: str
    deadline_seconds: float | None
    parallelism: int
    images: tuple[PatchImageView, ...]
    stages: tuple[StageView, ...]
    steps: tuple[PatchStepView, ...]
    evidence: EvidenceView | None
    result: str
    drops: tuple[PatchView, ...]
