"""YAML bytes to a tree of nodes with positions; every flaw of the text is a problem, none an exception.

The parser's events are composed here and not by PyYAML, for four reasons: positions survive, duplicate keys are
noticed, scalars are resolved by YAML 1.2 (PyYAML's 1.1 reads `22:22` as 1342 and `no` as false), and what anchors and
merge keys expand to is counted *before* it is expanded: five hundred bytes can ask for minutes of work.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from zpmd.model.service import Problem
from zpmd.sources.nodes import Entry, Kind, Map, Mark, Node, Origin, Scalar, Sequence, Tag, is_null, null, shortened

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 32
MAX_NODES = 50_000
TOO_DEEP = "maximum nesting depth"
"""In libyaml's words, since PyYAML 6.0.4."""

NULL = re.compile(r"^(?:~|null|Null|NULL|)$")
BOOLEAN = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")
INTEGER = re.compile(r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$")
FLOAT = re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$")
UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

YAML_TAG = "tag:yaml.org,2002:"
FORCED = {"str": Kind.TEXT, "int": Kind.INTEGER, "float": Kind.FLOAT, "bool": Kind.BOOLEAN, "null": Kind.NULL}
MERGE_TAGS = {"!reset": Tag.RESET, "!override": Tag.OVERRIDE}

Composed = tuple[Node, int]
"""A node and the number of nodes that it expands to."""


class Broken(Exception):
    """The text cannot be read any further. Carries the last problem; it never leaves this module."""

    def __init__(self, mark: Mark, message: str) -> None:
        super().__init__(message)
        self.problem = problem_at(mark, message)


def problem_at(mark: Mark, message: str, path: str = "") -> Problem:
    return Problem(file=mark.origin.name, line=mark.line, column=mark.column, path=path, message=message)


def compose(content: bytes, origin: Origin) -> tuple[Node | None, tuple[Problem, ...]]:
    """The one document of a file, None where it cannot be read; and everything that is wrong with it."""
    composer = Composer(origin)
    try:
        text = decoded(content, origin)
        return composer.document(events(text, origin)), tuple(composer.problems)
    except Broken as end:
        return None, (*composer.problems, end.problem)


def decoded(content: bytes, origin: Origin) -> str:
    """The text of a file. Raises Broken where it is too long, not UTF-8, or holds what YAML forbids."""
    if len(content) > MAX_BYTES:
        raise Broken(Mark(origin, 1, 1), f"{len(content)} bytes are too many: split the file, {MAX_BYTES} is the limit")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")
        raise Broken(
            place(before, origin), f"byte 0x{content[error.start]:02x} is not UTF-8: save the file in that encoding"
        ) from error
    if text.startswith("\ufeff"):
        raise Broken(Mark(origin, 1, 1), "the file begins with a byte order mark: save it as UTF-8 without one")
    if bad := UNPRINTABLE.search(text):
        raise Broken(
            place(text[: bad.start()], origin), f"character U+{ord(bad.group()):04X} is not allowed in YAML: remove it"
        )
    return text


def place(before: str, origin: Origin) -> Mark:
    line = before.count("\n")
    return Mark(origin, line + 1, len(before) - (before.rfind("\n") + 1) + 1)


def events(text: str, origin: Origin) -> Iterator[yaml.Event]:
    """The parser's events. Raises Broken where the syntax is wrong."""
    try:
        yield from _parsed(text)
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        mark = Mark(origin, at.line + 1, at.column + 1) if at else Mark(origin, 1, 1)
        raise Broken(mark, syntax_message(error, text, mark)) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise Broken(Mark(origin, 1, 1), "this is not YAML") from error


def _parsed(text: str) -> Iterator[yaml.Event]:
    """By libyaml, which looks ahead, and meets a bound of its own before we have seen where ours is: the other parser
    has none, and whoever reads its events stops at ours."""
    told = 0
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            told += 1
            yield event
    except yaml.MarkedYAMLError as error:
        if TOO_DEEP not in (error.problem or ""):
            raise
        yield from itertools.islice(yaml.parse(text, Loader=yaml.SafeLoader), told, None)


def syntax_message(error: yaml.MarkedYAMLError, text: str, mark: Mark) -> str:
    lines = text.split("\n")
    line = lines[mark.line - 1] if mark.line <= len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "a tab indents this line: YAML takes spaces only"
    if "alias" in (error.context or ""):
        return 'this is not YAML: a `*` begins an alias here, put quotes around the text, as in "*/15 * * * *"'
    if line[mark.column - 1 :].startswith("@"):
        return 'this is not YAML: a text cannot begin with `@`, put quotes around it, as in "@daily"'
    reason = error.problem or "it cannot be parsed"
    context = f" ({error.context})" if error.context else ""
    return f"this is not YAML: {reason}{context}"


@dataclass
class Composer:
    """Builds nodes from events. `problems` are those that reading can go on after."""

    origin: Origin
    problems: list[Problem] = field(default_factory=list)
    anchors: dict[str, Composed] = field(default_factory=dict)
    open_anchors: set[str] = field(default_factory=set)
    seen: int = 0
    path: list[str] = field(default_factory=list)
    """The keys that lead to where we are."""

    def document(self, stream: Iterator[yaml.Event]) -> Node:
        """The single document of the stream. Raises Broken where there is none, or more than one."""
        root: Node | None = None
        for event in stream:
            match event:
                case yaml.DocumentStartEvent() if root is not None:
                    raise Broken(
                        self.mark(event), "a second document begins here: put it into a file of its own, without `---`"
                    )
                case yaml.StreamStartEvent() | yaml.StreamEndEvent() | yaml.DocumentStartEvent():
                    continue
                case yaml.DocumentEndEvent():
                    continue
                case _:
                    root, _ = self.node(event, stream, depth=1)
        if root is None:
            raise Broken(Mark(self.origin, 1, 1), "the file is empty: remove it, or write its services")
        return root

    def problem(self, mark: Mark, message: str) -> None:
        path = ".".join(shortened(part) for part in self.path).replace(".[", "[")
        self.problems.append(problem_at(mark, message, path))

    def mark(self, event: yaml.Event) -> Mark:
        at = event.start_mark
        return Mark(self.origin, at.line + 1, at.column + 1) if at else Mark(self.origin)

    def node(self, event: yaml.Event, stream: Iterator[yaml.Event], depth: int) -> Composed:
        mark = self.mark(event)
        self.count(1, mark)
        if depth > MAX_DEPTH:
            raise Broken(mark, f"nested deeper than {MAX_DEPTH} levels: flatten it")
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event.anchor or "", mark)
        anchor = getattr(event, "anchor", None)
        if anchor:
            self.open_anchors.add(anchor)
        composed = self.collection_or_scalar(event, stream, depth, mark)
        if anchor:
            self.open_anchors.discard(anchor)
            self.anchors[anchor] = composed
        return composed

    def count(self, nodes: int, mark: Mark) -> None:
        self.seen += nodes
        if self.seen > MAX_NODES:
            raise Broken(mark, f"the file expands to more than {MAX_NODES} values here: use fewer aliases, or split it")

    def alias(self, name: str, mark: Mark) -> Composed:
        if name in self.open_anchors:
            raise Broken(mark, f"*{name} stands inside &{name} itself: an alias cannot contain itself")
        if name not in self.anchors:
            raise Broken(mark, f"*{name} refers to nothing: no &{name} stands before it")
        node, size = self.anchors[name]
        self.count(size, mark)
        return node, size

    def collection_or_scalar(self, event: yaml.Event, stream: Iterator[yaml.Event], depth: int, mark: Mark) -> Composed:
        match event:
            case yaml.ScalarEvent():
                return self.scalar(event, mark), 1
            case yaml.SequenceStartEvent():
                return self.sequence(event, stream, depth, mark)
            case yaml.MappingStartEvent():
                return self.mapping(event, stream, depth, mark)
        raise Broken(mark, "this is not YAML")

    def scalar(self, event: yaml.ScalarEvent, mark: Mark) -> Scalar:
        tag = self.tag(event.tag, mark)
        text = event.value
        forced = FORCED.get((event.tag or "").removeprefix(YAML_TAG)) if event.tag else None
        if forced is not None:
            return Scalar(text, forced, mark, tag, shift(event))
        plain = is_plain(event) and (event.implicit[0] or tag is not Tag.NONE)
        return Scalar(text, resolved(text) if plain else Kind.TEXT, mark, tag, shift(event))

    def tag(self, tag: str | None, mark: Mark) -> Tag:
        if tag is None or tag in ("!", YAML_TAG + "seq", YAML_TAG + "map"):
            return Tag.NONE
        if tag in MERGE_TAGS:
            return MERGE_TAGS[tag]
        if tag.removeprefix(YAML_TAG) not in FORCED:
            self.problem(mark, f"tag {shortened(tag)} is not known: only !reset and !override have a meaning here")
        return Tag.NONE

    def sequence(
        self, start: yaml.SequenceStartEvent, stream: Iterator[yaml.Event], depth: int, mark: Mark
    ) -> Composed:
        items: list[Node] = []
        total = 1
        for event in stream:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            self.path.append(f"[{len(items)}]")
            item, size = self.node(event, stream, depth + 1)
            self.path.pop()
            items.append(item)
            total += size
        return Sequence(tuple(items), mark, self.tag(start.tag, mark)), total

    def mapping(self, start: yaml.MappingStartEvent, stream: Iterator[yaml.Event], depth: int, mark: Mark) -> Composed:
        own: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        total = 1
        for event in stream:
            if isinstance(event, yaml.MappingEndEvent):
                break
            is_merge = isinstance(event, yaml.ScalarEvent) and event.value == "<<" and is_plain(event)
            key, _ = self.node(event, stream, depth + 1)
            self.path.append(key.text if isinstance(key, Scalar) else "?")
            value, size = self.node(next(stream), stream, depth + 1)
            self.path.pop()
            total += size
            if is_merge:
                self.merge(value, merged)
            else:
                self.add(own, key, value)
        entries = {**merged, **own} if merged else own
        return Map(entries, mark, self.tag(start.tag, mark)), total

    def add(self, own: dict[str, Entry], key: Node, value: Node) -> None:
        if not isinstance(key, Scalar):
            self.problem(key.mark, "a key must be plain text, not a list or a mapping")
            return
        if first := own.get(key.text):
            message = f"duplicate key {shortened(key.text)!r}, first at line {first.mark.line}: keep one of them"
            self.path.append(key.text)
            self.problem(key.mark, message)
            self.path.pop()
        own[key.text] = Entry(key.mark, value)

    def merge(self, value: Node, merged: dict[str, Entry]) -> None:
        """`<<`: entries of the earlier mapping win, and the mapping's own entries win over all of them."""
        for part in value.items if isinstance(value, Sequence) else (value,):
            if isinstance(part, Map):
                for key, entry in part.entries.items():
                    merged.setdefault(key, entry)
            elif not is_null(part):
                self.problem(part.mark, "`<<` merges mappings: write an alias of a mapping, or a list of such")


def is_plain(event: yaml.ScalarEvent) -> bool:
    """Whether a scalar is written without quotes; the C parser says "" where the Python one says None."""
    return not event.style


def shift(event: yaml.ScalarEvent) -> int:
    """As `Scalar` has it."""
    start, end = event.start_mark, event.end_mark
    if start is None or end is None or start.line != end.line or event.style in ("|", ">"):
        return -1
    quotes = 0 if is_plain(event) else 1
    begins: int = end.column - quotes - len(event.value) - start.column
    # what is escaped takes more room than it is long; before a plain text an anchor may stand
    return begins if begins == quotes or (begins > 0 and not quotes) else -1


def resolved(text: str) -> Kind:
    """What a plain scalar is."""
    if NULL.match(text):
        return Kind.NULL
    if BOOLEAN.match(text):
        return Kind.BOOLEAN
    if INTEGER.match(text):
        return Kind.INTEGER
    return Kind.FLOAT if FLOAT.match(text) else Kind.TEXT


def rewritten(node: Scalar, text: str) -> Scalar:
    """The scalar with another text, as text: what variables were substituted in."""
    return Scalar(text, Kind.TEXT, node.mark, node.tag)


__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_NODES", "compose", "null", "problem_at", "resolved", "rewritten"]
