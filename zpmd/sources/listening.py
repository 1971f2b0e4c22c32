"""Which TCP ports of this host somebody listens on, as the kernel tells it.

Asked only at the moment at which a port is given away for the first time: a port that is free now may be taken a second
later, and a create that fails for it is an ordinary failure with the holder's name. A port that is taken now would fail
for certain.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
LISTEN = "0A"
"""The state as the kernel writes it (include/net/tcp_states.h)."""


def listening(tables: Iterable[Path] = TABLES) -> frozenset[int]:
    """Ports in the network namespace of this process; empty where the kernel does not say."""
    ports: set[int] = set()
    for table in tables:
        try:
            lines = table.read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if len(fields) > 3 and fields[3] == LISTEN:
                ports.add(int(fields[1].rpartition(":")[2], 16))
    return frozenset(ports)
