"""What a patch would do: the answer of `zpmctl patch plan`, worked out without changing anything."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from zpmd.model.service import Group


class Where(StrEnum):
    """Where an image of a patch comes from."""

    HERE = "here"
    BUNDLE = "bundle"
    REGISTRY = "registry"
    NOWHERE = "nowhere"
    """Neither here nor in the bundle, and the service's pull_policy forbids to ask a registry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewStep:
    """One service that would move, in the order of moving. `why` is "patch", or the service that it follows.

    `wave` counts from 1: services of one wave may move side by side. `order` is start-first or stop-first, `hindrance`
    why it is not the start-first that its file asks for. Seconds are expected from what was measured on this host, None
    where nothing was: `seconds` until the last replica of it is ready, `away_seconds` for how long none of it serves
    (0 where others serve meanwhile).
    """

    service: str
    group: Group
    wave: int
    replicas: int
    tenant: str = ""
    was: str = ""
    image: str = ""
    why: str = "patch"
    order: str = "stop-first"
    hindrance: str = ""
    seconds: float | None = None
    away_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewImage:
    reference: str
    where: Where


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """`refused` says why it would not be applied at all, `waits` what it would wait for first; "" where nothing is in
    its way. `dependants` are watched: they have to stay well, and are not touched."""

    id: str
    refused: str = ""
    waits: str = ""
    steps: tuple[PreviewStep, ...] = ()
    images: tuple[PreviewImage, ...] = ()
    dependants: tuple[str, ...] = ()
