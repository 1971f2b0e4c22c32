"""systemd's credentials (https://systemd.io/CREDENTIALS): files in a folder into which only its service can look.

The unit asks for every one that zpmd knows; which of them an operator made is another matter.
"""

from __future__ import annotations

from pathlib import Path


def given(folder: Path | None, name: str) -> Path | None:
    """The file of a credential; None where it was not given. Where none at all was, systemd 252 leaves an empty folder
    that is root's and that nobody else can look into; one with something in it can be, by the user of the unit."""
    if folder is None:
        return None
    path = folder / name
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    return path
