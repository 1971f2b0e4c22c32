"""A bundle's zip taken apart without trust: where its members lie, or why it is refused.

Rules:
1. Nothing is repaired. Whatever two readers of zips could understand differently is refused: members named twice (also
   but for case), local headers that differ from the directory, overlaps, gaps, bytes before, after and in between.
2. Names are exactly those that a bundle may have, so none can lead anywhere; links, folders, devices, encrypted and
   streamed members are refused.
3. Memory does not grow with the file: the directory is bounded by the number of members.

Contents are not looked at here; whoever reads a member checks its CRC (members.py).
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

from zpmd.patching import words, zipformat
from zpmd.patching.refusal import BadPatch
from zpmd.sources.nodes import shortened

MAX_RATIO = 100
MAX_EXTRA = 64
"""Bytes of an entry's extra fields; those of Info-ZIP's `zip` are 28 long."""
HARMLESS = frozenset({0x5455, 0x5855, 0x7855, 0x7875})
"""Extra fields that are times and owners, which nobody reads here."""
FLAGS = 0x0806
"""Allowed: how hard the packer tried (bits 1 and 2), and that the name is UTF-8 (11)."""
DOS_FOLDER, DOS_LABEL = 0x10, 0x08


@dataclass(frozen=True, slots=True)
class Limits:
    """`unpacked` is bytes of all members together, `manifest` and `signature` of each; `ratio` unpacked to packed."""

    unpacked: int = 20_000_000_000
    members: int = words.MAX_ARCHIVES + 2
    manifest: int = words.MAX_MANIFEST
    signature: int = 16 * 1024
    ratio: int = MAX_RATIO


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a bundle. `start` is where its (packed) bytes begin."""

    name: str
    size: int
    packed: int
    crc: int
    method: int
    offset: int
    start: int = 0


def members(stream: BinaryIO, limits: Limits) -> tuple[Member, ...]:
    """The members in the order of the file, which holds nothing else. Raises BadPatch, OSError."""
    size = stream.seek(0, os.SEEK_END)
    count, start, length = _end(stream, size, limits)
    listed = sorted(_directory(_at(stream, start, length), count, limits), key=lambda member: member.offset)
    found, at = [], 0
    for member in listed:
        if member.offset != at:
            raise BadPatch(f"{member.name} {'overlaps what is before it' if member.offset < at else 'follows a gap'}")
        found.append(_located(stream, member, start))
        at = found[-1].start + member.packed
    if at != start:
        raise BadPatch("there are bytes between the last member and the directory")
    _limited(found, limits)
    return tuple(found)


def _at(stream: BinaryIO, offset: int, length: int) -> bytes:
    stream.seek(offset)
    content = stream.read(length)
    if len(content) < length:
        raise BadPatch("the file is cut off")
    return content


def _end(stream: BinaryIO, size: int, limits: Limits) -> tuple[int, int, int]:
    """(count, start, length) of the directory, from the records at the very end."""
    end = zipformat.END
    if size < end.size:
        raise BadPatch("it is no zip: too short" if size else "the file is empty")
    at = size - end.size
    magic, disk, first_disk, here, count, length, start, comment = end.unpack(_at(stream, at, end.size))
    if magic != zipformat.END_MAGIC or comment:
        raise BadPatch("it is no zip, is cut off, or has a comment or other bytes at its end: copy it again")
    if disk or first_disk or here != count:
        raise BadPatch("it is one of several volumes")
    if at >= zipformat.LOCATOR.size and _at(stream, at - zipformat.LOCATOR.size, 4) == zipformat.LOCATOR_MAGIC:
        at, (count, start, length) = _end64(stream, at - zipformat.LOCATOR.size, (count, start, length))
    if not count:
        raise BadPatch(f"the zip is empty: it needs {words.MANIFEST}")
    if count > limits.members:
        raise BadPatch(f"{count} members are too many: {limits.members} is the limit")
    if start + length != at:
        raise BadPatch("the directory does not end where the file's last record begins")
    if length > count * (zipformat.CENTRAL.size + len(words.IMAGES) + 200 + MAX_EXTRA):
        raise BadPatch("the directory is longer than its entries can be")
    return count, start, length


def _end64(stream: BinaryIO, at: int, short: tuple[int, int, int]) -> tuple[int, tuple[int, int, int]]:
    """Where zip64's record begins, and what it says; `short` is what the plain record says of the same."""
    _, disk, record, disks = zipformat.LOCATOR.unpack(_at(stream, at, zipformat.LOCATOR.size))
    if disk or disks != 1 or record != at - zipformat.END64.size or record < 0:
        raise BadPatch("zip64's record is not where it must be")
    fields = zipformat.END64.unpack(_at(stream, record, zipformat.END64.size))
    magic, length_of_record, _, _, disk, first_disk, here, count, length, start = fields
    if magic != zipformat.END64_MAGIC or length_of_record != zipformat.END64.size - 12 or disk or first_disk:
        raise BadPatch("zip64's record is malformed")
    long = (count, start, length)
    full = (zipformat.FULL16, zipformat.FULL32, zipformat.FULL32)
    if here != count or any(s not in (f, lo) for s, f, lo in zip(short, full, long, strict=True)):
        raise BadPatch("zip64's record contradicts the plain one")
    return record, long


