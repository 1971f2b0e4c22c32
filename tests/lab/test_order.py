"""The order of a whole run: every file once, a sweep beside the tests that wait, as long as there are any."""

from __future__ import annotations

import itertools
from pathlib import Path

from tests.lab.order import SWEEPS, WAITING, ordered

CHECKOUT = Path(__file__).resolve().parents[2]
ALL = sorted(str(path.relative_to(CHECKOUT)) for path in (CHECKOUT / "tests").rglob("test_*.py"))


def test_every_file_has_its_turn_once() -> None:
    assert sorted(ordered(ALL)) == ALL
    assert ordered(reversed(ALL)) == ordered(ALL)
    assert ordered(ALL[:3]) == ALL[:3]


def test_sweeps_are_spread_among_what_waits_and_the_rest_comes_last() -> None:
    order = ordered(ALL)
    waiting = [file.startswith(WAITING) for file in order]
    assert sum(waiting) > 50
    assert set(order[: sum(waiting) + len(SWEEPS)]) == {file for file in ALL if file.startswith(WAITING)} | set(SWEEPS)
    places = [order.index(sweep) for sweep in SWEEPS]
    between = [later - place for place, later in itertools.pairwise(places)]
    assert places[0] == 0
    assert max(between) - min(between) <= 1


def test_the_files_that_are_named_are_there() -> None:
    assert set(SWEEPS) <= set(ALL)
    assert [folder for folder in WAITING if not any(file.startswith(folder) for file in ALL)] == []
