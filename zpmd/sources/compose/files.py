"""Compose files as trees: read, substituted, included and extended, before anything in them is given a meaning.

The order is the specification's: variables are substituted file by file, then `include` brings in other files, each
with paths and `.env` of its own, then `extends` merges services. Reading is the caller's (`Files`): this stays pure.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Protocol

from zpmd.sources import envfile, yamltext
from zpmd.sources.compose import places, vocabulary
from zpmd.sources.compose.merging import merged
from zpmd.sources.interpolate import BadTemplate, interpolate
from zpmd.sources.nodes import Entry, Map, Mark, Node, Origin, Scalar, Sequence, described, shortened
from zpmd.sources.reading import Cursor, Fields, Report, joined, suggestion
from zpmd.sources.references import RESERVED, References, reserved

MAX_FILES = 256
MAX_CHAIN = 32

Variables = Mapping[str, str]


class Files(Protocol):
    """How files are read. Paths are absolute."""

    def read(self, path: str) -> bytes:
        """The whole of a regular file. Raises OSError."""


@dataclass(frozen=True)
class Unit:
    """One file, ready to be understood. `services` have their `extends` merged in."""

    fields: Fields
    services: Mapping[str, Entry]
    project: str
    variables: Variables
    origin: Origin
    includer: Unit | None = None

    def default(self, key: str) -> Cursor:
        """What this file's `x-zpmd` says of a key, or else that of the file which includes it."""
        own = self.fields["x-zpmd"].fields(vocabulary.FILE_ZPMD)
        if key in own or self.includer is None:
            return own[key]
        return self.includer.default(key)


