"""`zpmd`: the daemon's own command line. `zpmctl` is the one for people who operate it."""

from __future__ import annotations

import json
import os
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from loguru import logger

from zpmd import __version__
from zpmd.daemon.clock import SystemClock
from zpmd.errors import ConfigError, ZpmdError
from zpmd.messages import Message, tell
from zpmd.model.service import Desired, Problem
from zpmd.model.text import printable
from zpmd.permission import daemons_user, eyes_of
from zpmd.settings import Settings
from zpmd.sources import rehearsal as on_paper
from zpmd.sources import settingsfile
from zpmd.sources.compose.desired import Understood
from zpmd.sources.disk import Disk
from zpmd.sources.filewatch.checking import untold
from zpmd.sources.rehearsal import Rehearsal
from zpmd.sources.yamlfiles import read_files, read_folder
from zpmd.stores.memory import MemoryStore, Tablet

EXIT_CONFIG = 78
"""sysexits.h EX_CONFIG; the unit file tells systemd not to try again on it."""

EXIT_WOULD_CHANGE = 3
"""As zpmctl's."""

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


def version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"zpmd {__version__}")
        raise typer.Exit


@app.callback()
def zpmd(
    show_version: Annotated[
        bool, typer.Option("--version", callback=version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """A supervisor that keeps the services of a Docker appliance as its files say."""


CHECK_EXAMPLES = """
Examples:

\b
  zpmd check                              all of /etc/zpmd/services.d and /etc/zpmd/data.d
  zpmd check compose.yaml                 any Compose file, alone
  zpmd check --json | jq .problems        for programs
  zpmd check --settings ./zpmd.yaml       with other settings
"""


@app.command(epilog=CHECK_EXAMPLES)
def check(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", help="Service files; without any, the services folder.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    settings: Annotated[
        Path | None, typer.Option(help=f"The settings file. [default: {settingsfile.DEFAULT_PATH}, where it exists]")
    ] = None,
) -> None:
    """Check settings, service files and, without FILE, data files, and say all that is wrong with them.

    Root sees what the service reads with the eyes of the service's user, who may read less. Exits with 0, or 78. A row
    that cannot be used is a warning: it keeps nothing else from running.
    """
    with nullcontext() if files else services_eyes(settings):
        understood = examined(files or [], settings)
        understood = replace(understood, notes=(*understood.notes, *untold(understood.desired)))
        rehearsed = None if files or understood.problems else rehearsal(understood, settings)
    if as_json:
        typer.echo(json.dumps({**document(understood, rehearsed), "settings": places(settings)}, indent=2))
    else:
        print_report(understood, rehearsed)
    wrong = understood.problems or (rehearsed and rehearsed.problems)
    raise typer.Exit(EXIT_CONFIG if wrong else 0)


RUN_EXAMPLES = """
Examples:

\b
  zpmd run                                what systemd does: settings of /etc/zpmd/zpmd.yaml
  zpmd run --settings ./zpmd.yaml         with other settings, in the foreground
"""


@app.command(epilog=RUN_EXAMPLES)
def run(
    settings: Annotated[
        Path | None, typer.Option(help=f"The settings file. [default: {settingsfile.DEFAULT_PATH}, where it exists]")
    ] = None,
) -> None:
    """Run the daemon until SIGTERM. Its end touches no container. Exits with 78 where the configuration is wrong."""
    from zpmd import assembly, logs  # everything there is, which `check` does not need

    logs.configure(Settings().log_level)
    try:
        raise typer.Exit(assembly.run(settings_or_defaults(settings)))
    except ConfigError as error:
        for problem in error.problems:
            tell(Message.CANNOT_START, str(problem))
        tell(Message.CANNOT_START, "zpmd does not start: nothing was touched")
        raise typer.Exit(EXIT_CONFIG) from None
    except ZpmdError as error:
        logger.error("{}", error)
        raise typer.Exit(1) from None


REHEARSE_EXAMPLES = """
Examples:

\b
  zpmd rehearse                           what this version would do with the containers that run
  zpmd rehearse --json | jq .changes      for programs
"""


@app.command(epilog=REHEARSE_EXAMPLES)
def rehearse(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    settings: Annotated[
        Path | None, typer.Option(help=f"The settings file. [default: {settingsfile.DEFAULT_PATH}, where it exists]")
    ] = None,
) -> None:
    """Show what this version would do with the containers that run, and touch nothing.

    Settings, files, rows and what is remembered are read as the daemon reads them, and compared with the engine in one
    pass of its loop, on a copy. The daemon is not asked: `zpmctl doctor --upgrade` tells apart what it is about itself.

    Exits with 0 where no container would be touched, 3 where something would be done, 1 where that cannot be told, and
    78 where this version does not understand the files.
    """
    from zpmd import assembly, logs
    from zpmd.interfaces import upgrade

    logs.silence()
    try:
        view = assembly.rehearse(settings_or_defaults(settings), os.environ)
    except ConfigError as error:
        for problem in error.problems:
            typer.echo(printable(str(problem)), err=True)
        typer.echo(f"zpmd {__version__} does not understand this", err=True)
        raise typer.Exit(EXIT_CONFIG) from None
    except ZpmdError as error:
        typer.echo(printable(str(error)), err=True)
        raise typer.Exit(1) from None
    for line in [json.dumps(asdict(view), indent=2)] if as_json else upgrade.lines(view):
        typer.echo(line if as_json else printable(line))
    raise typer.Exit(EXIT_WOULD_CHANGE if view.would_change else 0)


INIT_EXAMPLES = """
Examples:

\b
  zpmd init --dry-run                     what would be written, and what cannot be carried over
  zpmd init --dir ./etc-zpmd              into another folder, to read and correct it
  zpmd init --dir ./etc-zpmd --force --all --json    loose containers too, over what is there; for programs
"""


class From(StrEnum):
    """What `zpmd init` starts from."""

    CONTAINERS = "containers"
    NOTHING = "nothing"


@app.command(epilog=INIT_EXAMPLES)
def init(
    folder: Annotated[Path, typer.Option("--dir", help="The folder to write.")] = settingsfile.DEFAULT_PATH.parent,
    projects: Annotated[
        list[str] | None,
        typer.Option("--project", help="This Compose project; without any, each of which something runs. Repeatable."),
    ] = None,
    containers: Annotated[
        list[str] | None, typer.Option("--container", help="This container of no project, too. Repeatable.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All containers of no project, too.")] = False,
    source: Annotated[
        From, typer.Option("--from", help="What to start from; `nothing` writes a skeleton and asks no engine.")
    ] = From.CONTAINERS,
    engine: Annotated[
        str, typer.Option(envvar="DOCKER_HOST", help="The engine to look at; nothing on it is changed.")
    ] = Settings().engine_url,
    force: Annotated[bool, typer.Option("--force", help="Replace service files that are there.")] = False,
    dry: Annotated[bool, typer.Option("--dry-run", help="Write nothing, and show what would be written.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write settings and service files from the Compose projects that run here, and say what to do next.

    No container is touched. What looks like a secret goes into env files of mode 0640. What cannot be carried over
    stands above its service and is said here. Without an engine, or with nothing running, it is a skeleton.

    Exits with 0; 1 where nothing was written; 78 where `zpmd check` will find something to correct.
    """
    from zpmd.assembly import founding  # the engine's client, which `check` does not need
    from zpmd.drafting import report
    from zpmd.drafting.site import Wanted

    wanted = Wanted(projects=tuple(projects or ()), containers=tuple(containers or ()), loose=everything)
    try:
        outcome = founding.found(folder, engine, wanted if source is From.CONTAINERS else None, force=force, dry=dry)
    except OSError as error:
        where = error.filename or folder
        typer.echo(printable(f"cannot write {where}: {error.strerror}; `--dir` writes elsewhere"), err=True)
        typer.echo("nothing was written", err=True)
        raise typer.Exit(1) from None
    except ZpmdError as error:
        typer.echo(printable(str(error)), err=True)
        typer.echo("nothing was written", err=True)
        raise typer.Exit(EXIT_CONFIG if isinstance(error, ConfigError) else 1) from None
    if as_json:
        typer.echo(json.dumps(report.document(outcome), indent=2))
    else:
        for line in report.lines(outcome):
            typer.echo(printable(line))
    raise typer.Exit(1 if outcome.blocked else EXIT_CONFIG if outcome.problems else 0)


SIMULATE_EXAMPLES = """
Examples:

\b
  zpmd simulate                                   a cold start of /etc/zpmd/services.d: who comes up when, and why
  zpmd simulate --kill mongo_metadb compose.yaml  "what if mongo_metadb dies now?"
  zpmd simulate --script outage.sim compose.yaml  a script: see docs/simulate.md, and --moves for its words
  zpmd simulate --seed 42                         a random session on a random appliance, as the tests of zpmd run it
"""


@app.command(epilog=SIMULATE_EXAMPLES)
def simulate(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", help="Service files; without any, the services folder.")
    ] = None,
    kill: Annotated[
        list[str] | None, typer.Option(help="Let this service (or replica, NAME/2) die when all is up. Repeatable.")
    ] = None,
    script: Annotated[Path | None, typer.Option(help="Play a script of moves.")] = None,
    seed: Annotated[int | None, typer.Option(help="Play the random session with this number.")] = None,
    minutes: Annotated[float, typer.Option(help="Simulated minutes until it is given up.")] = 60.0,
    list_moves: Annotated[bool, typer.Option("--moves", help="List the words of scripts, and do nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    settings: Annotated[
        Path | None, typer.Option(help=f"The settings file. [default: {settingsfile.DEFAULT_PATH}, where it exists]")
    ] = None,
) -> None:
    """Show what would happen, in simulated time, with the real loop of zpmd. Nothing outside is touched.

    Exits with 0; 1 where an expectation of the script or an invariant of zpmd is broken; 2 or 78 for wrong input.
    """
    from zpmd.simulation import command  # the simulated site, which nothing else needs

    if list_moves:
        typer.echo("\n".join(command.words()))
        raise typer.Exit
    text = readable(script) if script is not None else None
    desired = None
    if seed is None and not (text is not None and command.has_appliance(text)):
        understood = examined(files or [], settings)
        if understood.problems:
            print_report(understood)
            raise typer.Exit(EXIT_CONFIG)
        desired = with_integrations(understood, settings)
    try:
        report = command.simulate(desired, text, seed, kill or [], minutes)
    except ValueError as error:
        typer.echo(printable(str(error)), err=True)
        raise typer.Exit(2) from None
    lines = [json.dumps(report.document(), indent=2)] if as_json else command.told(report)
    for line in lines:
        typer.echo(line if as_json else printable(line))
    raise typer.Exit(1 if report.ended.violation else 0)


def services_eyes(path: Path | None) -> AbstractContextManager[None]:
    """What the service reads, these settings and all that they name, is to be seen as its user sees it."""
    if os.geteuid() != 0 or (path or settingsfile.DEFAULT_PATH).resolve() != settingsfile.DEFAULT_PATH.resolve():
        return nullcontext()
    try:
        user = daemons_user(settings_or_defaults(path).state_dir)
    except ConfigError:  # which is told when they are read once more
        user = ""
    return eyes_of(user) if user else nullcontext()


def readable(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        typer.echo(printable(f"cannot read {path}: {error}"), err=True)
        raise typer.Exit(2) from None


def examined(files: list[Path], settings_path: Path | None) -> Understood:
    """What the files say under the settings; the settings' own problems where those are wrong."""
    try:
        settings = settings_or_defaults(settings_path)
    except ConfigError as error:
        return Understood(desired=Desired(), problems=error.problems)
    if files:
        return read_files(files, settings, os.environ, Disk())
    return read_folder(settings, os.environ, Disk())


def rehearsal(understood: Understood, settings_path: Path | None) -> Rehearsal | None:
    """What the data files of the settings lead to; None where there are none."""
    return on_paper.rehearse(
        settings_or_defaults(settings_path), understood, MemoryStore(Tablet(), journal_entries=1), SystemClock()
    )


def with_integrations(understood: Understood, settings_path: Path | None) -> Desired:
    """The services of the files, and those that their templates make of the rows of data files."""
    if not understood.templates:
        return understood.desired
    rehearsed = rehearsal(understood, settings_path)
    if rehearsed is None:
        left_out = counted(len(understood.templates), "template")
        where = settings_or_defaults(settings_path)
        why = "rows are in MongoDB" if where.mongodb is not None else f"there are no data files in {where.data_dir}"
        typer.echo(printable(f"({left_out} left out: {why})"), err=True)
        return understood.desired
    for found in (*rehearsed.problems, *rehearsed.warnings):
        typer.echo(printable(str(found)), err=True)
    if rehearsed.problems:
        raise typer.Exit(EXIT_CONFIG)
    return rehearsed.desired


def settings_or_defaults(path: Path | None) -> Settings:
    """Raises ConfigError."""
    if path is None and not settingsfile.DEFAULT_PATH.exists():
        return Settings()
    return settingsfile.load(path or settingsfile.DEFAULT_PATH)


def print_report(understood: Understood, rehearsed: Rehearsal | None = None) -> None:
    for problem in understood.problems:
        typer.echo(printable(str(problem)), err=True)
    for note in understood.notes:
        typer.echo(printable(f"{note} (note)"), err=True)
    services = understood.desired.services
    groups = len({service.group for service in services})
    if understood.problems:
        typer.echo(f"{counted(len(understood.problems), 'problem')}: nothing would be taken", err=True)
    else:
        jobs = sum(service.job is not None for service in services)
        of_them = f", {counted(jobs, 'job')} among them" if jobs else ""
        templates = f", {counted(len(understood.templates), 'template')}" if understood.templates else ""
        typer.echo(f"{counted(len(services), 'service')} in {counted(groups, 'group')}{of_them}{templates}: ok")
    if rehearsed is not None:
        print_rows(rehearsed)


def print_rows(rehearsed: Rehearsal) -> None:
    for problem in rehearsed.problems:
        typer.echo(printable(str(problem)), err=True)
    for warning in rehearsed.warnings:
        typer.echo(printable(f"{warning} (warning)"), err=True)
    if rehearsed.problems:
        typer.echo(f"{counted(len(rehearsed.problems), 'problem')} of data files: no row would be taken", err=True)
        return
    rows = rehearsed.rows
    counts = f"{counted(len(rows.tenants), 'tenant')}, {counted(len(rows.integrations), 'integration')}"
    wrong = counted(len(rehearsed.warnings), "warning") if rehearsed.warnings else "ok"
    typer.echo(f"{counts}, {rehearsed.running} to run: {wrong}")


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def document(understood: Understood, rehearsed: Rehearsal | None = None) -> dict[str, object]:
    """What `--json` prints; keys are only ever added. `rows` is null where no data files were read."""
    services = understood.desired.services if not understood.problems else ()
    rows, problems = None, understood.problems
    if rehearsed is not None:
        found = rehearsed.rows
        rows = {
            "tenants": len(found.tenants),
            "integrations": len(found.integrations),
            "to_run": rehearsed.running,
            "warnings": [as_dict(warning) for warning in rehearsed.warnings],
        }
        problems += rehearsed.problems
    return {
        "ok": not problems,
        "services": len(services),
        "jobs": sum(service.job is not None for service in services),
        "templates": len(understood.templates) if not understood.problems else 0,
        "groups": dict(Counter(str(service.group) for service in services)),
        "problems": [as_dict(problem) for problem in problems],
        "notes": [as_dict(note) for note in understood.notes],
        "rows": rows,
        "default_logging": sum(not service.container.log_driver for service in services),
        "published": {
            f"{binding.published}/{binding.protocol}": service.name
            for service in services
            for binding in service.container.ports
            if binding.published.isdecimal()
        },
    }


def places(path: Path | None) -> dict[str, str] | None:
    """Where zpmd looks by these settings, for `zpmctl doctor`; null where they are wrong."""
    try:
        known = settings_or_defaults(path)
    except ConfigError:
        return None
    return {
        "services_dir": str(known.services_dir),
        "state_dir": str(known.state_dir),
        "data_dir": str(known.data_dir),
        "socket": str(known.socket),
        "engine": known.engine_url,
        "patches_dir": str(known.patches.dir),
        "patch_keys_dir": str(known.patches.keys_dir),
        "patch_signatures": known.patches.signatures,
    }


def as_dict(problem: Problem) -> dict[str, object]:
    return asdict(problem)


def main() -> None:
    app(prog_name="zpmd")


if __name__ == "__main__":
    main()
