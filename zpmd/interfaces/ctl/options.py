"""The arguments and options that commands of zpmctl share."""

from __future__ import annotations

import os
import re
from datetime import datetime, timedelta
from datetime import time as clock
from pathlib import Path
from typing import Annotated, Any

import typer

from zpmd.interfaces.ctl.client import Daemon, Failure
from zpmd.interfaces.job_views import JobsView
from zpmd.interfaces.jobs import due_of
from zpmd.interfaces.patch_views import PatchesView
from zpmd.interfaces.row_views import TenantsView
from zpmd.interfaces.views import StatusView
from zpmd.model.service import Group
from zpmd.settings import Settings

DEFAULT_SOCKET = Settings().socket
COMPLETION_SECONDS = 1.0


def complete_service(ctx: typer.Context, incomplete: str) -> list[str]:
    """Service names for the shell: from the daemon if it answers, else none."""
    try:
        view = _daemon(ctx).get(StatusView, "/v1/status")
    except Failure:
        return []
    return [s.name for s in view.services() if s.name.startswith(incomplete)]


def complete_patch(ctx: typer.Context, incomplete: str) -> list[str]:
    """Ids of patches, as above."""
    try:
        view = _daemon(ctx).get(PatchesView, "/v1/patches")
    except Failure:
        return []
    return list(dict.fromkeys(p.id for p in view.patches if p.id and p.id.startswith(incomplete)))


def complete_tenant(ctx: typer.Context, incomplete: str) -> list[str]:
    """Codes of tenants, as above."""
    try:
        view = _daemon(ctx).get(TenantsView, "/v1/tenants")
    except Failure:
        return []
    return [t.tenantcode for t in view.tenants if t.tenantcode.startswith(incomplete)]


def complete_job(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of jobs, as above."""
    try:
        view = _daemon(ctx).get(JobsView, "/v1/jobs")
    except Failure:
        return []
    return [job.name for job in view.jobs if job.name.startswith(incomplete)]


def _daemon(ctx: typer.Context) -> Daemon:
    """One that is not waited for: somebody has pressed Tab."""
    named = (ctx.find_root().params or {}).get("socket") or os.environ.get("ZPMD_SOCKET") or DEFAULT_SOCKET
    return Daemon(Path(named), COMPLETION_SECONDS)


def duration(text: str) -> float:
    """Seconds of "90s", "30m", "1h30m", "2d"."""
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise typer.BadParameter(f"{text!r} is no duration: write 90s, 30m, 1h30m or 2d")
    return sum(float(number) * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[unit] for number, unit in parts)


def run_due(text: str) -> int:
    """The instant that a run is named by, in Unix seconds: of RFC 3339, of a date and a time, or of a time alone, whose
    last coming that is, both in the local time zone."""
    try:
        if len(text) <= len("02:00:00"):
            now = datetime.now()
            today = datetime.combine(now.date(), clock.fromisoformat(text))
            return int((today if today <= now else today - timedelta(days=1)).timestamp())
        found = due_of(text)
        return int(datetime.fromisoformat(text).timestamp()) if found is None else found
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{text!r} names no run: write when it is due, 2026-03-29T01:00:00Z, '2026-03-29 02:00' or 02:00"
        ) from None


def place(word: str) -> str:
    """`SERVICE/SLOT` as zpmd takes it: the slot of a job's run is when it is due, of any other a number from 1."""
    name, slash, slot = word.partition("/")
    if not slash or slot.isdecimal():
        return word
    if not name or "/" in slot or ":" not in slot:
        raise typer.BadParameter(
            f"{word!r} is no SERVICE/SLOT: the slot is a number from 1, of a job when its run is due"
        )
    return f"{name}/{run_due(slot)}"


Name = Annotated[str, typer.Argument(metavar="SERVICE", help="Name of the service.", autocompletion=complete_service)]
NameOrAll = Annotated[
    str, typer.Argument(metavar="SERVICE", help="Name of the service, or '*'.", autocompletion=complete_service)
]
NameAndSlot = Annotated[
    str, typer.Argument(metavar="SERVICE", help="Name, or NAME/SLOT.", autocompletion=complete_service)
]
NameAndCount = Annotated[
    str, typer.Argument(metavar="SERVICE", help="Name, or NAME=N.", autocompletion=complete_service)
]
OfTenant = Annotated[
    str | None,
    typer.Option("--tenant", metavar="CODE", help="Only of this tenant.", autocompletion=complete_tenant),
]
OfGroup = Annotated[Group | None, typer.Option("--group", help="Only of this group.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output; the keys are stable.")]
Wait = Annotated[
    bool, typer.Option("--wait", "-w", help="Wait until it is true; exit 1 if it will not be, 7 at the timeout.")
]
Timeout = Annotated[float, typer.Option(parser=duration, metavar="DURATION", help="How long --wait waits.")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on as more comes, until Ctrl-C.")]
FIVE_MINUTES: Any = "5m"
