"""`zpmctl logs`: the words of one service, or of many, merged by time."""

from __future__ import annotations

import json
import re
import time
from typing import Annotated

import typer

from zpmd.interfaces.ctl.client import Exit, Failure
from zpmd.interfaces.ctl.options import Follow, Json, OfGroup, complete_service, duration, place
from zpmd.interfaces.ctl.screen import Screen

TAIL, ALL = 100, 100_000

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SERVICE",
        help="Names, or NAME/SLOT (of a job: JOB/DUE); none: of everything.",
        autocompletion=complete_service,
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
      zpmctl logs report/02:00
      zpmctl logs --group core --grep 'error|refused'
    """
    if "" in (services or ()):
        raise typer.BadParameter("'' is no SERVICE")
    lines = ctx.obj.lines(
        "/v1/logs",
        service=[place(word) for word in services or ()] or None,
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
