"""Compose files in, desired state out: the one entrance to this package.

Everything is read before anything is judged, so all problems are found at once; with a single problem nothing of it may
be used. Files come through `Files` and variables as a mapping: the same arguments give the same answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from zpmd.model.service import Desired, NetworkSpec, Problem, VolumeSpec
from zpmd.sources.compose import checks
from zpmd.sources.compose.files import Files, Loader, Unit
from zpmd.sources.compose.objects import Defined, Objects, unused
from zpmd.sources.compose.service import Host, Parsed, service
from zpmd.sources.nodes import shortened
from zpmd.sources.reading import Report, in_order

Spec = TypeVar("Spec", NetworkSpec, VolumeSpec)

PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True)
class Understood:
    """`desired` counts only where there are no problems. `contents` are configs and secrets, by SHA-256."""

    desired: Desired
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()
    contents: Mapping[str, bytes] = field(default_factory=dict, repr=False)


def understand(
    paths: Iterable[tuple[str, str]], files: Files, variables: Mapping[str, str], project: str, host: Host
) -> Understood:
    """All files together. `paths` are pairs of an absolute path and the name that messages give it."""
    report = Report()
    loader = Loader(files, report)
    for path, shown in paths:
        loader.load(path, shown, variables, project)
    objects = Objects(files)
    for unit in loader.units:
        objects.add(unit)
        project_name(unit)
    services = checks.settled(all_services(loader.units, objects, host, files))
    checks.check(services)
    if not report.problems:
        for mark, path, message in unused(objects):
            report.note(mark, path, message)
    return Understood(
        desired=desired(services.values(), objects, project),
        problems=in_order(report.problems),
        notes=in_order(report.notes),
        contents=objects.contents,
    )


def project_name(unit: Unit) -> None:
    name = unit.fields["name"]
    if name.written and not PROJECT.fullmatch(name.text()):
        name.problem(
            f"{shortened(name.text())!r} is not a project name: use lower-case letters, digits, `_` and `-`, "
            "a letter or digit first"
        )


def all_services(units: Iterable[Unit], objects: Objects, host: Host, files: Files) -> dict[str, Parsed]:
    found: dict[str, Parsed] = {}
    for unit in units:
        for name, entry in unit.services.items():
            parsed = service(name, entry, unit, objects, host, files)
            if parsed is None:
                continue
            if name in found:
                parsed.cursor.problem_at_key(
                    f"service {name} is also defined at {found[name].cursor.mark}: rename one, or use `extends`"
                )
            found.setdefault(name, parsed)
    return found


def desired(services: Iterable[Parsed], objects: Objects, project: str) -> Desired:
    """What runs here, and of volumes and networks what that uses."""
    running = sorted((p.data for p in services if not p.off), key=lambda s: (s.group.order, s.name))
    networks = {a.network for s in running for a in s.container.networks}
    volumes = {m.source for s in running for m in s.container.mounts}
    return Desired(
        services=tuple(running),
        volumes=by_name(objects.volumes, volumes),
        networks=by_name(objects.networks, networks),
        project=project,
    )


def by_name(table: Mapping[tuple[str, str], Defined[Spec]], names: set[str]) -> tuple[Spec, ...]:
    found = {d.value.name: d.value for d in table.values() if d.value.name in names}
    return tuple(spec for _, spec in sorted(found.items()))
