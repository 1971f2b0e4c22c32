"""zpmd with a thread beside it that counts what its interpreter holds, by kind: to find what grows when something does.

A line of JSON every two minutes. It is no part of a verdict: counting takes the interpreter's lock, and memory.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from zpmd.__main__ import main

WHERE = "ZPMD_CHURN_OBJECTS"
EVERY_SECONDS = 120.0
KINDS = 300


def count(path: Path) -> None:
    never = threading.Event()
    while not never.wait(EVERY_SECONDS):
        numbers, sizes = held()
        line = {"at": time.time(), "kinds": dict(numbers.most_common(KINDS)), "bytes": dict(sizes.most_common(KINDS))}
        with path.open("a") as file:
            file.write(json.dumps(line) + "\n")


def held() -> tuple[Counter[str], Counter[str]]:
    """How many objects there are of each kind, and how many bytes they take; texts and numbers, of which the collector
    knows nothing, under the kind that holds them: `str of list`."""
    numbers: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    seen: set[int] = set()
    for one in gc.get_objects():
        kind = f"{type(one).__module__}.{type(one).__qualname__}"
        numbers[kind] += 1
        sizes[kind] += sys.getsizeof(one, 0)
        for inner in gc.get_referents(one):
            if isinstance(inner, str | bytes | int | float) and id(inner) not in seen:
                seen.add(id(inner))
                name = f"{type(inner).__name__} of {kind}"
                numbers[name] += 1
                sizes[name] += sys.getsizeof(inner, 0)
    return numbers, sizes


if __name__ == "__main__":
    del sys.argv[0]  # what follows is a command line of zpmd
    threading.Thread(target=count, args=(Path(os.environ[WHERE]),), daemon=True).start()
    main()
