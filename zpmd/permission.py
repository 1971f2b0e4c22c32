"""A file or folder that zpmd's user may not read, told so that somebody can mend it: which user, where, what to type.

zpmd runs without root's right to read everything, so this is an ordinary mistake of whoever writes a file for it.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
from collections.abc import Iterator
from pathlib import Path

USER = "zpmd"
"""Whom systemd runs the daemon as (systemd/zpmd.service)."""


def daemons_user(state_dir: Path) -> str:
    """Whom the daemon of this state folder runs as, "" where nobody can tell: the owner of the folder, which it made or
    was given, and before its first start the user of the unit, where there is one."""
    try:
        return pwd.getpwuid(state_dir.stat().st_uid).pw_name
    except (KeyError, OSError):
        pass
    try:
        return pwd.getpwnam(USER).pw_name
    except KeyError:
        return ""


@contextlib.contextmanager
def eyes_of(name: str) -> Iterator[None]:
    """For root: see files as this user does. For a process that has but one thread. Raises KeyError, OSError."""
    user, groups = pwd.getpwnam(name), os.getgroups()
    gid = os.getegid()
    os.setgroups(os.getgrouplist(name, user.pw_gid))
    os.setegid(user.pw_gid)
    os.seteuid(user.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(gid)
        os.setgroups(groups)


def explained(error: OSError) -> str:
    """The reason of an error of reading, without the path that it is about, which whoever tells it names."""
    if isinstance(error, PermissionError) and isinstance(error.filename, str | bytes | os.PathLike):
        return refusal(Path(os.fsdecode(error.filename)))
    return str(error.strerror or error)


def explaining(error: PermissionError) -> PermissionError:
    """The same, with the reason in the place of "Permission denied"."""
    return PermissionError(error.errno, explained(error), error.filename)


def refusal(path: Path) -> str:
    """Why this process may not read it: the path itself, or the first folder on the way to it that it may not pass."""
    user, group = user_name(os.geteuid()), group_name(os.getegid())
    path = Path(os.path.realpath(path))
    for folder in reversed(path.parents):
        if folder.is_dir() and not os.access(folder, os.X_OK, effective_ids=True):
            return f"the user {user} may not pass {folder}: `chgrp {group} {folder}; chmod g+x {folder}`"
    rights = "g+rx" if path.is_dir() else "g+r"
    return f"the user {user} may not read it: `chgrp {group} {path}; chmod {rights} {path}`"


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
