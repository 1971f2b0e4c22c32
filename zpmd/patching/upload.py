"""A patch file that comes over the API: written beside the others under a name that nobody looks at, and given its own
name when all of it is there and on the disk.

Rules:
1. It is a drop like any other from then on: who may upload may do what who may write into the folder may, no more.
2. A name is a patch's, or that of the signature of one; nothing that lies there is replaced.
3. What an upload that broke off has left goes with the next one, once nothing was added to it for an hour.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import time
from pathlib import Path

from zpmd.errors import Refused, ZpmdError
from zpmd.patching.incoming import SIGNATURE_SUFFIX, SUFFIXES, is_patch
from zpmd.patching.shapes import shown

PREFIX = ".upload-"
SUFFIX = ".part"
NAME_BYTES_MOST = 200
LEFT_SECONDS = 3600.0
MODE = 0o640


class TooLarge(ZpmdError):
    """More bytes than a patch may have."""


def trouble(name: str) -> str:
    """What is wrong with it as the name of a patch file; "" where nothing is."""
    if not is_patch(name.removesuffix(SIGNATURE_SUFFIX)):
        ends = ", ".join(SUFFIXES)
        return f"it begins with a dot, or has none of the ends of patches: {ends}, and {SIGNATURE_SUFFIX} after them"
    if "/" in name or shown(name) != name:
        return "it has a slash, or what cannot be printed"
    if len(name.encode()) > NAME_BYTES_MOST:
        return f"it has more than {NAME_BYTES_MOST} bytes"
    return ""


class Upload:
    """ports.Arrival, once `end` has returned. Every method but `write` may wait for the disk; raises OSError, but for
    what is said of each."""

    def __init__(self, incoming: Path, name: str, most_bytes: int) -> None:
        """`name` has no trouble. Raises Refused where such a file lies there."""
        self.name = name
        self.size = 0
        self.sha256 = ""
        self._most = most_bytes
        self._incoming = incoming
        self._refuse_taken()
        _sweep(incoming)
        self._part = incoming / f"{PREFIX}{secrets.token_hex(8)}{SUFFIX}"
        self._digest = hashlib.sha256()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        self._file = os.fdopen(os.open(self._part, flags, MODE), "wb")

    def write(self, chunk: bytes) -> None:
        """Raises TooLarge."""
        self.size += len(chunk)
        if self.size > self._most:
            raise TooLarge(f"a patch file has at most {self._most} bytes (patches.max_bytes)")
        self._digest.update(chunk)
        self._file.write(chunk)

    def end(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self.sha256 = self._digest.hexdigest()

    def drop(self) -> None:
        """Raises Refused, ZpmdError."""
        self._refuse_taken()
        try:
            self._part.rename(self._incoming / self.name)
            folder = os.open(self._incoming, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise ZpmdError(f"cannot drop {self.name} into {self._incoming}: {error.strerror}") from error

    def abandon(self) -> None:
        """Also after `drop`, and then without effect. Never raises."""
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._part.unlink()

    def _refuse_taken(self) -> None:
        if os.path.lexists(self._incoming / self.name):
            raise Refused(f"cannot drop {self.name}: a file of this name lies there, and is not yet taken")


def _sweep(incoming: Path) -> None:
    for left in incoming.glob(f"{PREFIX}*{SUFFIX}"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > LEFT_SECONDS:
                left.unlink()
