"""A stream that may be packed with gzip, read forwards as what it unpacks to, within limits."""

from __future__ import annotations

import zlib

from zpmd.patching.refusal import BadPatch
from zpmd.patching.tarstream import PIECE, Readable

MAGIC = b"\x1f\x8b"
RATIO_FROM = 10 * 1024 * 1024
"""Bytes; what unpacks to less does no harm, however small it was."""


class Unpacked:
    """Reads `stream`, unpacked where it begins as gzip does. Raises BadPatch for what does not unpack, or unpacks to
    more than `limit` bytes or `ratio` times its size. One gzip member is read, and nothing may follow it."""

    def __init__(self, stream: Readable, limit: int, ratio: int) -> None:
        self._stream = stream
        self._head = stream.read(len(MAGIC))
        self._inflate = zlib.decompressobj(16 + zlib.MAX_WBITS) if self._head == MAGIC else None
        self._limit, self._ratio = limit, ratio
        self._given = self._taken = 0

    def read(self, size: int, /) -> bytes:
        """`size` bytes, fewer only at the end; at most PIECE of them are worth asking for at a time."""
        content = self._plain(size) if self._inflate is None else self._inflated(self._inflate, size)
        self._given += len(content)
        if self._given > self._limit:
            raise BadPatch(f"more than {self._limit} bytes: that is the limit")
        return content

    def _plain(self, size: int) -> bytes:
        head, self._head = self._head[:size], self._head[size:]
        content = head + self._stream.read(size - len(head))
        self._taken += len(content)
        return content

    def _inflated(self, inflate: zlib._Decompress, size: int) -> bytes:
        parts: list[bytes] = []
        wanted = size
        while wanted and not inflate.eof:
            packed = inflate.unconsumed_tail or self._packed()
            try:
                piece = inflate.decompress(packed, wanted)
            except zlib.error as error:
                raise BadPatch(f"it does not unpack: {error}") from error
            if not piece and not packed:
                raise BadPatch("it is cut off")
            parts.append(piece)
            wanted -= len(piece)
            given = self._given + size - wanted
            if given > max(RATIO_FROM, self._ratio * self._taken):
                raise BadPatch(f"it unpacks to more than {self._ratio} times its size")
        if inflate.eof and (inflate.unused_data or self._packed()):
            raise BadPatch("bytes follow what gzip packed")
        return b"".join(parts)

    def _packed(self) -> bytes:
        head, self._head = self._head, b""
        content = head + self._stream.read(PIECE)
        self._taken += len(content)
        return content
