"""Reading files from the disk, remembering each with the state it was found in.

What was read is what must be watched, missing files too: `.env` may appear. The state is taken before the content is
read, so that a change in between shows as a difference later.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

MAX_BYTES = 16 * 1024 * 1024
MAX_TREE_FILES = 10_000
MAX_TREE_BYTES = 256 * 1024 * 1024

IGNORED_SUFFIXES = ("~", ".bak", ".swp", ".part", ".tmp")

State = tuple[int, ...] | str
"""Of a file: device, inode, size, time of change. Of a folder: a text over what is in it. () where there is nothing."""


def service_files(folder: Path) -> list[Path]:
    """The service files of a folder in the order of their names. Raises OSError."""
    return sorted(
        entry
        for entry in folder.iterdir()
        if entry.suffix in (".yaml", ".yml")
        and not entry.name.startswith(".")
        and not entry.name.endswith(IGNORED_SUFFIXES)
    )


def file_state(path: str | Path) -> State:
    try:
        found = os.stat(path)
    except OSError:
        return ()
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def folder_state(folder: Path) -> State:
    """Changes when a service file comes, goes or is replaced, and when the folder itself is another one."""
    try:
        found = os.stat(folder)
        names = [path.name for path in service_files(folder)]
    except OSError:
        return ()
    return f"{found.st_dev}:{found.st_ino}:{names}"


def tree_state(path: str) -> State:
    """Changes when anything in a file or folder changes; by names, sizes and times alone."""
    digest = hashlib.sha256()
    for count, file in enumerate(walk(path)):
        if count > MAX_TREE_FILES:
            break
        digest.update(f"{file}:{file_state(file)}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def walk(path: str) -> Iterator[str]:
    """The regular files below a folder in a fixed order, or the file itself. Links to folders are not followed."""
    if not os.path.isdir(path):
        if os.path.isfile(path):
            yield path
        return
    for folder, folders, files in os.walk(path):
        folders.sort()
        yield from (os.path.join(folder, name) for name in sorted(files))


@dataclass
class Disk:
    """Implements `Files` of the Compose reader. `seen` grows with every path that is asked for."""

    seen: dict[str, State] = field(default_factory=dict)
    trees: dict[str, State] = field(default_factory=dict)
    digests: dict[tuple[str, State], str] = field(default_factory=dict)
    """Of watched files, by their state: a big tree is read once and not on every load."""

    def read(self, path: str) -> bytes:
        """The whole of a regular file of bounded size. Raises OSError."""
        self.seen[path] = file_state(path)
        return read_regular(path)

    def fingerprint(self, path: str, ignore: tuple[str, ...], include: tuple[str, ...]) -> str:
        """A digest of names and contents, so that a mere `touch` changes nothing. Raises OSError."""
        self.trees[path] = tree_state(path)
        digest = hashlib.sha256()
        ignored, included = [pattern(p) for p in ignore], [pattern(p) for p in include]
        count = size = 0
        for file in walk(path):
            name = os.path.relpath(file, path) if file != path else os.path.basename(file)
            if matches(name, ignored) or (included and not matches(name, included)):
                continue
            count, size = count + 1, size + os.stat(file).st_size
            if count > MAX_TREE_FILES or size > MAX_TREE_BYTES:
                raise OSError(errno.EFBIG, f"more than {MAX_TREE_FILES} files or {MAX_TREE_BYTES >> 20} MiB to watch")
            digest.update(f"{name}\0{self.content_digest(file)}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()[:32]

    def content_digest(self, file: str) -> str:
        key = (file, file_state(file))
        if key not in self.digests:
            with open(file, "rb") as stream:
                self.digests[key] = hashlib.file_digest(stream, "sha256").hexdigest()
        return self.digests[key]


def read_regular(path: str) -> bytes:
    """Raises OSError for what is no regular file: a pipe would block, a device never ends."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
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


def pattern(text: str) -> re.Pattern[str]:
    """A pattern of `.dockerignore`: `*` and `?` stay within a name, `**` does not; a folder stands for all below it."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", text.removeprefix("./").strip("/"))
    special = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(special.get(part) or re.escape(part) for part in parts) + r"(?:/.*)?", re.DOTALL)


def matches(name: str, patterns: list[re.Pattern[str]]) -> bool:
    return any(p.fullmatch(name) for p in patterns)
