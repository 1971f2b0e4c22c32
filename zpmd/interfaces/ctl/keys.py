"""Secret keys and their passwords, as zpmctl takes them. A password is never an argument: others could see it."""

from __future__ import annotations

import contextlib
import getpass
import os
import sys
from collections.abc import Callable
from pathlib import Path

from zpmd.interfaces.ctl.client import Exit, Failure
from zpmd.patching import secretkey
from zpmd.patching.minisign import SecretKey


def opened(file: Path, password_file: Path | None) -> SecretKey:
    """A key that can sign. Asks for its password where it has one and no file says it.

    Raises Failure, Refused, OSError."""
    sealed = secretkey.parse(file.read_bytes())
    if not sealed.has_password:
        return sealed.open()
    password = _first_line(password_file) if password_file else _asked(f"Password of {file}: ")
    return sealed.open(password)


def new_password(password_file: Path | None) -> str:
    if password_file:
        return _first_line(password_file)
    password = _asked("Password of the new key: ")
    if _asked("The same again: ") != password:
        raise Failure(Exit.REFUSED, "the two passwords are not the same")
    return password


def keep(secret_file: Path, secret: bytes, public_file: Path, public: bytes) -> None:
    """Both files, or none. A key that is there already is never written over. Raises OSError."""
    with contextlib.ExitStack() as undo:
        for file, content, mode in ((secret_file, secret, 0o600), (public_file, public, 0o644)):
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
            undo.callback(file.unlink)
            with open(descriptor, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(descriptor)
        undo.pop_all()


def _first_line(file: Path) -> str:
    lines = file.read_text(errors="surrogateescape").splitlines()
    return lines[0] if lines else ""


def _asked(question: str, ask: Callable[[str], str] = getpass.getpass) -> str:
    """Typed on the terminal, where it is not shown."""
    if not sys.stdin.isatty():
        raise Failure(Exit.REFUSED, "nobody is there to type the key's password; --password-file FILE has it")
    try:
        return ask(question)
    except EOFError:
        raise KeyboardInterrupt from None
