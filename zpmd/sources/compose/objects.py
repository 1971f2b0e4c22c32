"""The top-level `networks`, `volumes`, `secrets` and `configs`: what services refer to by key.

Keys are shared by all files of one project. The same key in two files is one object if both say the same, and a problem
otherwise. Names in the engine are `<project>_<key>`, unless `name` or `external` says otherwise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar, cast

from zpmd.model.container import FileKind
from zpmd.model.service import IpamPool, NetworkSpec, VolumeSpec
from zpmd.sources.compose import blanks, vocabulary
from zpmd.sources.compose.blanks import Filling, Prepared
from zpmd.sources.compose.files import Files, Unit, resolved
from zpmd.sources.nodes import Map, Mark, shortened
from zpmd.sources.reading import Cursor, Fields, listing, suggestion
from zpmd.sources.references import References

S = TypeVar("S")
Spec = TypeVar("Spec", NetworkSpec, VolumeSpec)


@dataclass(frozen=True, slots=True)
class Material:
    """The definition of a config or secret. `source` is what a second definition of the key is compared by."""

    kind: FileKind
    key: str
    source: tuple[str, str]
    cursor: Cursor

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Material) and (self.kind, self.key, self.source) == (
            other.kind, other.key, other.source
        )  # fmt: skip

    def __hash__(self) -> int:
        return hash((self.kind, self.key, self.source))


@dataclass
class Defined(Generic[S]):
    """One object, where it was first defined, and whether any service uses it."""

    value: S
    cursor: Cursor
    used: bool = False


@dataclass
class Drawn:
    """The definition of an object with references in it: another one for each integration."""

    form: Prepared
    cursor: Cursor
    unit: Unit
    used: bool = False


Key = tuple[str, str]
Table = dict[Key, Defined[S]]


@dataclass
class Objects:
    """Everything that services can refer to, by (project, key)."""

    files: Files
    networks: Table[NetworkSpec] = field(default_factory=dict)
    volumes: Table[VolumeSpec] = field(default_factory=dict)
    configs: Table[Material] = field(default_factory=dict)
    secrets: Table[Material] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict, repr=False)
    """What configs and secrets hold, by digest."""
    drawn: dict[tuple[str, Key], Drawn] = field(default_factory=dict)
    filling: Filling | None = None
    """What fills in references, where it is known whose they are."""

    def add(self, unit: Unit, references: References) -> None:
        """Take in the definitions of one file."""
        self.define(self.networks, "networks", unit, references)
        self.define(self.volumes, "volumes", unit, references)
        self.define(self.configs, "configs", unit, references)
        self.define(self.secrets, "secrets", unit, references)

    def define(self, table: Table[S], section: str, unit: Unit, references: References) -> None:
        read = cast(Callable[[Cursor, str, Unit], S], READERS[section])
        for key, cursor in unit.fields[section].entries():
            place = (unit.project, key)
            if blanks.marked(cursor.node):
                self.draw(section, place, cursor, unit, references)
                continue
            value = read(cursor, key, unit)
            known = table.get(place)
            if known is None:
                table[place] = Defined(value, cursor)
            elif known.value != value:
                cursor.problem_at_key(
                    f"{shortened(key)!r} is defined differently at {known.cursor.mark}: make both equal, or keep one"
                )

    def draw(self, section: str, place: Key, cursor: Cursor, unit: Unit, references: References) -> None:
        name = cursor.node.get("name") if isinstance(cursor.node, Map) else None
        if section in ("networks", "volumes") and not (name and blanks.marked(name)):
            cursor.problem_at_key(
                "is another one for each integration, and so its `name` must be: put references in it"
            )
        if known := self.drawn.get((section, place)):
            cursor.problem_at_key(f"{shortened(place[1])!r} is also defined at {known.cursor.mark}: keep one of them")
        form = blanks.prepared(cursor.node, references, (section, place[1]))
        self.drawn[section, place] = Drawn(form, cursor, unit)

    def stamping(self, filling: Filling, files: Files) -> Objects:
        """The objects as one integration sees them."""
        return replace(
            self,
            files=files,
            networks=dict(self.networks),
            volumes=dict(self.volumes),
            configs=dict(self.configs),
            contents={},
            filling=filling,
        )

    def network(self, cursor: Cursor, key: str, project: str) -> NetworkSpec:
        """The network of a key; `default` needs no definition."""
        if key == "default" and (project, key) not in self.networks and ("networks", (project, key)) not in self.drawn:
            self.networks[project, key] = Defined(NetworkSpec(name=f"{project}_default"), cursor)
        found = self.lookup(self.networks, "networks", cursor, key, project)
        return found or NetworkSpec(name=f"{project}_{key}")

    def volume(self, cursor: Cursor, key: str, project: str) -> VolumeSpec | None:
        return self.lookup(self.volumes, "volumes", cursor, key, project)

    def digest(self, cursor: Cursor, key: str, kind: FileKind, unit: Unit) -> str:
        """The digest of the content that a key stands for, "" where it cannot be had."""
        table = self.configs if kind is FileKind.CONFIG else self.secrets
        found = self.lookup(table, f"{kind.value}s", cursor, key, unit.project)
        content = self.content(found) if found else None
        if content is None:
            return ""
        digest = hashlib.sha256(content).hexdigest()
        self.contents[digest] = content
        return digest

    def content(self, found: Material) -> bytes | None:
        how, what = found.source
        if not how:
            return None
        if how != "file":
            return what.encode()
        try:
            return self.files.read(what)
        except OSError as error:
            found.cursor.problem(f"cannot read {what}: {error.strerror or error}")
            return None

    def lookup(self, table: Table[S], section: str, cursor: Cursor, key: str, project: str) -> S | None:
        """The object of a key, marked as used; a problem where it is not defined."""
        place, what = (project, key), section.removesuffix("s")
        drawn = self.drawn.get((section, place))
        if drawn and self.filling:
            drawn.used = True
            if place not in table:
                table[place] = Defined(cast(S, self.made(drawn, self.filling, section, key)), drawn.cursor)
        found = table.get(place)
        if found is not None:
            found.used = True
            return found.value
        known = [k for p, k in (*table, *(place for s, place in self.drawn if s == section)) if p == project]
        if drawn:
            drawn.used = True
            advice = f", but by references at {drawn.cursor.mark}: only a service with `for_each` can use it"
        else:
            advice = suggestion(key, known) or f": define it in the top-level `{section}`"
        cursor.problem(f"{what} {shortened(key)!r} is not defined{advice}")
        return None

    def made(self, drawn: Drawn, filling: Filling, section: str, key: str) -> NetworkSpec | VolumeSpec | Material:
        cursor = Cursor(filling.node(drawn.form), drawn.cursor.path, filling.report, drawn.cursor.key_mark)
        return READERS[section](cursor, key, drawn.unit)


def by_name(table: Table[Spec], names: set[str]) -> tuple[Spec, ...]:
    """The objects that the engine knows by these names."""
    found = {d.value.name: d.value for d in table.values() if d.value.name in names}
    return tuple(spec for _, spec in sorted(found.items()))


def engine_name(cursor: Cursor, fields: Fields, key: str, project: str) -> tuple[str, bool]:
    """What the engine calls it, and whether it is external: then nothing else may be said of it."""
    external, given = outside(fields["external"])
    name = fields["name"].text() or given
    if not external:
        return name or f"{project}_{key}", False
    if extra := [k for k in fields if k not in ("name", "external")]:
        cursor.problem_at_key(f"is external, so {listing(extra)} cannot be set here: remove it, or `external`")
    return name or key, True


def outside(external: Cursor) -> tuple[bool, str]:
    """`external: true`, or the older `external: {name: ...}`."""
    if isinstance(external.node, Map):
        return True, external.fields(vocabulary.EXTERNAL)["name"].text()
    return external.boolean(), ""


def network(cursor: Cursor, key: str, unit: Unit) -> NetworkSpec:
    f = cursor.fields(vocabulary.NETWORK)
    name, external = engine_name(cursor, f, key, unit.project)
    if external:
        return NetworkSpec(name=name, external=True)
    ipam = f["ipam"].fields(vocabulary.IPAM)
    return NetworkSpec(
        name=name,
        driver=f["driver"].text(),
        driver_opts=f["driver_opts"].pairs(),
        labels=f["labels"].pairs(),
        attachable=f["attachable"].boolean(),
        internal=f["internal"].boolean(),
        enable_ipv4=f["enable_ipv4"].flag(),
        enable_ipv6=f["enable_ipv6"].flag(),
        ipam_driver=ipam["driver"].text(),
        ipam_options=ipam["options"].pairs(),
        ipam_pools=tuple(pool(item) for item in ipam["config"].items()),
    )


def pool(cursor: Cursor) -> IpamPool:
    f = cursor.fields(vocabulary.IPAM_POOL)
    return IpamPool(
        subnet=f["subnet"].text(),
        gateway=f["gateway"].text(),
        ip_range=f["ip_range"].text(),
        aux_addresses=f["aux_addresses"].pairs(),
    )


def volume(cursor: Cursor, key: str, unit: Unit) -> VolumeSpec:
    f = cursor.fields(vocabulary.VOLUME)
    name, external = engine_name(cursor, f, key, unit.project)
    if external:
        return VolumeSpec(name=name, external=True)
    return VolumeSpec(
        name=name,
        driver=f["driver"].text() or "local",
        driver_opts=f["driver_opts"].pairs(),
        labels=f["labels"].pairs(),
    )


def material(cursor: Cursor, key: str, kind: FileKind, unit: Unit) -> Material:
    """The definition; with an empty source where it is wrong, so that those who use it are not blamed as well."""
    nowhere = Material(kind, key, ("", ""), cursor)
    section = vocabulary.CONFIG if kind is FileKind.CONFIG else vocabulary.SECRET
    f = cursor.fields(section)
    if isinstance(cursor.node, Map) and any(k in cursor.node.entries for k in ("external", "driver")):
        return nowhere
    ways = [way for way in ("file", "environment", "content") if way in f]
    if len(ways) != 1:
        allowed = listing(way for way in ("file", "environment", "content") if way in section)
        cursor.problem_at_key(f"where the content comes from is {'said twice' if ways else 'missing'}: write {allowed}")
        return nowhere
    source = f[ways[0]]
    if ways[0] == "file":
        return Material(kind, key, ("file", resolved(source)), source)
    text = source.text()
    if ways[0] == "environment":
        if text not in unit.variables:
            source.problem(f"variable {shortened(text)!r} is not set: set it, or name a `file`")
            return nowhere
        text = unit.variables[text]
    return Material(kind, key, ("content", text), source)


def config(cursor: Cursor, key: str, unit: Unit) -> Material:
    return material(cursor, key, FileKind.CONFIG, unit)


def secret(cursor: Cursor, key: str, unit: Unit) -> Material:
    return material(cursor, key, FileKind.SECRET, unit)


READERS: Mapping[str, Callable[[Cursor, str, Unit], NetworkSpec | VolumeSpec | Material]] = {
    "networks": network,
    "volumes": volume,
    "configs": config,
    "secrets": secret,
}


def unused(objects: Objects) -> list[tuple[Mark, str, str]]:
    """Notes on what is defined and used by no service, not even one that is switched off."""
    drawn = ((section, key, d) for (section, (_, key)), d in objects.drawn.items())
    found = [
        *unused_of(objects.networks, "networks"),
        *unused_of(objects.volumes, "volumes"),
        *unused_of(objects.configs, "configs"),
        *unused_of(objects.secrets, "secrets"),
        *((d.cursor.mark, f"{section}.{key}") for section, key, d in drawn if not d.used),
    ]
    return [(mark, path, "is used by no service: it is not created") for mark, path in found]


def unused_of(table: Table[S], what: str) -> list[tuple[Mark, str]]:
    return [(defined.cursor.mark, f"{what}.{key}") for (_, key), defined in table.items() if not defined.used]
