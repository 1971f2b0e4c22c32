"""A datagram socket that reads journald's native protocol, for the tests of what writes it."""

from __future__ import annotations

import mmap
import select
import socket
from pathlib import Path
from types import TracebackType


def decode(datagram: bytes) -> dict[str, str]:
    """The fields of one entry."""
    fields: dict[str, str] = {}
    while datagram:
        line, _, rest = datagram.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            length = int.from_bytes(rest[:8], "little")
            value, rest = rest[8 : 8 + length], rest[9 + length :]
        fields[name.decode()] = value.decode()
        datagram = rest
    return fields


class JournalReader:
    """Bound to `path`; `files` counts the entries that came as a file descriptor."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files = 0
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(5)

    def next(self) -> dict[str, str]:
        """The next entry. Raises TimeoutError after 5 s without one."""
        datagram, descriptors, _, _ = socket.recv_fds(self._socket, 1 << 20, 1)
        for descriptor in descriptors:
            self.files += 1
            with open(descriptor, "rb"), mmap.mmap(descriptor, 0, prot=mmap.PROT_READ) as file:
                datagram = file[:]
        return decode(datagram)

    def pending(self) -> bool:
        """Whether another entry is there already."""
        return bool(select.select([self._socket], [], [], 0)[0])

    def __enter__(self) -> JournalReader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._socket.close()
