"""The folders of patches: incoming/, applied/, rolled-back/ and quarantine/. Made, made again, and never taken for
granted.

Rules:
1. They are opened anew for every use, each by its own name below the patch folder, and a symbolic link in the place of
   one is not followed: what is done to a file in it is done relative to the descriptor.
2. Modes are set where a folder is made, and not changed later: an operator may have other ideas.
3. A folder that is of no use is said to be so in words, and tried again on every look.
"""

from __future__ import annotations

import contextlib
import grp
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

INCOMING = "incoming"
APPLIED = "applied"
ROLLED_BACK = "rolled-back"
QUARANTINE = "quarantine"

MODES: Mapping[str, int] = MappingProxyType({INCOMING: 0o770, APPLIED: 0o750, ROLLED_BACK: 0o750, QUARANTINE: 0o750})
BASE_MODE = 0o755
OPENED = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Folders:
    """Below `base`, which may be a link itself: who can write beside it can write everywhere. `group` may put files
    into incoming/ and look into the others; where there is no such group, root and zpmd alone."""

    def __init__(self, base: Path, group: str) -> None:
        self.base = base
        self.group = group

    def path(self, name: str) -> Path:
        return self.base / name

    def ensure(self) -> str:
        """Make what is missing; what is wrong with them, "" where nothing is."""
        try:
            with self._base(make=True) as base:
                wrong = [text for name in MODES if (text := self._ensure(base, name))]
        except OSError as error:
            return f"{self.base} cannot be used: {error.strerror}"
        return "; ".join(wrong)

    def _ensure(self, base: int, name: str) -> str:
        path = self.path(name)
        try:
            os.mkdir(name, 0o700, dir_fd=base)
        except FileExistsError:
            return _trouble(base, name, path)
        except OSError as error:
            return f"{path} is missing and cannot be made: {error.strerror}"
        try:
            with self.open(name) as folder:
                group = group_id(self.group)
                if group is not None:
                    os.fchown(folder, -1, group)
                os.fchmod(folder, MODES[name])
        except OSError as error:
            return f"{path} was made, and cannot be given to the group {self.group}: {error.strerror}"
        return ""

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[int]:
        """A descriptor of one of the folders. Raises OSError: also where it is a symbolic link."""
        with self._base() as base, opened(name, base) as folder:
            yield folder

    @contextlib.contextmanager
    def _base(self, make: bool = False) -> Iterator[int]:
        if make:
            self.base.mkdir(mode=BASE_MODE, parents=True, exist_ok=True)
        descriptor = os.open(self.base, OPENED)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def opened(name: str, folder: int) -> Iterator[int]:
    """A descriptor of a folder in a folder, not through a link. Raises OSError."""
    descriptor = os.open(name, OPENED | os.O_NOFOLLOW, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _trouble(base: int, name: str, path: Path) -> str:
    """What is wrong with something of this name that is there."""
    try:
        state = os.stat(name, dir_fd=base, follow_symlinks=False)
        if stat.S_ISLNK(state.st_mode):
            return f"{path} is a symbolic link, which is not followed: put a folder in its place"
        if not stat.S_ISDIR(state.st_mode):
            return f"{path} is no folder: remove it, and it is made"
        with opened(name, base) as folder:
            if os.fstatvfs(folder).f_flag & os.ST_RDONLY:
                return f"{path} is read-only: files cannot be moved out of it or into it"
            if not os.access(name, os.R_OK | os.W_OK | os.X_OK, dir_fd=base):
                return f"{path} may not be written: give it to the user that zpmd runs as"
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    return ""


def share(descriptor: int, group: int) -> None:
    """Give what was made in a folder to the folder's group. To a group that it is not in zpmd may not: such a folder
    wants the setgid bit. Raises OSError."""
    if os.fstat(descriptor).st_gid != group:
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, -1, group)


def group_id(name: str) -> int | None:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None
