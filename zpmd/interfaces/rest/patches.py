"""The part of the REST API that is about patches: the ledger, what a patch would do, and taking one back.

Dropping one is no part of it: a patch is a file in a folder, and whoever may write there may drop it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query, Request

from zpmd.errors import ConfigError, NotFound
from zpmd.interfaces import patches
from zpmd.interfaces.asked import PatchesQuery, PatchPlanBody, RevertBody
from zpmd.interfaces.patch_story import story
from zpmd.interfaces.patch_views import PatchesView, PatchStoryView
from zpmd.interfaces.rest.access import actor
from zpmd.interfaces.rest.problems import StrictRoute
from zpmd.interfaces.views import DoneView
from zpmd.model.patch import Patch
from zpmd.model.preview import Preview
from zpmd.patching import manifest, words
from zpmd.ports import Control

DROPS_OF_ONE = 100
DROPS_SEARCHED = 1000
"""Rows that are looked through for a drop that is named by its number or file."""


def router(control: Control, now: Callable[[], float]) -> APIRouter:
    made = APIRouter(prefix="/v1/patches", route_class=StrictRoute, tags=["patches"])

    @made.get("")
    def list_patches(query: Annotated[PatchesQuery, Query()]) -> PatchesView:
        """The newest rows of the ledger."""
        rows = control.patches(query.limit, None)
        return patches.listed(rows, control.snapshot(), now(), query.limit)

    @made.get("/{id}")
    def get_patch(id: str) -> PatchStoryView:
        """The story of one patch, by its id, its number or its file."""
        rows = _drops(control, id)
        culprit = rows[0].culprit
        return story(rows, control.snapshot(), control.dossiers(culprit) if culprit else (), now())

    @made.post("/plan")
    def plan_patch(body: PatchPlanBody) -> Preview:
        """What a patch would do now. Changes nothing."""
        bundled = body.name.endswith(words.BUNDLE_SUFFIX)
        found, problems = manifest.read(body.manifest.encode("utf-8", errors="replace"), body.name, bundled)
        if found is None:
            raise ConfigError(problems)
        return control.preview(found)

    @made.post("/{id}/revert", status_code=202)
    def revert_patch(id: str, request: Request, body: RevertBody | None = None) -> DoneView:
        """Take an applied patch back."""
        ids = control.revert(id, body is not None and body.with_later, actor(request))
        return DoneView(detail=f"to go back: {', '.join(ids)}", at=now(), patches=ids)

    return made


def _drops(control: Control, name: str) -> tuple[Patch, ...]:
    """All drops of an id; or the one with this number, or the newest of files with this name. Raises NotFound."""
    rows = control.patches(DROPS_OF_ONE, name)
    if not rows:
        rows = tuple(row for row in control.patches(DROPS_SEARCHED, None) if name in (row.name, str(row.number)))[:1]
    if not rows:
        raise NotFound(
            f"no patch {name}: `zpmctl patch list` has those that there are; what was refused unread goes by its file"
        )
    return rows
