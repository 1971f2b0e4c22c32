"""Configs and secrets on the host: a file for each (content, mode, owner), to be bound into containers.

The source that read them wrote the content under its digest. A copy is made for each mode and owner that is asked for,
by way of a temporary file and a rename, so that two workers, or a crash between, leave nothing half written. Its name
says all that it is, so a copy that exists is right and is never written again.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from zpmd.engines.context_host import seccomp_file
from zpmd.engines.dockerd.faults import Told, one_line
from zpmd.model.container import Container, FileMount
from zpmd.model.events import Result


def materialise(folder: Path, files: Iterable[FileMount]) -> dict[FileMount, str]:
    """The host path of each. Raises Told where a content is missing or cannot be copied."""
    return {file: str(_path(folder, file)) for file in files}


def read_profiles(paths: Iterable[str]) -> dict[str, str]:
    """The texts of seccomp profiles, which the engine takes by value."""
    try:
        return {path: Path(path).read_text() for path in paths}
    except (OSError, UnicodeDecodeError) as error:
        raise Told(Result.PERMANENT, one_line(f"cannot read seccomp profile: {error}")) from error


def seccomp_files(container: Container) -> tuple[str, ...]:
    """The profile files that a container names."""
    return tuple(file for option in container.security_opt if (file := seccomp_file(option)))


def _path(folder: Path, file: FileMount) -> Path:
    content = folder / file.digest
    copy = folder / f"{file.digest}.{file.mode:o}.{file.uid or 'same'}.{file.gid or 'same'}"
    try:
        if copy.exists():
            return copy
        data = content.read_bytes()
    except FileNotFoundError as error:
        text = f"the content of {file.kind.value} {file.name} is not in {folder}: reload the service files"
        raise Told(Result.PERMANENT, text) from error
    except OSError as error:
        raise Told(Result.PERMANENT, one_line(f"cannot read {file.kind.value} {file.name}: {error}")) from error
    try:
        _write(copy, data, file)
    except (OSError, ValueError) as error:
        raise Told(Result.PERMANENT, one_line(f"cannot prepare {file.kind.value} {file.name}: {error}")) from error
    return copy


def _write(path: Path, data: bytes, file: FileMount) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".copy-")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            os.fchown(descriptor, int(file.uid or -1), int(file.gid or -1))
            os.fchmod(descriptor, file.mode)
            stream.flush()
            os.fsync(descriptor)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
