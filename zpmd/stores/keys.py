"""Where the key lies that bodies in the database are sealed with.

Rules:
1. systemd's credential `zpmd.key` is the key where it is given; else the file `key` beside the database, made once. A
   former key, `zpmd.key.old` or `key.old`, opens what was sealed with it, and seals nothing.
2. A key is 32 bytes, written as 64 hex digits. A key file that others can read is refused: what it protects may be
   known to them already, and only people can tell.
3. A key file with something else in it is a lost key: it is moved aside and a new one is made, for a supervisor that
   does not start for it is worse than one that has forgotten. A credential with something else in it is refused,
   because somebody has just written it.
4. Where there is no key yet and no room for one, a new one counts in this process and is written before it seals.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

from zpmd.credentials import given
from zpmd.errors import StoreError
from zpmd.stores.identity import write_whole

FORM = re.compile(r"[0-9a-fA-F]{64}")
FILE = "key"
CREDENTIAL = "zpmd.key"
FORMER_CREDENTIAL = f"{CREDENTIAL}.old"


@dataclass(slots=True)
class Key:
    """`unwritten` is where the key has to be written before it may seal anything; None once it is there."""

    secret: bytes
    former: tuple[bytes, ...] = ()
    unwritten: Path | None = None

    def keep(self) -> None:
        """See to it that the key is on the disk. Raises StoreError."""
        if self.unwritten is None:
            return
        try:
            write_whole(self.unwritten, self.secret.hex())
        except OSError as error:
            raise StoreError(f"cannot write {self.unwritten}: {error.strerror}") from error
        self.unwritten = None

    def __repr__(self) -> str:
        return "Key(***)"


def find(folder: Path, credentials: Path | None) -> Key:
    """The key of the installation whose state lies in `folder`; `credentials` is systemd's folder of them, if any.
    Raises StoreError."""
    if key := given(credentials, CREDENTIAL):
        old = given(credentials, FORMER_CREDENTIAL)
        former = _credential(old) if old else None, _former(folder / FILE), _former(folder / f"{FILE}.old")
        return Key(_credential(key), tuple(one for one in former if one))
    path, one = folder / FILE, _former(folder / f"{FILE}.old")
    secret = _own(path)
    return Key(secret or secrets.token_bytes(32), (one,) if one else (), unwritten=None if secret else path)


def _credential(path: Path) -> bytes:
    """Who may read it is systemd's affair."""
    text = _read(path).strip()
    if not FORM.fullmatch(text):
        raise StoreError(f"cannot use {path}: a key is 64 hex digits: make one with `openssl rand -hex 32`")
    return bytes.fromhex(text)


def _former(path: Path) -> bytes | None:
    """A former key, where there is one that can be used."""
    if not path.exists():
        return None
    _refuse_open(path)
    text = _read(path).strip()
    return bytes.fromhex(text) if FORM.fullmatch(text) else None


def _own(path: Path) -> bytes | None:
    """None where there is none, or none any more."""
    if not path.exists():
        return None
    _refuse_open(path)
    text = _read(path).strip()
    if FORM.fullmatch(text):
        return bytes.fromhex(text)
    try:
        os.replace(path, path.with_name(f"{path.name}.unusable"))
    except OSError as error:
        raise StoreError(f"cannot move {path} aside, which holds no key: {error.strerror}") from error
    return None


def _refuse_open(path: Path) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise StoreError(
            f"cannot use {path}: others than its owner can reach it (mode {mode:04o}): `chmod 600 {path}`; if somebody"
            f" may have read it, change the passwords that it protects"
        )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
