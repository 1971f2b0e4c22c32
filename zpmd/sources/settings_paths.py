"""Paths in `zpmd.yaml`: relative ones start at the folder of the file."""

from __future__ import annotations

from pathlib import Path

from zpmd.sources.compose.files import absolute
from zpmd.sources.reading import Cursor


def written_path(cursor: Cursor) -> Path | None:
    """The path that is written, absolute; None where none is. An empty one is a problem."""
    text = cursor.text()
    if cursor.written and not text:
        cursor.problem("the path is empty: write one, or leave the key out")
    return Path(absolute(text, cursor.node.mark.origin.folder)) if text else None


def path_of(cursor: Cursor, default: Path) -> Path:
    return written_path(cursor) or default
