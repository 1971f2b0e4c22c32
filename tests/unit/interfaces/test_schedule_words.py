"""Schedules and runs in words: tables."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Any

import pytest

from tests.unit.interfaces.given import NOON
from tests.unit.interfaces.given_jobs import TWO_O_CLOCK, run, runs
from zpmd.interfaces import run_words, words
from zpmd.interfaces.jobs import run_view
from zpmd.interfaces.schedule_words import short, spoken, written
from zpmd.model.job import Ending, Step
from zpmd.model.schedule import Cron, Every
from zpmd.sources.cron import cron


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("0 2 * * *", "at 02:00 every day"),
        ("@daily", "at 00:00 every day"),
        ("@hourly", "every hour"),
        ("0,30 2,14 * * *", "at 02:00, 02:30, 14:00 and 14:30 every day"),
        ("* * * * *", "every minute"),
        ("*/15 * * * *", "every 15 minutes"),
        ("5 * * * *", "every hour, at minute 5"),
        ("5 */6 * * *", "every 6 hours, at minute 5"),
        ("0 */6 * * *", "every 6 hours"),
        ("0 3 * * 0", "at 03:00 on Sunday"),
        ("0 3 * * mon-fri", "at 03:00 on Monday to Friday"),
        ("0 3 * * 1,3", "at 03:00 on Monday and Wednesday"),
        ("0 3 1,15 * *", "at 03:00 on day 1 and 15 of the month"),
        ("0 3 1 1 *", "at 03:00 on day 1 in January"),
        ("0 3 * 6 *", "at 03:00 every day in June"),
        ("0 3 13 * 5", "at 03:00 on day 13 of the month, and on Friday"),
        ("*/15 9-17 * * *", ""),
        ("7,9,20 * * * *", ""),
        ("*/45 * * * *", ""),
    ],
)
def test_a_cron_expression_is_spoken(text: str, told: str) -> None:
    made = cron(text)
    assert isinstance(made, Cron)
    assert spoken(made) == told
    assert written(made) == text


@pytest.mark.parametrize(
    ("seconds", "as_written", "told"),
    [
        (900, "every 15m", "every 15 minutes"),
        (3600, "every 1h", "every hour"),
        (5400, "every 1h30m", "every 90 minutes"),
        (90, "every 1m30s", "every 90 seconds"),
        (86_400, "every 1d", "every day"),
    ],
)
def test_a_rhythm_is_spoken(seconds: int, as_written: str, told: str) -> None:
    assert (written(Every(seconds)), spoken(Every(seconds))) == (as_written, told)
    assert short(0) == "0s"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({}, "ok after 12 s"),
        ({"ending": Ending.FAILED}, "failed with exit 3 after 12 s"),
        ({"ending": Ending.FAILED, "exit_code": 137}, "failed with exit 137 (SIGKILL) after 12 s"),
        ({"ending": Ending.MISSED_DOWN}, "missed: nobody looked then"),
        ({"ending": None, "step": Step.WAITING}, "waiting"),
        ({"ending": None, "step": Step.STARTING, "tries": 2, "not_before": NOON + 10}, "waiting, for 10 s more, try 2"),
        ({"ending": None, "step": Step.STARTING, "tries": 1}, "starting"),
    ],
)
def test_a_run_is_told(more: dict[str, Any], told: str) -> None:
    assert run_words.stands(run_view(run(**more)), NOON) == told


def test_a_run_that_is_being_stopped_says_why() -> None:
    view = run_view(runs(TWO_O_CLOCK, stopping=Ending.TIMED_OUT))
    assert run_words.stands(view, NOON) == "running for 60 s, is being stopped: timed-out"


@pytest.mark.parametrize(
    ("ending", "reason", "told"),
    [
        (Ending.FAILED, "exited with 3", ""),
        (Ending.FAILED, "killed by the kernel: out of memory", "killed by the kernel: out of memory"),
        (Ending.FAILED_START, "could not start: no such program", "no such program"),
        (Ending.TIMED_OUT, "took longer than 4 s", "took longer than 4 s"),
    ],
)
def test_a_reason_is_told_as_far_as_it_says_more_than_the_ending(ending: Ending, reason: str, told: str) -> None:
    assert run_words.remark(run_view(run(ending=ending, reason=reason))) == told


def test_every_ending_has_words_of_its_own() -> None:
    assert set(run_words.ENDINGS) == set(Ending)
    assert len(set(run_words.ENDINGS.values())) == len(Ending)


def test_a_moment_means_the_same_wherever_it_is_read() -> None:
    assert words.moment(TWO_O_CLOCK, timezone.utc) == "2023-11-15T02:00:00Z"  # noqa: UP017 - as zoneinfo tells it
    assert words.moment(TWO_O_CLOCK, timezone(timedelta(hours=1))) == "2023-11-15T03:00:00+01:00"


@pytest.mark.parametrize(
    ("subject", "told"),
    [
        ("report/1700013600", "report/2023-11-15T02:00:00Z"),
        ("redis/2", "redis/2"),
        ("redis", "redis"),
        ("image:repo/1700013600", "image:repo/1700013600"),
        ("volume:data", "volume:data"),
    ],
)
def test_the_slot_of_a_run_is_told_as_a_time(subject: str, told: str) -> None:
    assert words.named(subject, timezone.utc) == told  # noqa: UP017
