"""The registry of tenants and integrations that is kept in files: the embedded default, where there is no MongoDB.

Every `*.yaml` of the folder holds lists by the names of the product's collections, with the same fields as there:

    tenants:
      - {id: 1, name: Acme, tenantcode: acme, status: active}

A row is called by its `_id` if one is written, and else by its place (`20-acme.yaml:4`, with the column where a line
has several rows). One bad row is a trouble and stops no other; but
a file that cannot be read, or has a list by a name that is not known, makes the whole reading unknown, and what was
read last goes on. So does a folder that is gone or empty where there have been rows: unknown is not absent.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection
from pathlib import Path

from zpmd.model.events import Reason
from zpmd.model.service import Problem
from zpmd.model.tenant import Away, IntegrationKey, PortLease, Reading
from zpmd.model.text import printable
from zpmd.ports import Clock, Wake
from zpmd.sources import rows
from zpmd.sources.disk import State, file_state, folder_state, read_regular, service_files
from zpmd.sources.nodes import Kind, Map, Node, Origin, Scalar, Sequence, is_null, shortened
from zpmd.sources.watching import TICK_SECONDS, FolderWatch
from zpmd.sources.yamltext import compose

LONGEST_NUMBER = 20
"""Characters of 64 bits. A longer number stays a text, and is refused as such where a number is wanted."""

AS_WRITTEN = {"app_params": ("value", "params")}
"""Fields in which `1.10` and `010` are to reach the container as they stand there."""


Places = dict[tuple[str, str], tuple[str, int, int]]
"""Of rows, by collection and row id: file, line and column."""


class Unreadable(Exception):
    """The files do not say what the rows are. Its text is one line without values."""


class DataFiles:
    """Implements `Registry`. `had_rows`: whether rows have ever counted, so that no folder is not no rows."""

    name = "data files"

    def __init__(self, folder: Path, clock: Clock, had_rows: bool = False) -> None:
        self.folder = folder
        self.clock = clock
        self.folders = FolderWatch()
        self._had_rows = had_rows
        self._state: dict[str, State] | None = None
        self._said: tuple[Reading | None, Away | None] = (None, None)

    def reading(self) -> Reading | None:
        return self._said[0]

    def away(self) -> Away | None:
        return self._said[1]

    def watched(self) -> str:
        return "file events" if self.watching() else f"files are compared every {TICK_SECONDS:g} s"

    def watching(self) -> bool:
        return self.folders.alive()

    def record_ports(self, leases: Collection[PortLease], released: Collection[IntegrationKey]) -> None:
        """The files are their owner's: leases are in the store alone."""

    def watch(self, wake: Wake, stop: threading.Event) -> None:
        def look() -> None:
            if self.load_once():
                wake(Reason.ROWS)

        self.folders.follow(self._wanted, look, stop)

    def load_once(self) -> bool:
        """Read the files if they have changed since the last time. Whether `reading` or `away` is another one now."""
        state = self._states()
        if state == self._state:
            return False
        before = self._said
        self._said = self._look(before)
        # As it was before reading: what changes meanwhile is looked at again. So is what could not be read, on every
        # tick: not all that mends it shows in the state of a file.
        self._state = None if self.away() else state
        return self._said != before

    def _look(self, before: tuple[Reading | None, Away | None]) -> tuple[Reading | None, Away | None]:
        known, away = before
        now = self.clock.now()
        try:
            found, troubles = rows.read(self._documents())
        except Unreadable as error:
            return known, Away(since=away.since if away else now, why=printable(str(error)))
        self._had_rows = self._had_rows or bool(found.tenants or found.integrations)
        if known is not None and (known.rows, known.troubles) == (found, troubles):
            return known, None
        return Reading(rows=found, troubles=troubles, at=now), None

    def _documents(self) -> dict[str, list[object]]:
        """The rows of all files. Raises Unreadable."""
        documents: dict[str, list[object]] = {}
        for path in self._files():
            try:
                content = read_regular(str(path))
            except OSError as error:
                raise Unreadable(f"cannot read {path}: {error.strerror}") from error
            for collection, found in file_documents(content, str(path)).items():
                documents.setdefault(collection, []).extend(found)
        return documents

    def _files(self) -> list[Path]:
        try:
            files = service_files(self.folder)
        except FileNotFoundError:
            files = []
        except OSError as error:
            raise Unreadable(f"cannot read {self.folder}: {error.strerror}") from error
        if not files and self._had_rows:
            raise Unreadable(
                f"{self.folder} has no data file any more: if there are to be no rows, write `tenants: []`"
            )
        return files

    def _states(self) -> dict[str, State]:
        try:
            files = service_files(self.folder)
        except OSError:
            files = []
        return {f"{self.folder}/": folder_state(self.folder), **{str(path): file_state(path) for path in files}}

    def _wanted(self) -> dict[str, bool]:
        """The folder, or where it would come to be."""
        return {str(self.folder if self.folder.is_dir() else self.folder.parent): False}


