"""Texts of others on their way into ours.

What a file or an environment has in its names and keys may be anything: a line end, which makes two lines of one and
lets the second be written by whoever wrote the file, or what steers a terminal.
"""

from __future__ import annotations


def printable(text: str) -> str:
    r"""The text as one line that can be printed anywhere: what cannot stands there as Python writes it (`\n`, `\x1b`).

    What can be printed stays as it is, a backslash too: done twice it is the same.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
