"""Strategies: appliances in any state, with patches on their way at any stage."""

from __future__ import annotations

import dataclasses

from hypothesis import strategies as st

from tests.properties.appliances import AGES, NAMES, Scene, scenes
from tests.unit.planning.build import NOW
from zpmd.model.patch import Change, Manifest, Patch, Stage, Step
from zpmd.model.service import Desired, ServiceData
from zpmd.planning import layer

STAGES = (
    *(Stage.COPIED, Stage.VERIFIED, Stage.LOADED, Stage.SWITCHED, Stage.ROLLING, Stage.ROLLING_BACK),
    *(Stage.APPLIED, Stage.APPLIED, Stage.ROLLBACK_FAILED, Stage.QUARANTINED),
)
BEFORE = frozenset({Stage.COPIED, Stage.VERIFIED, Stage.LOADED, Stage.QUARANTINED})


@st.composite
def manifests(draw: st.DrawFn, number: int) -> Manifest:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
    return Manifest(
        id=f"{draw(st.sampled_from('xyz'))}{number}",
        tag=draw(st.sampled_from(("", "1", "2", "other"))),
        services=tuple(Change(service=name) for name in names),
        requires=tuple(draw(st.lists(st.sampled_from(("x1", "y2", "z3")), max_size=1))),
        deadline_seconds=draw(st.sampled_from((None, 5.0))),
        expires=draw(st.sampled_from((None, None, NOW - 1, NOW + 3))),
        parallelism=draw(st.sampled_from((1, 5))),
    )


@st.composite
def rows(draw: st.DrawFn, number: int, declared: tuple[ServiceData, ...]) -> Patch:
    manifest, stage = draw(manifests(number)), draw(st.sampled_from(STAGES))
    since = NOW - draw(AGES)
    reached = [Stage.COPIED, *([Stage.VERIFIED] if stage is not Stage.COPIED else []), stage]
    moves = () if stage in BEFORE else layer.moves_of(manifest, declared)
    named = [s.name for s in declared if layer.by_service(moves)(s) is not None]
    moved = [] if stage is Stage.SWITCHED else [name for name in named if draw(st.booleans())]
    return Patch(
        number=number,
        name=f"{manifest.id}.patch.yaml",
        stage=stage,
        id=manifest.id,
        sha256=str(number),
        manifest=manifest,
        times=tuple((each, since) for each in reached),
        turn=0 if stage in BEFORE else number,
        moves=moves,
        steps=tuple(draw(steps(name)) for name in moved),
        baseline=tuple(sorted(name for name in named if draw(st.booleans()))),
        asked=draw(st.sampled_from(("", "ann"))) if stage in (Stage.APPLIED, Stage.ROLLING_BACK) else "",
    )


@st.composite
def steps(draw: st.DrawFn, name: str) -> Step:
    at = NOW - draw(AGES)
    return Step(
        service=name,
        at=at,
        generation=draw(st.sampled_from((1, 2))),
        clock=draw(st.sampled_from((at, None))),
        done_at=draw(st.sampled_from((None, at))),
        back_at=None,
    )


@st.composite
def patched_scenes(draw: st.DrawFn) -> Scene:
    """Of `scenes`, with one to three rows of the ledger, and their layer over what is declared."""
    found = draw(scenes())
    declared = Desired(services=found.desired.services, complete=found.desired.complete)
    ledger = tuple(draw(rows(number, declared.services)) for number in range(1, draw(st.integers(1, 3)) + 1))
    memory = dataclasses.replace(found.memory, patches=ledger)
    return Scene(layer.layered(declared, ledger), found.observed, memory)