def file_documents(content: bytes, name: str, places: Places | None = None) -> dict[str, list[object]]:
    """The rows of one file by collection. `places` learns where they are. Raises Unreadable."""
    root, problems = compose(content, Origin(name))
    if problems:
        raise Unreadable(told(problems))
    if not isinstance(root, Map):
        raise Unreadable(f"{name}: there must be lists of rows, each by its collection: {', '.join(rows.COLLECTIONS)}")
    documents: dict[str, list[object]] = {}
    for collection, entry in root.entries.items():
        place = f"{name}:{entry.mark.line}:{entry.mark.column}"
        if collection not in rows.COLLECTIONS:
            known = ", ".join(rows.COLLECTIONS)
            raise Unreadable(f"{place}: {shortened(collection)!r} is not known: write one of {known}")
        if not isinstance(entry.node, Sequence) and not is_null(entry.node):
            raise Unreadable(f"{place}: {collection} must be a list of rows")
        items = entry.node.items if isinstance(entry.node, Sequence) else ()
        lines = Counter(item.mark.line for item in items)
        found = documents[collection] = [
            document(collection, item, place_of(item, Path(name).name, alone=lines[item.mark.line] == 1))
            for item in items
        ]
        if places is not None:
            for row, item in zip(found, items, strict=True):
                if isinstance(row, dict):
                    places[collection, str(row["_id"])] = (name, item.mark.line, item.mark.column)
    return documents


def place_of(node: Node, file: str, alone: bool) -> str:
    column = "" if alone else f":{node.mark.column}"
    return f"{file}:{node.mark.line}{column}"


def document(collection: str, node: Node, place: str) -> object:
    if not isinstance(node, Map):
        return plain(node)
    written = AS_WRITTEN.get(collection, ())
    found = {key: plain(entry.node, key in written) for key, entry in node.entries.items()}
    if found.get("_id") is None:
        found["_id"] = place
    return found


def plain(node: Node, as_written: bool = False) -> object:
    """The value that BSON would have carried."""
    match node:
        case Map():
            return {key: plain(entry.node, as_written) for key, entry in node.entries.items()}
        case Sequence():
            return [plain(item, as_written) for item in node.items]
        case Scalar(kind=Kind.NULL):
            return None
        case Scalar(kind=Kind.BOOLEAN) if not as_written:
            return node.text.lower() == "true"
        case Scalar(kind=Kind.INTEGER | Kind.FLOAT) if not as_written and len(node.text) <= LONGEST_NUMBER:
            return number(node)
        case _:
            return node.text


def number(node: Scalar) -> object:
    """A forced tag (`!!int x`) may stand before what is no number: then it is a text."""
    try:
        if node.kind is Kind.FLOAT:
            return float(node.text)
        return int(node.text, 0 if node.text.startswith(("0o", "0x")) else 10)
    except ValueError:
        return node.text


def told(problems: tuple[Problem, ...]) -> str:
    """The first problem, without what may be a value: an unquoted password that begins with `*` or `!` reads as an
    alias or a tag, and complaints about these repeat it."""
    first = problems[0]
    message = first.message
    if message.startswith(("*", "tag ")):
        message = "a text that begins with `*` or `!` needs quotes"
    elif message.startswith("the file is empty"):
        message = "the file is empty: remove it, or write its rows"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{first.file}:{first.line}:{first.column}: {message}{more}"
