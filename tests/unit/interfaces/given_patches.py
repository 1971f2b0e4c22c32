"""Rows of the ledger to look at: a patch at each stage, and one of each bad end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.unit.interfaces.given import NOON
from zpmd.model.patch import Archive, CarriedImage, Change, Manifest, Move, Patch, Stage, Step
from zpmd.stores.embedded import EmbeddedStore

WAY = (Stage.SEEN, Stage.COPIED, Stage.VERIFIED, Stage.LOADED, Stage.SWITCHED, Stage.ROLLING)
SHA = "5f2c" * 16
KEY = "E7620F1842B4E81F"
OLD, NEW = "zona/user:v2.3.0", "zona/user:v2.3.1"


def manifest(id: str = "hotfix-1042", *services: str, **more: Any) -> Manifest:
    named = services or ("redis", "zona_user")
    facts: dict[str, Any] = {
        "id": id,
        "description": "Fixes the login loop",
        "services": tuple(Change(service=s) for s in named),
        "tag": "v2.3.1",
    }
    return Manifest(**{**facts, **more})


def times(*stages: Stage, until: float = NOON, apart: float = 10.0) -> tuple[tuple[Stage, float], ...]:
    """Reached one after the other, the last one at `until`."""
    return tuple((stage, until - apart * (len(stages) - number)) for number, stage in enumerate(stages, 1))


def drop(stage: Stage = Stage.ROLLING, id: str = "hotfix-1042", **more: Any) -> Patch:
    """One that has come as far as `stage`, ten seconds a stage, the last of them at noon."""
    way = [*(s for s in WAY if s is not stage), stage] if stage not in WAY else [*WAY[: WAY.index(stage) + 1]]
    given = manifest(id)
    facts: dict[str, Any] = {
        "number": 0,
        "name": f"{id}.patch.yaml",
        "stage": stage,
        "id": id,
        "sha256": SHA,
        "size": 312,
        "owner": "release",
        "signer": KEY,
        "manifest": given,
        "times": times(*way),
        "moves": tuple(Move(service=change.service, tag=given.tag) for change in given.services),
        "baseline": ("redis", "zona_user"),
    }
    return Patch(**{**facts, **more})


def step(service: str = "redis", at: float = NOON - 10, **more: Any) -> Step:
    return Step(service=service, **{"at": at, "generation": 1, "was": OLD, "image": NEW, "clock": at, **more})


REFUSED = drop(
    Stage.QUARANTINED,
    "",
    name="login.patch.yaml",
    manifest=None,
    moves=(),
    times=times(Stage.SEEN, Stage.QUARANTINED, until=NOON - 600),
    reason="login.patch.yaml:3:1: services is missing",
    signer="",
    filed="/var/spool/zpmd/quarantine/20231115T115000Z-5f2c5f2c5f2c/login.patch.yaml",
)
ROLLED_BACK = drop(
    Stage.ROLLED_BACK,
    "hotfix-1041",
    times=times(*WAY, Stage.ROLLING_BACK, Stage.ROLLED_BACK, until=NOON - 60),
    reason="zona_user: it is unhealthy",
    culprit="zona_user",
    steps=(
        step(at=NOON - 90, done_at=NOON - 82, back_at=NOON - 65),
        step("zona_user", at=NOON - 82, back_at=NOON - 60),
    ),
    filed="/var/spool/zpmd/rolled-back/hotfix-1041.patch.yaml",
)
STUCK = drop(
    Stage.ROLLBACK_FAILED,
    "hotfix-1040",
    times=times(*WAY, Stage.ROLLING_BACK, Stage.ROLLBACK_FAILED, until=NOON - 300),
    reason="zona_user did not get well after going back (zona_user: it is unhealthy); what runs is kept",
    culprit="zona_user",
    steps=(step(at=NOON - 400, done_at=NOON - 390, back_at=NOON - 370), step("zona_user", at=NOON - 390)),
    filed="/var/spool/zpmd/rolled-back/hotfix-1040.patch.yaml",
)
ROLLING = drop(steps=(step(done_at=NOON - 2), step("zona_user", at=NOON - 2)))
APPLIED = drop(
    Stage.APPLIED,
    "hotfix-1039",
    times=times(*WAY, Stage.APPLIED, until=NOON - 86_400),
    steps=(step(at=NOON - 86_420, done_at=NOON - 86_405),),
    filed="/var/spool/zpmd/applied/hotfix-1039.patch.yaml",
)
BUNDLE = (
    Archive(
        file="images/zona_user.tar",
        size=31_457_280,
        sha256=SHA,
        images=(CarriedImage(reference=NEW, ids=("sha256:" + SHA,)),),
    ),
)


def put(store: EmbeddedStore, *rows: Patch) -> list[Patch]:
    """Into the ledger, in this order, each with the number that it gets there."""
    kept = []
    for row in rows:
        numbered = replace(row, number=store.begin_patch(row))
        store.keep_patch(numbered)
        if row.filed:
            store.file_patch(numbered.number, row.filed)
        if row.asked:
            store.ask_revert([numbered.number], row.asked)
        kept.append(numbered)
    return kept
