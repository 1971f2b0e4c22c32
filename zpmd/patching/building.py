"""Bundles made: the same members always give the same bytes, on every machine and in every release.

A bundle is written beside its place, synced, and renamed: nobody sees half of one, a watched drop directory neither.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from zpmd.model.patch import Archive, Manifest
from zpmd.patching import archive, words, zipformat
from zpmd.patching import manifest as manifests
from zpmd.patching.bundle import Bundle, Limits, Progress, order, unwatched
from zpmd.patching.members import PIECE
from zpmd.patching.refusal import BadPatch
from zpmd.patching.tarstream import Readable


@dataclass(frozen=True, slots=True)
class Source:
    """A member to be: `open` gives its bytes, as often as it is asked."""

    name: str
    open: Callable[[], contextlib.AbstractContextManager[Readable]]
    size: int
    crc: int


def build(
    manifest: Manifest,
    archives: Iterable[Path],
    out: Path,
    sign: Callable[[bytes], bytes] | None = None,
    progress: Progress = unwatched,
) -> Manifest:
    """Writes the bundle of a manifest and these archives; the manifest, with `images` filled in from them.

    `sign` gives the signature of the text that patch.yaml has in the end; every byte of an archive is read twice, and
    told to `progress`. Raises BadPatch where an archive must not be in a bundle, OSError.
    """
    described = [describe(path, progress) for path in sorted(archives, key=lambda path: path.name)]
    filled = replace(manifest, images=tuple(entry for entry, _ in described))
    text = manifests.text(filled)
    found, problems = manifests.read(text, words.MANIFEST)
    if found != filled or problems:
        raise BadPatch(str(problems[0]) if problems else f"{words.MANIFEST} does not say what it must")
    write(out, text, sign(text) if sign else None, [source for _, source in described], progress)
    return filled


def with_signature(bundle: Path, signature: bytes, out: Path, progress: Progress = unwatched) -> None:
    """The same bundle with this signature in the place of the one it has. `out` may be the bundle itself.

    Raises BadPatch, OSError.
    """
    with Bundle(bundle) as old:
        kept = [
            Source(member.name, lambda name=member.name: old.open(name), member.size, member.crc)  # type: ignore[misc]
            for member in old.members
            if member.name.startswith(words.IMAGES)
        ]
        write(out, old.manifest, signature, kept, progress)


def describe(path: Path, progress: Progress = unwatched) -> tuple[Archive, Source]:
    """What a manifest says of an archive, and the member that it becomes. Raises BadPatch, OSError."""
    name = words.IMAGES + path.name
    if not words.MEMBER.fullmatch(name):
        raise BadPatch(f"{path.name!r} is not a plain name: use letters, digits, `.`, `_` and `-`")
    with path.open("rb") as stream:
        summed = _Summed(stream, progress)
        try:
            images = archive.images(summed, Limits().archive)
        except BadPatch as bad:
            raise BadPatch(f"{path.name}: {bad}") from bad
    entry = Archive(file=name, size=summed.size, sha256=summed.digest.hexdigest(), images=images)
    return entry, Source(name, lambda: path.open("rb"), summed.size, summed.crc)


def write(
    out: Path, manifest: bytes, signature: bytes | None, archives: Sequence[Source], progress: Progress = unwatched
) -> None:
    """The bundle of these members. Raises BadPatch where one is not what it was said to be, OSError."""
    texts = {words.MANIFEST: manifest} | ({words.SIGNATURE: signature} if signature is not None else {})
    sources = sorted([*(_text(*item) for item in texts.items()), *archives], key=lambda source: order(source.name))
    entries, start = zipformat.laid_out([(source.name, source.size, source.crc) for source in sources])
    with replacing(out) as target:
        for entry, source in zip(entries, sources, strict=True):
            target.write(zipformat.local(entry))
            with source.open() as stream:
                _copy(stream, target, source, progress)
        target.write(zipformat.tail(entries, start))


def _text(name: str, content: bytes) -> Source:
    return Source(name, lambda: io.BytesIO(content), len(content), zlib.crc32(content))


def _copy(stream: Readable, target: BinaryIO, source: Source, progress: Progress) -> None:
    summed = _Summed(stream, progress)
    while piece := summed.read(PIECE):
        target.write(piece)
    if (summed.size, summed.crc) != (source.size, source.crc):
        raise BadPatch(f"{source.name} changed while it was read")


@contextlib.contextmanager
def replacing(out: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of `out` once it is complete and on the disk."""
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        with part.open("xb") as target:
            yield target
            target.flush()
            os.fsync(target.fileno())
        part.replace(out)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    folder = os.open(out.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class _Summed:
    """A stream whose size, CRC-32 and SHA-256 are known once it is read."""

    def __init__(self, stream: Readable, progress: Progress) -> None:
        self._stream, self._progress = stream, progress
        self.size = self.crc = 0
        self.digest = hashlib.sha256()

    def read(self, size: int, /) -> bytes:
        piece = self._stream.read(size)
        self.size += len(piece)
        self.crc = zlib.crc32(piece, self.crc)
        self.digest.update(piece)
        self._progress(len(piece))
        return piece
