"""What a process begins with is set aside once; what was freed is given back every few minutes, not at every pass."""

from __future__ import annotations

import gc
import subprocess
import sys
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
    settled = list[float]()
    heap = Heap(lambda: now[0], lambda: done.append(now[0]), lambda: settled.append(now[0]))
    for second in range(int(3 * EVERY_SECONDS) + 1):
        now[0] = float(second)
        heap.passed(snapshot())
    assert settled == [0.0]
    assert done == [EVERY_SECONDS, 2 * EVERY_SECONDS, 3 * EVERY_SECONDS]


SETTLED = """
import gc
import zpmd.assembly.daemon
from zpmd.daemon.heap import settle, trim

class Circle:
    pass

def circles(number):
    for one in (Circle() for _ in range(number)):
        one.itself = one

gc.disable()
circles(10)
settle()
before = gc.get_freeze_count()
circles(10)
assert sum(isinstance(each, Circle) for each in gc.get_objects()) == 10
trim()
assert not any(isinstance(each, Circle) for each in gc.get_objects())
print(before, len(gc.get_objects()))
"""


def test_what_it_begins_with_is_passed_over_from_then_on_and_new_circles_are_not() -> None:
    """In a process of its own: what is frozen stays so."""
    done = subprocess.run([sys.executable, "-c", SETTLED], capture_output=True, text=True, check=True)
    frozen, left = map(int, done.stdout.split())
    assert frozen > 50_000
    assert left < frozen / 100
