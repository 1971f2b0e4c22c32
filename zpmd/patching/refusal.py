"""The one answer to a patch file that is wrong: a line that says what, and what would make it right."""

from __future__ import annotations

from zpmd.errors import ZpmdError


class BadPatch(ZpmdError):
    """A patch file, or a part of it, must not be used. Its text is the reason that a person reads."""
