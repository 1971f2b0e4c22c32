"""A YAML text as a tree of values that know where they were written.

Nodes are immutable and may be shared (an alias is the same object as its anchor), so whoever changes a tree builds
a new one. A mapping's keys are always strings. Positions count lines and columns from 1, as editors do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import PurePosixPath


@dataclass(frozen=True, slots=True)
class Origin:
    """A file as messages name it, and the folder that relative paths written in it start at."""

    name: str
    folder: PurePosixPath = PurePosixPath("/")


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file; line 0 means the file as a whole."""

    origin: Origin
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.origin.name}:{self.line}:{self.column}"


class Kind(Enum):
    """What a scalar is by YAML 1.2's core rules; `yes`, `22:22` and `010` are therefore no surprise here."""

    TEXT = "text"
    INTEGER = "integer"
    FLOAT = "number"
    BOOLEAN = "true or false"
    NULL = "nothing"


class Tag(Enum):
    """Compose's two merge instructions."""

    NONE = ""
    RESET = "!reset"
    OVERRIDE = "!override"


@dataclass(frozen=True, slots=True)
class Scalar:
    """`text` is what was written, so that `1.10` and `010` stay themselves where text is wanted.

    `shift` is how far behind the mark its first character stands, where each of them stands in the file as it is; -1
    where it does not: in a text of several lines, with escapes, or with variables put in.
    """

    text: str
    kind: Kind
    mark: Mark
    tag: Tag = Tag.NONE
    shift: int = field(default=-1, compare=False)


@dataclass(frozen=True, slots=True)
class Sequence:
    items: tuple[Node, ...]
    mark: Mark
    tag: Tag = Tag.NONE


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a mapping: where the key stands, and its value."""

    mark: Mark
    node: Node


@dataclass(frozen=True, slots=True)
class Map:
    entries: Mapping[str, Entry] = field(hash=False)
    mark: Mark
    tag: Tag = Tag.NONE

    def get(self, key: str) -> Node | None:
        """The value of a key; None where it is missing or null."""
        entry = self.entries.get(key)
        return None if entry is None or is_null(entry.node) else entry.node


Node = Scalar | Sequence | Map


def is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.kind is Kind.NULL


def null(mark: Mark) -> Scalar:
    return Scalar("", Kind.NULL, mark)


def described(node: Node) -> str:
    """What a node is, in words for a message: "a list", "a mapping", "the text 'abc'", "nothing"."""
    match node:
        case Sequence():
            return "a list"
        case Map():
            return "a mapping"
        case Scalar(kind=Kind.NULL):
            return "nothing"
        case Scalar(kind=Kind.TEXT):
            return f"the text {shortened(node.text)!r}"
        case _:
            return f"the {'boolean' if node.kind is Kind.BOOLEAN else 'number'} {shortened(node.text)}"


def shortened(text: str, limit: int = 60) -> str:
    """A foreign text for use inside a one-line message."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
