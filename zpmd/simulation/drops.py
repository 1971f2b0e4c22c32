"""The drop directory of the simulated host, and the thread of each daemon that reads it, one step at a time.

What is a file here was understood before it was dropped: formats, signatures and copying are tried on real files. What
is left is what the thread writes into the ledger, and in which order: a row for each file, the row as read, and where
the file has gone when the row has ended. A daemon may die between any two of them; the next one goes on from the row.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field

from zpmd.model.events import Reason
from zpmd.model.memory import Memory
from zpmd.model.patch import Manifest, Patch, Stage
from zpmd.ports import Clock, Store, Wake

INCOMING = "incoming"
PLACES = {Stage.APPLIED: "applied", Stage.QUARANTINED: "quarantine"}
OTHER_PLACE = "rolled-back"


@dataclass(slots=True)
class Dropped:
    """`content` stands for the bytes: equal ones have equal digests. `wrong` is why it cannot be read, "" if it can."""

    name: str
    manifest: Manifest
    content: str
    wrong: str = ""
    place: str = INCOMING

    @property
    def copy(self) -> str:
        """Where its private copy is kept while the images in it are needed."""
        return f"/patches/{self.name}" if self.manifest.images else ""


@dataclass(slots=True)
class Folder:
    """Every file that was ever dropped, in the order of their dropping."""

    files: list[Dropped] = field(default_factory=list)

    def put(self, manifest: Manifest, content: str, wrong: str = "") -> Dropped:
        dropped = Dropped(f"{manifest.id}~{len(self.files) + 1}.patch.yaml", manifest, content, wrong)
        self.files.append(dropped)
        return dropped

    def latest(self, id: str) -> Dropped | None:
        return next((file for file in reversed(self.files) if file.manifest.id == id), None)


class DropThread:
    """What one daemon does about the folder. `writable` says whether the store takes anything now."""

    def __init__(self, folder: Folder, store: Store, clock: Clock, wake: Wake, writable: Callable[[], bool]) -> None:
        self._folder = folder
        self._store = store
        self._clock = clock
        self._wake = wake
        self._writable = writable
        self._known: Memory | None = None
        self._count = 0

    def due(self) -> bool:
        """Whether a step would do something."""
        return bool(self._folder.files) and self._writable() and self._next() is not None

    def step(self) -> None:
        """Begin the row of a file, read it, or put it away; at most one write of the ledger. It wakes the loop."""
        step = self._next()
        if step is not None:
            step()
            self._wake(Reason.PATCHES)

    def _next(self) -> Callable[[], None] | None:
        memory = self._store.memory()
        if memory is self._known and self._count == len(self._folder.files):
            return None
        rows = {row.name: row for row in memory.patches}
        for file in self._folder.files:
            step = self._of(file, rows.get(file.name))
            if step is not None:
                return step
        self._known, self._count = memory, len(self._folder.files)
        return None

    def _of(self, file: Dropped, row: Patch | None) -> Callable[[], None] | None:
        if row is None:
            return (lambda: self._begin(file)) if file.place == INCOMING else None
        if row.stage is Stage.SEEN:
            return lambda: self._read(file, row)
        place = PLACES.get(row.stage, OTHER_PLACE)
        if row.ended and (file.place != place or row.filed != place):
            return lambda: self._put_away(file, row, place)
        return None

    def _begin(self, file: Dropped) -> None:
        times = ((Stage.SEEN, self._clock.now()),)
        self._store.begin_patch(Patch(number=0, name=file.name, stage=Stage.SEEN, owner="root", times=times))

    def _read(self, file: Dropped, row: Patch) -> None:
        stage = Stage.QUARANTINED if file.wrong else Stage.COPIED
        row = dataclasses.replace(row, stage=stage, times=(*row.times, (stage, self._clock.now())))
        if file.wrong:
            row = dataclasses.replace(row, reason=file.wrong)
        else:
            manifest = file.manifest
            row = dataclasses.replace(row, id=manifest.id, manifest=manifest, sha256=file.content, copy=file.copy)
        self._store.keep_patch(row)

    def _put_away(self, file: Dropped, row: Patch, place: str) -> None:
        file.place = place
        self._store.file_patch(row.number, place)
