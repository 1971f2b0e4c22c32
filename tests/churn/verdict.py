"""Flat or not: what a process held over time, as a slope that single peaks do not move, against a stated bound.

Only the second half of the samples counts: before that caches fill, threads are started when first needed, and bounded
tables come to their bounds. The slope is Theil and Sen's, the median of the slopes between all pairs of samples: nearly
a third of them may be wild (an open stream, a file that is read just then) without moving it.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.churn.sampling import MIB, Sample

HOUR_SECONDS = 3600.0
FEWEST = 6
"""Samples in the second half, below which there is nothing to be said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One figure of a sample, in `unit`, and by how much an hour it may grow and still be called flat."""

    name: str
    unit: str
    bound: float
    of: Callable[[Sample], float]
    why: str


MEASURES = (
    Measure(name="RSS", unit="MiB", bound=2.0, of=lambda s: s.rss / MIB, why="48 MiB a day would be noticed"),
    Measure(name="anonymous", unit="MiB", bound=2.0, of=lambda s: s.anonymous / MIB, why="as RSS"),
    Measure(name="descriptors", unit="", bound=2.0, of=lambda s: s.descriptors, why="1,024 would last three weeks"),
    Measure(name="threads", unit="", bound=1.0, of=lambda s: s.threads, why="as descriptors"),
    Measure(
        name="store",
        unit="MiB",
        bound=8.0,
        of=lambda s: s.store / MIB,
        why="audit, patches and answers of an hour of writes, until their own bounds are reached",
    ),
    Measure(name="WAL", unit="MiB", bound=1.0, of=lambda s: s.wal / MIB, why="it is written back at 4 MiB"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """How one measure went. `slope` is per hour, of the second half; `first`, `last` are medians of its two ends."""

    measure: Measure
    slope: float
    first: float
    last: float
    least: float
    most: float

    @property
    def flat(self) -> bool:
        return self.slope <= self.measure.bound

    def row(self) -> str:
        figures = f"{self.first:>9.1f} {self.last:>9.1f} {self.least:>9.1f} {self.most:>9.1f}"
        verdict = "flat" if self.flat else "GROWS"
        rates = f"{self.slope:>+9.2f} {self.measure.bound:>8.1f}"
        return f"{self.measure.name:<12}{figures} {rates}  {verdict:<6}{self.measure.unit}".rstrip()

    def document(self) -> dict[str, object]:
        return {
            "name": self.measure.name,
            "unit": self.measure.unit,
            "slope_per_hour": round(self.slope, 4),
            "bound_per_hour": self.measure.bound,
            "first": round(self.first, 3),
            "last": round(self.last, 3),
            "min": round(self.least, 3),
            "max": round(self.most, 3),
            "flat": self.flat,
        }


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Theil and Sen's, in y for each x; 0 where there are no two different x."""
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in itertools.combinations(points, 2) if x2 != x1]
    return statistics.median(slopes) if slopes else 0.0


def findings(samples: Sequence[Sample]) -> tuple[Finding, ...]:
    """One for each measure; none where there are too few samples."""
    late = samples[len(samples) // 2 :]
    if len(late) < FEWEST:
        return ()
    end = max(1, len(late) // 6)
    return tuple(
        Finding(
            measure=measure,
            slope=slope([(sample.at / HOUR_SECONDS, measure.of(sample)) for sample in late]),
            first=statistics.median(measure.of(sample) for sample in late[:end]),
            last=statistics.median(measure.of(sample) for sample in late[-end:]),
            least=min(measure.of(sample) for sample in late),
            most=max(measure.of(sample) for sample in late),
        )
        for measure in MEASURES
    )


HEAD = f"{'second half':<12}{'first':>9} {'last':>9} {'least':>9} {'most':>9} {'per hour':>9} {'bound':>8}"
