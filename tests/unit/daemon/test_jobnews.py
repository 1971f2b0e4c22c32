"""What the journal and the log have of runs: a line for each that ended, one for all that were missed, and no flood."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from zpmd.daemon.jobnews import MOST, NAMED, WORDS, JobNews, RunNews
from zpmd.daemon.news import LINES
from zpmd.messages import DEBUG, ERROR, INFO, NOTICE, WARNING, Message
from zpmd.model.job import BAD, Ending, JobMemory, Run, RunsKept, Step

DUE = 1_774_746_000
"""2026-03-29T01:00:00Z."""
HOUR = 3600


def ended(ending: Ending, due: int = DUE, job: str = "report", **fields: Any) -> Run:
    return Run(job=job, due=due, step=Step.ENDED, ending=ending, **fields)


def failed(due: int = DUE, exit_code: int = 3) -> Run:
    return ended(Ending.FAILED, due, exit_code=exit_code)


def lines(news: JobNews, *rows: Run, now: float = DUE + 60.0, before: dict[str, JobMemory] | None = None) -> list[str]:
    return [line.text for line in told(news, *rows, now=now, before=before)]


def told(
    news: JobNews, *rows: Run, now: float = DUE + 60.0, before: dict[str, JobMemory] | None = None
) -> list[RunNews]:
    return news.of(RunsKept(rows=rows), before or {}, now)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (
            ended(Ending.OK, exit_code=0, started_at=DUE + 2.0, finished_at=DUE + 14.0),
            "its run of 2026-03-29T01:00:00Z ended well, exit 0, after 12 s",
        ),
        (
            ended(Ending.FAILED, exit_code=3, tries=3, started_at=DUE + 2.0, finished_at=DUE + 302.0),
            "its run of 2026-03-29T01:00:00Z failed, exit 3, after 5 min, on try 3",
        ),
        (
            ended(Ending.FAILED_START, reason="no such image"),
            "its run of 2026-03-29T01:00:00Z could not be started: no such image",
        ),
        (
            ended(Ending.SKIPPED_OVERLAP, reason="the run of 00:00 has not ended"),
            "its run of 2026-03-29T01:00:00Z was skipped: the run of 00:00 has not ended",
        ),
        (
            ended(Ending.MISSED_DOWN, until=DUE + 2 * HOUR, count=3, reason="nobody looked"),
            "3 runs of 2026-03-29T01:00:00Z to 2026-03-29T03:00:00Z were missed: nobody looked",
        ),
    ],
)
def test_a_line_says_how_a_run_has_ended(row: Run, text: str) -> None:
    assert lines(JobNews(), row) == [text]


def test_there_are_words_for_every_ending() -> None:
    assert WORDS.keys() == set(Ending)
    assert set(NAMED) >= BAD, "what somebody has to look at has a name in the log"


@pytest.mark.parametrize(
    ("ending", "level", "message"),
    [
        (Ending.OK, INFO, None),
        (Ending.FAILED, ERROR, Message.JOB_FAILED),
        (Ending.TIMED_OUT, ERROR, Message.JOB_FAILED),
        (Ending.VANISHED, ERROR, Message.JOB_FAILED),
        (Ending.FAILED_START, ERROR, Message.JOB_FAILED),
        (Ending.TOO_LATE, ERROR, Message.JOB_TOO_LATE),
        (Ending.MISSED_DOWN, WARNING, Message.JOB_MISSED),
        (Ending.SKIPPED_OVERLAP, WARNING, Message.JOB_SKIPPED),
        (Ending.STOPPED, INFO, None),
        (Ending.REPLACED, INFO, None),
        (Ending.HELD, INFO, None),
        (Ending.SUSPENDED, INFO, None),
        (Ending.REPEATED, INFO, None),
    ],
)
def test_how_loud_an_ending_is(ending: Ending, level: str, message: Message | None) -> None:
    [line] = told(JobNews(), ended(ending, tenant="acme"))
    assert (line.level, line.message, line.service, line.tenant, line.code) == (
        level,
        message,
        "report",
        "acme",
        ending,
    )
    assert message is None or message.level == level


def test_nothing_is_told_of_what_goes_on_and_of_what_had_ended_before() -> None:
    going = replace(failed(), step=Step.RUNNING, ending=None)
    known = {"report": JobMemory(runs=(failed(),))}
    assert lines(JobNews(), going) == []
    assert lines(JobNews(), failed(), before=known) == []
    assert len(lines(JobNews(), failed(), before={"report": JobMemory(runs=(going,))})) == 1


def test_what_was_missed_together_is_one_line_for_each_job_and_each_run_has_its_own() -> None:
    night = [ended(Ending.MISSED_DOWN, DUE + n * HOUR, job) for n in range(8) for job in ("report", "backup")]
    runs = [failed(DUE + n * HOUR) for n in range(8, 10)]
    many = ended(Ending.MISSED_DOWN, DUE - 500 * HOUR, until=DUE - HOUR, count=500)
    assert [(line.subject, line.text.partition(" ")[0]) for line in told(JobNews(), many, *night, *runs)] == [
        ("report", "508"),
        ("backup", "8"),
        (f"report/{DUE + 8 * HOUR}", "its"),
        (f"report/{DUE + 9 * HOUR}", "its"),
    ]
    [first, *_] = lines(JobNews(), many, *night)
    assert first == "508 runs of 2026-03-08T05:00:00Z to 2026-03-29T08:00:00Z were missed"


def test_a_job_that_fails_every_minute_is_told_four_times_a_day_and_in_other_words_at_once() -> None:
    news, levels = JobNews(), list[str]()
    for minute in range(24 * 60):
        due = DUE + 60 * minute
        levels += [line.level for line in told(news, failed(due), now=due + 1.0)]
    assert (levels.count(ERROR), levels.count(DEBUG)) == (4, 24 * 60 - 4)
    now = DUE + 24.0 * HOUR
    assert told(news, failed(DUE + 24 * HOUR, exit_code=4), now=now)[0].level == ERROR
    endless = [told(news, failed(DUE + 25 * HOUR + n, exit_code=5 + n), now=now)[0].level for n in range(100)]
    assert endless.count(ERROR) <= MOST


def test_a_run_that_ends_well_after_a_failure_is_told_and_the_same_failure_is_news_again() -> None:
    news = JobNews()
    told(news, failed())
    [well] = told(news, ended(Ending.OK, DUE + HOUR), now=DUE + HOUR + 1.0)
    assert (well.level, well.message) == (NOTICE, Message.WELL_AGAIN)
    assert well.text == "its run of 2026-03-29T02:00:00Z ended well; it is well again"
    [again] = told(news, ended(Ending.OK, DUE + 2 * HOUR), now=DUE + 2 * HOUR + 1.0)
    assert (again.level, again.message) == (INFO, None)
    assert told(news, failed(DUE + 3 * HOUR), now=DUE + 3 * HOUR + 1.0)[0].level == ERROR


def test_a_job_that_fails_every_other_minute_does_not_fill_the_log() -> None:
    news, levels = JobNews(), list[str]()
    for minute in range(6 * 60):
        due, ending = DUE + 60 * minute, Ending.FAILED if minute % 2 else Ending.OK
        levels += [line.level for line in told(news, ended(ending, due), now=due + 1.0)]
    assert levels.count(ERROR) == MOST
    assert levels.count(NOTICE) == MOST


def test_a_failure_long_ago_is_over_when_it_runs_well() -> None:
    news = JobNews()
    told(news, failed())
    told(news, failed(DUE + 24 * HOUR), now=DUE + 24.0 * HOUR)
    [well] = told(news, ended(Ending.OK, DUE + 48 * HOUR), now=DUE + 48.0 * HOUR)
    assert well.message is Message.WELL_AGAIN


def test_what_is_missed_is_no_failure_that_is_over_afterwards() -> None:
    news = JobNews()
    told(news, ended(Ending.MISSED_DOWN))
    assert told(news, ended(Ending.OK, DUE + HOUR))[0].message is None


def test_a_hold_of_a_night_is_one_line_of_the_log() -> None:
    news = JobNews()
    levels = [told(news, ended(Ending.HELD, DUE + 60 * n), now=DUE + 60.0 * n)[0].level for n in range(300)]
    assert (levels.count(INFO), levels.count(DEBUG)) == (1, 299)


def test_a_night_in_which_a_thousand_jobs_were_missed_is_no_thousand_warnings() -> None:
    rows = [ended(Ending.MISSED_DOWN, job=f"job{n}") for n in range(1000)]
    found = told(JobNews(), *rows, failed())
    assert [line.level for line in found].count(WARNING) == LINES + 1
    assert [line.level for line in found].count(ERROR) == 1
    assert len(found) == 1000 + 2, "the journal has them all"
    assert found[-1] == RunNews(text="980 more jobs like these", subject="jobs", level=WARNING)
