"""Compose files in, desired state and templates out: the one entrance to this package.

Everything is read before anything is judged, so all problems are found at once; with a single problem nothing of it may
be used. Files come through `Files` and variables as a mapping: the same arguments give the same answer.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from zpmd.model.service import Desired, Problem
from zpmd.sources.compose import blanks, checks, places
from zpmd.sources.compose.blanks import Filling
from zpmd.sources.compose.files import Files, Loader, Unit
from zpmd.sources.compose.objects import Objects, by_name, unused
from zpmd.sources.compose.probing import Probed, probed
from zpmd.sources.compose.service import Context, Host, Parsed, service
from zpmd.sources.compose.templates import Remembered, Source, Template, each_of, is_template
from zpmd.sources.nodes import Entry, Mark, shortened
from zpmd.sources.reading import Report, in_order
from zpmd.sources.references import References

PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True)
class Understood:
    """`desired` and `templates` count only where there are no problems. `contents` are configs and secrets of the
    services, by SHA-256."""

    desired: Desired
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()
    contents: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    templates: tuple[Template, ...] = ()


def understand(
    paths: Iterable[tuple[str, str]], files: Files, variables: Mapping[str, str], project: str, host: Host
) -> Understood:
    """All files together. `paths` are pairs of an absolute path and the name that messages give it."""
    references = References()
    report = Report(written=references.shown)
    loader = Loader(files, report, references)
    for path, shown in paths:
        loader.load(path, shown, variables, project)
    objects = Objects(files)
    for unit in loader.units:
        objects.add(unit, references)
        project_name(unit)
    reading = Everything(objects, host, files, references, report)
    for unit in loader.units:
        reading.read(unit)
    services = checks.settled(reading.services, reading.templates.values())
    checks.check(services, reading.templates)
    for template in reading.templates.values():
        report.problems.extend(template.report.problems)
        report.notes.extend(template.report.notes)
    if not report.problems:
        for mark, path, message in unused(objects):
            report.note(mark, path, message)
    return Understood(
        desired=desired(services.values(), objects, project),
        problems=in_order(report.problems),
        notes=in_order(report.notes),
        contents=objects.contents,
        templates=tuple(t.template for _, t in sorted(reading.templates.items())),
    )


def project_name(unit: Unit) -> None:
    name = unit.fields["name"]
    if name.written and not PROJECT.fullmatch(name.text()):
        name.problem(
            f"{shortened(name.text())!r} is not a project name: use lower-case letters, digits, `_` and `-`, "
            "a letter or digit first"
        )


@dataclass
class Everything:
    """All services and templates of all files, by their names."""

    objects: Objects
    host: Host
    files: Files
    references: References
    report: Report
    services: dict[str, Parsed] = field(default_factory=dict)
    templates: dict[str, Probed] = field(default_factory=dict)
    places: dict[str, Mark] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.remembered = Remembered(self.files)

    def read(self, unit: Unit) -> None:
        for name, entry in unit.services.items():
            if is_template(entry.node):
                self.template(name, entry, unit)
            else:
                self.service(name, self.without_references(name, entry), unit)

    def service(self, name: str, entry: Entry, unit: Unit) -> None:
        parsed = service(name, entry, Context(name, unit, self.objects, self.host, self.files, self.report))
        if parsed is not None and self.is_first(name, entry):
            self.services[name] = parsed

    def template(self, name: str, entry: Entry, unit: Unit) -> None:
        form = blanks.prepared(entry.node, self.references, ("services", name))
        source = Source(
            name, form, entry.mark, unit, self.objects, self.references, self.host, self.remembered, each_of(entry.node)
        )
        found = probed(source, entry, self.report)
        if found is not None and self.is_first(name, entry):
            self.templates[name] = found

    def is_first(self, name: str, entry: Entry) -> bool:
        first = self.places.setdefault(name, entry.mark)
        if first is not entry.mark:
            message = f"service {name} is also defined at {first}: rename one, or use `extends`"
            self.report.problem(entry.mark, f"services.{name}", message)
        return first is entry.mark

    def without_references(self, name: str, entry: Entry) -> Entry:
        """A service that is no template; each reference in it is a problem, and followed by no other."""
        if not blanks.marked(entry.node):
            return entry
        form = blanks.prepared(entry.node, self.references, ("services", name))
        for blank in blanks.within(form):
            self.report.problem(
                blank.node.mark,
                places.path(blank.place),
                f"{blank.node.text} has a value for each integration, and this is one service: write "
                "`x-zpmd: {for_each: active-integration}`, or a variable without a dot",
            )
            self.report.spoilt.add(blank.node.mark)
        return Entry(entry.mark, Filling(self.references, self.report, lambda _: "1").node(form))


def desired(services: Collection[Parsed], objects: Objects, project: str) -> Desired:
    """What runs here, and of volumes and networks what that uses."""
    running = sorted((p.data for p in services if not p.off), key=lambda s: (s.group.order, s.name))
    networks = {a.network for s in running for a in s.container.networks}
    volumes = {m.source for s in running for m in s.container.mounts}
    return Desired(
        services=tuple(running),
        volumes=by_name(objects.volumes, volumes),
        networks=by_name(objects.networks, networks),
        project=project,
        retired=tuple(sorted((p.data.name, p.off) for p in services if p.retired)),
    )
