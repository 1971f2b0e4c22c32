"""The installation id: what makes a container ours.

It lies in a small file of its own beside the database, because losing it would turn every running container into a
stranger, and a database can be damaged, moved aside or deleted by somebody in a hurry. The database has a copy, for the
day on which the small file is deleted instead.
"""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

from zpmd.errors import StoreError

FORM = re.compile(r"[0-9a-f]{12}")


def keep(path: Path, copy: str | None) -> str:
    """The id in the file; where there is none, the copy, or a new one, written before it is returned.

    Raises StoreError: also for a file with something else in it, because guessing would disown what runs.
    """
    try:
        text = path.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        text = ""
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
    if FORM.fullmatch(text):
        return text
    if text:
        raise StoreError(f"cannot read {path}: it should hold the 12 hex digits of this installation's id")
    owner = copy or secrets.token_hex(6)
    try:
        write_whole(path, owner)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from error
    return owner


def write_whole(path: Path, text: str) -> None:
    """One line, for the owner of the file alone; whole and on the disk, or not at all. Raises OSError."""
    fresh = path.with_name(f"{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, f"{text}\n".encode("ascii"))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(fresh, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
