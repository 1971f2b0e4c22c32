"""Putting a file away once its patch has ended: applied/, rolled-back/ or quarantine/, with a result file beside it.

Rules:
1. The file is moved by a rename, never copied, and only while it is the one that was taken: another file that has got
   its name since is a drop of its own. Nothing that is there is overwritten; a number is put behind the name.
2. The result comes after the file, so who waits for the result finds both. Each is on the disk before the ledger says
   where the file is. A crash anywhere in between is continued: a file that was moved is found where it went.
3. Where a file cannot be moved (read-only, gone folders) its result goes below the state folder, the ledger says why,
   and it is tried again now and then. Its row is over all the same, and the file is never taken again.
4. A revert moves the file on from applied/, and its result is replaced by one that tells the whole story.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from zpmd.errors import StoreError
from zpmd.model.events import Entry
from zpmd.model.observed import Dossier
from zpmd.model.patch import Patch, Stage
from zpmd.patching import copying, quarantine, results
from zpmd.patching.drops import Drop
from zpmd.patching.folders import APPLIED, INCOMING, OPENED, QUARANTINE, ROLLED_BACK, Folders, opened
from zpmd.patching.incoming import SIGNATURE_SUFFIX
from zpmd.patching.shapes import Shape, open_regular, shape_of, shown
from zpmd.patching.telling import subject
from zpmd.ports import Store

PLACES = {
    Stage.APPLIED: APPLIED,
    Stage.ROLLED_BACK: ROLLED_BACK,
    Stage.REVERTED: ROLLED_BACK,
    Stage.ROLLBACK_FAILED: ROLLED_BACK,
    Stage.QUARANTINED: QUARANTINE,
}
RESULT_MODE = 0o640
ENTRIES_READ, ENTRIES_KEPT = 5000, 500
"""Journal lines that are looked through for a result, and that it may have."""
RESULTS_KEPT = 1000
"""In the state folder."""
NAMES_TRIED = 10_000
NOT_MOVED = "not moved: "


def is_stuck(row: Patch) -> bool:
    """Whether its file could not be moved when that was tried last."""
    return row.filed.startswith(NOT_MOVED)


@dataclass(frozen=True, slots=True)
class Filed:
    """What the ledger says of the file, and whether it is where it belongs."""

    text: str
    moved: bool


class Filing:
    def __init__(self, folders: Folders, results_dir: Path, store: Store) -> None:
        self._folders = folders
        self._results = results_dir
        self._store = store

    def outdated(self, row: Patch) -> bool:
        """Whether it was put away as applied, and was taken back since."""
        places = (f"{self._folders.base / APPLIED}/", f"{self._results / APPLIED}/")
        return row.stage in PLACES and row.stage is not Stage.APPLIED and any(p in row.filed for p in places)

    def put(self, row: Patch, drop: Drop | None) -> Filed:
        """Put the file of an ended row away, with its result. Raises OSError where not even the result can be kept."""
        try:
            filed = Filed(self._put(row, drop), moved=True)
        except OSError as error:
            return Filed(self._aside(row, why(error)), moved=False)
        self._forget_aside(row)
        return filed

    def _put(self, row: Patch, drop: Drop | None) -> str:
        source, name, shape = self._source(row, drop)
        with self._target(row, name, shape) as (target, path):
            with self._folders.open(source) as origin:
                moved = _moved(origin, target, name, shape, drop.sidecar if drop else None)
            moved = moved or _same_bytes(name, target, row, shape)
            kept = moved or _free(name, target)
            at = f"{path}/{shown(kept)}" if moved else "it was gone from its folder, or another file has its name"
            result = results.REASON if row.stage is Stage.QUARANTINED else kept + results.SUFFIX
            copying.write_whole(result, target, self._content(row, at), RESULT_MODE, os.fstat(target).st_gid)
        if source == APPLIED:
            with self._folders.open(APPLIED) as origin, contextlib.suppress(FileNotFoundError):
                os.unlink(name + results.SUFFIX, dir_fd=origin)
        return at if moved else f"its file was gone; the result is {path}/{shown(result)}"

    def _source(self, row: Patch, drop: Drop | None) -> tuple[str, str, Shape | None]:
        """The folder, name and shape of the file that is to be moved."""
        applied = f"{self._folders.base / APPLIED}/"
        if row.filed.startswith(applied) and row.stage is not Stage.APPLIED:
            name = row.filed.removeprefix(applied)
            with self._folders.open(APPLIED) as folder:
                return APPLIED, name, shape_of(name, folder)
        return INCOMING, drop.name if drop else row.name, drop.shape if drop else None

    @contextlib.contextmanager
    def _target(self, row: Patch, name: str, shape: Shape | None) -> Iterator[tuple[int, Path]]:
        place = PLACES[row.stage]
        with self._folders.open(place) as folder:
            if place != QUARANTINE:
                yield folder, self._folders.path(place)
                return
            entry = quarantine.entry(row, folder, name, shape)
            with opened(entry, folder) as inner:
                yield inner, self._folders.path(place) / entry

    def _content(self, row: Patch, at: str) -> bytes:
        return results.content(row, at, *self._evidence(row))

    def _evidence(self, row: Patch) -> tuple[list[Dossier], list[Entry]]:
        """What the store knows of it; a store that cannot be read costs the evidence, not the result."""
        if not row.steps:  # nothing has moved
            return [], []
        since = row.since(Stage.SWITCHED) or row.steps[0].at
        names = {row.culprit, *(step.service for step in row.steps)}
        try:
            dossiers = [d for d in self._store.dossiers(row.culprit) if d.at >= since] if row.culprit else []
            entries = self._store.journal(since=since, limit=ENTRIES_READ)
        except StoreError:
            return [], []
        return dossiers, [e for e in entries if e.subject == subject(row) or e.service in names][-ENTRIES_KEPT:]

    def _aside(self, row: Patch, why: str) -> str:
        """The result alone, below the state folder."""
        folder = self._results / PLACES[row.stage]
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"{row.number}{results.SUFFIX}"
        text = f"{NOT_MOVED}{why}"
        target = os.open(folder, OPENED)
        try:
            copying.write_whole(path.name, target, self._content(row, text), RESULT_MODE)
        finally:
            os.close(target)
        if row.stage is not Stage.APPLIED:
            (self._results / APPLIED / path.name).unlink(missing_ok=True)
        _prune(folder)
        return f"{text}; its result is {path}"

    def _forget_aside(self, row: Patch) -> None:
        for place in {*PLACES.values()}:
            with contextlib.suppress(OSError):
                (self._results / place / f"{row.number}{results.SUFFIX}").unlink(missing_ok=True)


def why(error: OSError) -> str:
    return f"{error.strerror}: {shown(str(error.filename))}" if error.filename else str(error.strerror or error)


def _moved(origin: int, target: int, name: str, shape: Shape | None, sidecar: Shape | None) -> str:
    """The name in `target` under which the file of this shape is now, "" where it is nowhere. Raises OSError."""
    there = shape_of(name, origin)
    if shape is None or there is None or not there.same(shape):
        kept = _found(name, target, shape)
    else:
        kept = _free(name, target)
        os.rename(name, kept, src_dir_fd=origin, dst_dir_fd=target)
    signature = name + SIGNATURE_SUFFIX
    if kept and sidecar is not None and sidecar.same(shape_of(signature, origin)):
        os.rename(signature, kept + SIGNATURE_SUFFIX, src_dir_fd=origin, dst_dir_fd=target)
    os.fsync(origin)  # the other one with its result
    return kept


def _found(name: str, target: int, shape: Shape | None) -> str:
    """Where an earlier try has put it."""
    for candidate in _numbered(name):
        there = shape_of(candidate, target)
        if there is None:
            return ""
        if there.same(shape):
            return candidate
    return ""


def _same_bytes(name: str, target: int, row: Patch, shape: Shape | None) -> str:
    """Where a file is that a revert has moved, of which no shape is kept: the one with these bytes."""
    if shape is not None or row.stage is Stage.QUARANTINED:
        return ""
    for candidate in _numbered(name):
        there = shape_of(candidate, target)
        if there is None:
            return ""
        if there.regular and there.size == row.size:
            descriptor = open_regular(candidate, target)
            with open(descriptor, "rb") as stream:
                if hashlib.file_digest(stream, "sha256").hexdigest() == row.sha256:
                    return candidate
    return ""


def _free(name: str, target: int) -> str:
    """The name, or one with a number behind it, that nothing has yet; nor a signature, nor a result beside it. Nobody
    else writes into these folders, so it is free until it is used."""
    for candidate in _numbered(name):
        names = (candidate, candidate + SIGNATURE_SUFFIX, candidate + results.SUFFIX)
        if all(shape_of(name, target) is None for name in names):
            return candidate
    raise FileExistsError(f"{name} and {NAMES_TRIED} more are there")


def _numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}.{number}" for number in range(1, NAMES_TRIED))


def _prune(folder: Path) -> None:
    """Numbers only grow, so the lowest are the oldest."""
    names = [path for path in folder.glob(f"*{results.SUFFIX}") if path.name.partition(".")[0].isdecimal()]
    for path in sorted(names, key=lambda path: int(path.name.partition(".")[0]))[:-RESULTS_KEPT]:
        path.unlink(missing_ok=True)
