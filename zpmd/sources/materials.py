"""Where the contents of configs and secrets lie for the engine to mount: a file for each content, named by its digest.

A file is complete or not there: it is written aside, forced to disk, and renamed. It is never changed afterwards, so
containers of an older spec, and a rollback, keep what they were made with.

The engine shows the name of a mounted file to everybody who may ask it. From the plain digest of a weak password the
password can be guessed, so secrets of rows are named by a digest with the installation's own salt.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from zpmd.errors import ConfigError
from zpmd.model.service import Problem

AT_ONCE = 256
"""Files that are open at the same time."""
SYNCS = 8


def keep(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write what is not there yet. Raises ConfigError where the folder cannot be written."""
    if not contents:
        return
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        missing = [(d, c) for d, c in contents.items() if not complete(folder / d, c)]
        for start in range(0, len(missing), AT_ONCE):
            write(folder, dict(missing[start : start + AT_ONCE]))
        if missing:
            sync_folder(folder)
    except OSError as error:
        message = f"cannot keep configs and secrets there: {error.strerror}: make it writable, or change `state_dir`"
        raise ConfigError((Problem(file=str(folder), line=0, column=0, path="", message=message),)) from error


def salted_digest(salt: bytes, content: bytes) -> str:
    """64 hex digits: the same for the same content, and of no use for guessing it to who does not have the salt
    (ports.Store.salt, at most 64 bytes). BLAKE2 takes a key by itself; OpenSSL's HMAC takes 0.3 ms to begin with."""
    return hashlib.blake2b(content, key=salt, digest_size=32).hexdigest()


def complete(path: Path, content: bytes) -> bool:
    try:
        return path.stat().st_size == len(content)
    except FileNotFoundError:
        return False


def write(folder: Path, contents: Mapping[str, bytes]) -> None:
    """All of them are forced to disk at once, which a file system joins: one by one the secrets of 200 tenants took a
    second."""
    aside: dict[str, str] = {}
    try:
        with ExitStack() as opened:
            descriptors = []
            for digest, content in contents.items():
                descriptor, aside[digest] = tempfile.mkstemp(prefix=".", dir=folder)
                stream = opened.enter_context(open(descriptor, "wb"))
                stream.write(content)
                stream.flush()
                os.fchmod(descriptor, 0o400)
                descriptors.append(descriptor)
            with ThreadPoolExecutor(SYNCS) as pool:
                list(pool.map(os.fsync, descriptors))
        for digest, path in aside.items():
            os.replace(path, folder / digest)
    except OSError:
        for path in aside.values():
            Path(path).unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
