"""The processes that a sweep is divided among.

They take what the tests beside them leave (scripts/test runs three files at a time): a sweep has all the time in the
world, a scenario on a real engine has deadlines. They are spawned, for a fork copies the locks of threads that it does
not copy.
"""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor

AT_ONCE = 2
NICE = 15


def processes() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(AT_ONCE, multiprocessing.get_context("spawn"), os.nice, (NICE,))
