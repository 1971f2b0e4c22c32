"""Many sessions, one after the other, and what they came to: `scripts/soak`.

Beside what went wrong, it says what happened at all ("sometimes"): a fault that never struck, and a boundary at which
no daemon ever stood, prove nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from loguru import logger

from zpmd.model.job import Ending
from zpmd.model.patch import Stage
from zpmd.simulation import session, tenants
from zpmd.simulation.patch_moves import FORGERIES, KINDS
from zpmd.simulation.registry import MOVES
from zpmd.simulation.row_moves import SAYS

CHUNK = 25
BOUNDARIES = tuple(
    [f"store {name}: {where}" for name in (
        "journal", "outcome", "ready", "attempt", "verdict", "hooked", "pulled", "forget", "dossier", "last good",
        "intent", "rows", "leases", "timing", "begin patch", "file patch", "ask revert",
        "keep runs", "run evidence", "ask run",
        *(f"keep patch {stage}" for stage in Stage if stage is not Stage.SEEN),
    ) for where in ("before", "after")]
    + [f"{verb}: {where}" for verb in (
        "run", "start", "restart", "stop", "remove", "run hook", "keep evidence", "pull", "load",
        "create volume", "create network",
        "remove volume", "remove network",
    ) for where in ("before", "after")]
    + ["observe: after"]
)  # fmt: skip
"""Every boundary of an effect that there is."""
SOMETIMES = (
    *tenants.SOMETIMES,
    *(f"rows {said}" for said in SAYS),
    *(f"patches dropped {kind}" for kind in KINDS),
    *(f"patches forged {how}" for how in FORGERIES),
    *(f"patches {stage}" for stage in Stage if stage is not Stage.SEEN),
    "runs begun",
    *(f"runs {ending}" for ending in Ending if ending is not Ending.REPEATED),
)


@dataclass(slots=True)
class Total:
    sessions: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    reached: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def __add__(self, other: Total) -> Total:
        return Total(
            self.sessions + other.sessions,
            self.counts + other.counts,
            self.reached + other.reached,
            self.violations + other.violations,
        )

    def never_happened(self) -> list[str]:
        """Faults and wishes that no session came to, and what can become of rows."""
        words = [word for word, m in MOVES.items() if m.kind != "schedule" and not self.counts[f"{m.kind} {word}"]]
        return words + [name for name in SOMETIMES if not self.counts[name]]

    def never_reached(self) -> list[str]:
        """Boundaries at which no daemon stood."""
        return [name for name in BOUNDARIES if not self.reached[name]]

    def report(self) -> str:
        moves = sum(n for name, n in self.counts.items() if name.split()[0] in ("schedule", "fault", "wish"))
        lines = [
            f"{self.sessions} sessions, {moves} moves, {self.counts['passes']} passes,"
            f" {_sum(self.counts, 'call ')} calls of the engine, {self.counts['kills']} deaths of the daemon",
            f"faults: {_listed(self.counts, 'fault ')}",
            f"wishes: {_listed(self.counts, 'wish ')}",
            f"rows: {_listed(self.counts, 'rows ')}",
            f"patches: {_listed(self.counts, 'patches ')}",
            f"jobs: {_listed(self.counts, 'runs ')}",
            f"boundaries: {len(BOUNDARIES) - len(self.never_reached())} of {len(BOUNDARIES)} reached",
        ]
        lines += [f"never happened: {', '.join(self.never_happened())}"] if self.never_happened() else []
        lines += [f"never reached: {', '.join(self.never_reached())}"] if self.never_reached() else []
        lines += [f"violations: {len(self.violations)}", *self.violations]
        return "\n".join(lines)


def of_seeds(seeds: Iterable[int], steps: int = session.STEPS) -> Total:
    """One session for each seed."""
    logger.disable("zpmd")
    total = Total()
    for seed in seeds:
        ended = session.from_seed(seed, steps, muted=True)
        total.sessions += 1
        total.counts += ended.site.counts
        total.reached += ended.site.failpoints.reached
        if ended.violation is not None:
            total.violations.append(f"zpmd simulate --seed {seed}: {ended.violation}")
    return total


def main() -> None:
    """Seeds from a fresh place on, for so many minutes, on every core. Exits with 1 where an invariant broke."""
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("minutes", nargs="?", type=float, default=5.0, help="how long [default: 5]")
    parser.add_argument("--from", dest="first", type=int, help="the first seed [default: by the time of day]")
    options = parser.parse_args()
    began = time.monotonic()
    first = options.first if options.first is not None else int(time.time()) * 1000
    total, workers = Total(), os.cpu_count() or 1
    sys.stdout.write(f"seeds from {first}, {options.minutes:g} minutes on {workers} cores\n")
    sys.stdout.flush()
    with ProcessPoolExecutor(workers) as processes:
        while time.monotonic() - began < options.minutes * 60:
            chunks = [range(first + n * CHUNK, first + (n + 1) * CHUNK) for n in range(workers)]
            first += workers * CHUNK
            total = sum(processes.map(of_seeds, chunks), total)
    sys.stdout.write(f"{total.report()}\n{time.monotonic() - began:.0f} s\n")
    sys.exit(1 if total.violations else 0)


def _sum(counts: Counter[str], prefix: str) -> int:
    return sum(number for name, number in counts.items() if name.startswith(prefix))


def _listed(counts: Counter[str], prefix: str) -> str:
    found = sorted((name.removeprefix(prefix), n) for name, n in counts.items() if name.startswith(prefix))
    return ", ".join(f"{name} {n}" for name, n in found)


if __name__ == "__main__":
    main()
