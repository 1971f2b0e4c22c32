"""The files of this machine, borrowed: a root file system like its own in which packages can be installed.

It is an overlay over `/` whose changes are kept in memory, in a mount namespace of its own: what is written there is
seen by nobody else, and is gone with the namespace. No systemd runs in it, as in a chroot in which an image is made.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

# Everything hangs on the shell that waits for the end of its stdin: without it, even after SIGKILL, the mounts vanish.
KEEPER = """set -e
mount -t tmpfs -o mode=0755 lab "$0"
mkdir "$0/upper" "$0/work" "$0/root"
mount -t overlay -o lowerdir=/,upperdir="$0/upper",workdir="$0/work" overlay "$0/root"
mount --rbind /dev "$0/root/dev"
mount -t proc proc "$0/root/proc"
echo ready
cat >/dev/null
"""


class BorrowedRoot:
    """`folder` is empty, and only a place to mount on."""

    def __init__(self, folder: Path) -> None:
        self._root = folder / "root"
        self._keeper = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", KEEPER, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._keeper.stdout is not None
        if self._keeper.stdout.readline() != b"ready\n":
            self.close()
            raise RuntimeError("the lab cannot mount an overlay over /")

    def run(self, *command: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """In it, as root, in an environment as small as a service's."""
        path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
        enter = ["nsenter", f"--mount=/proc/{self._keeper.pid}/ns/mnt", "chroot", self._root]
        return subprocess.run([*enter, "env", "-i", path, *command], input=stdin, capture_output=True, check=False)

    def told(self, *command: str | Path) -> str:
        """What a command prints, that must succeed."""
        done = self.run(*command)
        assert done.returncode == 0, f"{command}: {done.stdout.decode()}{done.stderr.decode()}"
        return done.stdout.decode()

    def put(self, file: Path, inside: str) -> None:
        done = self.run("sh", "-c", f"cat >{inside}", stdin=file.read_bytes())
        assert done.returncode == 0, done.stderr.decode()

    def close(self) -> None:
        self._keeper.kill()
        self._keeper.communicate()
