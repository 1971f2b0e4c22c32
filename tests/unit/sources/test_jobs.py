"""`x-zpmd.schedule`: what a service with one becomes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, tzinfo

import pytest

from tests.unit.planning.dues import timetable
from tests.unit.sources.given import FOLDER, InMemory, lines, understood
from zpmd.model.job import CatchUp, Concurrency, JobPolicy
from zpmd.model.service import Condition, Dependency, RestartCondition, ServiceData
from zpmd.sources.compose.desired import understand
from zpmd.sources.compose.service import Host
from zpmd.sources.schedules import apart_seconds

EVERYTHING = """
    cron: ["0 3 * * *", "30 15 * * mon"]
    every: 2h
    time_zone: Europe/Berlin
    jitter: 10m
    concurrency: replace
    catch_up: all
    deadline: 1h
    timeout: 45m
    retries: 3
    retry_delay: 30s
    retry_max_delay: 10m
    suspend: true
    history: {succeeded: 5, failed: 0}
"""


def job(schedule: str, more: str = "") -> ServiceData:
    result = understood(f"services: {{web: {{image: a, {more} x-zpmd: {{schedule: {schedule}}}}}}}")
    assert lines(result.problems) == []
    found = result.desired.service("web")
    assert found is not None
    return found


def policy(schedule: str, more: str = "") -> JobPolicy:
    found = job(schedule, more).job
    assert found is not None
    return found


def test_a_service_without_a_schedule_is_no_job() -> None:
    for written in ("{}", "{schedule: }", "{schedule: null}"):
        result = understood(f"services: {{web: {{image: a, x-zpmd: {written}}}}}")
        assert [s.job for s in result.desired.services] == [None], written


@pytest.mark.parametrize(
    ("written", "schedules"),
    [
        ("0 3 * * *", ("0 3 * * *",)),
        ("'@hourly'", ("@hourly",)),
        ("['0 3 * * *', '@weekly']", ("0 3 * * *", "@weekly")),
        ("{cron: 0 3 * * *}", ("0 3 * * *",)),
        ("{every: 15m}", ("every 15m",)),
        ("{every: [15m, 7h]}", ("every 15m", "every 7h")),
        ("{every: 1h, cron: ['0 3 * * mon', '@daily']}", ("0 3 * * mon", "@daily", "every 1h")),
    ],
)
def test_a_schedule_is_a_text_a_list_or_a_mapping(written: str, schedules: tuple[str, ...]) -> None:
    assert policy(written) == JobPolicy(timetable=timetable(*schedules))


def test_a_schedule_says_little_and_has_the_defaults_of_kubernetes() -> None:
    assert policy("{every: 15m}") == JobPolicy(
        timetable=timetable("every 15m"),
        concurrency=Concurrency.FORBID,
        catch_up=CatchUp.LATEST,
        deadline_seconds=None,
        timeout_seconds=None,
        retries=0,
        retry_delay_seconds=10.0,
        retry_max_seconds=360.0,
        suspend=False,
        keep_succeeded=3,
        keep_failed=1,
    )


def test_a_schedule_says_everything() -> None:
    body = "\n".join("        " + line for line in EVERYTHING.strip("\n").splitlines())
    result = understood(f"services:\n  web:\n    image: a\n    x-zpmd:\n      schedule:\n{body}\n")
    assert lines(result.problems) == []
    assert [s.job for s in result.desired.services] == [
        JobPolicy(
            timetable=replace(
                timetable("0 3 * * *", "30 15 * * mon", "every 2h", zone="Europe/Berlin"), jitter_seconds=600.0
            ),
            concurrency=Concurrency.REPLACE,
            catch_up=CatchUp.ALL,
            deadline_seconds=3600.0,
            timeout_seconds=2700.0,
            retries=3,
            retry_delay_seconds=30.0,
            retry_max_seconds=600.0,
            suspend=True,
            keep_succeeded=5,
            keep_failed=0,
        )
    ]


def test_a_first_pause_that_is_longer_than_the_longest_by_default_is_the_longest() -> None:
    found = policy("{every: 1h, retry_delay: 10m}")
    assert (found.retry_delay_seconds, found.retry_max_seconds) == (600.0, 600.0)


@pytest.mark.parametrize("more", ["", 'restart: "no",', "deploy: {restart_policy: {condition: none}},"])
def test_what_ended_is_not_started_again(more: str) -> None:
    assert job("'@daily'", more).restart.condition is RestartCondition.NONE


@pytest.mark.parametrize("more", ["scale: 1,", "deploy: {replicas: 1},", "deploy: {mode: replicated},"])
def test_one_replica_is_what_a_job_has_when_it_is_due(more: str) -> None:
    assert job("'@daily'", more).replicas == 1


def test_a_job_may_publish_a_port_as_long_as_its_runs_do_not_overlap() -> None:
    for concurrency in ("forbid", "replace"):
        found = job(f"{{every: 1h, concurrency: {concurrency}}}", "ports: ['80:80'],")
        assert [p.published for p in found.container.ports] == ["80"]


def test_a_job_waits_for_services_and_services_for_jobs() -> None:
    done = "{condition: service_completed_successfully}"
    result = understood(f"""
        services:
          db: {{image: a, healthcheck: {{test: a}}}}
          dump: {{image: a, depends_on: {{db: {{condition: service_healthy}}}}, x-zpmd: {{schedule: "@daily"}}}}
          copy: {{image: a, depends_on: {{dump: {done}}}, x-zpmd: {{schedule: "@daily"}}}}
          web: {{image: a, depends_on: {{dump: {done}}}}}
    """)
    assert lines(result.problems) == []
    needs = {s.name: s.depends_on for s in result.desired.services}
    assert needs["dump"] == (Dependency(service="db", condition=Condition.HEALTHY),)
    assert needs["copy"] == needs["web"] == (Dependency(service="dump", condition=Condition.COMPLETED),)
    dump = result.desired.service("dump")
    assert dump is not None
    assert dump.restart.condition is RestartCondition.NONE, "that others wait for it has it run once when it is due"


def test_what_has_no_schedule_and_runs_once_is_no_job() -> None:
    result = understood("""
        services:
          once: {image: a, restart: "no"}
          migrate: {image: a}
          web: {image: a, depends_on: {migrate: {condition: service_completed_successfully}}}
    """)
    found = {s.name: (s.job, s.restart.condition) for s in result.desired.services}
    assert found == {
        "once": (None, RestartCondition.NONE),
        "migrate": (None, RestartCondition.ON_FAILURE),
        "web": (None, RestartCondition.ANY),
    }


def test_a_job_of_an_early_group_may_wait_for_a_service_of_a_later_one() -> None:
    """It never keeps later groups waiting, so there is no circle."""
    result = understood("""
        services:
          db: {image: a, x-zpmd: {group: core}}
          dump: {image: a, depends_on: [db], x-zpmd: {group: system, schedule: "@daily"}}
    """)
    assert lines(result.problems) == []


def test_a_healthcheck_is_the_engine_s_business_and_said_so() -> None:
    result = understood("services: {a: {image: a, healthcheck: {test: a}, x-zpmd: {schedule: '@daily'}}}")
    assert lines(result.notes) == [
        "c.yaml:1:26: services.a.healthcheck: a run is judged by its exit code alone: use `timeout` for one that hangs"
    ]
    off = understood("services: {a: {image: a, healthcheck: {disable: true}, x-zpmd: {schedule: '@daily'}}}")
    assert lines(off.notes) == []


def test_a_schedule_is_extended_as_other_mappings_are() -> None:
    result = understood("""
        services:
          base: {image: a, x-zpmd: {schedule: {cron: "@daily", retries: 3}}}
          web: {extends: base, x-zpmd: {schedule: {cron: "@hourly"}}}
    """)
    found = result.desired.service("web")
    assert found is not None
    assert found.job == JobPolicy(timetable=timetable("@hourly"), retries=3)


def test_which_zones_there_are_is_the_host_s_to_say() -> None:
    def zone(name: str) -> tzinfo:
        if name != "Mars/Olympus":
            raise ValueError(f"{name} is not there: write Mars/Olympus")
        return UTC

    def told(name: str) -> list[str]:
        text = f"services: {{web: {{image: a, x-zpmd: {{schedule: {{every: 1h, time_zone: {name}}}}}}}}}"
        files = InMemory({f"{FOLDER}/c.yaml": text})
        return lines(understand([(f"{FOLDER}/c.yaml", "c.yaml")], files, {}, "app", Host(zone=zone)).problems)

    assert told("Mars/Olympus") == []
    assert told("UTC") == ["c.yaml:1:70: services.web.x-zpmd.schedule.time_zone: UTC is not there: write Mars/Olympus"]


@pytest.mark.parametrize(
    ("text", "column"),
    [("0 24 * * *", 0), ("'0 24 * * *'", 1), ('"0 24 * * *"', 1), ("&a 0 24 * * *", 3)],
)
def test_a_wrong_character_of_an_expression_is_told_where_it_stands(text: str, column: int) -> None:
    result = understood(f"services:\n  web:\n    image: a\n    x-zpmd:\n      schedule: {text}\n")
    assert [(p.line, p.column) for p in result.problems] == [(5, 17 + column + 2)]


@pytest.mark.parametrize(
    "text", ['"0\\x2024 * * *"', "${EMPTY:-0 24 * * *}", "|-\n        0 24 * * *", "0 24\n       * * *"]
)
def test_where_characters_are_not_those_of_the_file_the_whole_text_is_told(text: str) -> None:
    result = understood(f"services:\n  web:\n    image: a\n    x-zpmd:\n      schedule: {text}\n")
    assert [(p.line, p.column) for p in result.problems] == [(5, 17)]


@pytest.mark.parametrize(
    ("texts", "seconds"),
    [
        (("0 3 * * *",), 86_400), (("0 3,5 * * *",), 7200), (("0 23,1 * * *",), 7200),
        (("59 23 * * *", "0 0 * * *"), 60),
        (("*/15 * * * *",), 900), (("@hourly",), 3600), (("7,8 * * * *",), 60), (("every 15m",), 900),
        (("every 2h", "0 3,4 * * *"), 3600), (("every 10m", "0 3,4 * * *"), 600), ((), 86_400),
    ],
)  # fmt: skip
def test_how_far_apart_two_runs_are_at_least(texts: tuple[str, ...], seconds: int) -> None:
    assert apart_seconds(timetable(*texts).schedules) == seconds


@pytest.mark.parametrize(
    ("cron", "zone", "skipped"),
    [
        ("*/15 2 * * *", "Europe/Berlin", "02:00 to 03:00"), ("* 2 * * mon", "Europe/Berlin", "02:00 to 03:00"),
        ("*/5 2 * * *", "America/New_York", "02:00 to 03:00"), ("*/40 2 * * *", "Australia/Lord_Howe", ""),
        ("*/30 0 * * *", "Africa/Cairo", "00:00 to 01:00"),
        ("0,15,30,45 2 * * *", "Europe/Berlin", ""), ("*/15 2,3 * * *", "Europe/Berlin", ""),
        ("*/15 1 * * *", "Europe/Berlin", ""), ("*/15 * * * *", "Europe/Berlin", ""), ("*/15 2 * * *", "UTC", ""),
        ("*/15 2 * * *", "Asia/Tokyo", ""),
    ],
)  # fmt: skip
def test_a_rhythm_that_a_change_of_the_clock_can_swallow_is_noted(cron: str, zone: str, skipped: str) -> None:
    text = f"services: {{web: {{image: a, x-zpmd: {{schedule: {{cron: ['{cron}'], time_zone: {zone}}}}}}}}}"
    result = understood(text)
    assert lines(result.problems) == []
    note = (
        f"c.yaml:1:55: services.web.x-zpmd.schedule.cron[0]: '{cron}' has no run on a day on which the clock of {zone} "
        f"skips {skipped}: write its minutes without `*`, as a list, and it runs once when that is over"
    )
    assert lines(result.notes) == ([note] if skipped else [])
