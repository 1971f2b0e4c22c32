"""A bundle: a zip of `patch.yaml`, its signature, and the archives that it lists.

Open it on a private copy that nobody else writes: what was checked must be what is used. Opening checks the structure,
`check` reads all of it. A bundle that is signed must be `canonical` besides: the signature is over patch.yaml, which
has the digests of the archives, and nothing vouches for the remaining bytes but that they could not be others.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from zpmd.model.patch import Archive, Manifest
from zpmd.patching import archive, members, words, zipformat, zipstructure
from zpmd.patching.members import PIECE
from zpmd.patching.refusal import BadPatch
from zpmd.patching.tarstream import Readable
from zpmd.patching.zipstructure import Member

Progress = Callable[[int], None]
"""Told how many more bytes have been read; it may raise to end the reading."""


@dataclass(frozen=True, slots=True)
class Limits:
    zip: zipstructure.Limits = field(default_factory=zipstructure.Limits)
    archive: archive.Limits = field(default_factory=archive.Limits)

    @classmethod
    def of(cls, max_bytes: int) -> Limits:
        """With so many bytes for the bundle unpacked, and for each archive."""
        return cls(zipstructure.Limits(unpacked=max_bytes), archive.Limits(unpacked=max_bytes))


UNLIMITED = Limits.of(2**63)


def unwatched(_: int) -> None:
    """Progress that nobody wants to know."""


class Bundle:
    """An open bundle. `manifest` and `signature` are the bytes of the two files, `signature` None where there is none.

    Opening raises BadPatch, and OSError where the file cannot be read; so does every method.
    """

    def __init__(self, path: Path, limits: Limits | None = None) -> None:
        self.path = path
        self.limits = limits or Limits()
        self._stream: BinaryIO = path.open("rb")
        try:
            self.members: tuple[Member, ...] = zipstructure.members(self._stream, self.limits.zip)
            self.manifest = self._whole(words.MANIFEST)
            self.signature = self._whole(words.SIGNATURE) if words.SIGNATURE in self.names else None
        except BaseException:
            self._stream.close()
            raise

    def __enter__(self) -> Bundle:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._stream.close()

    @property
    def names(self) -> tuple[str, ...]:
        """Of the members, in the order of the file."""
        return tuple(member.name for member in self.members)

    @property
    def archives(self) -> tuple[str, ...]:
        """Names of the members that are archives."""
        return tuple(name for name in self.names if name.startswith(words.IMAGES))

    def open(self, name: str) -> BinaryIO:
        """A stream of a member, which outlives the bundle. Reading it raises BadPatch where it is damaged."""
        member = self._member(name)
        return members.opened(os.dup(self._stream.fileno()), member)

    def check(self, manifest: Manifest, progress: Progress = unwatched) -> None:
        """Reads every archive, and holds it to what the manifest says: none more, none less, size, digest, images."""
        listed = {entry.file: entry for entry in manifest.images}
        if unlisted := sorted(set(self.archives) - set(listed)):
            raise BadPatch(f"{unlisted[0]} is not listed in {words.MANIFEST}")
        for name, entry in listed.items():
            if self._member(name).size != entry.size:
                raise BadPatch(f"{name} has {self._member(name).size} bytes, and {words.MANIFEST} says {entry.size}")
        for name, entry in listed.items():
            with self.open(name) as stream:
                self._check_archive(entry, _Watched(stream, progress))

    def check_canonical(self) -> None:
        """Raises BadPatch unless the file is, but for its members' bytes, what `building` writes for the same members.

        With `check` and the members' CRCs that leaves no byte that could be another one.
        """
        expected = tuple(sorted(self.names, key=order))
        if self.names != expected:
            raise BadPatch(f"its members are not in order{REBUILD}")
        entries, start = zipformat.laid_out([(m.name, m.size, m.crc) for m in self.members])
        for entry, member in zip(entries, self.members, strict=True):
            if member.method != zipformat.STORED or self._bytes(entry.offset, member.start) != zipformat.local(entry):
                raise BadPatch(f"{member.name} is not packed as zpmd packs it{REBUILD}")
        end = zipformat.tail(entries, start)
        if self._bytes(start, self._stream.seek(0, os.SEEK_END)) != end:
            raise BadPatch(f"its directory is not as zpmd writes it{REBUILD}")

    def _check_archive(self, entry: Archive, stream: _Watched) -> None:
        try:
            carried = archive.images(stream, self.limits.archive)
        except BadPatch as bad:
            text = str(bad)  # what is wrong with the member itself has its name already
            raise BadPatch(text if text.startswith(entry.file) else f"{entry.file}: {text}") from bad
        if stream.digest.hexdigest() != entry.sha256:
            raise BadPatch(f"{entry.file} has another SHA-256 than {words.MANIFEST} says: copy it again")
        if carried != entry.images:
            found, said = {i.reference for i in carried}, {i.reference for i in entry.images}
            for reference in sorted(found - said):
                raise BadPatch(f"{entry.file} holds {reference}, which {words.MANIFEST} does not list")
            for reference in sorted(said - found):
                raise BadPatch(f"{entry.file} does not hold {reference}, which {words.MANIFEST} lists")
            raise BadPatch(f"{entry.file} holds images with other ids than {words.MANIFEST} says")

    def _member(self, name: str) -> Member:
        found = next((member for member in self.members if member.name == name), None)
        if found is None:
            raise BadPatch(f"{name} is missing")
        return found

    def _whole(self, name: str) -> bytes:
        with self.open(name) as stream:
            return stream.read()

    def _bytes(self, start: int, end: int) -> bytes:
        self._stream.seek(start)
        return self._stream.read(max(0, end - start))


REBUILD = ": make it with `zpmctl patch build`"


def order(name: str) -> tuple[int, str]:
    """Where a member stands among the others: patch.yaml, its signature, the archives by name."""
    return (0 if name == words.MANIFEST else 1 if name == words.SIGNATURE else 2, name)


def open_member(path: str | Path, member: str) -> BinaryIO:
    """A stream of one archive of a copy that was checked, as it is loaded into an engine.

    Raises BadPatch, OSError; so does reading it.
    """
    with Bundle(Path(path), UNLIMITED) as bundle:
        return bundle.open(member)


class _Watched:
    """A stream that is hashed while it is read."""

    def __init__(self, stream: Readable, progress: Progress) -> None:
        self._stream, self._progress = stream, progress
        self.digest = hashlib.sha256()

    def read(self, size: int, /) -> bytes:
        content = self._stream.read(min(size, PIECE))
        self.digest.update(content)
        self._progress(len(content))
        return content
