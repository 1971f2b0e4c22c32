"""What a watched path holds: a digest over names and contents, bounded, and never of something half-read.

Rules:
1. Contents count, and names; times, owners and modes do not.
2. What cannot be told is no content: a path that is not there, that cannot be read, that is beyond the bounds, that is
   empty where it held something (so looks the mount point of a file system that has gone away). It raises `Untold`.
3. A file that changes while it is read is no content either, and raises `Moving`: its states before and after differ.
4. Links are followed to files; a link to a folder counts as a link, by where it leads, so that no ring is walked. The
   watched path itself may be a link. Pipes, sockets and devices are never opened, and do not count.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from zpmd.model.watch import WatchRule
from zpmd.permission import explained
from zpmd.sources.filewatch.patterns import EDITORS, Patterns

MAX_FILES = 10_000
MAX_BYTES = 256 * 1024 * 1024
MAX_ENTRIES = 100_000
"""Of a path, with all that is ignored."""

State = tuple[int, ...] | str
"""Of a file: device, inode, size, both times. Of a link to a folder, and of one that leads nowhere: where it leads."""


class Untold(Exception):
    """What a path holds cannot be told, for the reason that it carries."""


class Moving(Exception):
    """Something has changed between two looks that should have seen the same."""


@dataclass(frozen=True, slots=True)
class Entry:
    path: str
    state: State
    size: int = 0
    changed_at: float = 0.0
    """By the file system, in Unix seconds: nobody can set it."""


Listing = Mapping[str, Entry]
"""What counts, by its name relative to the watched path."""


class Rule:
    """A watch rule, ready to be asked."""

    def __init__(self, rule: WatchRule) -> None:
        """Raises ValueError for a pattern that is none."""
        self.path = rule.path
        self.ignored = Patterns((*EDITORS, *rule.ignore))
        self.included = Patterns(rule.include) if rule.include else None

    def listing(self) -> Listing:
        """Raises Untold, Moving."""
        try:
            found = os.stat(self.path)
        except OSError as error:
            raise Untold(reason(error)) from None
        if stat.S_ISREG(found.st_mode):
            if found.st_size > MAX_BYTES:
                raise Untold(f"it is larger than {MAX_BYTES >> 20} MiB")
            return {os.path.basename(self.path): of_file(self.path, found)}
        if not stat.S_ISDIR(found.st_mode):
            raise Untold("it is neither a file nor a folder")
        entries: dict[str, Entry] = {}
        size = 0
        for name, entry in self._below():
            entries[name] = entry
            size += entry.size
            if len(entries) > MAX_FILES or size > MAX_BYTES:
                raise Untold(f"it holds more than {MAX_FILES} files or {MAX_BYTES >> 20} MiB: ignore some of it")
        return dict(sorted(entries.items()))

    def _below(self) -> Iterator[tuple[str, Entry]]:
        folders, seen = [""], 0
        while folders:
            folder = folders.pop()
            try:
                children = list(os.scandir(os.path.join(self.path, folder)))
            except FileNotFoundError:
                raise Moving from None
            except OSError as error:
                raise Untold(reason(error, folder)) from None
            seen += len(children)
            if seen > MAX_ENTRIES:
                raise Untold(f"it holds more than {MAX_ENTRIES} files, ignored ones too: watch a smaller part of it")
            for child in children:
                name = os.path.join(folder, child.name)
                if is_folder(child):
                    if not self.ignored.match_all_below(name):
                        folders.append(name)
                elif self._counts(name) and (entry := of_child(child.path)):
                    yield name, entry

    def _counts(self, name: str) -> bool:
        return not self.ignored.match(name) and (self.included is None or self.included.match(name))


def of_child(path: str) -> Entry | None:
    """None for what is no content: a pipe, a socket, a device. Raises Untold, Moving."""
    try:
        found = os.stat(path)
    except PermissionError as error:
        raise Untold(reason(error, os.path.basename(path))) from None
    except OSError:
        found = None
    if found is not None and stat.S_ISREG(found.st_mode):
        return of_file(path, found)
    try:
        return Entry(path, os.readlink(path)) if os.path.islink(path) and (found is None or is_dir(found)) else None
    except OSError:
        raise Moving from None


def is_folder(child: os.DirEntry[str]) -> bool:
    """Raises Moving."""
    try:
        return child.is_dir(follow_symlinks=False)
    except OSError:
        raise Moving from None


def is_dir(found: os.stat_result) -> bool:
    return stat.S_ISDIR(found.st_mode)


def of_file(path: str, found: os.stat_result) -> Entry:
    state = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    return Entry(path, state, found.st_size, found.st_ctime)


def digest(contents: Mapping[str, str]) -> str:
    """Of names, each with the digest of its content: 32 hex digits."""
    text = "".join(f"{name}\0{content}\n" for name, content in sorted(contents.items()))
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:32]


def content(entry: Entry) -> str:
    """The digest of what a file holds. Raises Untold, Moving."""
    if isinstance(entry.state, str):
        return f"-> {entry.state}"
    try:
        descriptor = os.open(entry.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(descriptor, "rb") as stream:
            # Another one may have taken its place, a pipe even, which would never end.
            if of_file(entry.path, os.fstat(descriptor)).state != entry.state:
                raise Moving
            found = hashlib.file_digest(stream, "sha256").hexdigest()
            if of_file(entry.path, os.fstat(descriptor)).state != entry.state:
                raise Moving
            return found
    except FileNotFoundError:
        raise Moving from None
    except OSError as error:
        raise Untold(reason(error, os.path.basename(entry.path))) from None


def reason(error: OSError, what: str = "") -> str:
    return f"{what}: {explained(error)}" if what else explained(error)
