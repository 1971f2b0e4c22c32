"""A member of a bundle as a stream that can only be read forwards, unpacked and checked as it goes."""

from __future__ import annotations

import io
import os
import zlib
from typing import BinaryIO

from zpmd.patching import zipformat
from zpmd.patching.refusal import BadPatch
from zpmd.patching.zipstructure import Member

PIECE = 1024 * 1024
"""Bytes that are in memory at a time."""


class MemberStream(io.RawIOBase):
    """The bytes of a member. It owns the file descriptor `source`, and closes it; the descriptor's place is not used.

    Reading raises BadPatch where the bytes are fewer or more than the directory says, do not unpack, or have another
    CRC; the last of these with the last byte, so that who has read to the end has read what was packed.
    """

    def __init__(self, source: int, member: Member) -> None:
        self._source = source
        self._member = member
        self._packed_left = member.packed
        self._left = member.size
        self._crc = 0
        self._inflate = None if member.method == zipformat.STORED else zlib.decompressobj(-zlib.MAX_WBITS)
        self._at = member.start

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        piece = self._piece(min(len(buffer), PIECE))
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            os.close(self._source)
        super().close()

    def _piece(self, most: int) -> bytes:
        if not most:
            return b""
        if not self._left:
            self._check_end()
            return b""
        piece = self._packed(most) if self._inflate is None else self._unpacked(self._inflate, min(most, self._left))
        if not piece:
            raise BadPatch(f"{self._member.name} is shorter than the directory says")
        self._crc = zlib.crc32(piece, self._crc)
        self._left -= len(piece)
        if not self._left:
            self._check_end()
        return piece

    def _packed(self, most: int) -> bytes:
        piece = os.pread(self._source, min(most, self._packed_left), self._at)
        self._at += len(piece)
        self._packed_left -= len(piece)
        return piece

    def _unpacked(self, inflate: zlib._Decompress, most: int) -> bytes:
        """Up to `most` bytes; b"" where there are no more."""
        try:
            while not inflate.eof:
                packed = inflate.unconsumed_tail or self._packed(PIECE)
                piece = inflate.decompress(packed, most)
                if piece or not packed:
                    return piece
        except zlib.error as error:
            raise BadPatch(f"{self._member.name} does not unpack: {error}") from error
        return b""

    def _check_end(self) -> None:
        if self._inflate is not None:
            rest = self._unpacked(self._inflate, 1)
            if rest or not self._inflate.eof or self._inflate.unused_data or self._packed_left:
                raise BadPatch(f"{self._member.name} is longer than the directory says")
        if self._crc != self._member.crc:
            raise BadPatch(f"{self._member.name} is damaged (its CRC differs): copy it again")


def opened(source: int, member: Member) -> BinaryIO:
    """A buffered stream of the member's bytes, which closes `source` with itself."""
    return io.BufferedReader(MemberStream(source, member), PIECE)
