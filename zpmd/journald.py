"""journald's native protocol: one datagram for each entry, with fields and not only a line.

Written here, in forty lines, rather than taken from a binding of libsystemd: that one blocks while journald is busy,
silently succeeds while there is no journald, and has its socket's path built in, so that nothing of it can be tested.
The protocol is a promise: https://systemd.io/JOURNAL_NATIVE_PROTOCOL/.

Rules: a send never blocks; it raises OSError where the entry was not taken. Values may hold anything, newlines too.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

SOCKET: Final = Path("/run/systemd/journal/socket")
_SEALS: Final = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
_TOO_LARGE: Final = (errno.EMSGSIZE, errno.ENOBUFS)


def encode(fields: Mapping[str, str]) -> bytes:
    """The datagram. Field names are upper-case ASCII, digits and `_`; a value is always length-prefixed where it has
    a newline, which is what keeps it from adding fields of its own."""
    parts: list[bytes] = []
    for name, value in fields.items():
        content = value.encode(errors="backslashreplace")
        if b"\n" in content:
            parts += [name.encode(), b"\n", len(content).to_bytes(8, "little"), content, b"\n"]
        else:
            parts += [name.encode(), b"=", content, b"\n"]
    return b"".join(parts)


def owns(stream_fd: int, journal_stream: str) -> bool:
    """Whether this file descriptor is the one that systemd connected to the journal (`$JOURNAL_STREAM`).

    The variable is inherited by children whose stderr has been redirected since: that is why it is compared.
    """
    try:
        found = os.fstat(stream_fd)
    except OSError:
        return False
    return stat.S_ISSOCK(found.st_mode) and journal_stream == f"{found.st_dev}:{found.st_ino}"


class JournalSocket:
    """A way to journald that survives its restarts: it is addressed anew for each entry."""

    def __init__(self, path: Path = SOCKET) -> None:
        self._address = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)

    def send(self, fields: Mapping[str, str]) -> None:
        """Raises BlockingIOError while journald is too busy to take it, another OSError where it is not there."""
        datagram = encode(fields)
        try:
            self._socket.sendto(datagram, self._address)
        except OSError as error:
            if error.errno not in _TOO_LARGE:
                raise
            self._send_by_file(datagram)

    def _send_by_file(self, datagram: bytes) -> None:
        with open(os.memfd_create("zpmd-journal", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING), "wb") as file:
            file.write(datagram)
            file.flush()
            fcntl.fcntl(file.fileno(), fcntl.F_ADD_SEALS, _SEALS)
            # not socket.send_fds: until Python 3.12 it forgets the address
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, file.fileno().to_bytes(4, sys.byteorder))
            self._socket.sendmsg([b""], [rights], 0, self._address)

    def close(self) -> None:
        self._socket.close()
