"""A user that is not root: for what zpmd does as systemd starts it, without any capability.

No entry of the user database goes with the numbers, so nothing of the machine is changed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
UID = GID = 54321
SOCKET_GROUP = 54322
"""A group to which an engine's socket may be given, so that the user can use it."""


@contextlib.contextmanager
def own_folder() -> Iterator[Path]:
    """A folder of the user's, where he can get to: pytest's own are for root alone."""
    folder = Path(tempfile.mkdtemp(prefix="zpmd-user-"))
    os.chown(folder, UID, GID)
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def become() -> Iterator[None]:
    """Be that user, as far as the kernel asks for files; root again afterwards."""
    groups = os.getgroups()
    os.setgroups([SOCKET_GROUP])
    os.setegid(GID)
    os.seteuid(UID)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def words(*groups: int) -> tuple[str, ...]:
    """Begin a command line with these to run it as the user, a member of `groups` too.

    Where the Python of the tests lies in a folder that only root may pass (/root/.pyenv), the command finds it all the
    same, in a mount namespace of its own in which nothing else of that folder is to be seen.
    """
    listed = ("--groups", ",".join(map(str, groups))) if groups else ("--clear-groups",)
    user = ("setpriv", "--reuid", str(UID), "--regid", str(GID), *listed, "--no-new-privs")
    mounts = ""
    needed = {Path(sys.base_prefix), Path(sys.prefix), CHECKOUT}
    for closed in sorted({found for path in needed if (found := _closed(path))}):
        below = sorted(str(path) for path in needed if closed in path.parents)
        mounts += _opened(str(closed), below)
    return (*(("unshare", "--mount", "sh", "-ec", f'{mounts} exec "$@"', "sh") if mounts else ()), *user)


def _closed(path: Path) -> Path | None:
    """The first folder on the way to it that others may not pass."""
    return next((one for one in reversed(path.parents) if not one.stat().st_mode & stat.S_IXOTH), None)


def _opened(closed: str, below: list[str]) -> str:
    """Shell commands: an empty folder in the place of `closed`, and in it these paths as they were."""
    lines = ["kept=$(mktemp -d)", 'mount -t tmpfs none "$kept"']
    for number, path in enumerate(below):
        lines += [f'mkdir "$kept/{number}"', f'mount --bind "{path}" "$kept/{number}"']
    lines.append(f'mount -t tmpfs -o mode=755 none "{closed}"')
    for number, path in enumerate(below):
        lines += [f'mkdir -p "{path}"', f'mount --bind "$kept/{number}" "{path}"']
    lines += ['umount -l "$kept"', 'rmdir "$kept"']
    return "; ".join(lines) + ";"
