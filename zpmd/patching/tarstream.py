"""A tar archive read forwards, member by member, without extracting anything.

It takes what `docker save` and the usual tools write (POSIX ustar and pax, GNU's long names), in one reading: whatever
two readers of tar could understand differently is refused, so that the engine loads what was checked. Layout: POSIX.1
pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from zpmd.patching.refusal import BadPatch
from zpmd.sources.nodes import shortened

BLOCK = 512
PIECE = 1024 * 1024
FILE, FOLDER, LINK = b"0", b"5", b"2"
PLAIN = {b"0": FILE, b"\0": FILE, b"5": FOLDER, b"2": LINK}
REFUSED = {
    b"1": "a hard link", b"3": "a device", b"4": "a device", b"6": "a FIFO", b"S": "a sparse file",
    b"M": "part of another volume", b"V": "a volume's label", b"D": "a dump of a folder",
}  # fmt: skip
MAX_EXTENDED = 64 * 1024
"""Bytes of one extended header (pax), or of one long name (GNU)."""
PAX_KNOWN = frozenset(
    {"path", "linkpath", "size", "mtime", "atime", "ctime", "uid", "gid", "uname", "gname", "comment"}
)
PAX_HARMLESS = ("SCHILY.", "LIBARCHIVE.")
"""Extended attributes, which no reader of archives of images takes for a name or a size."""
PAX_LENGTH = re.compile(rb"([1-9][0-9]{0,5}) ")
OCTAL = re.compile(rb" *([0-7]*)[ \0]*")


class Readable(Protocol):
    """A stream that is read forwards; fewer bytes than asked for only at its end."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class TarMember:
    """One member. `kind` is FILE, FOLDER or LINK; `name` has no leading `./` and no closing slash."""

    name: str
    kind: bytes
    size: int
    target: str = ""


@dataclass
class TarStream:
    """Iterate once. The contents of a member are read before the next one is asked for, or are skipped.

    Reading raises BadPatch, and what the stream below raises.
    """

    stream: Readable
    max_members: int
    _left: int = field(default=0, init=False)
    """Bytes of the current member, its padding not counted, that nobody has read."""
    _padding: int = field(default=0, init=False)

    def __iter__(self) -> Iterator[TarMember]:
        count = 0
        while (member := self._next()) is not None:
            count += 1
            if count > self.max_members:
                raise BadPatch(f"more than {self.max_members} members")
            yield member

    def pieces(self) -> Iterator[bytes]:
        """What is left of the current member's contents."""
        while self._left:
            piece = self.stream.read(min(PIECE, self._left))
            if not piece:
                raise BadPatch("the archive is cut off")
            self._left -= len(piece)
            yield piece

    def content(self) -> bytes:
        """All of it at once; the caller knows that it is small."""
        return b"".join(self.pieces())

    def _next(self) -> TarMember | None:
        extended: dict[str, str] = {}
        while True:
            self._skip()
            block = self._exactly(BLOCK)
            if not block.strip(b"\0"):
                if extended:
                    raise BadPatch("the archive ends after an extended header")
                self._end()
                return None
            _check_sum(block)
            kind, size = block[156:157], _number(block[124:136])
            if kind in (b"x", b"L", b"K"):
                for key, value in self._extended(kind, size):
                    if extended.setdefault(key, value) != value:
                        raise BadPatch(f"a member says its {key} twice")
            elif kind == b"g":
                if any(key != "comment" for key, _ in self._extended(kind, size)):
                    raise BadPatch("the archive has a global header: pack it without")
            else:
                return self._member(block, kind, size, extended)

    def _member(self, block: bytes, kind: bytes, size: int, extended: dict[str, str]) -> TarMember:
        written = extended.get("path") or _path(block)
        if kind not in PLAIN:
            what = REFUSED.get(kind, "of a kind that is not known")
            raise BadPatch(f"{shortened(written)!r} is {what}: only files, folders and links are read")
        if "size" in extended:
            if not re.fullmatch(r"[0-9]{1,16}", extended["size"], re.ASCII):
                raise BadPatch("an extended header has a size that is no number")
            size = int(extended["size"])
        plain = PLAIN[kind]
        if written.endswith("/") and plain is FILE:
            raise BadPatch(f"{shortened(written)!r} is a file, and is called like a folder")
        if plain is not FILE and size:
            raise BadPatch(f"{shortened(written)!r} is no file, and has contents")
        self._begin(size)
        target = (extended.get("linkpath") or _text(block[157:257])) if plain is LINK else ""
        return TarMember(_inside(written), plain, size, target)

    def _extended(self, kind: bytes, size: int) -> list[tuple[str, str]]:
        if size > MAX_EXTENDED:
            raise BadPatch(f"an extended header has {size} bytes, and may have {MAX_EXTENDED}")
        self._begin(size)
        content = self.content()
        if kind == b"L":
            return [("path", _text(content))]
        return [("linkpath", _text(content))] if kind == b"K" else list(_pax(content))

    def _begin(self, size: int) -> None:
        self._left, self._padding = size, -size % BLOCK

    def _skip(self) -> None:
        for _ in self.pieces():
            pass
        self._exactly(self._padding)
        self._padding = 0

    def _end(self) -> None:
        """Two blocks of zeros end an archive, and nothing but zeros may follow."""
        if self._exactly(BLOCK).strip(b"\0"):
            raise BadPatch("a block of zeros stands between members")
        while rest := self.stream.read(PIECE):
            if rest.strip(b"\0"):
                raise BadPatch("bytes follow the end of the archive")

    def _exactly(self, size: int) -> bytes:
        content = self.stream.read(size) if size else b""
        if len(content) < size:
            raise BadPatch("the archive is cut off")
        return content