@dataclass
class Loader:
    """Loads files and what they include. Complaints go to the report; what cannot be read is left out."""

    files: Files
    report: Report
    references: References = field(default_factory=References)
    units: list[Unit] = field(default_factory=list)
    extended: dict[tuple[str, str], Node | None] = field(default_factory=dict)
    trees: dict[str, Node | None] = field(default_factory=dict)

    def load(self, path: str, shown: str, variables: Variables, project: str) -> None:
        """A file of the services folder, or of the command line; `shown` is how messages name it."""
        folder = PurePosixPath(posixpath.dirname(path))
        known = {**self.dotenv(str(folder / ".env")), **variables}
        origin = Origin(shown, folder)
        raw = self.raw(path, origin)
        if raw is None:
            return
        name = raw.get("name") if isinstance(raw, Map) else None
        if isinstance(name, Scalar):
            # Silently: what is wrong with it is told when the whole file is substituted.
            project = Substituting(known, self.references, Report()).scalar(name, ("name",)).text or project
        known["COMPOSE_PROJECT_NAME"] = project
        self.unit(self.substituted(raw, known), known, project, origin, (path,), None)

    def tree(self, path: str, origin: Origin, variables: Variables, said_at: Cursor) -> Node | None:
        """Another file, that `said_at` names, with its variables substituted."""
        raw = self.raw(path, origin, said_at)
        return None if raw is None else self.substituted(raw, variables)

    def substituted(self, raw: Node, variables: Variables) -> Node:
        return Substituting(variables, self.references, self.report).node(raw)

    def raw(self, path: str, origin: Origin, said_at: Cursor | None = None) -> Node | None:
        """One file as it is written."""
        try:
            content = self.files.read(path)
        except OSError as error:
            reason = f"cannot read {path}: {error.strerror or error}"
            if said_at:
                said_at.problem(reason)
            else:
                self.report.problem(Mark(origin), "", f"cannot read it: {error.strerror or error}")
            return None
        node, problems = yamltext.compose(content, origin)
        self.report.problems.extend(problems)
        return node

    def dotenv(self, path: str, said_at: Cursor | None = None) -> dict[str, str]:
        """Variables of an env file; one that nobody named may be missing."""
        try:
            content = self.files.read(path)
        except OSError as error:
            if said_at:
                said_at.problem(f"cannot read {path}: {error.strerror or error}")
            return {}
        parsed = envfile.parse(content, Origin(path, PurePosixPath(posixpath.dirname(path))), {})
        self.report.problems.extend(parsed.problems)
        return {name: value for name, value in parsed.values.items() if value is not None}

    def unit(
        self,
        tree: Node,
        variables: Variables,
        project: str,
        origin: Origin,
        chain: tuple[str, ...],
        includer: Unit | None,
    ) -> None:
        root = Cursor(tree, "", self.report)
        if not isinstance(tree, Map):
            root.problem(f"expected a mapping with `services`, found {described(tree)}")
            return
        fields = root.fields(vocabulary.FILE)
        if len(self.units) >= MAX_FILES:
            root.problem(f"more than {MAX_FILES} files are loaded: include fewer")
            return
        services = {
            name: Entry(cursor.mark, node)
            for name, cursor in fields["services"].entries()
            if (node := self.with_extends(cursor, name, fields["services"], chain[-1], variables, ())) is not None
        }
        if not services and "include" not in fields:
            fields["services"].problem_at_key("there are no services: write at least one, or remove the file")
        unit = Unit(fields, services, project, variables, origin, includer)
        self.units.append(unit)
        for item in fields["include"].items():
            self.include(item, unit, chain)

    # include

    def include(self, item: Cursor, includer: Unit, chain: tuple[str, ...]) -> None:
        """One element of `include`: a path, or a mapping with one or several that are merged."""
        if isinstance(item.node, Scalar):
            named, folder_cursor, env_files = [item], None, []
        else:
            fields = item.fields(vocabulary.INCLUDE)
            named = fields.required("path", "write the path of the file to include").one_or_many()
            folder_cursor, env_files = fields["project_directory"], fields["env_file"].one_or_many()
        paths = [resolved(cursor) for cursor in named]
        if not paths:
            return
        if again := next((p for p in paths if p in chain), None):
            item.problem(f"{again} includes itself: {' -> '.join((*chain[chain.index(again) :], again))}")
            return
        given = folder_cursor is not None and folder_cursor.written
        folder = resolved(folder_cursor) if folder_cursor and given else posixpath.dirname(paths[0])
        known: dict[str, str] = {} if env_files else self.dotenv(posixpath.join(folder, ".env"))
        for cursor in env_files:
            known.update(self.dotenv(resolved(cursor), cursor))
        known.update(includer.variables)
        tree = self.merged_files(named, paths, PurePosixPath(folder), known)
        if tree is None:
            return
        if isinstance(tree, Map) and (name := tree.entries.get("name")):
            self.report.note(name.mark, "name", "has no effect in an included file")
        origin = Origin(paths[0], PurePosixPath(folder))
        self.unit(tree, known, includer.project, origin, (*chain, paths[0]), includer)

    def merged_files(
        self, named: list[Cursor], paths: list[str], folder: PurePosixPath, variables: Variables
    ) -> Node | None:
        result: Node | None = None
        for cursor, path in zip(named, paths, strict=True):
            tree = self.tree(path, Origin(path, folder), variables, cursor)
            if tree is not None:
                result = tree if result is None else merged(result, tree, "", self.report)
        return result

    # extends

    def with_extends(
        self,
        service: Cursor,
        name: str,
        siblings: Cursor,
        path: str,
        variables: Variables,
        chain: tuple[str, ...],
    ) -> Node | None:
        """The service with all that it extends merged in; itself where there is nothing, or it cannot be found."""
        key = (path, name)
        if key not in self.extended:
            self.extended[key] = self.extend(service, name, siblings, path, variables, chain)
        return self.extended[key]

    def extend(
        self,
        service: Cursor,
        name: str,
        siblings: Cursor,
        path: str,
        variables: Variables,
        chain: tuple[str, ...],
    ) -> Node | None:
        node = service.node
        if not isinstance(node, Map) or node.get("extends") is None:
            return node
        extends = node.entries["extends"]
        here = Cursor(extends.node, joined(service.path, "extends"), self.report, extends.mark)
        link = f"{name} of {path}"
        rest = Map({k: v for k, v in node.entries.items() if k != "extends"}, node.mark, node.tag)
        if link in chain or len(chain) >= MAX_CHAIN:
            ring = [*chain[chain.index(link) if link in chain else -1 :], link]
            what = "extends itself" if link in chain else f"extends through more than {MAX_CHAIN} services"
            here.problem(f"{what}: {' -> '.join(ring[:5])}; remove one `extends`")
            self.report.spoilt.add(service.mark)
            return None
        base = self.base(here, siblings, path, variables, (*chain, link))
        if base is None:
            self.report.spoilt.add(service.mark)
            return rest
        return merged(base, rest, "services.*", self.report)

    def base(
        self, extends: Cursor, siblings: Cursor, path: str, variables: Variables, chain: tuple[str, ...]
    ) -> Node | None:
        """The service that is extended."""
        if isinstance(extends.node, Scalar):
            wanted = extends
        else:
            fields = extends.fields(vocabulary.EXTENDS)
            wanted = fields.required("service", "write the name of the service to extend")
            if "file" in fields:
                path = resolved(fields["file"])
                found = self.services_of(path, fields["file"], variables)
                if found is None:
                    return None
                siblings = found
        name = wanted.text()
        services = siblings.node.entries if isinstance(siblings.node, Map) else {}
        if name not in services:
            if name:
                wanted.problem(f"there is no service {shortened(name)!r} in {path}{suggestion(name, services)}")
            return None
        known = services[name]
        base = Cursor(known.node, joined(siblings.path, name), self.report, known.mark)
        return self.with_extends(base, name, siblings, path, variables, chain)

    def services_of(self, path: str, said_at: Cursor, variables: Variables) -> Cursor | None:
        """The services of another file, as they are written there."""
        if path not in self.trees:
            folder = PurePosixPath(posixpath.dirname(path))
            self.trees[path] = self.tree(path, Origin(path, folder), variables, said_at)
        tree = self.trees[path]
        services = tree.entries.get("services") if isinstance(tree, Map) else None
        if tree is not None and services is None:
            said_at.problem(f"{path} has no `services`")
        return Cursor(services.node, "services", self.report, services.mark) if services else None


