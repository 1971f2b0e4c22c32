"""What is kept whole comes back as it was, or not at all."""

from __future__ import annotations

import pytest

from tests.unit.planning.dues import timetable
from zpmd.model.memory import Attempt, Tried
from zpmd.model.schedule import Timetable
from zpmd.stores import codec

ATTEMPT = Attempt(tried=Tried.START, count=2, at=1.5, spec="1:abc", generation=1)


def test_a_value_comes_back_as_it_was() -> None:
    assert codec.decode(Attempt, codec.encode(ATTEMPT)) == ATTEMPT


def test_a_timetable_comes_back_with_both_kinds_of_schedules() -> None:
    table = timetable("0 3 * * mon", "every 15m", "@hourly", zone="Europe/Berlin")
    assert codec.decode(Timetable, codec.encode(table)) == table


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1" + "0" * 400, "NaN", "Infinity", "-Infinity", "null", '"x"'])
def test_a_number_that_nobody_can_write_again_makes_the_whole_unreadable(number: str) -> None:
    damaged = codec.encode(ATTEMPT).replace("1.5", number)
    with pytest.raises(codec.Unreadable):
        codec.decode(Attempt, damaged)


@pytest.mark.parametrize("text", ["", "{}", "[]", "{", '"x"', "\0", "[" * 5000, '{"x": ' * 5000])
def test_what_is_no_such_value_is_unreadable(text: str) -> None:
    with pytest.raises(codec.Unreadable):
        codec.decode(Attempt, text)