def _check_sum(block: bytes) -> None:
    said = _number(block[148:156])
    if said != sum(block) - sum(block[148:156]) + 8 * ord(" "):
        raise BadPatch("it is no tar archive, or is damaged: a header's checksum differs")


def _number(raw: bytes) -> int:
    """An octal number; or, as GNU has it for large ones, a binary one after 0x80."""
    if raw[0] == 0x80:
        return int.from_bytes(raw[1:], "big")
    match = OCTAL.fullmatch(raw)
    if match is None:
        raise BadPatch("it is no tar archive, or is damaged: a header has a number that is none")
    return int(match[1] or b"0", 8)


def _text(raw: bytes) -> str:
    content, _, rest = raw.partition(b"\0")
    if rest.strip(b"\0"):
        raise BadPatch("a name has a zero byte in it")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise BadPatch("a name is not UTF-8") from error


def _path(block: bytes) -> str:
    """Name and, in POSIX's form, prefix of a header."""
    name = _text(block[:100])
    if block[257:263] == b"ustar\0" and (prefix := _text(block[345:500])):
        return f"{prefix}/{name}"
    return name


def _pax(content: bytes) -> Iterator[tuple[str, str]]:
    """The records `LENGTH KEY=VALUE\\n` of an extended header."""
    at = 0
    while at < len(content):
        match = PAX_LENGTH.match(content, at)
        end = at + int(match[1]) if match else len(content) + 1
        if match is None or end > len(content) or end <= match.end() or content[end - 1 : end] != b"\n":
            raise BadPatch("an extended header is malformed")
        raw_key, equals, value = content[match.end() : end - 1].partition(b"=")
        key = raw_key.decode("utf-8", "backslashreplace")
        if not equals or (key not in PAX_KNOWN and not key.startswith(PAX_HARMLESS)):
            raise BadPatch(f"an extended header has {shortened(key)!r}, which is not known")
        if key in ("path", "linkpath", "size"):
            if not value or b"\0" in value:
                raise BadPatch(f"an extended header has an empty {key}, or one with a zero byte")
            yield key, _text(value)
        else:
            yield key, value.decode("utf-8", "backslashreplace")
        at = end


def _inside(written: str) -> str:
    """The name as one that is below the archive's root. Raises BadPatch for every other."""
    name = written.removeprefix("./").removesuffix("/")
    if name in ("", ".") and written in (".", "./"):
        return "."
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\\" in name or not name.isprintable():
        raise BadPatch(f"{shortened(written)!r} is not a plain path: absolute, with `..`, or with odd characters")
    if len(name) > 1024 or len(parts) > 16:
        raise BadPatch(f"{shortened(written)!r} is too long")
    return name
