"""Which file a row is about, remembered beside its private copy: `<state_dir>/patches/<number>/`, for zpmd alone.

    drop.json   the file's name and shape, and its signature's, as they were when it was taken
    copy.zpatch the private copy, until the row has ended

It is written before the row says that the file was taken. So after a crash a file that is still in incoming/ is known
to have its row, also where it could never be moved away; and a file whose row says no more than "seen" is taken under
the same row, by its name.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from zpmd.patching import copying
from zpmd.patching.shapes import Shape

RECORD = "drop.json"
COPY = "copy.zpatch"
RESULTS = "results"


@dataclass(frozen=True, slots=True)
class Drop:
    """The file of row `number`."""

    number: int
    name: str
    shape: Shape
    sidecar: Shape | None = None


class Drops:
    """Of rows whose file was taken and is not put away yet, all that are on the disk. For one thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._drops: dict[int, Drop] = {}
        self._taken: dict[tuple[str, tuple[int, ...]], int] = {}

    def __len__(self) -> int:
        return len(self._drops)

    @property
    def results(self) -> Path:
        """Where results go that cannot be put beside their file."""
        return self.folder / RESULTS

    def prepare(self) -> None:
        """Raises OSError."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.results.mkdir(mode=0o700, exist_ok=True)

    def recall(self, open_numbers: Collection[int], seen: Collection[int]) -> None:
        """After a start: what is remembered of files. Those of `seen`, rows that have not got further, are taken anew.
        Copies are only kept of `open_numbers`. Raises OSError."""
        for folder in self.folder.iterdir():
            if not folder.name.isdecimal():
                continue
            number = int(folder.name)
            drop = _read(folder / RECORD, number)
            if drop is None or number in seen:
                if number not in open_numbers or number in seen:
                    shutil.rmtree(folder)
                continue
            self._drops[number] = drop
            self._taken[drop.name, drop.shape.key] = number
            if number not in open_numbers:
                self.drop_copy(number)

    def copy_path(self, number: int) -> Path:
        """Where the private copy of a bundle is to be."""
        return self.folder / str(number) / COPY

    def has(self, name: str, shape: Shape) -> bool:
        """Whether a row has this file."""
        return (name, shape.key) in self._taken

    def get(self, number: int) -> Drop | None:
        return self._drops.get(number)

    def all(self) -> tuple[Drop, ...]:
        return tuple(self._drops.values())

    def keep(self, drop: Drop) -> None:
        """On the disk when it returns. Raises OSError."""
        folder = self.folder / str(drop.number)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        record = {"name": drop.name, "shape": drop.shape, "sidecar": drop.sidecar}
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            copying.write_whole(RECORD, descriptor, json.dumps(record).encode(), 0o600)
        finally:
            os.close(descriptor)
        copying.sync(self.folder)
        self._drops[drop.number] = drop
        self._taken[drop.name, drop.shape.key] = drop.number

    def drop_copy(self, number: int) -> None:
        """Its row has ended, or the copy was of no use."""
        with contextlib.suppress(FileNotFoundError):
            for path in (self.folder / str(number)).iterdir():
                if path.name != RECORD:
                    path.unlink()

    def forget(self, number: int) -> None:
        """Its file was put away, or is gone. Raises OSError."""
        drop = self._drops.pop(number, None)
        if drop is not None:
            self._taken.pop((drop.name, drop.shape.key), None)
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.folder / str(number))


def _read(path: Path, number: int) -> Drop | None:
    try:
        record = json.loads(path.read_bytes())
        sidecar = Shape(*record["sidecar"]) if record["sidecar"] else None
        return Drop(number, str(record["name"]), Shape(*record["shape"]), sidecar)
    except (OSError, ValueError, TypeError, KeyError):
        return None
