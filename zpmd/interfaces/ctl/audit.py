"""`zpmctl audit`: who wrote what, and whether the rows still are what they were."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated

import typer
from rich.text import Text

from zpmd.interfaces.audit import AuditRowView, AuditView, links
from zpmd.interfaces.ctl.client import Daemon, Exit, Failure
from zpmd.interfaces.ctl.lines import BAD, FAINT, GOOD, NOTICE, Row, Zone, line, table
from zpmd.interfaces.ctl.options import Json
from zpmd.interfaces.ctl.screen import Screen
from zpmd.interfaces.words import clock, plural
from zpmd.model.audit import Head, Kind, verify

PAGE = 500
KEPT = 50_000
"""Rows that the daemon has at the most."""
SUCCESS = range(200, 300)


def audit(
    ctx: typer.Context,
    tail: Annotated[int, typer.Option("--tail", "-n", min=1, max=KEPT, help="Rows of the past.")] = 50,
    check: Annotated[bool, typer.Option("--verify", help="Look at every row; exit 1 where one was touched.")] = False,
    as_json: Json = False,
) -> None:
    """Show who wrote what through the API: before, after, outcome.

    --verify computes every hash here, from all that the daemon has kept.

    \b
    Examples:
      zpmctl audit
      zpmctl audit --json -n 1000 | jq -r '.rows[] | select(.subject == "redis") | .actor'
      zpmctl audit --verify
    """
    daemon: Daemon = ctx.obj
    screen = Screen()
    if check:
        _verify(daemon, screen, as_json)
        return
    view = _newest(daemon, tail)
    screen.say(as_json, view, row_lines(view, screen.zone))


def row_lines(view: AuditView, zone: Zone) -> list[Text]:
    if not view.rows:
        return [line(("nobody has asked for anything yet", FAINT))]
    return table([_row(row, view.now, zone) for row in view.rows])


def _verify(daemon: Daemon, screen: Screen, as_json: bool) -> None:
    first = daemon.get(AuditView, "/v1/audit", after=0, limit=PAGE)
    head = Head(first.head_id, first.head_hash)
    rows = [row for row in _pages(daemon, first) if row.id <= head.id]
    faults = verify(links(rows), head)
    said = {"ok": not faults, "rows": len(rows), "head_id": head.id, "head_hash": head.hash, "faults": faults}
    good = f"the chain holds: {plural(len(rows), 'row')}, up to {head.id}, whose hash is {head.hash}"
    screen.say(as_json, said, [] if faults else [line((good, GOOD))])
    if faults:
        raise Failure(Exit.FAILED, f"the audit was changed: {'; '.join(faults)}")


def _newest(daemon: Daemon, count: int) -> AuditView:
    """The newest rows, in as many pages as that takes."""
    view = daemon.get(AuditView, "/v1/audit", limit=min(count, PAGE))
    if count <= PAGE:
        return view
    first = daemon.get(AuditView, "/v1/audit", after=max(0, view.head_id - count), limit=PAGE)
    return replace(view, rows=tuple(_pages(daemon, first))[-count:])


def _pages(daemon: Daemon, first: AuditView) -> Iterator[AuditRowView]:
    page = first
    while page.rows:
        yield from page.rows
        if len(page.rows) < PAGE:
            return
        page = daemon.get(AuditView, "/v1/audit", after=page.rows[-1].id, limit=PAGE)


def _row(row: AuditRowView, now: float, zone: Zone) -> Row:
    outcome, style = _outcome(row)
    return (
        (f"{row.id}", FAINT),
        (clock(row.at, now, zone), FAINT),
        (row.actor or "nobody", ""),
        (f"{row.method} {row.route}".strip(), ""),
        (row.subject, ""),
        (outcome, style),
        (_change(row.before, row.after), ""),
    )


def _outcome(row: AuditRowView) -> tuple[str, str]:
    match row.kind:
        case Kind.WRITE:
            style = GOOD if row.status in SUCCESS else NOTICE
            return f"{row.status}" + (f" {row.code}" if row.code else ""), style
        case Kind.REFUSED:
            return f"{row.status} refused" + (f", {row.count} times" if row.count > 1 else ""), BAD
        case Kind.ANCHOR:
            return f"rows up to {row.upto} were let go", FAINT
        case _:
            return row.kind, NOTICE


def _change(before: Mapping[str, object], after: Mapping[str, object]) -> str:
    """`stopped: - -> true`: what is not the same."""
    names = sorted(before.keys() | after.keys())
    changed = [name for name in names if before.get(name) != after.get(name)]
    return ", ".join(f"{name}: {_value(before.get(name))} -> {_value(after.get(name))}" for name in changed)


def _value(value: object) -> str:
    return "-" if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
