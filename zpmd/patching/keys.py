"""The keyring of a site: whose patches it takes. A folder that root alone can write, and never the drop directory.

    <keys_dir>/*.pub            public keys of minisign; two or more, so that one can be revoked without a gap
    <keys_dir>/revoked/*.pub    keys that are not believed any more
    <keys_dir>/revoked.txt      the same as key ids, one a line; what follows a `#` is a comment

Rules:
1. A signature is required as soon as a key, a revoked one or a list of revoked ones lies here, readable or not. So
   neither damage nor the revocation of the last key opens a site; only the policy "optional" does.
2. A revocation goes before a key. A revocation that cannot be read refuses every signature: it may be the one.
3. What cannot be read is a problem that is told, and never a key fewer without a word.
4. Without any key and requirement, a signature cannot be checked: it has to be well-formed, and counts as none.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from zpmd.model.service import Problem
from zpmd.patching import minisign
from zpmd.patching.minisign import PublicKey
from zpmd.patching.refusal import BadPatch
from zpmd.sources.disk import read_regular

SUFFIX = ".pub"
REVOKED_DIR = "revoked"
REVOKED_LIST = "revoked.txt"
REQUIRED = "required"
OPTIONAL = "optional"
_ID = re.compile(r"(?:0[xX])?([0-9a-fA-F]{1,16})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """The keys of a folder as they were when it was read. `doubts` are revocations that cannot be read."""

    folder: Path
    required: bool
    keys: Mapping[str, PublicKey] = field(default_factory=dict)
    """By key id; none that is revoked."""
    revoked: frozenset[str] = frozenset()
    problems: tuple[Problem, ...] = ()
    doubts: tuple[Problem, ...] = ()

    def check(self, message: bytes, signature: bytes | None) -> str:
        """The id of the key that signed `message`, "" where nobody did and nobody has to.

        `signature` is the text of a .minisig file. Raises BadPatch with the reason."""
        if signature is None:
            if self.required:
                raise BadPatch(f"it is not signed, and this site takes signed patches only; {self._believed()}")
            return ""
        given = minisign.parse_signature(signature)
        if self.doubts:
            raise BadPatch(f"cannot tell which keys are revoked, so no signature counts: {self.doubts[0]}")
        if given.key_id in self.revoked:
            raise BadPatch(f"it is signed by the key {given.key_id}, which is revoked; {self._believed()}")
        if not (self.required or self.keys):
            return ""
        key = self.keys.get(given.key_id)
        if key is None:
            raise BadPatch(f"it is signed by the key {given.key_id}, which is not installed; {self._believed()}")
        minisign.verify(key, message, given)
        return key.id

    def _believed(self) -> str:
        text = f"keys in {self.folder}: {', '.join(sorted(self.keys)) or 'none'}"
        return text + (f" (and trouble: {self.problems[0]})" if self.problems else "")


def read(folder: Path, policy: str = "") -> Keyring:
    """The keyring as it is now. `policy` is the setting `patches.signatures`. Raises nothing: what cannot be read is
    among the problems."""
    problems: list[Problem] = []
    doubts: list[Problem] = []
    keys, files = _keys(folder, problems)
    revoked_keys, revoked_files = _keys(folder / REVOKED_DIR, doubts)
    listed, lists = _listed(folder / REVOKED_LIST, doubts)
    revoked = frozenset(listed) | {key.id for _, key in revoked_keys}
    return Keyring(
        folder=folder,
        required=policy == REQUIRED or (policy != OPTIONAL and bool(files or revoked_files or lists)),
        keys=_by_id(keys, revoked, problems),
        revoked=revoked,
        problems=(*problems, *doubts),
        doubts=tuple(doubts),
    )


def _keys(folder: Path, problems: list[Problem]) -> tuple[list[tuple[Path, PublicKey]], int]:
    """The keys of a folder in the order of their names, and how many files are there that are keys or ought to be. A
    folder that cannot be listed counts as one: nobody knows what is in it."""
    try:
        files = sorted(entry for entry in folder.iterdir() if entry.name.endswith(SUFFIX))
    except OSError as error:
        if _absent(folder):
            return [], 0
        problems.append(_problem(folder, f"cannot be read: {error.strerror}"))
        return [], 1
    found = []
    for file in files:
        try:
            found.append((file, minisign.parse_public_key(read_regular(str(file)))))
        except (OSError, BadPatch) as error:
            problems.append(_problem(file, _why(error)))
    return found, len(files)


def _listed(file: Path, doubts: list[Problem]) -> tuple[list[str], int]:
    """The key ids of revoked.txt, and 1 where there is such a file."""
    try:
        text = read_regular(str(file)).decode()
    except (OSError, UnicodeDecodeError) as error:
        if _absent(file):
            return [], 0
        doubts.append(_problem(file, _why(error)))
        return [], 1
    ids = []
    for number, line in enumerate(text.splitlines(), 1):
        word = line.partition("#")[0].strip()
        match = _ID.fullmatch(word)
        if match:
            ids.append(f"{int(match[1], 16):016X}")
        elif word:
            doubts.append(_problem(file, f"{word!r} is no key id: write its 16 hex digits", number))
    return ids, 1


def _by_id(
    found: Iterable[tuple[Path, PublicKey]], revoked: frozenset[str], problems: list[Problem]
) -> Mapping[str, PublicKey]:
    """Two different keys with one id are no accident: the first by name counts, and the other is told."""
    keys: dict[str, PublicKey] = {}
    for file, key in found:
        if key.id not in revoked and keys.setdefault(key.id, key) != key:
            problems.append(_problem(file, f"another key has the id {key.id} already"))
    return keys


def _absent(path: Path) -> bool:
    """A link to nothing is there: what it led to may be away for a while, and is not gone."""
    return not os.path.lexists(path)


def _problem(file: Path, message: str, line: int = 0) -> Problem:
    return Problem(file=str(file), line=line, column=1 if line else 0, path="", message=message)


def _why(error: OSError | UnicodeDecodeError | BadPatch) -> str:
    match error:
        case OSError():
            return f"cannot be read: {error.strerror}"
        case UnicodeDecodeError():
            return "cannot be read: it is not UTF-8 text"
    return str(error)
