"""One target under atheris, in this process: `python -m tests.fuzz.one TARGET [CORPUS...] [libFuzzer options]`.

Only what reads the input is instrumented: zpmd itself, and of the libraries nothing.
"""

from __future__ import annotations

import sys
import time

import atheris

CPU_SECONDS = 1.0


class TooSlow(Exception):
    """An input took more of the processor than it may."""


def main() -> None:
    name = sys.argv.pop(1)
    with atheris.instrument_imports(include=["zpmd"]):
        from tests.fuzz.targets import TARGETS

    target = TARGETS[name]

    def one(data: bytes) -> None:
        began = time.process_time()
        target(data)
        seconds = time.process_time() - began
        if seconds > CPU_SECONDS:
            raise TooSlow(f"{seconds:.1f} s for {len(data)} bytes")

    target(b"")  # what is made once is not the first input's fault
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
