"""The commands of zpmctl that tell zpmd something. Each is done when it is durable; --wait waits until it is true."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from zpmd.interfaces import until
from zpmd.interfaces.ctl.client import Daemon, Exit, Failure, segment
from zpmd.interfaces.ctl.options import FIVE_MINUTES, Json, Name, NameAndCount, NameOrAll, Timeout, Wait, duration
from zpmd.interfaces.ctl.screen import Screen
from zpmd.interfaces.views import DoneView, StatusView
from zpmd.interfaces.words import clean

FILE = "file"
"""What `zpmctl scale` takes for: as many as the file says."""


def start(
    ctx: typer.Context, service: Name, wait: Wait = False, timeout: Timeout = FIVE_MINUTES, as_json: Json = False
) -> None:
    """Start a stopped service, or skip a backoff.

    \b
    Examples:
      zpmctl start zona_user --wait
    """
    done = ctx.obj.post(f"/v1/services/{segment(service)}/start")
    _finish(ctx.obj, done, until.runs(service) if wait else None, timeout, as_json)


def stop(
    ctx: typer.Context, service: Name, wait: Wait = False, timeout: Timeout = FIVE_MINUTES, as_json: Json = False
) -> None:
    """Stop a service until `zpmctl start`.

    It stays stopped over restarts of zpmd and of the host."""
    done = ctx.obj.post(f"/v1/services/{segment(service)}/stop")
    _finish(ctx.obj, done, until.stopped(service) if wait else None, timeout, as_json)


def restart(
    ctx: typer.Context, service: Name, wait: Wait = False, timeout: Timeout = FIVE_MINUTES, as_json: Json = False
) -> None:
    """Replace every replica, as update_config says.

    It skips a backoff, and tries a definition that has failed once more.
    """
    done = ctx.obj.post(f"/v1/services/{segment(service)}/restart")
    _finish(ctx.obj, done, until.runs(service) if wait else None, timeout, as_json)


def scale(
    ctx: typer.Context,
    service: NameAndCount,
    number: Annotated[str | None, typer.Argument(metavar="N", help="Replicas, or 'file'.")] = None,
    wait: Wait = False,
    timeout: Timeout = FIVE_MINUTES,
    as_json: Json = False,
) -> None:
    """Set how many replicas a service has.

    `file` goes back to what its file says.

    \b
    Examples:
      zpmctl scale zona_user=3
      zpmctl scale zona_user 3 --wait
      zpmctl scale zona_user file
    """
    name, equals, after = service.partition("=")
    wanted = after if equals else number
    if wanted is None or (equals and number is not None) or not (wanted == FILE or wanted.isdecimal()):
        raise typer.BadParameter(f"write `zpmctl scale {name}=N` with a number, or `zpmctl scale {name} {FILE}`")
    replicas = None if wanted == FILE else int(wanted)
    done = ctx.obj.post(f"/v1/services/{segment(name)}/scale", {"replicas": replicas})
    _finish(ctx.obj, done, until.runs(name, replicas) if wait else None, timeout, as_json)


def hold(
    ctx: typer.Context,
    service: NameOrAll,
    for_seconds: Annotated[
        float | None, typer.Option("--for", parser=duration, metavar="DURATION", help="The hold ends by itself.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Shown to whoever wonders.")] = "",
    as_json: Json = False,
) -> None:
    """Leave a service alone until the hold ends.

    zpmd neither restarts nor changes it, whatever happens to it.

    \b
    Examples:
      zpmctl hold kafka --for 30m --reason "moving its disk"
      zpmctl hold '*' --for 1h
    """
    body = {"reason": reason, "for_seconds": for_seconds}
    _finish(ctx.obj, ctx.obj.post(f"/v1/services/{segment(service)}/hold", body), None, 0, as_json)


def release(ctx: typer.Context, service: NameOrAll, as_json: Json = False) -> None:
    """End a hold."""
    _finish(ctx.obj, ctx.obj.post(f"/v1/services/{segment(service)}/release"), None, 0, as_json)


def approve(ctx: typer.Context, wait: Wait = False, timeout: Timeout = FIVE_MINUTES, as_json: Json = False) -> None:
    """Approve the removals that are held back.

    One change that would remove more than a fifth of the services waits for this."""
    done = ctx.obj.post("/v1/approve")
    _finish(ctx.obj, done, until.removed(done.services) if wait else None, timeout, as_json)


def down(
    ctx: typer.Context,
    volumes: Annotated[
        bool, typer.Option("--volumes", help="Also the volumes that zpmd made, with their data.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    wait: Wait = False,
    timeout: Timeout = FIVE_MINUTES,
    as_json: Json = False,
) -> None:
    """Remove everything of ours until `zpmctl up`.

    Containers go in reverse order, then networks; volumes stay, unless asked for.

    \b
    Examples:
      zpmctl down --yes --wait
    """
    if not yes:
        _confirm(ctx.obj, volumes)
    done = ctx.obj.post("/v1/down", {"volumes": volumes})
    _finish(ctx.obj, done, until.all_removed if wait else None, timeout, as_json)


def up(ctx: typer.Context, wait: Wait = False, timeout: Timeout = FIVE_MINUTES, as_json: Json = False) -> None:
    """End `down` and every `stop`."""
    done = ctx.obj.post("/v1/up")
    _finish(ctx.obj, done, until.all_run if wait else None, timeout, as_json)


def reload(ctx: typer.Context, as_json: Json = False) -> None:
    """Read the service files again now.

    Changes in them are noticed by themselves, too."""
    _finish(ctx.obj, ctx.obj.post("/v1/reload"), None, 0, as_json)


def _confirm(daemon: Daemon, volumes: bool) -> None:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Failure(Exit.REFUSED, "not done: it removes everything, and nobody is there to ask; --yes says so")
    view = daemon.get(StatusView, "/v1/status")
    what = f"{view.containers} containers and their networks" + (", AND THE DATA IN THEIR VOLUMES" if volumes else "")
    if not typer.confirm(f"Remove {what}?", err=True):
        raise Failure(Exit.REFUSED, "not done")


def _finish(daemon: Daemon, done: DoneView, goal: until.Goal | None, timeout_seconds: float, as_json: bool) -> None:
    """Say what has been asked, or, with a goal, what became of it."""
    screen = Screen()
    text = done.detail
    if goal is not None:
        with screen.progress() as note:
            text = daemon.until(goal, done, timeout_seconds, note)
    if as_json:
        screen.raw(json.dumps({**asdict(done), "done": goal is not None, "detail": text}, ensure_ascii=False))
    else:
        screen.raw(clean(text))
