"""zpmctl: what people say to zpmd. Its commands are in look, tell and patch; here they become one program.

Exit codes: 0 ok, 1 failed, 2 usage, 3 would change, 4 not found, 5 refused, 6 daemon unreachable, 7 timed out, and 130
after Ctrl-C. An error is one line on stderr; with --json it is the daemon's problem as JSON, on stderr too.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

import zpmd
from zpmd.interfaces.ctl import audit, job, logs, look, patch, tell, token, top, why
from zpmd.interfaces.ctl.client import Daemon, Exit, Failure
from zpmd.interfaces.ctl.options import DEFAULT_SOCKET
from zpmd.interfaces.ctl.screen import COLOUR, Colour
from zpmd.interfaces.words import clean

app = typer.Typer(
    name="zpmctl",
    help="Look at what zpmd supervises, ask why, and tell it what to do.",
    epilog="Exit codes: 0 ok, 1 failed, 2 usage, 3 would change, 4 not found, 5 refused, 6 unreachable, 7 timed out.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

COMMANDS = (
    *(look.status, top.top, look.plan, why.why, why.dossier, logs.logs, look.events),
    *(look.tenants, look.integrations, look.ports),
    *(tell.start, tell.stop, tell.restart, tell.scale, tell.hold, tell.release, tell.approve),
    *(tell.down, tell.up, tell.reload, look.doctor, look.metrics, look.openapi, audit.audit),
)
for command in COMMANDS:
    app.command()(command)
app.add_typer(job.app)
app.add_typer(patch.app)
app.add_typer(token.app)


def _say_version(on: bool) -> None:
    if on:
        typer.echo(f"zpmctl {zpmd.__version__}")
        raise typer.Exit


Socket = Annotated[Path, typer.Option(envvar="ZPMD_SOCKET", help="Unix socket of the daemon.")]
Color = Annotated[
    Colour, typer.Option("--color", help="When to use colour; `auto`: on a terminal, unless NO_COLOR is set.")
]
Version = Annotated[
    bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_say_version)
]


@app.callback()
def root(
    ctx: typer.Context,
    socket: Socket = DEFAULT_SOCKET,
    color: Color = Colour.AUTO,
    _version: Version = False,
) -> None:
    COLOUR.set(color)
    ctx.obj = Daemon(socket)


def run(arguments: Sequence[str] | None = None) -> int:
    """The exit code of a command line. Prints one line on stderr for an error, never a traceback."""
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        return int(app(given, prog_name="zpmctl", standalone_mode=False) or 0)
    except Failure as failure:
        if "--json" in given:
            problem = failure.problem or {"detail": failure.text, "code": failure.code.name.lower().replace("_", "-")}
            _complain(json.dumps({**problem, "exit": int(failure.code)}, ensure_ascii=False))
        else:
            _complain(f"zpmctl: {clean(failure.text)}")
        return failure.code
    except typer.TyperException as error:
        text = " ".join(error.format_message().split())
        _complain(f"zpmctl: {clean(text)} (zpmctl --help)")
        return error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # Whoever read has enough. Python would complain once more when it flushes stdout at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.FAILED
    except Exception as error:
        _complain(f"zpmctl: an error of zpmctl, please report it: {type(error).__name__}: {clean(str(error))}")
        return Exit.FAILED


def _complain(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def main() -> None:
    sys.exit(run())
