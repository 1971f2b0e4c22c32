"""A tree with blanks: prepared once, filled in many times.

Sub-trees without references are taken over as they are. Before anything is filled in, the short forms that a value
could take apart are brought into the form that it cannot: a command becomes a list of words, `NAME=value` a mapping.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from zpmd.sources.compose import places
from zpmd.sources.compose.merging import as_variables
from zpmd.sources.compose.process import words
from zpmd.sources.interpolate import BadTemplate
from zpmd.sources.nodes import Entry, Map, Node, Scalar, Sequence
from zpmd.sources.reading import Report
from zpmd.sources.references import OPENS, Reference, References, Value, refuse_secrets
from zpmd.sources.yamltext import rewritten


@dataclass(frozen=True, slots=True)
class Blank:
    """A text with references. `general` is its place among all services, for places.py."""

    node: Scalar
    place: places.Place
    general: str


@dataclass(frozen=True, slots=True)
class Form:
    """A list or mapping with blanks somewhere below. `parts` are its items, or its values under their keys."""

    node: Sequence | Map
    parts: tuple[Prepared, ...] | Mapping[str, Prepared] = field(hash=False)


Prepared = Node | Blank | Form


def prepared(node: Node, references: References, root: places.Place, place: places.Place = ()) -> Prepared:
    """The tree with its blanks; itself where it has none. `root` leads to it from the top of the file."""
    if not marked(node):
        return node
    node = in_parts(node, place)
    match node:
        case Scalar():
            return Blank(node, (*root, *place), places.general(place))
        case Sequence():
            shell = place == ("healthcheck", "test") and node.items[:1] and text(node.items[0]) == "CMD-SHELL"
            return Form(
                node,
                tuple(
                    prepared(item, references, root, place if shell else (*place, f"[{i}]"))
                    for i, item in enumerate(node.items)
                ),
            )
        case Map():
            return Form(node, {k: prepared(e.node, references, root, (*place, k)) for k, e in node.entries.items()})


def marked(node: Node) -> bool:
    return next(texts(node), None) is not None


def texts(node: Node) -> Iterator[Scalar]:
    """The texts of a tree that have references in them."""
    match node:
        case Scalar() if OPENS in node.text:
            yield node
        case Sequence():
            for item in node.items:
                yield from texts(item)
        case Map():
            for entry in node.entries.values():
                yield from texts(entry.node)


def within(form: Prepared) -> Iterator[Blank]:
    """All blanks of a tree."""
    match form:
        case Blank():
            yield form
        case Form(parts=tuple() as items):
            for item in items:
                yield from within(item)
        case Form(parts=Mapping() as below):
            for part in below.values():
                yield from within(part)


def named(node: Node, references: References) -> set[str]:
    """The names of all references in a tree."""
    return {reference.name for scalar in texts(node) for reference in references.within(scalar.text)}


def in_parts(node: Node, place: places.Place) -> Node:
    """What the reader would take apart after the values are in it, taken apart before."""
    if isinstance(node, Scalar) and places.general(place) in places.COMMANDS:
        try:
            return Sequence(tuple(rewritten(node, word) for word in words(node.text)), node.mark)
        except ValueError:
            return node  # the reader says what is wrong with it
    return as_variables(node) if place and place[-1] in places.PAIRS else node


def text(node: Node) -> str:
    return node.text if isinstance(node, Scalar) else ""


@dataclass
class Filling:
    """Puts values into blanks. What cannot be put in is a problem at its place, and the text is then empty."""

    references: References
    report: Report
    values: Value
    secrets: Collection[str] = ()

    def node(self, form: Prepared) -> Node:
        match form:
            case Blank():
                return self.scalar(form)
            case Form(node=Sequence() as node, parts=tuple() as items):
                return Sequence(tuple(map(self.node, items)), node.mark, node.tag)
            case Form(node=Map() as node, parts=Mapping() as below):
                entries = {key: Entry(node.entries[key].mark, self.node(part)) for key, part in below.items()}
                return Map(entries, node.mark, node.tag)
        return form  # type: ignore[return-value]

    def scalar(self, blank: Blank) -> Scalar:
        try:
            return rewritten(blank.node, self.references.filled(blank.node.text, lambda r: self.value(r, blank)))
        except BadTemplate as error:
            self.report.problem(blank.node.mark, places.path(blank.place), str(error))
            self.report.spoilt.add(blank.node.mark)
            return rewritten(blank.node, "")

    def value(self, reference: Reference, blank: Blank) -> str | None:
        refuse_secrets(reference.name, self.secrets)
        value = self.values(reference)
        if value is None and not reference.operator:
            self.report.note(
                blank.node.mark,
                places.path(blank.place),
                f"{reference.name} is not set: an empty text stands in its place",
            )
        if value or not reference.operator:
            places.refuse(blank.general, reference.name, value or "")
        return value
