"""Which files of incoming/ are complete.

Rules, in this order:
1. A file is looked at by its name alone: a patch ends in `.patch.yaml`, `.patch.yml`, `.patch.json` or `.zpatch`. What
   begins with a dot or has another end (`.part`, rsync's own) is somebody's business, without a word.
2. It is settled where a rename or a close was heard of (noticing.py) and it has not changed since, or when it has not
   changed for the quiet time.
3. Settled is not complete: an empty file, and a bundle that begins like a zip and has no end, are left alone for as
   long as they change (a slow copy may close and open again), and are wrong when they have not for 10 minutes.
4. A manifest waits for a signature beside it that is still being written and, where signatures are required, for one
   that is not there yet.
5. What is no regular file is not going to become one.

It is all in one thread; times are monotonic seconds.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from zpmd.patching import copying, minisign, zipformat
from zpmd.patching.refusal import BadPatch
from zpmd.patching.shapes import Shape, open_regular, shape_of
from zpmd.patching.words import BUNDLE_SUFFIX, MANIFEST_SUFFIXES

SUFFIXES = (*MANIFEST_SUFFIXES, BUNDLE_SUFFIX)
SIGNATURE_SUFFIX = ".minisig"
SIGNATURE_LINES = 4
INCOMPLETE_SECONDS = 600.0
NO_ZIP = "it is no zip: its first bytes are others"
SIDECAR_SECONDS = 5.0
"""How long a manifest waits at least for the signature that it needs: files of one copy come one after the other."""
MODE_SECONDS = 5.0
"""How long a file that may not be read is waited for at least."""
LOOKED_AT = 2000
"""Files that are followed at a time. Of 40,000 that come at once the others wait until these are done with."""
AGAIN_SECONDS, AGAIN_AT_MOST_SECONDS = 1.0, 60.0
"""Until a file that could not be taken is tried again; doubled each time."""
ZIP_COMMENT = 0xFFFF
"""Bytes that may come after the end record of a zip."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that is to be taken; `wrong` says why it cannot be a patch, where that is plain without reading it."""

    name: str
    shape: Shape
    sidecar: Shape | None = None
    wrong: str = ""


@dataclass(slots=True)
class Look:
    """What was seen of a file: its shape, since when it is that, and whether a rename or close was heard of since."""

    shape: Shape
    since: float
    told: bool = False
    whole: bool | None = None
    """Whether it is complete by its content, once that was looked for."""
    not_before: float = 0.0
    tries: int = 0


