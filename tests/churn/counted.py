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
        kinds = Counter(f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.get_objects())
        line = {"at": time.time(), "all": kinds.total(), "kinds": dict(kinds.most_common(KINDS))}
        with path.open("a") as file:
            file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    del sys.argv[0]  # what follows is a command line of zpmd
    threading.Thread(target=count, args=(Path(os.environ[WHERE]),), daemon=True).start()
    main()
