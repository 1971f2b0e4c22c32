"""A private copy of a dropped file, and its SHA-256, in one reading. What is checked afterwards is the copy.

Whoever owns the dropped file may write to it at any time. So it is looked at before and after, through the descriptor
that it was read from: a file that changed in between is not complete, and its copy is worth nothing.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from zpmd.patching.folders import share
from zpmd.patching.refusal import BadPatch
from zpmd.patching.shapes import Shape, open_regular, shaped, shown
from zpmd.permission import group_name, user_name

CHUNK = 1 << 20
RESERVE_BYTES = 64 << 20
"""Room that is left for the rest of zpmd: its database, secrets to mount."""
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Changed(Exception):
    """The file is not what it was: it is still being written, or another is there by its name."""


class Unreadable(Exception):
    """zpmd's user may not read it. The text says what to do."""


class NoRoom(Exception):
    """There is no room for the copy. The text says where."""


class Stopped(Exception):
    """zpmd ends."""


def check_room(folder: Path, size: int) -> None:
    """Raises NoRoom, OSError."""
    state = os.statvfs(folder)
    free = state.f_bavail * state.f_frsize
    if free - size < RESERVE_BYTES:
        text = f"{free >> 20} MiB are free in {folder}, and it takes {(size + RESERVE_BYTES) >> 20} MiB"
        raise NoRoom(f"no room for a copy: {text}")


def copy(name: str, folder: int, shape: Shape, target: Path, stopped: Callable[[], bool]) -> str:
    """Copy the file of this shape to `target`, in a folder that is made for it; its SHA-256 in hex. On the disk when it
    returns. Raises Changed, Unreadable, NoRoom, Stopped, BadPatch where it is no regular file, OSError."""
    source = _open(name, folder)
    try:
        _check(source, shape)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            digest = _copied(source, shape.size, target, stopped)
        except OSError as error:
            if error.errno in FULL:
                target.unlink(missing_ok=True)
                raise NoRoom(f"no room for a copy in {target.parent}: {error.strerror}") from None
            raise
        _check(source, shape)
    finally:
        os.close(source)
    sync(target.parent)
    sync(target.parent.parent)
    return digest


def small(name: str, folder: int, shape: Shape, limit: int) -> bytes:
    """A small file of this shape, whole. Raises Changed, Unreadable, BadPatch where it is larger than `limit` or no
    regular file, OSError."""
    if shape.size > limit:
        raise BadPatch(f"{name} has {shape.size} bytes: {limit} is the limit")
    source = _open(name, folder)
    try:
        _check(source, shape)
        content = os.read(source, shape.size + 1)
        _check(source, shape)
    finally:
        os.close(source)
    if len(content) != shape.size:
        raise Changed
    return content


def _open(name: str, folder: int) -> int:
    try:
        return open_regular(name, folder)
    except FileNotFoundError:
        raise Changed from None
    except PermissionError:
        user, group = user_name(os.geteuid()), group_name(os.getegid())
        text = f"{shown(name)} may not be read by the user {user}: drop it anew, with mode 0640 and the group {group}"
        raise Unreadable(text) from None


def _check(source: int, shape: Shape) -> None:
    now = shaped(os.fstat(source))
    if not shape.same(now) or now.device != shape.device:
        raise Changed


def _copied(source: int, size: int, target: Path, stopped: Callable[[], bool]) -> str:
    digest, left = hashlib.sha256(), size
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        while chunk := os.read(source, CHUNK):
            left -= len(chunk)
            if left < 0:
                raise Changed
            digest.update(chunk)
            write_all(descriptor, chunk)
            if stopped():
                raise Stopped
        if left:
            raise Changed
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return digest.hexdigest()


def write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def sync(folder: Path) -> None:
    """Its names are on the disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(name: str, folder: int, content: bytes, mode: int, group: int | None = None) -> None:
    """A file in a folder, whole and on the disk, or not at all; for `group`, where zpmd may give it away. What has the
    name is replaced. Raises OSError."""
    fresh = f".{name[:200]}.new"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(fresh, flags, mode, dir_fd=folder)
    try:
        if group is not None:
            share(descriptor, group)
        os.fchmod(descriptor, mode)  # whatever the umask is
        write_all(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.rename(fresh, name, src_dir_fd=folder, dst_dir_fd=folder)
    os.fsync(folder)
