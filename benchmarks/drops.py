"""From the rename of a patch file into incoming/ to the wake of the loop, beside bare inotify on the same folder.

    .venv/bin/python -m benchmarks.drops [--rounds 100] [--json FILE]

Every rename is seen by three: a thread that reads an inotify of its own and does nothing else (the floor), the wake of
the loop (the row of the ledger is on the disk by then), and the row being COPIED. A file is put away before the next
one comes, because that is what makes watchdog late where it is not asked carefully (zpmd/patching/noticing.py).
"""

from __future__ import annotations

import ctypes
import os
import tempfile
import threading
import time
from pathlib import Path

from loguru import logger

from benchmarks import measure
from tests.integration.patches.site import Site, manifest
from tests.lab.eventually import eventually
from zpmd.model.patch import Stage

IN_MOVED_TO = 0x80
SETTLE_SECONDS = 0.05


class Bare:
    """inotify without a library: when the last rename into the folder was read."""

    def __init__(self, folder: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self.descriptor = libc.inotify_init()
        if self.descriptor < 0 or libc.inotify_add_watch(self.descriptor, os.fsencode(folder), IN_MOVED_TO) < 0:
            raise OSError(ctypes.get_errno(), "inotify")
        self.heard: list[float] = []
        threading.Thread(target=self._read, name="bare inotify", daemon=True).start()

    def _read(self) -> None:
        while os.read(self.descriptor, 4096):
            self.heard.append(time.monotonic())


def main() -> None:
    options = measure.arguments(__doc__ or "", rounds=100)
    logger.remove()
    with tempfile.TemporaryDirectory(prefix="zpmd-bench-") as folder:
        site = Site(Path(folder)).start()
        try:
            bare = Bare(site.incoming)
            series = measured(site, bare, options.rounds)
        finally:
            site.close()
    measure.report("a rename into incoming/", series, options, reference=series[0])
    print(f"slowest wake: {max(series[1].values) * 1000:.1f} ms; the bound is 100 ms\n")


def measured(site: Site, bare: Bare, rounds: int) -> list[measure.Series]:
    floor, woken, copied = (
        measure.Series(name) for name in ("floor: bare inotify", "the loop is woken", "the row is COPIED")
    )
    for number in range(rounds):
        name = f"{number}.patch.yaml"
        aside = site.folder / name
        aside.write_text(manifest(f"fix-{number}"))
        heard, wakes = len(bare.heard), len(site.woken)
        began = time.monotonic()
        os.rename(aside, site.incoming / name)
        row = site.row(Stage.COPIED, name=name)
        floor.values.append(bare.heard[heard] - began)
        woken.values.append(site.woken[wakes] - began)
        eventually(lambda wakes=wakes: len(site.woken) > wakes + 1)  # type: ignore[misc]
        copied.values.append(site.woken[wakes + 1] - began)
        site.end(row, Stage.APPLIED)
        site.filed(row.number)
        time.sleep(SETTLE_SECONDS)
    return [floor, woken, copied]


if __name__ == "__main__":
    main()
