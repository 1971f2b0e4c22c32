"""The top-level `networks`, `volumes`, `secrets` and `configs`: what services refer to by key.

Keys are shared by all files of one project. The same key in two files is one object if both say the same, and a problem
otherwise. Names in the engine are `<project>_<key>`, unless `name` or `external` says otherwise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from zpmd.model.container import FileKind
from zpmd.model.service import IpamPool, NetworkSpec, VolumeSpec
from zpmd.sources.compose import vocabulary
from zpmd.sources.compose.files import Files, Unit, resolved
from zpmd.sources.nodes import Map, Mark, shortened
from zpmd.sources.reading import Cursor, Fields, listing, suggestion

S = TypeVar("S")


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
class Objects:
    """Everything that services can refer to, by (project, key)."""

    files: Files
    networks: dict[tuple[str, str], Defined[NetworkSpec]] = field(default_factory=dict)
    volumes: dict[tuple[str, str], Defined[VolumeSpec]] = field(default_factory=dict)
    configs: dict[tuple[str, str], Defined[Material]] = field(default_factory=dict)
    secrets: dict[tuple[str, str], Defined[Material]] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict, repr=False)
    """What configs and secrets hold, by digest."""

    def add(self, unit: Unit) -> None:
        """Take in the definitions of one file."""
        fields = unit.fields
        define(self.networks, fields["networks"], unit, lambda c, key: network(c, key, unit.project))
        define(self.volumes, fields["volumes"], unit, lambda c, key: volume(c, key, unit.project))
        define(self.configs, fields["configs"], unit, lambda c, key: material(c, key, FileKind.CONFIG, unit))
        define(self.secrets, fields["secrets"], unit, lambda c, key: material(c, key, FileKind.SECRET, unit))

    def network(self, cursor: Cursor, key: str, project: str) -> NetworkSpec:
        """The network of a key; `default` needs no definition."""
        if key == "default" and (project, key) not in self.networks:
            self.networks[project, key] = Defined(NetworkSpec(name=f"{project}_default"), cursor)
        found = lookup(self.networks, cursor, key, project, "network")
        return found or NetworkSpec(name=f"{project}_{key}")

    def volume(self, cursor: Cursor, key: str, project: str) -> VolumeSpec | None:
        return lookup(self.volumes, cursor, key, project, "volume")

    def digest(self, cursor: Cursor, key: str, kind: FileKind, unit: Unit) -> str:
        """The digest of the content that a key stands for, "" where it cannot be had."""
        table = self.configs if kind is FileKind.CONFIG else self.secrets
        found = lookup(table, cursor, key, unit.project, kind.value)
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


def lookup(table: dict[tuple[str, str], Defined[S]], cursor: Cursor, key: str, project: str, what: str) -> S | None:
    """The object of a key, marked as used; a problem where it is not defined."""
    found = table.get((project, key))
    if found is None:
        known = [k for p, k in table if p == project]
        cursor.problem(
            f"{what} {shortened(key)!r} is not defined"
            + (suggestion(key, known) or f": define it in the top-level `{what}s`")
        )
        return None
    found.used = True
    return found.value


def define(
    table: dict[tuple[str, str], Defined[S]], section: Cursor, unit: Unit, read: Callable[[Cursor, str], S]
) -> None:
    for key, cursor in section.entries():
        value = read(cursor, key)
        known = table.get((unit.project, key))
        if known is None:
            table[unit.project, key] = Defined(value, cursor)
        elif known.value != value:
            cursor.problem_at_key(
                f"{shortened(key)!r} is defined differently at {known.cursor.mark}: make both equal, or keep one"
            )


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


def network(cursor: Cursor, key: str, project: str) -> NetworkSpec:
    f = cursor.fields(vocabulary.NETWORK)
    name, external = engine_name(cursor, f, key, project)
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


def volume(cursor: Cursor, key: str, project: str) -> VolumeSpec:
    f = cursor.fields(vocabulary.VOLUME)
    name, external = engine_name(cursor, f, key, project)
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


def unused(objects: Objects) -> list[tuple[Mark, str, str]]:
    """Notes on what is defined and used by no service, not even one that is switched off."""
    return [
        *unused_of(objects.networks, "networks"),
        *unused_of(objects.volumes, "volumes"),
        *unused_of(objects.configs, "configs"),
        *unused_of(objects.secrets, "secrets"),
    ]


def unused_of(table: dict[tuple[str, str], Defined[S]], what: str) -> list[tuple[Mark, str, str]]:
    return [
        (defined.cursor.mark, f"{what}.{key}", "is used by no service: it is not created")
        for (_, key), defined in table.items()
        if not defined.used
    ]
