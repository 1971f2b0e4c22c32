"""Two trees into one, by the rules of the Compose Specification: what `extends` and an `include` of several files do.

Mappings merge key by key, lists append, scalars are replaced. The exceptions are the tables below, by the path with `*`
for names. `!reset` takes a key away, `!override` replaces it whole. Every node keeps the place where it was written, so
a mistake in an extended file is reported there.
"""

from __future__ import annotations

from collections.abc import Callable

from zpmd.sources.nodes import Entry, Kind, Map, Node, Scalar, Sequence, Tag, described, is_null
from zpmd.sources.reading import Report, entry, joined

REPLACED = frozenset(
    {
        "services.*.build",
        "services.*.command",
        "services.*.entrypoint",
        "services.*.healthcheck.test",
        "services.*.ulimits.*",
        "services.*.post_start.*.command",
    }
)
VARIABLES = frozenset(
    {
        "networks.*.labels",
        "services.*.annotations",
        "services.*.deploy.labels",
        "services.*.environment",
        "services.*.labels",
        "services.*.sysctls",
        "volumes.*.labels",
    }
)
"""Mappings that may be written as lists of `NAME=value`."""

NAMED = frozenset({"services.*.depends_on", "services.*.networks"})
"""Mappings that may be written as lists of names."""

LISTS = frozenset(
    {
        "services.*.dns",
        "services.*.dns_search",
        "services.*.env_file",
        "services.*.extra_hosts",
        "services.*.label_file",
        "services.*.tmpfs",
    }
)
"""Lists that may be written as a single text, or (extra_hosts) as a mapping."""

Identity = Callable[[Node], str]


def merged(base: Node, over: Node, path: str, report: Report) -> Node:
    """`over` laid over `base`; `path` is the general one, `services.*` and so on."""
    if over.tag is Tag.OVERRIDE or path in REPLACED:
        return over
    if is_null(over):
        return base
    if is_null(base):
        return over
    if path in VARIABLES:
        base, over = as_variables(base), as_variables(over)
    elif path in NAMED:
        base, over = as_named(base, path), as_named(over, path)
    elif path in LISTS:
        base, over = as_list(base), as_list(over)
    if path == "services.*.logging" and other_driver(base, over):
        return over
    return merged_alike(base, over, path, report)


def merged_alike(base: Node, over: Node, path: str, report: Report) -> Node:
    match base, over:
        case Map(), Map():
            return merged_maps(base, over, path, report)
        case Sequence(), Sequence():
            return merged_lists(base, over, path, report)
        case Scalar(), Scalar():
            return over
    report.problem(
        over.mark,
        path,
        f"{described(over)} cannot be merged with {described(base)} of {base.mark}: write the same form",
    )
    return over


def merged_maps(base: Map, over: Map, path: str, report: Report) -> Map:
    entries = dict(base.entries)
    for key, added in over.entries.items():
        below = joined(path, key if named_by_specification(path) else "*")
        if added.node.tag is Tag.RESET:
            entries.pop(key, None)
        elif key in entries:
            entries[key] = Entry(added.mark, merged(entries[key].node, added.node, below, report))
        else:
            entries[key] = added
    return Map(entries, over.mark)


def named_by_specification(path: str) -> bool:
    """Whether the keys below are the specification's, and not names that users gave."""
    return path not in ("services", "networks", "volumes", "secrets", "configs", *NAMED, "services.*.ulimits")


def merged_lists(base: Sequence, over: Sequence, path: str, report: Report) -> Sequence:
    identity = IDENTITIES.get(path)
    if identity is None:
        known_texts = {item.text for item in base.items if isinstance(item, Scalar)}
        added = (i for i in over.items if not (isinstance(i, Scalar) and i.text in known_texts))
        return Sequence((*base.items, *added), over.mark)
    items = {identity(item): item for item in base.items}
    for item in over.items:
        known = items.get(identity(item))
        both = isinstance(known, Map) and isinstance(item, Map)
        items[identity(item)] = merged(known, item, f"{path}.*", report) if known is not None and both else item
    return Sequence(tuple(items.values()), over.mark)


def other_driver(base: Node, over: Node) -> bool:
    if not isinstance(base, Map) or not isinstance(over, Map):
        return False
    mine, theirs = over.get("driver"), base.get("driver")
    return text_of(mine) != text_of(theirs) and mine is not None and theirs is not None


def text_of(node: Node | None) -> str:
    return node.text if isinstance(node, Scalar) else ""


def field_of(node: Node, *keys: str) -> str:
    """The first of some fields of a mapping that is a text."""
    if not isinstance(node, Map):
        return ""
    return next((text for key in keys if (text := text_of(node.get(key)))), "")


# the same thing in its general form


def as_variables(node: Node) -> Node:
    if not isinstance(node, Sequence) or not all(isinstance(item, Scalar) for item in node.items):
        return node
    entries = {}
    for item in node.items:
        name, equals, value = text_of(item).partition("=")
        entries[name] = Entry(item.mark, Scalar(value, Kind.TEXT if equals else Kind.NULL, item.mark))
    return Map(entries, node.mark, node.tag)


def as_named(node: Node, path: str) -> Node:
    if not isinstance(node, Sequence) or not all(isinstance(item, Scalar) for item in node.items):
        return node

    def value(item: Node) -> Node:
        if not path.endswith(".depends_on"):
            return Scalar("", Kind.NULL, item.mark)
        return Map({"condition": entry(Scalar("service_started", Kind.TEXT, item.mark))}, item.mark)

    return Map({text_of(item): Entry(item.mark, value(item)) for item in node.items}, node.mark, node.tag)


def as_list(node: Node) -> Node:
    match node:
        case Scalar():
            return Sequence((node,), node.mark, node.tag)
        case Map():
            items = tuple(
                Scalar(f"{key}={text_of(address)}", Kind.TEXT, address.mark)
                for key, e in node.entries.items()
                for address in (e.node.items if isinstance(e.node, Sequence) else (e.node,))
            )
            return Sequence(items, node.mark, node.tag)
    return node


# what makes two elements of a list the same


def mount_target(node: Node) -> str:
    if isinstance(node, Map):
        return field_of(node, "target")
    parts = text_of(node).split(":")
    return parts[1] if len(parts) > 1 else parts[0]


def device_target(node: Node) -> str:
    if isinstance(node, Map):
        return field_of(node, "target", "source")
    return mount_target(node)


def grant_target(node: Node) -> str:
    return field_of(node, "target", "source") if isinstance(node, Map) else text_of(node)


def env_file_path(node: Node) -> str:
    return field_of(node, "path") if isinstance(node, Map) else text_of(node)


def by_path(node: Node) -> str:
    return field_of(node, "path")


def by_subnet(node: Node) -> str:
    return field_of(node, "subnet")


IDENTITIES: dict[str, Identity] = {
    "services.*.volumes": mount_target,
    "services.*.devices": device_target,
    "services.*.configs": grant_target,
    "services.*.secrets": grant_target,
    "services.*.env_file": env_file_path,
    "services.*.blkio_config.device_read_bps": by_path,
    "services.*.blkio_config.device_read_iops": by_path,
    "services.*.blkio_config.device_write_bps": by_path,
    "services.*.blkio_config.device_write_iops": by_path,
    "services.*.blkio_config.weight_device": by_path,
    "networks.*.ipam.config": by_subnet,
}
