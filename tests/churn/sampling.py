"""What one process holds, as the kernel counts it, and how large its store is: one sample at an instant."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class Sample:
    """`at` is a Unix instant; sizes are bytes. `anonymous` pages are its own alone: heaps and stacks. `rss` has
    those of files as well, its program's and its libraries', which the kernel takes and brings back as it likes."""

    at: float
    rss: int
    anonymous: int
    descriptors: int
    threads: int
    store: int
    wal: int

    def document(self) -> dict[str, float]:
        return asdict(self)


def sample(pid: int, database: Path) -> Sample:
    """Raises OSError where the process is gone, or is another user's."""
    held = _kib(Path(f"/proc/{pid}/smaps_rollup"))
    return Sample(
        at=time.time(),
        rss=held["Rss"] * KIB,
        anonymous=held["Anonymous"] * KIB,
        descriptors=sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()),
        threads=sum(1 for _ in Path(f"/proc/{pid}/task").iterdir()),
        store=_size(database),
        wal=_size(database.with_name(f"{database.name}-wal")),
    )


def told(one: Sample) -> str:
    """As one line."""
    held = (
        f"{one.rss / MIB:7.1f} MiB RSS {one.anonymous / MIB:7.1f} anon {one.descriptors:4} fd {one.threads:3} threads"
    )
    return f"{held} {one.store / MIB:6.2f} MiB store {one.wal / MIB:5.2f} WAL"


def _kib(path: Path) -> Mapping[str, int]:
    """The `Name: 12 kB` lines of a file of /proc."""
    found = (line.split() for line in path.read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) for words in found if len(words) == 3 and words[2] == "kB"}


def _size(path: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_size
    return 0
