"""Configs and secrets on the host: a file for each (content, mode, owner), to be bound into containers.

The source that read them wrote the content under its digest. A copy is made for each mode and owner that is asked for,
by way of another name and a rename, so that two workers, or a crash between, leave nothing half written. Its name says
all that it is, so a copy that is there with the size and the owner that it should have is right.

A zpmd that is not root cannot give a file away: such a copy is written by the engine (foreign.py). The owner may also
be wrong because systemd gave the whole state folder, with all copies in it, to the user that zpmd now runs as.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from zpmd.engines.context_host import seccomp_file
from zpmd.engines.dockerd.faults import Told, one_line
from zpmd.model.container import Container, FileMount
from zpmd.model.events import Result
from zpmd.permission import explained

SAME = "same"
"""The owner of who asks for none, in the names of copies."""
ROOT = 0
_NAME = re.compile(rf"([0-9a-f]{{64}})\.([0-7]{{1,4}})\.([0-9]{{1,10}}|{SAME})\.([0-9]{{1,10}}|{SAME})")


@dataclass(frozen=True, slots=True)
class Copy:
    """What the name of a copy says. `uid` and `gid` are numbers as text, or SAME."""

    digest: str
    mode: int
    uid: str
    gid: str

    @classmethod
    def of(cls, file: FileMount) -> Self:
        return cls(file.digest, file.mode, file.uid or SAME, file.gid or SAME)

    @classmethod
    def named(cls, name: str) -> Self | None:
        """None for the name of something else."""
        found = _NAME.fullmatch(name)
        return cls(found[1], int(found[2], 8), found[3], found[4]) if found else None

    @property
    def name(self) -> str:
        return f"{self.digest}.{self.mode:o}.{self.uid}.{self.gid}"

    @property
    def owner(self) -> tuple[int | None, int | None]:
        """Who has to own it. Where nobody is asked for it is root, as in Compose; None where it makes no difference,
        because everybody may do the same with it. Raises ValueError where it is no number."""
        owner, group, others = (self.mode >> shift & 7 for shift in (6, 3, 0))
        default = None if owner == group == others else ROOT
        return default if self.uid == SAME else int(self.uid), default if self.gid == SAME else int(self.gid)


ByEngine = Callable[[Mapping[Copy, bytes]], None]
"""Has the engine write copies, with these contents. Raises Told, and what a wire raises."""


def materialise(folder: Path, files: Iterable[FileMount], by_engine: ByEngine) -> dict[FileMount, str]:
    """The host path of each. Raises Told where a content is missing or cannot be copied, and as `by_engine` does."""
    paths: dict[FileMount, str] = {}
    foreign: dict[Copy, bytes] = {}
    for file in files:
        copy = Copy.of(file)
        paths[file] = str(folder / copy.name)
        what = f"{file.kind.value} {file.name}"
        try:
            if is_right(folder, copy):
                continue
            data = (folder / file.digest).read_bytes()
        except FileNotFoundError as error:
            text = f"the content of {what} is not in {folder}: reload the service files"
            raise Told(Result.PERMANENT, text) from error
        except (OSError, ValueError) as error:
            raise Told(Result.PERMANENT, one_line(f"cannot read {what}: {error}")) from error
        try:
            if not write(folder, copy, data):
                foreign[copy] = data
        except (OSError, ValueError) as error:
            raise Told(Result.PERMANENT, one_line(f"cannot prepare {what}: {error}")) from error
    if foreign:
        by_engine(foreign)
    return paths


def wrong(folder: Path) -> dict[Copy, bytes]:
    """Copies that have another owner than their names say, and what is to be in them. Raises OSError."""
    found: dict[Copy, bytes] = {}
    for entry in sorted(os.listdir(folder)):
        copy = Copy.named(entry)
        content = folder / copy.digest if copy else None
        if copy and content and content.exists() and not is_right(folder, copy):
            found[copy] = content.read_bytes()
    return found


def is_right(folder: Path, copy: Copy) -> bool:
    """Whether the copy is there, as its name says. Raises OSError, ValueError."""
    try:
        state = (folder / copy.name).stat()
    except FileNotFoundError:
        return False
    uid, gid = copy.owner
    if (uid not in (None, state.st_uid)) or (gid not in (None, state.st_gid)):
        return False
    try:
        return state.st_size == (folder / copy.digest).stat().st_size
    except FileNotFoundError:  # nothing to make it of: what is there has to do
        return True


def write(folder: Path, copy: Copy, data: bytes) -> bool:
    """Make it; whether that is permitted: its owner may be one that root alone can give. Raises OSError, ValueError."""
    uid, gid = copy.owner
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=".copy-")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            os.fchown(descriptor, -1 if uid is None else uid, -1 if gid is None else gid)
            os.fchmod(descriptor, copy.mode)
            stream.flush()
            os.fsync(descriptor)
        os.rename(temporary, folder / copy.name)
    except PermissionError:
        os.unlink(temporary)
        return False
    except BaseException:
        os.unlink(temporary)
        raise
    return True


def read_profiles(paths: Iterable[str]) -> dict[str, str]:
    """The texts of seccomp profiles, which the engine takes by value."""
    try:
        return {path: Path(path).read_text() for path in paths}
    except (OSError, UnicodeDecodeError) as error:
        told = f"{error.filename}: {explained(error)}" if isinstance(error, PermissionError) else str(error)
        raise Told(Result.PERMANENT, one_line(f"cannot read seccomp profile: {told}")) from error


def seccomp_files(container: Container) -> tuple[str, ...]:
    """The profile files that a container names."""
    return tuple(file for option in container.security_opt if (file := seccomp_file(option)))
