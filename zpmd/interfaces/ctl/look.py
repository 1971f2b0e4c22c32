"""The commands of zpmctl that look: status, plan, why, events, tenants, ... None of them changes anything."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from zpmd.interfaces import doctor as checks
from zpmd.interfaces import doctor_patches as patch_checks
from zpmd.interfaces import firstrun
from zpmd.interfaces.ctl import overview, render, rows, upgrade
from zpmd.interfaces.ctl import watch as watching
from zpmd.interfaces.ctl.client import Daemon, Exit, Failure, parsed
from zpmd.interfaces.ctl.lines import line
from zpmd.interfaces.ctl.options import DEFAULT_SOCKET, Follow, Json, OfGroup, OfTenant, complete_service
from zpmd.interfaces.ctl.screen import Screen
from zpmd.interfaces.row_views import IntegrationsView, PortsView, TenantsView
from zpmd.interfaces.upgrade import lines
from zpmd.interfaces.views import CheckView, EntryView, PlanView, StatusView
from zpmd.model.tenant import Status
from zpmd.settings import Settings


def status(
    ctx: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Stay, and show every change, until Ctrl-C.")] = False,
    group: OfGroup = None,
    tenant: OfTenant = None,
    everything: Annotated[
        bool, typer.Option("--all", help="List what is fine, too, where it does not fit on the terminal.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what is down, why, and whether it is being handled; then the rest.

    What needs attention comes first, then what waits and what changes. What is fine is counted where a terminal is too
    small for it; into a pipe everything is listed.

    \b
    Examples:
      zpmctl status
      zpmctl status --group core --tenant acme
      zpmctl status --watch
      zpmctl status --json | jq '.groups[].services[] | select(.ready < .desired) | .name'
    """
    daemon: Daemon = ctx.obj
    screen = Screen()

    def narrow(view: StatusView) -> StatusView:
        return overview.narrowed(view, group.value if group else None, tenant)

    if watch:
        watching.watch(daemon, screen, as_json, narrow)
        return
    view = narrow(daemon.get(StatusView, "/v1/status"))
    height = None if everything else screen.height
    screen.say(as_json, view, overview.status_lines(view, screen.zone, screen.width, height))


def plan(ctx: typer.Context, as_json: Json = False) -> None:
    """Show what zpmd would do next, and why.

    It changes nothing, and shows what is held back with its reason as well.
    Exits 0 when there is nothing to do, and 3 when there is.

    \b
    Examples:
      zpmctl plan
      zpmctl plan >/dev/null && echo "all as it should be"
    """
    view = ctx.obj.get(PlanView, "/v1/plan")
    screen = Screen()
    screen.say(as_json, view, render.plan_lines(view, screen.zone))
    raise typer.Exit(Exit.WOULD_CHANGE if view.would_change else Exit.OK)


def events(
    ctx: typer.Context,
    follow: Follow = False,
    service: Annotated[str | None, typer.Option(help="Only of this service.", autocompletion=complete_service)] = None,
    tail: Annotated[int, typer.Option("--tail", "-n", min=1, max=500, help="Lines of the past.")] = 50,
    as_json: Json = False,
) -> None:
    """Show the journal.

    It has every decision with its cause and outcome, and everything that operators asked.

    \b
    Examples:
      zpmctl events -f
      zpmctl events --service zona_user --tail 200
    """
    screen = Screen()
    if follow:
        for line in ctx.obj.lines("/v1/events", service=service, limit=tail, follow="true"):
            entry = parsed(EntryView, line)
            screen.say(as_json, entry, render.entry_lines([entry], entry.at, screen.zone), compact=True)
        return
    entries = ctx.obj.get(list[EntryView], "/v1/events", service=service, limit=tail)
    screen.say(as_json, entries, render.entry_lines(entries, time.time(), screen.zone))


def tenants(
    ctx: typer.Context,
    status: Annotated[Status | None, typer.Option(help="Only those whose row says this.")] = None,
    as_json: Json = False,
) -> None:
    """Show the tenants, and how their databases and integrations are.

    What needs attention comes first. READY counts the integrations that are to run.
    """
    view = ctx.obj.get(TenantsView, "/v1/tenants", status=status)
    screen = Screen()
    screen.say(as_json, view, rows.tenant_lines(view, screen.zone, _narrowed({"status": status})))


