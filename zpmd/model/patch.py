"""A patch: what its file asks for, what became of it, and what one service is under it.

A patch is a level and no event: a row of the ledger with a stage. Stages go forward only, each is stored before
anything is done under it, and an ended patch that was applied stays a layer over the service files until it is
reverted, or until the files name another image than the one that it replaced.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from zpmd.model.service import Group


class Stage(StrEnum):
    """How far a dropped file has come. The last five are ends; a patch reaches exactly one of them, and REVERTED or
    ROLLBACK_FAILED once more after APPLIED where an operator asks for it."""

    SEEN = "seen"
    """The file is complete in incoming/."""
    COPIED = "copied"
    """Its private copy has been read: format, signature and archives are right. The copy is what is used from here."""
    VERIFIED = "verified"
    """It fits this site; it waits for its turn and for its images."""
    LOADED = "loaded"
    """Every image is on the engine."""
    SWITCHED = "switched"
    """What it changes is written down; nothing has moved."""
    ROLLING = "rolling"
    ROLLING_BACK = "rolling-back"
    APPLIED = "applied"
    ROLLED_BACK = "rolled-back"
    REVERTED = "reverted"
    ROLLBACK_FAILED = "rollback-failed"
    """Some of its services did not get well after they went back: what runs is kept, and a person is needed."""
    QUARANTINED = "quarantined"
    """Refused before anything moved."""


ENDS = frozenset({Stage.APPLIED, Stage.ROLLED_BACK, Stage.REVERTED, Stage.ROLLBACK_FAILED, Stage.QUARANTINED})
MOVING = frozenset({Stage.SWITCHED, Stage.ROLLING, Stage.ROLLING_BACK})


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One service (or template of integrations) that a manifest names, with what it is to run: an `image`, or a `tag`
    for the image that it has; neither where it is only restarted."""

    service: str
    image: str = ""
    tag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedImage:
    """An image inside an archive. `ids` are the ids that engines may know it by: of its config, and of its manifest
    (containerd's image store); each `sha256:<64 hex>`."""

    reference: str
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """One `docker save` archive in a bundle: its place in the zip, size in bytes and SHA-256 in hex."""

    file: str
    size: int
    sha256: str
    images: tuple[CarriedImage, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a patch file asks for. `groups` add every service of a group; `tag` is for all that have none of their own.

    `deadline_seconds`: how long a service may go without progress before the patch counts as failed (None: the
    settings'). `parallelism`: how many services of it may be on their way at a time, after the first, which goes alone.
    `expires` is Unix seconds.
    """

    id: str
    description: str = ""
    tag: str = ""
    services: tuple[Change, ...] = ()
    groups: tuple[Group, ...] = ()
    images: tuple[Archive, ...] = ()
    restart_only: bool = False
    expires: float | None = None
    min_version: str = ""
    requires: tuple[str, ...] = ()
    deadline_seconds: float | None = None
    parallelism: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What a patch does to one named service or template, settled when it was switched. `bases` are the images that the
    files named then: where they name another one later, the file is newer than the patch and wins."""

    service: str
    image: str = ""
    tag: str = ""
    bases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One service's turn. It belongs to the new definition from `at` on, and its replicas carry `generation`.

    `clock` is where its deadline counts from: its turn, or later where it was held or zpmd was away in between; None
    while it is held. `done_at`: every replica has proved itself. `was` and `image` are for people.
    """

    service: str
    at: float
    generation: int
    was: str = ""
    image: str = ""
    clock: float | None = None
    done_at: float | None = None
    back_at: float | None = None
    """It runs again what it ran before, and is well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """One drop: a row of the ledger. `number` counts drops from 1; `id` is "" where no manifest could be read.

    `times` are pairs of a stage and since when. `reason` says why it failed, was refused, or what it waits for.
    `baseline` are the services that were ready when it was switched, its own and those that depend on them: they have
    to be ready again. `asked` is who asked to revert it, `filed` where its file has gone (or why that failed).
    """

    number: int
    name: str
    stage: Stage
    id: str = ""
    sha256: str = ""
    size: int = 0
    owner: str = ""
    """The user who owned the file."""
    signer: str = ""
    """The id of the key that signed it; "" where nobody did."""
    manifest: Manifest | None = None
    copy: str = ""
    """Path of the private copy of a bundle while it is needed; "" for a manifest without images."""
    times: tuple[tuple[Stage, float], ...] = ()
    reason: str = ""
    culprit: str = ""
    """The service that failed it."""
    turn: int = 0
    """Its place among all that were switched, from 1; 0 before that. Layers are put on each other by it: a clock may be
    set."""
    moves: tuple[Move, ...] = ()
    steps: tuple[Step, ...] = ()
    baseline: tuple[str, ...] = ()
    asked: str = ""
    filed: str = ""

    @property
    def ended(self) -> bool:
        """It ended, and nobody asked to revert it since."""
        return self.stage in ENDS and not self.reverting

    @property
    def reverting(self) -> bool:
        return self.stage is Stage.APPLIED and bool(self.asked)

    @property
    def moving(self) -> bool:
        return self.stage in MOVING

    def since(self, stage: Stage) -> float | None:
        """When it came to this stage the last time."""
        return next((at for reached, at in reversed(self.times) if reached is stage), None)

    def step(self, service: str) -> Step | None:
        return next((step for step in self.steps if step.service == service), None)
