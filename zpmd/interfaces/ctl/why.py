"""The commands of zpmctl that explain: why, and dossier. Neither changes anything."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import typer

from zpmd.interfaces.ctl import dossier_lines, why_lines
from zpmd.interfaces.ctl.client import Exit, Failure
from zpmd.interfaces.ctl.options import Json, NameAndSlot, complete_service, place
from zpmd.interfaces.ctl.screen import Screen
from zpmd.interfaces.evidence_views import DossierView
from zpmd.interfaces.why_views import AnyWhy

Anything = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="SERVICE, SERVICE/SLOT, JOB/DUE, a tenant's code, a patch's id; `tenant:acme` and `patch:ID` say which.",
        autocompletion=complete_service,
    ),
]


def why(ctx: typer.Context, name: Anything, as_json: Json = False) -> None:
    """Tell why a service, a slot, a job or a run of it, a tenant or a patch is as it is.

    The answer comes first, followed to its root; then whether it is being handled, then the evidence.

    \b
    Examples:
      zpmctl why zona_user
      zpmctl why zona_user/2
      zpmctl why report/2026-03-29T01:00:00Z
      zpmctl why tenant:acme
      zpmctl why patch:hotfix-1042
      zpmctl why zona_user --json | jq -r .answer
    """
    of_run = ":" in name.partition("/")[2]
    view = ctx.obj.get(AnyWhy, f"/v1/why/{_path(place(name) if of_run else name)}")
    screen = Screen()
    screen.say(as_json, view, why_lines.lines(view, screen.zone))


def dossier(
    ctx: typer.Context,
    service: NameAndSlot,
    last: Annotated[int, typer.Option("--last", min=1, max=10, help="So many of them, the newest first.")] = 1,
    as_json: Json = False,
) -> None:
    """Show the evidence that was kept of a failure.

    How it ended, its last log lines, what its probe said, its limits, what was changed in the hour before, and how its
    dependencies stood. The last ten of a service are kept.

    \b
    Examples:
      zpmctl dossier zona_user
      zpmctl dossier zona_user/2 --last 3
    """
    name, _, slot = place(service).partition("/")
    found = ctx.obj.get(list[DossierView], "/v1/dossiers", service=name, slot=slot or None, limit=last)
    screen = Screen()
    screen.say(as_json, found, dossier_lines.dossiers_lines(service, found, screen.zone))


def _path(name: str) -> str:
    """The name as the rest of a path: nothing in it can lead elsewhere. Raises Failure for what is no name."""
    if not name or any(part in ("", ".", "..") for part in name.split("/")):
        raise Failure(Exit.NOT_FOUND, f"no service, tenant or patch {name!r}")
    return quote(name, safe="/:*")
