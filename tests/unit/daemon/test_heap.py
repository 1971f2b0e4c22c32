"""What was freed is given back, every few minutes and not at every pass."""

from __future__ import annotations

import gc
from pathlib import Path

from tests.unit.interfaces.given import snapshot
from zpmd.daemon.heap import EVERY_SECONDS, Heap, trim

MIB = 1 << 20


def anonymous() -> int:
    """Bytes of this process that are no file's."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Anonymous:"))


def test_the_gaps_below_what_is_still_used_go_back_to_the_kernel() -> None:
    blocks = [bytearray(4000) for _ in range(16 * 1024)]
    last = blocks.pop()
    del blocks
    gc.collect()
    before = anonymous()
    trim()
    assert before - anonymous() > 32 * MIB
    assert len(last) == 4000


def test_it_is_done_once_in_a_while() -> None:
    now, done = [0.0], list[float]()
    heap = Heap(lambda: now[0], lambda: done.append(now[0]))
    for second in range(1, int(3 * EVERY_SECONDS) + 1):
        now[0] = float(second)
        heap.passed(snapshot())
    assert done == [EVERY_SECONDS, 2 * EVERY_SECONDS, 3 * EVERY_SECONDS]
