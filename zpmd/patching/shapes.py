"""What tells one file from another, and from itself before it was changed; and opening it without surprises."""

from __future__ import annotations

import errno
import os
import stat
from typing import NamedTuple

from zpmd.patching.refusal import BadPatch

READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
"""A FIFO opened like this does not wait for its other end, and a link is an error."""

KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
    stat.S_IFDIR: "a folder",
}


class Shape(NamedTuple):
    """A file as a look finds it. Writing to it changes its shape, its mode or owner do not."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    kind: int
    """The file type of its mode."""
    uid: int

    @property
    def regular(self) -> bool:
        return self.kind == stat.S_IFREG

    @property
    def words(self) -> str:
        return KINDS.get(self.kind, "no regular file")

    @property
    def key(self) -> tuple[int, ...]:
        """Without the device, whose number changes with a boot, and the owner."""
        return self[1:5]

    def same(self, other: Shape | None) -> bool:
        """Whether it is the file it was, unwritten."""
        return other is not None and self.key == other.key


def shape_of(name: str, folder: int) -> Shape | None:
    """Of what is there by this name, not through a link; None where nothing is, or can be. Raises OSError."""
    try:
        return shaped(os.stat(name, dir_fd=folder, follow_symlinks=False))
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENAMETOOLONG):
            return None
        raise


def shaped(state: os.stat_result) -> Shape:
    kind = stat.S_IFMT(state.st_mode)
    return Shape(state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, kind, state.st_uid)


def open_regular(name: str, folder: int) -> int:
    """A descriptor of a regular file. What is something else is not opened at all where that can be told before:
    opening a device does things. Raises BadPatch, OSError."""
    shape = shape_of(name, folder)
    if shape is not None and not shape.regular:
        raise BadPatch(f"it is {shape.words}: only regular files are taken")
    descriptor = os.open(name, READ, dir_fd=folder)
    shape = shaped(os.fstat(descriptor))
    if not shape.regular:
        os.close(descriptor)
        raise BadPatch(f"it is {shape.words}: only regular files are taken")
    return descriptor


def shown(name: str) -> str:
    """A file's name as text that can be stored and shown: what is no UTF-8, or steers a terminal, is escaped."""
    text = name.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
