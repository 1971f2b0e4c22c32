"""Patterns of `.dockerignore`, which is what `ignore` and `include` of the Compose Develop Specification are.

Relative to the watched path: `*`, `?` and `[a-z]` stay within a name, `**` does not, `\\` takes a sign for itself, a
folder stands for all below it, and `!` takes back what the patterns before it have said (moby/patternmatcher). Pure.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable

EDITORS = (
    "**/.git", "**/*~", "**/#*#", "**/.#*", "**/.*.sw?", "**/4913", "**/___jb_*___", "**/.goutputstream-*",
    "**/*.part", "**/*.tmp",
)  # fmt: skip
"""What never counts unless `!` says so: what editors leave beside a file while they save it, and .git, as Compose
ignores them too (docs.docker.com/compose/how-tos/file-watch); and names of files that are still to be renamed."""

TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\[\^?\]?[^\]/]*\]|\\.|[^*?\\\[]", re.DOTALL)
WILD = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


class Patterns:
    def __init__(self, texts: Iterable[str]) -> None:
        """Raises ValueError, with what is wrong with a pattern."""
        self.rules = [(text.startswith("!"), compiled(text.removeprefix("!"))) for text in texts if text.strip()]
        self.takes_back = any(taken_back for taken_back, _ in self.rules)

    def match(self, name: str) -> bool:
        """Whether the last pattern that fits this relative path, or a folder above it, is not one with `!`."""
        found = False
        for taken_back, rule in self.rules:
            if found == taken_back and rule.fullmatch(name):
                found = not taken_back
        return found

    def match_all_below(self, folder: str) -> bool:
        """Whether everything in a folder is known to match without a look at it."""
        return not self.takes_back and self.match(folder)


def compiled(text: str) -> re.Pattern[str]:
    """Raises ValueError."""
    cleaned = posixpath.normpath(text.strip().lstrip("/") or ".")
    if cleaned == ".":
        return re.compile(".*", re.DOTALL)
    parts: list[str] = []
    at = 0
    while at < len(cleaned):
        token = TOKEN.match(cleaned, at)
        if token is None:
            what = "a `[` that is not closed" if cleaned[at] == "[" else "a `\\` with nothing after it"
            raise ValueError(f"is not a pattern: it has {what}")
        parts.append(translated(token.group()))
        at = token.end()
    try:
        return re.compile("".join(parts) + "(?:/.*)?", re.DOTALL)
    except re.error as error:
        raise ValueError(f"is not a pattern: {error.msg}") from None


def translated(token: str) -> str:
    if token in WILD:
        return WILD[token]
    if token.startswith("["):
        negated = token.startswith("[^")
        signs = token[2 if negated else 1 : -1].replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
        return f"[{'^' if negated else ''}{signs}]" if signs else re.escape(token)
    return re.escape(token[1:] if token.startswith("\\") and len(token) > 1 else token)
