"""Drafts onto the disk: the one module of this package that touches it. Each file is there whole or not at all.

Where the group `zpmd` exists the files are root's and that group's, because the daemon does not run as root.
"""

from __future__ import annotations

import contextlib
import grp
import os
from collections.abc import Iterable
from pathlib import Path

from zpmd.drafting.site import DraftFile

FOLDER_MODE, OPEN_FOLDER_MODE = 0o750, 0o755
GROUP = "zpmd"


def there(folder: Path, files: Iterable[DraftFile]) -> list[Path]:
    """Those of the files that exist, as what they may be."""
    return [path for file in files if os.path.lexists(path := folder / file.path)]


def write(folder: Path, files: Iterable[DraftFile]) -> None:
    """All are on the disk before the first takes its place, so that a full disk leaves what was there. Raises OSError.
    A symbolic link in a file's place is replaced, never followed."""
    group = _group()
    parts: dict[Path, Path] = {}
    try:
        for file in files:
            path = folder / file.path
            _make(path.parent, group)
            part = path.with_name(f".{path.name}.part")
            part.unlink(missing_ok=True)
            parts[part] = path
            _fill(part, file, group)
        for part, path in parts.items():
            part.replace(path)
    except OSError:
        for part in parts:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
        raise


def _fill(part: Path, file: DraftFile, group: int | None) -> None:
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as stream:
        stream.write(file.text)
        if group is not None:
            os.fchown(descriptor, -1, group)
        os.fchmod(descriptor, file.mode)
        stream.flush()
        os.fsync(descriptor)


def _make(folder: Path, group: int | None) -> None:
    if folder.is_dir():
        return
    _make(folder.parent, group)
    folder.mkdir()
    if group is not None:
        os.chown(folder, -1, group)
    folder.chmod(OPEN_FOLDER_MODE if group is None else FOLDER_MODE)


def _group() -> int | None:
    """Of whoever the daemon runs as; None where there is no such group, or it is not ours to give."""
    if os.geteuid() != 0:
        return None
    try:
        return grp.getgrnam(GROUP).gr_gid
    except KeyError:
        return None
