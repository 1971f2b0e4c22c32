"""Who wrote what through the API: rows that hold one another by their hashes, and what finds a row that was touched.

Rules:
1. A row's body is text that is made once and kept as it is: what a later zpmd adds to a record changes no hash.
2. The hash of a row is SHA-256 over its number, the hash before it and its body, each on a line of its own; the row
   before the first has the hash `GENESIS`.
3. The oldest rows are let go in whole segments. An ANCHOR row in the chain itself says up to which, and with what hash,
   so what is left begins at a hash that the chain vouches for.
4. The chain finds what was changed, taken out, added or put into another order, and rows that are missing at its end
   (`Head`). It does not find a database that somebody wrote anew from the first row to the head; for that, the log has
   the hash of every row as it was written.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from types import MappingProxyType
from typing import Any

GENESIS = "0" * 64
TEXT_MOST = 255
"""Characters of anything that came from outside: it is cut there."""


class Kind(StrEnum):
    """WRITE: somebody known asked for something, and was answered. REFUSED: `count` requests were not let in.
    INTERRUPTED: a write was begun, and zpmd died before its answer. UNATTRIBUTED: the journal has an operator's verb
    that no row belongs to. ANCHOR: older rows were let go."""

    WRITE = "write"
    REFUSED = "refused"
    INTERRUPTED = "interrupted"
    UNATTRIBUTED = "unattributed"
    ANCHOR = "anchor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What a row says. `status` 0: nobody was answered. `before` and `after` are what is stored of the subject;
    `journal` the entries of the journal that this request made. `upto` and `upto_hash` are of the last row that an
    ANCHOR lets go; of a write that has only begun, `upto` is the last entry of the journal before it."""

    at: float
    kind: Kind
    actor: str
    token: str = ""
    scopes: tuple[str, ...] = ()
    address: str = ""
    method: str = ""
    route: str = ""
    subject: str = ""
    before: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    after: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    status: int = 0
    code: str = ""
    count: int = 1
    journal: tuple[int, ...] = ()
    upto: int = 0
    upto_hash: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A row of the chain."""

    id: int
    previous: str
    hash: str
    body: str

    @property
    def record(self) -> Record:
        """Raises ValueError where the body is none of ours."""
        return read(self.body)


@dataclass(frozen=True, slots=True)
class Head:
    """The last row that was written: kept apart from the rows."""

    id: int = 0
    hash: str = GENESIS


_OPTIONAL = tuple(f.name for f in fields(Record) if f.name not in ("at", "kind", "actor"))


def text(record: Record) -> str:
    """The canonical body: JSON with sorted keys, without what has its default."""
    said = {f.name: _plain(getattr(record, f.name)) for f in fields(record)}
    left_out = {name: value for name, value in _DEFAULTS.items() if said[name] == value}
    kept = {name: value for name, value in said.items() if name not in left_out}
    return json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def read(body: str) -> Record:
    """The record that `text` made the body of; names of a newer zpmd are left out. Raises ValueError."""
    try:
        said = json.loads(body)
        values: dict[str, Any] = {name: said[name] for name in _DEFAULTS if name in said}
        values |= {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        return Record(at=said["at"], kind=Kind(said["kind"]), actor=said["actor"], **values)
    except (KeyError, TypeError, AttributeError):
        raise ValueError("this is no record of an audit") from None


def link(head: Head, record: Record) -> Link:
    """The row that comes after `head`."""
    number, body = head.id + 1, text(record)
    return Link(number, head.hash, digest(number, head.hash, body), body)


def digest(number: int, previous: str, body: str) -> str:
    return hashlib.sha256(f"{number}\n{previous}\n{body}".encode()).hexdigest()


def verify(links: Iterable[Link], head: Head, complaints_most: int = 20) -> tuple[str, ...]:
    """What is wrong with a whole chain, from its oldest row to its head; nothing where it holds."""
    found: list[str] = []
    before, begins = Head(), None
    anchored: set[Head] = set()
    for row in links:
        if begins is None:
            begins = before = Head(row.id - 1, row.previous)
        found += _faults(row, before)
        if '"kind":"anchor"' in row.body:
            anchored |= _anchor(row)
        before = Head(row.id, row.hash)
        if len(found) >= complaints_most:
            return (*found[:complaints_most], "and perhaps more: the rest was not looked at")
    if begins is not None and begins != Head() and begins not in anchored:
        found.append(f"rows before {begins.id + 1} are gone, and no anchor vouches for that")
    if before != head and not (begins is None and head == Head()):
        found.append(f"the last row is {before.id}, and should be {head.id}" if before.id != head.id else _CHANGED_END)
    return tuple(found)


_CHANGED_END = "the last row is not the one that was written last"


def _faults(row: Link, before: Head) -> list[str]:
    faults = []
    if row.id != before.id + 1:
        faults.append(f"row {row.id} follows row {before.id}: rows between them are missing, or in another order")
    elif row.previous != before.hash:
        faults.append(f"row {row.id} does not hold the hash of the row before it")
    if row.hash != digest(row.id, row.previous, row.body):
        faults.append(f"row {row.id} was changed")
    return faults


def _anchor(row: Link) -> set[Head]:
    try:
        record = row.record
    except ValueError:
        return set()
    return {Head(record.upto, record.upto_hash)} if record.kind is Kind.ANCHOR else set()


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, tuple | list | frozenset | set):
        return [_plain(v) for v in value]
    return str(value) if isinstance(value, StrEnum) else value


_DEFAULTS = {name: _plain(getattr(Record(at=0.0, kind=Kind.WRITE, actor=""), name)) for name in _OPTIONAL}
