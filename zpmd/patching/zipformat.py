"""The bytes of a bundle's zip that are not its members' contents, as zpmd writes them: the same for the same members.

Every entry is stored, dated 1980-01-01 and a plain file of mode 0644. Zip64's records are there where a number does not
fit, and only there. Layout and field names are those of PKWARE's APPNOTE.TXT 6.3, sections 4.3 and 4.5.3.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

LOCAL = struct.Struct("<4s5H3L2H")
CENTRAL = struct.Struct("<4s6H3L5H2L")
END = struct.Struct("<4s4H2LH")
END64 = struct.Struct("<4sQ2H2L4Q")
LOCATOR = struct.Struct("<4sLQL")

LOCAL_MAGIC, CENTRAL_MAGIC, END_MAGIC = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
END64_MAGIC, LOCATOR_MAGIC = b"PK\x06\x06", b"PK\x06\x07"

STORED, DEFLATED = 0, 8
FULL16, FULL32 = 0xFFFF, 0xFFFFFFFF
"""Said instead of a number that stands in zip64's record."""
ZIP64 = 0x0001
"""The extra field with the numbers that do not fit."""

VERSION, VERSION64 = 20, 45
UNIX = 3 << 8
MODE = 0o100644 << 16
DATE = 1 << 5 | 1
"""1 January 1980; the time is 0."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored member: its name, size in bytes, CRC-32, and where its local header begins."""

    name: str
    size: int
    crc: int
    offset: int


def local(entry: Entry) -> bytes:
    """What stands before the member's bytes."""
    big = entry.size >= FULL32
    extra = struct.pack("<2H2Q", ZIP64, 16, entry.size, entry.size) if big else b""
    size, name = (FULL32 if big else entry.size), entry.name.encode("ascii")
    version = VERSION64 if big else VERSION
    return (
        LOCAL.pack(LOCAL_MAGIC, version, 0, STORED, 0, DATE, entry.crc, size, size, len(name), len(extra))
        + name
        + extra
    )


def central(entry: Entry) -> bytes:
    """The member's line in the directory."""
    big, far = entry.size >= FULL32, entry.offset >= FULL32
    numbers = [entry.size] * 2 * big + [entry.offset] * far
    extra = struct.pack(f"<2H{len(numbers)}Q", ZIP64, 8 * len(numbers), *numbers) if numbers else b""
    size, offset, name = (FULL32 if big else entry.size), (FULL32 if far else entry.offset), entry.name.encode("ascii")
    version = VERSION64 if numbers else VERSION
    head = CENTRAL.pack(
        *(CENTRAL_MAGIC, UNIX | version, version, 0, STORED, 0, DATE, entry.crc, size, size),
        *(len(name), len(extra), 0, 0, 0, MODE, offset),
    )
    return head + name + extra


def end(count: int, start: int, length: int) -> bytes:
    """What closes the file: `count` entries in a directory that is `length` bytes at `start`."""
    records = b""
    if count >= FULL16 or start >= FULL32 or length >= FULL32:
        body = END64.size - 12
        records = END64.pack(END64_MAGIC, body, UNIX | VERSION64, VERSION64, 0, 0, count, count, length, start)
        records += LOCATOR.pack(LOCATOR_MAGIC, 0, start + length, 1)
    count, start, length = min(count, FULL16), min(start, FULL32), min(length, FULL32)
    return records + END.pack(END_MAGIC, 0, 0, count, count, length, start, 0)


def laid_out(members: Sequence[tuple[str, int, int]]) -> tuple[tuple[Entry, ...], int]:
    """Members (name, size, CRC) one after the other; and where the directory begins."""
    entries, at = [], 0
    for name, size, crc in members:
        entries.append(Entry(name, size, crc, at))
        at += len(local(entries[-1])) + size
    return tuple(entries), at


def tail(entries: Sequence[Entry], start: int) -> bytes:
    """All that follows the last member's bytes."""
    directory = b"".join(central(entry) for entry in entries)
    return directory + end(len(entries), start, len(directory))
