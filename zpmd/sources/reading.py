"""Reading typed values out of nodes, with every complaint kept at its place.

A `Cursor` is a node with its path and the report that complaints go into. Its methods never raise: a wrong value is
reported and the default returned, so that one pass over a file finds everything that is wrong with it. A key that is
not written gives a cursor over nothing, on which every method answers its default.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TypeVar

from zpmd.model.container import Pairs
from zpmd.model.service import Problem
from zpmd.sources import units
from zpmd.sources.nodes import Entry, Kind, Map, Mark, Node, Scalar, Sequence, described, null, shortened
from zpmd.sources.yamltext import problem_at

T = TypeVar("T")

LOOSE_BOOLEANS = {"y": True, "yes": True, "on": True, "n": False, "no": False, "off": False}


class Fate(Enum):
    """What becomes of a key: it has its effect; it is harmless here and said so; or it is refused."""

    HONOURED = "honoured"
    NOTED = "noted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Key:
    fate: Fate
    advice: str = ""
    """Why it has no effect, or what to write instead."""


Section = Mapping[str, Key]
"""All keys that a mapping may have."""


def honoured(*names: str) -> dict[str, Key]:
    return {name: Key(Fate.HONOURED) for name in names}


@dataclass
class Report:
    """What was found while reading: problems make an input unusable, notes do not."""

    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    spoilt: set[Mark] = field(default_factory=set)
    """Places whose trouble has been told already: what follows from it is not worth saying."""
    written: Callable[[str], str] = str
    """A message with what stands for something else brought back to what was written."""

    def problem(self, mark: Mark, path: str, message: str) -> None:
        if mark not in self.spoilt:
            self.problems.append(problem_at(mark, self.written(message), self.written(path)))

    def note(self, mark: Mark, path: str, message: str) -> None:
        self.notes.append(problem_at(mark, self.written(message), self.written(path)))


def in_order(found: Iterable[Problem]) -> tuple[Problem, ...]:
    """Sorted by place; what an alias repeats under other paths is said once."""
    first: dict[tuple[str, int, int, str], Problem] = {}
    for problem in sorted(found, key=lambda p: (p.file, p.line, p.column, p.path, p.message)):
        first.setdefault((problem.file, problem.line, problem.column, problem.message), problem)
    return tuple(first.values())


def suggestion(word: str, known: Collection[str]) -> str:
    """ ", did you mean 'image'?" or ""."""
    close = difflib.get_close_matches(word[:64], known, n=1, cutoff=0.6)
    return f", did you mean {close[0]!r}?" if close else ""


@dataclass(slots=True, eq=False)  # never changed; frozen ones take twice as long to make, and a service takes 200
class Cursor:
    node: Node
    path: str
    report: Report
    key_mark: Mark | None = None

    # complaints

    def problem(self, message: str) -> None:
        self.report.problem(self.node.mark, self.path, message)

    def problem_at_key(self, message: str) -> None:
        self.report.problem(self.mark, self.path, message)

    def problem_within(self, column: int, message: str) -> None:
        """About the character of the text at this column, from 1; about all of it where that is no place of its own."""
        node = self.node
        if not isinstance(node, Scalar) or node.shift < 0 or node.mark in self.report.spoilt:
            self.problem(message)
        else:
            mark = replace(node.mark, column=node.mark.column + node.shift + column - 1)
            self.report.problem(mark, self.path, message)

    def note(self, message: str) -> None:
        self.report.note(self.mark, self.path, message)

    @property
    def mark(self) -> Mark:
        """Where the key stands, or the value where it has no key."""
        return self.key_mark or self.node.mark

    @property
    def written(self) -> bool:
        """Whether there is a value at all."""
        node = self.node
        return not (isinstance(node, Scalar) and node.kind is Kind.NULL)

    # scalars

    def text(self, default: str = "") -> str:
        """Any scalar as text: numbers as they were written, booleans as `true` and `false`."""
        if not self.written:
            return default
        if not isinstance(self.node, Scalar):
            self.problem(f"expected text, found {described(self.node)}")
            return default
        return self.node.text.lower() if self.node.kind is Kind.BOOLEAN else self.node.text

    def word(self, allowed: Mapping[str, T], default: T) -> T:
        """One of a few words, as what it stands for."""
        if not self.written:
            return default
        word = self.text()
        if word in allowed:
            return allowed[word]
        if isinstance(self.node, Scalar):
            self.problem(f"{shortened(word)!r} is not known here: write {listing(allowed)}{suggestion(word, allowed)}")
        return default

    def boolean(self, default: bool = False) -> bool:
        if not self.written:
            return default
        word = self.text() if isinstance(self.node, Scalar) else ""
        if word in ("true", "false"):
            return word == "true"
        if word.lower() in LOOSE_BOOLEANS:
            value = LOOSE_BOOLEANS[word.lower()]
            self.note(f"{word!r} is taken for {str(value).lower()}: write {str(value).lower()}")
            return value
        self.expected("true or false")
        return default

    def flag(self) -> bool | None:
        """A boolean for which not being written is a third answer."""
        return self.boolean() if self.written else None

    def integer(self, low: int | None = None, high: int | None = None, default: int = 0) -> int:
        return self.bounded(units.integer, "a whole number", low, high, default)

    def number(self, low: float | None = None, high: float | None = None, default: float = 0.0) -> float:
        return self.bounded(units.number, "a number", low, high, default)

    def duration(self, default: float = 0.0) -> float:
        return self.converted(units.duration, default)

    def size(self, default: int = 0) -> int:
        return self.converted(units.size, default)

    def converted(self, convert: Callable[[str], T], default: T) -> T:
        """The scalar's text through a function that raises ValueError with what is wrong with it."""
        if not self.written:
            return default
        if not isinstance(self.node, Scalar):
            self.problem(f"expected a single value, found {described(self.node)}")
            return default
        try:
            return convert(self.text())
        except ValueError as error:
            self.problem(f"{shortened(self.node.text)!r} {error}")
            return default

    def bounded(self, convert: Callable[[str], T], what: str, low: float | None, high: float | None, default: T) -> T:
        if not self.written:
            return default
        try:
            if not isinstance(self.node, Scalar):
                raise ValueError
            value = convert(self.node.text)
        except ValueError:
            self.expected(what)
            return default
        if (low is not None and value < low) or (high is not None and value > high):  # type: ignore[operator]
            self.problem(f"{value} is out of range: write {what} {bounds(low, high)}")
            return default
        return value

    def expected(self, what: str) -> None:
        self.problem(f"expected {what}, found {described(self.node)}")

    # collections

    def items(self) -> list[Cursor]:
        """The elements of a list."""
        if not self.written:
            return []
        if not isinstance(self.node, Sequence):
            self.expected("a list")
            return []
        return [Cursor(item, f"{self.path}[{index}]", self.report) for index, item in enumerate(self.node.items)]

    def one_or_many(self) -> list[Cursor]:
        """A list, or a single scalar in its place."""
        if isinstance(self.node, Scalar) and self.written:
            return [self]
        return self.items()

    def texts(self) -> tuple[str, ...]:
        """A list of texts; a single one in its place is refused, as Compose refuses it."""
        return tuple(item.text() for item in self.items())

    def entries(self) -> list[tuple[str, Cursor]]:
        """The keys and values of a mapping whose keys are the user's own; extensions (`x-...`) are left out."""
        return [(key, value) for key, value in self.all_entries() if not key.startswith("x-")]

    def all_entries(self) -> list[tuple[str, Cursor]]:
        """The keys and values of a mapping, whatever the keys are."""
        if not self.written:
            return []
        if not isinstance(self.node, Map):
            self.expected("a mapping")
            return []
        return [
            (key, Cursor(entry.node, joined(self.path, key), self.report, entry.mark))
            for key, entry in self.node.entries.items()
        ]

    def variables(self) -> dict[str, str | None]:
        """A mapping of texts, or a list of `NAME=value`; None where a name has no value."""
        if isinstance(self.node, Sequence):
            split = [item.text().partition("=") for item in self.items()]
            return {name: value if equals else None for name, equals, value in split if name or equals}
        return {name: cursor.text() if cursor.written else None for name, cursor in self.all_entries()}

    def pairs(self) -> Pairs:
        """`variables` as a value of the model; a name without a value has an empty one."""
        return tuple(sorted((name, value or "") for name, value in self.variables().items()))

    def fields(self, section: Section) -> Fields:
        """The values of a mapping whose keys the specification names. Unknown and refused keys are reported."""
        values: dict[str, Cursor] = {}
        for key, cursor in self.all_entries():
            known = section.get(key)
            if known is None:
                if not key.startswith("x-"):
                    kept = [name for name, k in section.items() if k.fate is not Fate.REFUSED]
                    cursor.problem_at_key(f"unknown key {shortened(key)!r}{suggestion(key, kept) or ': remove it'}")
            elif known.fate is Fate.REFUSED:
                cursor.problem_at_key(known.advice)
            else:
                if known.fate is Fate.NOTED:
                    cursor.note(known.advice)
                values[key] = cursor
        return Fields(self, values, null(self.mark))


@dataclass(frozen=True, slots=True)
class Fields:
    """A mapping that was read by its section; every key answers, written or not."""

    owner: Cursor
    values: Mapping[str, Cursor]
    nothing: Scalar
    """The value of all that is not written."""

    def __getitem__(self, key: str) -> Cursor:
        found = self.values.get(key)
        return found or Cursor(self.nothing, joined(self.owner.path, key), self.owner.report)

    def __contains__(self, key: str) -> bool:
        """Whether the key has a value."""
        return key in self.values and self.values[key].written

    def __iter__(self) -> Iterator[str]:
        return (key for key, cursor in self.values.items() if cursor.written)

    def required(self, key: str, advice: str) -> Cursor:
        """The value of a key that must be there."""
        if key not in self:
            self.owner.problem_at_key(f"{key} is missing: {advice}")
        return self[key]


def joined(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def listing(words: Iterable[str]) -> str:
    """ "a, b or c"."""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def bounds(low: float | None, high: float | None) -> str:
    if low is None:
        return f"up to {high}"
    return f"from {low}" if high is None else f"from {low} to {high}"


def entry(node: Node) -> Entry:
    return Entry(node.mark, node)
