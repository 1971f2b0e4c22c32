"""Series of measurements, and how they are printed and kept."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

Arm = TypeVar("Arm")


@dataclass(slots=True)
class Series:
    """Measurements of one arm, in seconds or in what `unit` says."""

    name: str
    unit: str = "ms"
    values: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def row(self, reference: float | None = None) -> str:
        scale = 1000 if self.unit == "ms" else 1
        low, mid, high = (x * scale for x in (min(self.values), self.median, max(self.values)))
        ratio = f"{self.median / reference:7.2f}" if reference else " " * 7
        return f"{self.name:<48} {mid:>9.2f} {low:>9.2f} {high:>9.2f} {len(self.values):>5} {ratio}  {self.unit}"


def table(title: str, series: Sequence[Series], reference: Series | None = None) -> str:
    """With a reference, each median is also given as a multiple of its median."""
    head = f"{title:<48} {'median':>9} {'min':>9} {'max':>9} {'n':>5} {'ratio' if reference else '':>7}"
    return "\n".join([head, *(s.row(reference.median if reference else None) for s in series)])


def rotated(arms: Sequence[Arm], rounds: int) -> Iterator[Arm]:
    """Every arm once in each round, each round beginning with another."""
    for number in range(rounds):
        shift = number % len(arms)
        yield from (*arms[shift:], *arms[:shift])


def machine() -> Mapping[str, str]:
    return {
        "python": platform.python_version(),
        "kernel": platform.release(),
        "cpus": str(os.cpu_count()),
        "load": f"{os.getloadavg()[0]:.1f}",
    }


def arguments(description: str, rounds: int) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=int, default=rounds, help=f"measurements of each arm ({rounds})")
    parser.add_argument("--json", type=Path, help="also write every measurement to this file")
    return parser.parse_args()


def report(title: str, series: Sequence[Series], options: argparse.Namespace, reference: Series | None = None) -> None:
    """Print the table, and add the measurements to the file where one is asked for."""
    print(table(title, series, reference))
    print("  " + ", ".join(f"{k} {v}" for k, v in machine().items()) + "\n", flush=True)
    if options.json:
        kept = json.loads(options.json.read_text()) if options.json.exists() else []
        kept.append({"title": title, "machine": machine(), "series": {s.name: s.values for s in series}})
        options.json.write_text(json.dumps(kept, indent=1) + "\n")
