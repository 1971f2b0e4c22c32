"""quarantine/: a folder for each refused file, `<utc>-<first 12 of its SHA-256>`, with the reason beside it.

It is bounded by count and bytes. Reasons outlive the files: where there are too many bytes, a file that is larger than
all that may be kept goes first, then the oldest files, and their reasons stay; so one huge file costs nobody the reason
of another. Where there are too many folders the oldest go whole. Whoever may put files into incoming/ may read why
theirs was refused.
"""

from __future__ import annotations

import os
import shutil
import stat
from dataclasses import dataclass
from datetime import UTC, datetime

from zpmd.model.patch import Patch, Stage
from zpmd.patching.folders import MODES, QUARANTINE, opened, share
from zpmd.patching.results import REASON
from zpmd.patching.shapes import Shape, shape_of

MADE_AT_ONCE = 1000
"""Files of the same bytes in the same second."""


@dataclass(frozen=True, slots=True)
class Bounds:
    count: int
    bytes: int


def entry(row: Patch, folder: int, name: str, shape: Shape | None) -> str:
    """The name of the folder for this row's file, made: the one that it is in already, after a crash, or one that
    nothing is in. Raises OSError."""
    at = row.since(Stage.QUARANTINED) or 0.0
    when = datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")
    base = f"{when}-{row.sha256[:12] or f'{row.number:012d}'}"
    for number in range(MADE_AT_ONCE):
        candidate = f"{base}-{number}" if number else base
        try:
            os.mkdir(candidate, 0o700, dir_fd=folder)
        except FileExistsError:
            if _is_free(candidate, folder, name, shape):
                return candidate
            continue
        with opened(candidate, folder) as made:
            share(made, os.fstat(folder).st_gid)
            os.fchmod(made, MODES[QUARANTINE])
        return candidate
    raise FileExistsError(f"{base} and {MADE_AT_ONCE} more are there")


def _is_free(candidate: str, folder: int, name: str, shape: Shape | None) -> bool:
    with opened(candidate, folder) as entered:
        inside = shape_of(name, entered)
        return (inside is not None and inside.same(shape)) or not os.listdir(entered)


def prune(folder: int, bounds: Bounds) -> None:
    """Keep the bounds; the newest reason stays in any case. Raises OSError."""
    with os.scandir(folder) as found:
        entries = sorted(item.name for item in found if item.is_dir(follow_symlinks=False))
    while len(entries) > max(bounds.count, 1):
        shutil.rmtree(entries.pop(0), dir_fd=folder)
    sizes = {name: _size(name, folder) for name in entries}
    for name in sorted(entries, key=lambda name: (sizes[name] <= bounds.bytes, name)):
        if sum(sizes.values()) <= bounds.bytes:
            return
        _keep_reason(name, folder)
        sizes[name] = _size(name, folder)
    for name in entries[:-1]:
        if sum(sizes.values()) <= bounds.bytes:
            return
        shutil.rmtree(name, dir_fd=folder)
        del sizes[name]


def _size(name: str, folder: int) -> int:
    """Bytes of the regular files below, each counted once here."""
    total = 0
    for _, _, files, at in os.fwalk(name, dir_fd=folder, follow_symlinks=False):
        for file in files:
            state = os.stat(file, dir_fd=at, follow_symlinks=False)
            total += state.st_size if stat.S_ISREG(state.st_mode) else 0
    return total


def _keep_reason(name: str, folder: int) -> None:
    with opened(name, folder) as entered:
        for inside in os.listdir(entered):
            if inside == REASON:
                continue
            shape = shape_of(inside, entered)
            if shape is not None and stat.S_ISDIR(shape.kind):
                shutil.rmtree(inside, dir_fd=entered)
            else:
                os.unlink(inside, dir_fd=entered)
