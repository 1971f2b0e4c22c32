"""The commands of zpmctl that explain: why, and dossier. Neither changes anything."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import typer

from zpmd.interfaces.ctl import why_lines
from zpmd.interfaces.ctl.client import Exit, Failure
from zpmd.interfaces.ctl.options import Json, NameAndSlot, complete_service
from zpmd.interfaces.ctl.screen import Screen
from zpmd.interfaces.why_views import AnyWhy, DossierView

Anything = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="SERVICE, SERVICE/SLOT, a tenant's code, or the id of a patch; `tenant:acme` and `patch:ID` say which.",
        autocompletion=complete_service,
    ),
]


def why(ctx: typer.Context, name: Anything, as_json: Json = False) -> None:
    """Tell why a service, a slot, a tenant or a patch is as it is.

    The answer comes first, followed to its root; then whether it is being handled, then the evidence.

    \b
    Examples:
      zpmctl why zona_user
      zpmctl why zona_user/2
      zpmctl why tenant:acme
      zpmctl why patch:hotfix-1042
      zpmctl why zona_user --json | jq -r .answer
    """
    view = ctx.obj.get(AnyWhy, f"/v1/why/{_path(name)}")
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
    name, _, slot = service.partition("/")
    if slot and not slot.isdecimal():
        raise typer.BadParameter(f"{service!r} is no SERVICE/SLOT: the slot is a number from 1")
    found = ctx.obj.get(list[DossierView], "/v1/dossiers", service=name, slot=slot or None, limit=last)
    screen = Screen()
    screen.say(as_json, found, why_lines.dossiers_lines(service, found, screen.zone))


def _path(name: str) -> str:
    """The name as the rest of a path: nothing in it can lead elsewhere. Raises Failure for what is no name."""
    if not name or any(part in ("", ".", "..") for part in name.split("/")):
        raise Failure(Exit.NOT_FOUND, f"no service, tenant or patch {name!r}")
    return quote(name, safe="/:*")
