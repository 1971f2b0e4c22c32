"""`zpmctl top`: what services use of the host's CPUs and memory, the most first."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Annotated

import typer
from rich.text import Text

from zpmd.interfaces.ctl.client import Daemon, Failure
from zpmd.interfaces.ctl.follow import AWAY
from zpmd.interfaces.ctl.lines import BAD, FAINT, NOTICE, STRONG, Row, line, table
from zpmd.interfaces.ctl.options import Json, OfGroup, OfTenant
from zpmd.interfaces.ctl.screen import Screen
from zpmd.interfaces.usage_views import ReplicaUsageView, ServiceUsageView, UsageView
from zpmd.interfaces.words import clean, plural, size

REFRESH_SECONDS = 2.0
MUCH = 0.9
"""Of its limit: the kernel kills soon."""
TITLES = ("SERVICE", "CPU", "MEMORY", "LIMIT", "OF LIMIT", "REPLICAS")


COUNTS = ("CPU", "MEMORY", "LIMIT", "OF LIMIT")


class By(StrEnum):
    CPU = "cpu"
    MEMORY = "memory"


def top(
    ctx: typer.Context,
    sort: Annotated[By, typer.Option(help="By what the first is the largest.")] = By.CPU,
    replicas: Annotated[bool, typer.Option("--replicas", help="Each replica on a line of its own.")] = False,
    group: OfGroup = None,
    tenant: OfTenant = None,
    once: Annotated[bool, typer.Option("--once", help="Print it once, also on a terminal.")] = False,
    as_json: Json = False,
) -> None:
    """Show what services use of CPU and memory.

    On a terminal it goes on until Ctrl-C. 100 % is one CPU that is busy all the time.

    \b
    Examples:
      zpmctl top --once
      zpmctl top --once --sort memory --group app
      zpmctl top --json | jq -r '.services[] | [.service, .memory] | @tsv'
    """
    screen = Screen()

    def look() -> UsageView:
        return _sorted(_narrowed(_asked(ctx.obj), group.value if group else None, tenant), sort)

    if once or as_json or not screen.terminal:
        view = look()
        screen.say(as_json, view, top_lines(view, replicas))
        return
    with screen.live() as show:
        assert show is not None
        lines: Sequence[Text] = []
        while True:
            try:
                lines = top_lines(look(), replicas)
                shown = lines
            except Failure as failure:
                if failure.code not in AWAY:
                    raise
                shown = [line((clean(failure.text), BAD)), *lines]
            show(_on_screen(shown, (screen.height or 22) + 1))
            time.sleep(REFRESH_SECONDS)


def _asked(daemon: Daemon) -> UsageView:
    return daemon.get(UsageView, "/v1/usage")


def _narrowed(view: UsageView, group: str | None, tenant: str | None) -> UsageView:
    services = tuple(s for s in view.services if group in (None, s.group) and tenant in (None, s.tenant))
    return replace(view, services=services)


def _sorted(view: UsageView, by: By) -> UsageView:
    def key(service: ServiceUsageView) -> tuple[float, float]:
        cpu = -(service.cpu or 0.0)
        return (cpu, -service.memory) if by is By.CPU else (-service.memory, cpu)

    return replace(view, services=tuple(sorted(view.services, key=key)))


def top_lines(view: UsageView, replicas: bool) -> list[Text]:
    """Pure."""
    cpu, memory = sum(s.cpu or 0.0 for s in view.services), sum(s.memory for s in view.services)
    count = sum(len(s.replicas) for s in view.services)
    told = f"{plural(len(view.services), 'service')}, {plural(count, 'replica')}: CPU {_percent(cpu)}"
    head = line((f"{told}, memory {size(memory)}", STRONG), (f"  over the last {view.seconds:.1f} s", FAINT))
    if not view.services:
        return [line(("nothing runs", NOTICE))]
    rows: list[Row] = [tuple((f"{title:>7}" if title in COUNTS else title, FAINT) for title in TITLES)]
    for service in view.services:
        rows.append(_row(service.service, service, str(len(service.replicas))))
        if replicas and len(service.replicas) > 1:
            rows += [_row(f"  {replica.subject}", replica, "") for replica in service.replicas]
    return [head, Text(""), *table(rows)]


def _row(name: str, used: ServiceUsageView | ReplicaUsageView, count: str) -> Row:
    part = used.memory / used.memory_limit if used.memory_limit else None
    return (
        (name, ""),
        (f"{'-' if used.cpu is None else _percent(used.cpu):>7}", ""),
        (f"{size(used.memory):>7}", ""),
        (f"{'-' if used.memory_limit is None else size(used.memory_limit):>7}", FAINT),
        (f"{'-' if part is None else _percent(part):>8}", BAD if part is not None and part >= MUCH else ""),
        (f"{count:>8}", ""),
    )


def _percent(part: float) -> str:
    return f"{part * 100:.1f} %"


def _on_screen(lines: Sequence[Text], height: int) -> Sequence[Text]:
    if len(lines) <= height:
        return lines
    return [*lines[: height - 1], line((f"... {len(lines) - height + 1} more", FAINT))]
