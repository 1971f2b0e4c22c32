"""Reading files from the disk, remembering each with the state it was found in.

What was read is what must be watched, missing files too: `.env` may appear. The state is taken before the content is
read, so that a change in between shows as a difference later.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from zpmd.permission import explaining

MAX_BYTES = 16 * 1024 * 1024

IGNORED_SUFFIXES = ("~", ".bak", ".swp", ".part", ".tmp")

State = tuple[int, ...] | str
"""Of a file: device, inode, size, time of change, and whether zpmd may read it, which changes none of the others. Of a
folder: a text over what is in it. () where there is nothing."""


def service_files(folder: Path) -> list[Path]:
    """The service files of a folder in the order of their names. Raises OSError."""
    try:
        entries = list(folder.iterdir())
    except PermissionError as error:
        raise explaining(error) from None
    return sorted(
        entry
        for entry in entries
        if entry.suffix in (".yaml", ".yml")
        and not entry.name.startswith(".")
        and not entry.name.endswith(IGNORED_SUFFIXES)
    )


def file_state(path: str | Path) -> State:
    try:
        found = os.stat(path)
    except OSError:
        return ()
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, os.access(path, os.R_OK, effective_ids=True))


def folder_state(folder: Path) -> State:
    """Changes when a service file comes, goes or is replaced, and when the folder itself is another one."""
    try:
        found = os.stat(folder)
        names = [path.name for path in service_files(folder)]
    except OSError:
        return ()
    return f"{found.st_dev}:{found.st_ino}:{names}"


@dataclass
class Disk:
    """Implements `Files` of the Compose reader. `seen` grows with every path that is asked for."""

    seen: dict[str, State] = field(default_factory=dict)

    def read(self, path: str) -> bytes:
        """The whole of a regular file of bounded size. Raises OSError."""
        self.seen[path] = file_state(path)
        return read_regular(path)


def read_regular(path: str) -> bytes:
    """Raises OSError for what is no regular file: a pipe would block, a device never ends."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except PermissionError as error:
        raise explaining(error) from None
    with open(descriptor, "rb") as stream:
        found = os.fstat(descriptor)
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", path)
        content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise OSError(errno.EFBIG, f"it is larger than {MAX_BYTES >> 20} MiB", path)
    return content
