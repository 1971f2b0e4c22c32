"""The verdict is no yes-man: what grows by little is found out under noise, and what only shakes is flat."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.churn.sampling import MIB, Sample, told
from tests.churn.verdict import FEWEST, MEASURES, findings, slope

HOUR_SAMPLES, EVERY_SECONDS = 360, 10.0
STILL = Sample(at=0.0, rss=100 * MIB, anonymous=90 * MIB, descriptors=40, threads=30, store=2 * MIB, wal=4 * MIB)


def hour(of: Callable[[float, Sample], Sample]) -> list[Sample]:
    """Samples of an hour, each as `of` makes it of its time in hours and a still one."""
    times = [number * EVERY_SECONDS for number in range(HOUR_SAMPLES)]
    return [of(at / 3600, replace(STILL, at=at)) for at in times]


def growing(samples: list[Sample]) -> list[str]:
    return [one.measure.name for one in findings(samples) if not one.flat]


def test_what_stays_as_it_is_is_flat() -> None:
    assert growing(hour(lambda _, sample: sample)) == []
    assert [one.slope for one in findings(hour(lambda _, sample: sample))] == [0.0] * len(MEASURES)


def test_what_only_shakes_is_flat_and_so_is_what_had_to_get_warm() -> None:
    chance = random.Random(7)

    def shaken(hours: float, sample: Sample) -> Sample:
        warm = min(hours, 0.4) * 50 * MIB
        return replace(
            sample,
            rss=sample.rss + round(warm + chance.uniform(-MIB, MIB)),
            descriptors=sample.descriptors + chance.randrange(40),
            threads=sample.threads + chance.choice((0, 0, 0, 60)),
        )

    assert growing(hour(shaken)) == []


@pytest.mark.parametrize(
    ("name", "leak"),
    [
        ("RSS", lambda hours, sample: replace(sample, rss=sample.rss + round(3 * hours * MIB))),
        ("anonymous", lambda hours, sample: replace(sample, anonymous=sample.anonymous + round(3 * hours * MIB))),
        ("descriptors", lambda hours, sample: replace(sample, descriptors=sample.descriptors + round(6 * hours))),
        ("threads", lambda hours, sample: replace(sample, threads=sample.threads + round(4 * hours))),
        ("store", lambda hours, sample: replace(sample, store=sample.store + round(9 * hours * MIB))),
        ("WAL", lambda hours, sample: replace(sample, wal=sample.wal + round(2 * hours * MIB))),
    ],
    ids=["RSS", "anonymous", "descriptors", "threads", "store", "WAL"],
)
def test_a_leak_is_named(name: str, leak: Callable[[float, Sample], Sample]) -> None:
    chance = random.Random(7)

    def noisy(hours: float, sample: Sample) -> Sample:
        return replace(leaking := leak(hours, sample), rss=leaking.rss + chance.randrange(MIB // 2))

    assert growing(hour(noisy)) == [name]


def test_a_third_of_wild_samples_does_not_move_the_slope() -> None:
    points = [(float(n), 2.0 * n if n % 4 else 1e6) for n in range(100)]
    assert slope(points) == pytest.approx(2.0, abs=0.01)


def test_too_few_samples_are_no_verdict() -> None:
    assert findings([STILL] * (2 * FEWEST - 2)) == ()
    assert len(findings([STILL] * 2 * FEWEST)) == len(MEASURES)


def test_a_row_says_what_there_was_and_how_it_was_judged() -> None:
    samples = hour(lambda hours, sample: replace(sample, anonymous=round((90 + 12 * hours) * MIB)))
    rows = {one.measure.name: one.row() for one in findings(samples)}
    assert rows["anonymous"].split() == ["anonymous", "96.5", "101.5", "96.0", "102.0", "+12.00", "2.0", "GROWS", "MiB"]
    assert rows["threads"].split()[-1] == "flat"
    assert rows["RSS"].split() == ["RSS", "100.0", "100.0", "100.0", "100.0", "+0.00", "2.0", "flat", "MiB"]
    assert told(STILL) == "  100.0 MiB RSS    90.0 anon   40 fd  30 threads   2.00 MiB store  4.00 WAL"
