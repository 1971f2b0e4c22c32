"""What is kept whole comes back as it was, or not at all."""

from __future__ import annotations

import gc
import sys
from dataclasses import fields, replace

import pytest

from tests.unit.planning.dues import timetable
from zpmd.model.container import Container
from zpmd.model.job import CatchUp, Concurrency, JobPolicy
from zpmd.model.memory import Attempt, Tried
from zpmd.model.observed import Dossier
from zpmd.model.schedule import Timetable
from zpmd.model.service import Group, ServiceData
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


def test_a_job_comes_back_with_all_that_it_says() -> None:
    job = JobPolicy(
        timetable=replace(timetable("0 3 * * *", "every 15m", zone="Europe/Berlin"), jitter_seconds=30.0),
        concurrency=Concurrency.REPLACE,
        catch_up=CatchUp.NONE,
        deadline_seconds=60.0,
        timeout_seconds=90.0,
        retries=3,
        retry_delay_seconds=5.0,
        retry_max_seconds=50.0,
        suspend=True,
        keep_succeeded=0,
        keep_failed=7,
    )
    assert all(getattr(job, field.name) != field.default for field in fields(job))
    service = ServiceData(name="dump", group=Group.BATCH, container=Container(image="a"), job=job)
    assert codec.decode(ServiceData, codec.encode(service)) == service


def test_a_service_of_an_older_zpmd_is_no_job() -> None:
    service = ServiceData(name="web", group=Group.CORE, container=Container(image="a"))
    assert "job" not in codec.encode(service)
    assert codec.decode(ServiceData, codec.encode(service)).job is None


def test_what_was_read_once_is_not_kept() -> None:
    texts = [codec.encode(_with_log(f"a line of its own, {number}")) for number in range(2000)]
    codec.decode(Dossier, texts[0])
    gc.collect()
    before = sys.getallocatedblocks()
    for text in texts:
        codec.decode(Dossier, text)
    gc.collect()
    assert sys.getallocatedblocks() - before < 200


def _with_log(line: str) -> Dossier:
    return Dossier(service="web", slot=1, container_id="c", at=1.0, log_tail=(line,))
