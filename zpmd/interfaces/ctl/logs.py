"""`zpmctl logs`: the words of one service, or of many, merged by time."""

from __future__ import annotations

import json
import re
import time
from typing import Annotated

import typer

from zpmd.interfaces.ctl.client import Exit, Failure
from zpmd.interfaces.ctl.options import Follow, Json, OfGroup, complete_service, duration
from zpmd.interfaces.ctl.screen import Screen

TAIL, ALL = 100, 100_000

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SERVICE", help="Names, or NAME/SLOT; none: of everything.", autocompletion=complete_service
    ),
]


def logs(
    ctx: typer.Context,
    services: Names = None,
    group: OfGroup = None,
    follow: Follow = False,
    tail: Annotated[
        int | None,
        typer.Option("--tail", "-n", min=0, max=ALL, help="Lines of the past, a replica. [default: 100]"),
    ] = None,
    since: Annotated[
        float | None, typer.Option(parser=duration, metavar="DURATION", help="Only lines of the last 10m, 2h, ...")
    ] = None,
    timestamps: Annotated[bool, typer.Option("--timestamps", "-t", help="Show when each line was written.")] = False,
    grep: Annotated[
        str | None, typer.Option(metavar="PATTERN", help="Only lines in which this regular expression is found.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show or follow the log lines of services, merged by time.

    Following goes on over restarts of their replicas, until Ctrl-C. With --since, --tail is as many as there are.

    \b
    Examples:
      zpmctl logs zona_user
      zpmctl logs zona_user/2 redis --since 10m --timestamps
      zpmctl logs --group core --grep 'error|refused'
    """
    for word in services or ():
        name, slash, slot = word.partition("/")
        if not name or (slash and not slot.isdecimal()):
            raise typer.BadParameter(f"{word!r} is no SERVICE/SLOT: the slot is a number from 1")
    lines = ctx.obj.lines(
        "/v1/logs",
        service=services or None,
        group=group.value if group else None,
        tail=tail if tail is not None else TAIL if since is None else ALL,
        follow=str(follow).lower(),
        since=None if since is None else time.time() - since,
    )
    screen, wanted = Screen(), _pattern(grep)
    for line in lines:
        if "error" in line:
            raise Failure(Exit.FAILED, line["error"])
        if wanted is not None and not wanted.search(line["line"]):
            continue
        if as_json:
            screen.raw(json.dumps(line, ensure_ascii=False))
        else:
            screen.log(line["replica"], line["line"], line["at"] if timestamps else None)


def _pattern(text: str | None) -> re.Pattern[str] | None:
    try:
        return None if text is None else re.compile(text)
    except re.error as error:
        raise typer.BadParameter(f"{text!r} is no regular expression: {error}") from None
