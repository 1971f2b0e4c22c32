"""What data files lead to, without anything being run or kept: for `zpmd check` and `zpmd simulate`.

Rows are read, settled, leased a port and stamped out by the very parts that the daemon has; only the disk is spared.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from zpmd.model.service import Desired, Problem
from zpmd.model.tenant import Rows, RowTrouble
from zpmd.planning.rows import running
from zpmd.ports import Clock, Store
from zpmd.settings import Settings
from zpmd.sources.compose.desired import Understood
from zpmd.sources.datafiles import DataFiles, Places, Unreadable, file_documents
from zpmd.sources.disk import read_regular, service_files
from zpmd.sources.intake import Intake
from zpmd.sources.integrations import Integrations, Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """`desired` are the services of the files and of the rows. With `problems` no row would be taken; `warnings` are
    rows that would not be used as they stand."""

    desired: Desired
    rows: Rows = Rows()
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    @property
    def running(self) -> int:
        """The number of integrations that are to run."""
        return len(running(self.rows))


def rehearse(settings: Settings, understood: Understood, store: Store, clock: Clock) -> Rehearsal | None:
    """On a store that is fresh and will be forgotten. None where there are no data files: rows are in MongoDB, or
    nowhere."""
    if settings.mongodb is not None or not settings.data_dir.is_dir():
        return None
    places, problems = read(settings.data_dir)
    if problems:
        return Rehearsal(desired=understood.desired, problems=problems)
    registry = DataFiles(settings.data_dir, clock)
    registry.load_once()
    intake = Intake(registry, store, clock, settings.limits)
    site = Site(
        templates=lambda: understood.templates,
        declared=lambda: understood.desired,
        listening=frozenset,
        connections=dict,
        materials_dir=None,
        salt=store.salt(),
        cooldown_seconds=settings.port_cooldown_seconds,
        project=settings.project,
    )
    integrations = Integrations(intake, site, store, clock)
    made = integrations.load()
    told = integrations.tenancy()
    return Rehearsal(
        desired=both(understood.desired, made),
        rows=told.rows if told else Rows(),
        warnings=tuple(warning(t, places, settings.data_dir) for t in told.troubles) if told else (),
    )


def read(folder: Path) -> tuple[Places, tuple[Problem, ...]]:
    """Where the rows are, and what keeps each file from being read."""
    places: Places = {}
    problems: list[Problem] = []
    try:
        files = service_files(folder)
    except OSError as error:
        return {}, (unreadable(folder, f"cannot read {folder}: {error.strerror}"),)
    for path in files:
        try:
            file_documents(read_regular(str(path)), str(path), places)
        except OSError as error:
            problems.append(unreadable(path, f"cannot read it: {error.strerror}"))
        except Unreadable as error:
            problems.append(unreadable(path, str(error)))
    return places, tuple(problems)


def unreadable(path: Path, text: str) -> Problem:
    """`text` may begin with the path and a position."""
    line = column = 0
    place, _, message = text.removeprefix(f"{path}:").partition(": ")
    first, _, second = place.partition(":")
    if first.isdecimal() and second.isdecimal():
        line, column, text = int(first), int(second), message
    return Problem(file=str(path), line=line, column=column, path="", message=text.removeprefix(f"{path}: "))


def warning(trouble: RowTrouble, places: Places, folder: Path) -> Problem:
    file, line, column = places.get((trouble.collection, trouble.row), (str(folder), 0, 0))
    whose = str(trouble.key) if trouble.key else trouble.tenantcode
    return Problem(
        file=file,
        line=line,
        column=column,
        path=f"{trouble.collection} {whose}".rstrip(),
        message=f"{trouble.field}: {trouble.reason}",
    )


def both(files: Desired, made: Desired) -> Desired:
    """What the daemon would make of the two."""
    return replace(
        files,
        services=tuple(sorted((*files.services, *made.services), key=lambda s: (s.group.order, s.name))),
        volumes=tuple({v.name: v for v in (*files.volumes, *made.volumes)}.values()),
        networks=tuple({n.name: n for n in (*files.networks, *made.networks)}.values()),
    )