@dataclass(slots=True)
class Incoming:
    """`done(name, shape)`: a row has it already. `signed_only()`: a manifest without a signature is refused."""

    quiet_seconds: float
    monotonic: Callable[[], float]
    done: Callable[[str, Shape], bool]
    signed_only: Callable[[], bool]
    looks: dict[str, Look] = field(default_factory=dict)

    def told(self, folder: int, names: Iterable[str]) -> Iterator[Candidate]:
        """Those of `names`, of which a rename or close was heard, that are ready."""
        for name in names:
            patch = name.removesuffix(SIGNATURE_SUFFIX)
            if is_patch(patch):
                look = self._look(folder, name)
                if look is not None:
                    look.told = True
                    look.whole = None
                if candidate := self._considered(folder, patch):
                    yield candidate

    def scanned(self, folder: int) -> Iterator[Candidate]:
        """All that are ready, by name. Raises OSError where the folder cannot be read."""
        with os.scandir(folder) as entries:
            names = (entry.name for entry in entries if is_patch(entry.name))
            fresh = (name for name in names if not self._is_done(folder, name))
            seen = sorted(islice(fresh, LOOKED_AT))
        kept = {*seen, *(name + SIGNATURE_SUFFIX for name in seen)}
        self.looks = {name: look for name, look in self.looks.items() if name in kept}
        for name in seen:
            if candidate := self._considered(folder, name):
                yield candidate

    def unsettle(self, name: str) -> None:
        """It changed while it was read: it has to settle once more."""
        if look := self.looks.get(name):
            self.looks[name] = Look(look.shape, self.monotonic())

    def again(self, name: str) -> None:
        """It cannot be taken now: not before its backoff is over."""
        if look := self.looks.get(name):
            look.not_before = self.monotonic() + min(AGAIN_SECONDS * 2**look.tries, AGAIN_AT_MOST_SECONDS)
            look.tries += 1

    def patient(self, name: str) -> bool:
        """Whether it is too early to refuse one that may not be read: `install` and others set the mode when all of it
        is written."""
        look = self.looks.get(name)
        return look is not None and self.monotonic() - look.since < max(self.quiet_seconds, MODE_SECONDS)

    def forget(self, name: str) -> None:
        """It was taken."""
        self.looks.pop(name, None)
        self.looks.pop(name + SIGNATURE_SUFFIX, None)

    def _is_done(self, folder: int, name: str) -> bool:
        shape = shape_of(name, folder)
        return shape is None or self.done(name, shape)

    def _look(self, folder: int, name: str) -> Look | None:
        """The look at this name as it is now; None where nothing is there or a row has it."""
        shape = shape_of(name, folder)
        if shape is None or self.done(name, shape):
            self.looks.pop(name, None)
            return None
        look = self.looks.get(name)
        if look is None or not look.shape.same(shape):
            look = self.looks[name] = Look(shape, self.monotonic())
        return look

    def _considered(self, folder: int, name: str) -> Candidate | None:
        look = self._look(folder, name)
        now = self.monotonic()
        if look is None or now < look.not_before:
            return None
        if not look.shape.regular:
            return Candidate(name, look.shape, wrong=f"it is {look.shape.words}: only regular files are taken")
        if not self._settled(look, now):
            return None
        if look.whole is None:
            look.whole = is_whole(folder, name, look.shape)
        if not look.whole:
            if now - look.since < INCOMPLETE_SECONDS:
                return None
            reason = f"it is incomplete, and has not changed for {INCOMPLETE_SECONDS / 60:g} minutes"
            return Candidate(name, look.shape, wrong=f"{reason}: copy it again under another name, and rename it then")
        if name.endswith(BUNDLE_SUFFIX):
            return Candidate(name, look.shape, wrong=NO_ZIP if begins_otherwise(folder, name) else "")
        sidecar = self._look(folder, name + SIGNATURE_SUFFIX)
        if sidecar is None:
            awaited = self.signed_only() and now - look.since < max(self.quiet_seconds, SIDECAR_SECONDS)
            return None if awaited else Candidate(name, look.shape)
        if self._settled(sidecar, now) or is_whole_signature(folder, name + SIGNATURE_SUFFIX, sidecar.shape):
            return Candidate(name, look.shape, sidecar.shape)
        return None

    def _settled(self, look: Look, now: float) -> bool:
        return look.told or now - look.since >= self.quiet_seconds


def is_patch(name: str) -> bool:
    return name.endswith(SUFFIXES) and not name.startswith(".")


def is_whole(folder: int, name: str, shape: Shape) -> bool:
    """Whether it may be all that there will be: whoever reads it finds out what is wrong with it, and that it cannot be
    read as well."""
    if not shape.size or not name.endswith(BUNDLE_SUFFIX):
        return shape.size > 0
    try:
        descriptor = open_regular(name, folder)
    except (BadPatch, OSError):
        return True
    try:
        begin = os.pread(descriptor, len(zipformat.LOCAL_MAGIC), 0)
        if not zipformat.LOCAL_MAGIC.startswith(begin):
            return True
        length = min(shape.size, zipformat.END.size + ZIP_COMMENT)
        return _ends_as_zip(os.pread(descriptor, length, shape.size - length))
    except OSError:
        return True
    finally:
        os.close(descriptor)


def begins_otherwise(folder: int, name: str) -> bool:
    """Whether it is plain from its first bytes that it is no zip: gigabytes need not be copied to find that out."""
    try:
        descriptor = open_regular(name, folder)
    except (BadPatch, OSError):
        return False
    try:
        return os.pread(descriptor, len(zipformat.LOCAL_MAGIC), 0) != zipformat.LOCAL_MAGIC
    except OSError:
        return False
    finally:
        os.close(descriptor)


def is_whole_signature(folder: int, name: str, shape: Shape) -> bool:
    """Whether it has the four lines that a signature has, so that nobody has to wait for more."""
    try:
        content = copying.small(name, folder, shape, minisign.MAX_BYTES)
    except (BadPatch, copying.Changed, copying.Unreadable, OSError):
        return False
    return content.endswith(b"\n") and content.count(b"\n") == SIGNATURE_LINES


def _ends_as_zip(tail: bytes) -> bool:
    """Whether these last bytes hold an end record with a comment up to the very end."""
    at = tail.rfind(zipformat.END_MAGIC)
    while at >= 0:
        if len(tail) - at >= zipformat.END.size:
            comment: int = zipformat.END.unpack_from(tail, at)[-1]
            if at + zipformat.END.size + comment == len(tail):
                return True
        at = tail.rfind(zipformat.END_MAGIC, 0, at)
    return False