def _directory(content: bytes, count: int, limits: Limits) -> list[Member]:
    found: dict[str, Member] = {}
    at = 0
    for _ in range(count):
        if at + zipformat.CENTRAL.size > len(content):
            raise BadPatch("the directory is shorter than its entries")
        fields = zipformat.CENTRAL.unpack_from(content, at)
        magic, _, _, flags, method, _, _, crc, packed, size, name_length, extra_length, comment, disk = fields[:14]
        attributes, offset = fields[15:]
        at += zipformat.CENTRAL.size
        if magic != zipformat.CENTRAL_MAGIC or comment or disk or at + name_length + extra_length > len(content):
            raise BadPatch("an entry of the directory is malformed, or has a comment")
        name = _name(content[at : at + name_length])
        at += name_length
        extra = content[at : at + extra_length]
        at += extra_length
        size, packed, offset = _wide(name, extra, (size, packed, offset))
        member = Member(name, size, packed, crc, method, offset)
        _plain(member, flags, attributes, limits)
        if name.casefold() in found:
            raise BadPatch(f"{name} is there twice")
        found[name.casefold()] = member
    if at != len(content):
        raise BadPatch("the directory is longer than its entries")
    return list(found.values())


def _name(raw: bytes) -> str:
    """A name that a bundle may have."""
    name = raw.decode("ascii", "backslashreplace")
    if name in (words.MANIFEST, words.SIGNATURE) or words.MEMBER.fullmatch(name):
        return name
    shown = shortened(name)
    if name.endswith("/"):
        raise BadPatch(f"{shown!r} is a folder: pack without folders (zip -D)")
    raise BadPatch(
        f"{shown!r} may not be in a bundle: only {words.MANIFEST}, {words.SIGNATURE} and {words.IMAGES}NAME may"
    )


def _plain(member: Member, flags: int, attributes: int, limits: Limits) -> None:
    """Refuses what is more than a file: links, devices, folders, encrypted, streamed, packed in another way."""
    mode = attributes >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG) or attributes & (DOS_FOLDER | DOS_LABEL):
        raise BadPatch(f"{member.name} is not a regular file")
    if flags & 0x2041:
        raise BadPatch(f"{member.name} is encrypted")
    if flags & ~FLAGS:
        raise BadPatch(f"{member.name} was packed as a stream, or in another way that is not read: write a plain zip")
    if member.method not in (zipformat.STORED, zipformat.DEFLATED):
        raise BadPatch(f"{member.name} is packed with method {member.method}: store it (zip -0)")
    if member.method == zipformat.STORED and member.size != member.packed:
        raise BadPatch(f"{member.name} is stored, and has two sizes")
    if member.size > limits.ratio * member.packed:
        raise BadPatch(f"{member.name} unpacks to more than {limits.ratio} times its size")


def _limited(found: Sequence[Member], limits: Limits) -> None:
    sizes = {member.name: member.size for member in found}
    if words.MANIFEST not in sizes:
        raise BadPatch(f"{words.MANIFEST} is missing")
    total = sum(sizes.values())
    if total > limits.unpacked:
        raise BadPatch(f"{total} bytes are too many: {limits.unpacked} is the limit")
    for name, limit in ((words.MANIFEST, limits.manifest), (words.SIGNATURE, limits.signature)):
        if sizes.get(name, 0) > limit:
            raise BadPatch(f"{name} has {sizes[name]} bytes, and may have {limit}")


def _wide(name: str, extra: bytes, narrow: tuple[int, ...]) -> tuple[int, ...]:
    """The numbers of an entry: where one is too large for its field, zip64's extra field has it."""
    wide = _extra(name, extra)
    full = [number == zipformat.FULL32 for number in narrow]
    if (wide is None) != (not any(full)) or (wide is not None and len(wide) != 8 * sum(full)):
        raise BadPatch(f"{name} has sizes that contradict each other")
    numbers = iter(struct.unpack(f"<{sum(full)}Q", wide or b""))
    return tuple(next(numbers) if is_full else number for number, is_full in zip(narrow, full, strict=True))


def _extra(name: str, content: bytes) -> bytes | None:
    """Zip64's field among the extra ones. Unknown ones are refused: one of them is another name of the member."""
    found: bytes | None = None
    at = 0
    while at < len(content):
        kind, length = struct.unpack_from("<2H", content, at) if at + 4 <= len(content) else (0, zipformat.FULL16)
        at += 4
        if len(content) > MAX_EXTRA or at + length > len(content):
            raise BadPatch(f"{name} has malformed extra fields")
        if kind == zipformat.ZIP64 and found is None:
            found = content[at : at + length]
        elif kind not in HARMLESS:
            raise BadPatch(f"{name} has an extra field of kind {kind:#06x}: pack without (zip -X)")
        at += length
    return found


def _located(stream: BinaryIO, member: Member, limit: int) -> Member:
    """The member with where its bytes begin. Its local header must say what the directory says."""
    head = zipformat.LOCAL
    if member.offset + head.size > limit:
        raise BadPatch(f"{member.name} lies outside the file's members")
    fields = head.unpack(_at(stream, member.offset, head.size))
    magic, _, flags, method, _, _, crc, packed, size, name_length, extra_length = fields
    if extra_length > MAX_EXTRA or name_length != len(member.name):
        raise BadPatch(f"{member.name} has another name, or malformed extra fields, in its local header")
    rest = _at(stream, member.offset + head.size, name_length + extra_length)
    if magic != zipformat.LOCAL_MAGIC or rest[:name_length] != member.name.encode("ascii") or flags & ~FLAGS:
        raise BadPatch(f"{member.name} has a local header that contradicts the directory")
    size, packed = _wide(member.name, rest[name_length:], (size, packed))
    if (method, crc, packed, size) != (member.method, member.crc, member.packed, member.size):
        raise BadPatch(f"{member.name} has a local header that contradicts the directory")
    start = member.offset + head.size + len(rest)
    if start + member.packed > limit:
        raise BadPatch(f"{member.name} lies outside the file's members")
    return replace(member, start=start)