def integrations(
    ctx: typer.Context,
    tenant: OfTenant = None,
    status: Annotated[Status | None, typer.Option(help="Only those whose row says this.")] = None,
    state: Annotated[str | None, typer.Option(help="Only those in this state, as STATE has it.")] = None,
    service: Annotated[str | None, typer.Option(help="Only of this serviceName, or this one service.")] = None,
    as_json: Json = False,
) -> None:
    """Show the integrations: their services, ports, and what is wrong with their rows.

    What needs attention comes first.

    \b
    Examples:
      zpmctl integrations --tenant acme
      zpmctl integrations --state crash-loop
    """
    asked = {"tenant": tenant, "status": status, "state": state, "service": service}
    view = ctx.obj.get(IntegrationsView, "/v1/integrations", **asked)
    screen = Screen()
    screen.say(as_json, view, rows.integration_lines(view, screen.zone, _narrowed(asked)))


def ports(
    ctx: typer.Context,
    tenant: OfTenant = None,
    service: Annotated[str | None, typer.Option(help="Only of this serviceName, or this one service.")] = None,
    as_json: Json = False,
) -> None:
    """Show which port belongs to which integration.

    A released port rests for `port_cooldown_seconds` before another integration gets it.
    Ports of a range that others use are passed over, and listed with who does.
    """
    asked = {"tenant": tenant, "service": service}
    view = ctx.obj.get(PortsView, "/v1/ports", **asked)
    screen = Screen()
    screen.say(as_json, view, rows.port_lines(view, screen.zone, _narrowed(asked)))


def metrics(ctx: typer.Context) -> None:
    """Print what Prometheus would be told."""
    Screen().raw(ctx.obj.get_text("/metrics").rstrip("\n"))


def openapi() -> None:
    """Print what the API says of itself: OpenAPI 3.1, as JSON.

    Works without the daemon.
    """
    from zpmd.interfaces.rest.app import document  # the whole API, which no other command needs

    Screen().raw(json.dumps(document(), indent=2, ensure_ascii=False))


def _narrowed(asked: Mapping[str, str | None]) -> str:
    """In words, for where there is none: "with tenant acme and state failed"."""
    parts = [f"{name} {value}" for name, value in asked.items() if value is not None]
    return f"with {' and '.join(parts)}" if parts else ""


def doctor(
    ctx: typer.Context,
    upgrading: Annotated[
        bool, typer.Option("--upgrade", help="Prove that this version touches no container, before it is started.")
    ] = False,
    settings: Annotated[Path | None, typer.Option(help="With --upgrade: other settings than zpmd's own.")] = None,
    as_json: Json = False,
) -> None:
    """Look for what is missing or wrong on this host, in the order in which it has to be done.

    Engine, user, settings and service files, unit, permissions, limits, disk, clock, container logs, registry and rows,
    ports taken by others; each with what to do. With --socket it looks at that daemon alone, and not at the service.

    Works without the daemon too, so begin with it; it exits 6 then, and 1 when a check fails. Root sees the most.

    With --upgrade it compares the containers that run with what the installed version would make of the same files,
    rows and memory, by a pass of that version on a copy: nothing is written, and the zpmd that runs goes on. It exits 0
    when no container would be touched, 3 when one would, and 1 when that cannot be told. What the zpmd that runs is
    about by itself is told apart, and does not count. Run it as root, or as zpmd's own user.

    \b
    Examples:
      zpmctl doctor
      zpmctl doctor --upgrade
    """
    daemon: Daemon = ctx.obj
    screen = Screen()
    if upgrading:
        found_out = upgrade.rehearsed(daemon, settings)
        screen.say(as_json, found_out, [line((text, "")) for text in lines(found_out)])
        raise typer.Exit(Exit.WOULD_CHANGE if found_out.would_change else Exit.OK)
    own = daemon.socket == DEFAULT_SOCKET
    try:
        found: list[CheckView] = daemon.get(list[CheckView], "/v1/doctor")
        found = [*(firstrun.guide(answering=True)[0] if own else []), *found]
        code = Exit.FAILED if any(c.level == checks.FAIL for c in found) else Exit.OK
    except Failure as failure:
        if failure.code is not Exit.UNREACHABLE:
            raise
        found, known = firstrun.guide(answering=False) if own else ([], Settings())
        found += checks.host_checks(checks.look(known.state_dir, daemon.socket, "", time.time))
        found += patch_checks.checks(patch_checks.look(known.patches), None, time.time())
        code = Exit.UNREACHABLE
    screen.say(as_json, found, render.check_lines(found))
    raise typer.Exit(code)