def resolved(cursor: Cursor) -> str:
    """The absolute path that a text stands for, seen from the file that it was written in."""
    return absolute(cursor.text(), cursor.node.mark.origin.folder)


def absolute(path: str, folder: PurePosixPath, home: str = "") -> str:
    """An absolute, normalised path. `~` is the home directory, where that is known."""
    if home and (path == "~" or path.startswith("~/")):
        path = home + path[1:]
    return posixpath.normpath(posixpath.join(str(folder), path))


@dataclass
class Substituting:
    """Replaces `${...}` in every value of a tree; keys stay as they are. `place` are the keys that lead to a node."""

    variables: Variables
    references: References
    report: Report

    def node(self, node: Node, place: places.Place = ()) -> Node:
        match node:
            case Scalar():
                return self.scalar(node, place)
            case Sequence():
                items = tuple(self.node(item, (*place, f"[{i}]")) for i, item in enumerate(node.items))
                return replace(node, items=items)
            case Map():
                return replace(node, entries={key: self.entry(key, e, place) for key, e in node.entries.items()})

    def entry(self, key: str, entry: Entry, place: places.Place) -> Entry:
        if reserved(key):
            self.report.problem(entry.mark, places.path(place), f"this holds {RESERVED}")
        return Entry(entry.mark, self.node(entry.node, (*place, key)))

    def scalar(self, node: Scalar, place: places.Place) -> Scalar:
        if reserved(node.text):
            return self.spoilt(node, place, f"this holds {RESERVED}")
        if "$" not in node.text:
            return node
        try:
            result = interpolate(node.text, self.variables, places.referring(place, self.references))
        except BadTemplate as error:
            return self.spoilt(node, place, str(error))
        for name in result.unset:
            self.report.note(
                node.mark,
                places.path(place),
                f"variable {shortened(name)} is not set: an empty text stands in its place",
            )
        return yamltext.rewritten(node, result.text)

    def spoilt(self, node: Scalar, place: places.Place, problem: str) -> Scalar:
        self.report.problem(node.mark, places.path(place), problem)
        self.report.spoilt.add(node.mark)
        return replace(node, text="") if reserved(node.text) else node
