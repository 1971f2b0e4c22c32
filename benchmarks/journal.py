"""A full journal: what a line costs while a noisy service keeps it full, and how soon a story is read from it.

    .venv/bin/python -m benchmarks.journal [--rounds 2000] [--json FILE]

50,000 lines of 250 services, as after weeks, and one that never stops failing. The floor of a line is one that is
written to a journal that is nearly empty; the floor of a story, that of a service in such a journal.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks import measure
from zpmd.daemon.clock import SystemClock
from zpmd.model.events import Entry
from zpmd.stores import retention
from zpmd.stores.embedded import EmbeddedStore

ENTRIES = 50_000
SERVICES = 250
STORY = 200


def line(number: int, service: str) -> Entry:
    facts = {"kind": "action", "verb": "start", "subject": f"{service}/1", "code": "died", "attempt": number}
    text = "exited with 137, failure 4 in a row: a fresh one takes its place"
    return Entry(id=0, at=time.time(), service=service, text=text, **facts)  # type: ignore[arg-type]


def main() -> None:
    options = measure.arguments(__doc__ or "", rounds=2000)
    with tempfile.TemporaryDirectory(prefix="zpmd-bench-") as folder:
        small, full = (
            EmbeddedStore(Path(folder) / name / "zpmd.db", ENTRIES, SystemClock()) for name in ("small", "full")
        )
        for number in range(STORY):
            small.begin(line(number, "s7"))
        for number in range(ENTRIES):
            full.begin(line(number, f"s{number % SERVICES}"))
        lines, stories = measured(small, full, options.rounds)
        measure.report("a line of the journal", lines, options, reference=lines[0])
        measure.report("a story is read", stories, options, reference=stories[0])
        kept = len(full.journal(limit=2 * ENTRIES))
        others = len(full.journal(service="s7", limit=ENTRIES))
        print(f"kept: {kept} lines, of a quiet service {others} of {ENTRIES // SERVICES}")
        small.close()
        full.close()


def measured(
    small: EmbeddedStore, full: EmbeddedStore, rounds: int
) -> tuple[list[measure.Series], list[measure.Series]]:
    names = ("floor: nearly empty", "full, and one is noisy", "of those, the ones that make room")
    written = [measure.Series(name) for name in names]
    read = [measure.Series(name) for name in ("floor: nearly empty", "of a quiet service", "of the noisy one")]
    for number in range(rounds):
        for store, series in ((small, written[0]), (full, written[1])):
            began = time.monotonic()
            entry_id = store.begin(line(number, "noisy"))
            series.values.append(time.monotonic() - began)
            if store is full and entry_id % retention.EVERY == 0:
                written[2].values.append(series.values[-1])
        if number % 10 == 0:
            for store, service, series in ((small, "s7", read[0]), (full, "s7", read[1]), (full, "noisy", read[2])):
                began = time.monotonic()
                store.journal(service=service, limit=STORY)
                series.values.append(time.monotonic() - began)
    return written, read


if __name__ == "__main__":
    main()
