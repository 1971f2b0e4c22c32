"""A complete file becomes a row of the ledger: SEEN, and then COPIED or QUARANTINED.

Rules:
1. The row comes first, and is durable: whatever happens to zpmd afterwards, the file has exactly this one. A row that
   never got further than SEEN is gone on with, by the name of its file.
2. What is judged is the private copy (of a manifest: what was read into memory), never the file.
3. Which file the row is about is on the disk (drops.py) before the row says that it was taken.
4. From COPIED on the row belongs to the loop: nothing here writes it again.
"""

from __future__ import annotations

import hashlib
import pwd
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from zpmd.errors import StoreError
from zpmd.model.patch import Manifest, Patch, Stage
from zpmd.patching import copying, judging, minisign, words
from zpmd.patching.drops import Drop, Drops
from zpmd.patching.incoming import SIGNATURE_SUFFIX, Candidate
from zpmd.patching.keys import Keyring
from zpmd.patching.refusal import BadPatch
from zpmd.patching.shapes import Shape, shown
from zpmd.ports import Clock, Store
from zpmd.settings import Patches

LONGEST_NAME = 200
"""Bytes: a result file's name is longer, and 255 are the limit of most file systems."""


@dataclass(frozen=True, slots=True)
class Copy:
    """What nobody else can change any more: a bundle on the disk, or the content of a manifest and its signature."""

    sha256: str
    path: Path | None = None
    content: bytes = b""
    signature: bytes | None = None


class Taking:
    def __init__(
        self, patches: Patches, drops: Drops, store: Store, clock: Clock, keyring: Callable[[], Keyring]
    ) -> None:
        self._patches = patches
        self._drops = drops
        self._store = store
        self._clock = clock
        self._keyring = keyring
        self.seen: dict[str, Patch] = {}
        """Rows that have not got further, by the name of their file."""

    def recall(self, rows: Iterable[Patch]) -> None:
        """Rows of an earlier life."""
        self.seen = {row.name: row for row in rows if row.stage is Stage.SEEN}

    def begin(self, candidate: Candidate) -> tuple[Patch, bool]:
        """The row of this file, and whether it is new. Raises StoreError."""
        name = shown(candidate.name)
        if row := self.seen.get(name):
            return row, False
        row = Patch(
            number=0,
            name=name,
            stage=Stage.SEEN,
            size=candidate.shape.size,
            owner=user(candidate.shape),
            times=((Stage.SEEN, self._clock.now()),),
        )
        row = replace(row, number=self._store.begin_patch(row))
        self.seen[name] = row
        return row, True

    def take(self, candidate: Candidate, row: Patch, folder: int, stopped: Callable[[], bool]) -> Patch:
        """Go on with a SEEN row to its next stage. Raises Changed, Unreadable, NoRoom, Stopped, OSError: it is
        SEEN still."""
        row = replace(row, size=candidate.shape.size, owner=user(candidate.shape))
        try:
            self._check(candidate)
            copy = self._copied(candidate, row.number, folder, stopped)
            row = replace(row, sha256=copy.sha256)  # a row that is refused has it too
            manifest, signer = self._judged(candidate, copy, stopped)
        except BadPatch as bad:
            return self.refuse(candidate, row, str(bad))
        if not manifest.images:
            self._drops.drop_copy(row.number)
        path = str(copy.path) if manifest.images else ""
        row = replace(row, id=manifest.id, manifest=manifest, signer=signer, copy=path, reason="")
        return self._next(candidate, row, Stage.COPIED)

    def refuse(self, candidate: Candidate | None, row: Patch, reason: str) -> Patch:
        """The end of a row whose file is wrong by itself, or is gone (`candidate` None). Raises OSError."""
        self._drops.drop_copy(row.number)
        return self._next(candidate, replace(row, reason=reason, copy=""), Stage.QUARANTINED)

    def waits(self, row: Patch, reason: str) -> bool:
        """Say in a SEEN row why it gets no further; whether that is news."""
        if row.reason == reason:
            return False
        row = replace(row, reason=reason)
        self.seen[row.name] = row
        self._store.keep_patch(row)
        return True

    def _next(self, candidate: Candidate | None, row: Patch, stage: Stage) -> Patch:
        if candidate is not None:
            self._drops.keep(Drop(row.number, candidate.name, candidate.shape, candidate.sidecar))
        row = replace(row, stage=stage, times=(*row.times, (stage, self._clock.now())))
        self.seen.pop(row.name, None)
        self._kept(row)
        return row

    def _kept(self, row: Patch) -> None:
        try:
            self._store.keep_patch(row)
        except StoreError:
            return  # it counts in `memory`, and is written when that is possible (ports.Store)

    def _check(self, candidate: Candidate) -> None:
        """What can be told without opening it. Raises BadPatch."""
        if not candidate.name.isprintable() or len(candidate.name.encode(errors="replace")) > LONGEST_NAME:
            raise BadPatch(f"its name is to be printable text of at most {LONGEST_NAME} bytes: rename it")
        bundle = candidate.name.endswith(words.BUNDLE_SUFFIX)
        limit = self._patches.max_bytes if bundle else words.MAX_MANIFEST
        if candidate.shape.size > limit:
            advice = ": raise `patches.max_bytes`, or make it smaller" if bundle else ""
            raise BadPatch(f"it has {candidate.shape.size} bytes, and {limit} is the limit{advice}")
        if candidate.wrong:
            raise BadPatch(candidate.wrong)

    def _copied(self, candidate: Candidate, number: int, folder: int, stopped: Callable[[], bool]) -> Copy:
        if candidate.name.endswith(words.BUNDLE_SUFFIX):
            path = self._drops.copy_path(number)
            copying.check_room(self._drops.folder, candidate.shape.size)
            return Copy(copying.copy(candidate.name, folder, candidate.shape, path, stopped), path=path)
        content = copying.small(candidate.name, folder, candidate.shape, words.MAX_MANIFEST)
        signature = None
        if candidate.sidecar is not None:
            name = candidate.name + SIGNATURE_SUFFIX
            signature = copying.small(name, folder, candidate.sidecar, minisign.MAX_BYTES)
        return Copy(hashlib.sha256(content).hexdigest(), content=content, signature=signature)

    def _judged(self, candidate: Candidate, copy: Copy, stopped: Callable[[], bool]) -> tuple[Manifest, str]:
        def going_on() -> None:
            if stopped():
                raise copying.Stopped

        if copy.path is None:
            return judging.judged_manifest(copy.content, candidate.name, copy.signature, self._keyring())
        return judging.judged_bundle(copy.path, self._keyring(), self._patches.max_bytes, going_on)


def user(shape: Shape) -> str:
    """Whose file it is: the name, or the number where it has none here."""
    try:
        return pwd.getpwuid(shape.uid).pw_name
    except KeyError:
        return str(shape.uid)
