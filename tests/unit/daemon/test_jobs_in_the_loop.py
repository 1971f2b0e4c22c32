"""Jobs in whole passes, on the simulated engine: what is written when, what a pass is told of time, what it says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta, timezone, tzinfo

import pytest
from loguru import logger

from tests.unit.daemon.given import HOURLY, job
from zpmd.daemon.loop import Loop
from zpmd.engines.simulated_container import Behaviour
from zpmd.messages import Message
from zpmd.model.action import RunReplica
from zpmd.model.events import Entry, Reason
from zpmd.model.job import CatchUp, Ending, Run, Step
from zpmd.model.schedule import Every
from zpmd.model.service import Desired, ServiceData
from zpmd.simulation import moves
from zpmd.simulation.host import BEGINNING
from zpmd.simulation.site import Site

HOUR = 3600.0
FIRST = int(BEGINNING - BEGINNING % HOUR + HOUR)
"""The first whole hour of a site."""
DAILY = Every(86400)
NAMES = {message.id: message for message in Message}


def site(*jobs: ServiceData, exit_code: int = 0, lives_for: float = 60.0) -> Site:
    made = Site(Desired(services=jobs))
    for one in (one for one in jobs if one.job is not None):
        made.programs.said[one.name] = Behaviour(lives_for_seconds=lives_for, exit_code=exit_code)
    made.programs.declare(made.original)
    made.boot()
    return made


def play(made: Site, *script: str) -> None:
    for line in script:
        assert moves.perform(made, line), line


def rows(made: Site, name: str = "report") -> tuple[Run, ...]:
    assert made.daemon is not None
    return tuple(reversed(made.daemon.store.runs(name, 1000)))


def journal(made: Site, *verbs: str) -> list[Entry]:
    assert made.daemon is not None
    return [entry for entry in made.daemon.store.journal() if entry.verb in verbs]


@pytest.fixture
def named() -> Iterator[list[Message]]:
    """Names of what is logged."""
    found: list[Message] = []

    def take(message: object) -> None:
        name = NAMES.get(message.record["extra"].get("message_id", ""))  # type: ignore[attr-defined]
        found.extend([name] if name else [])

    logger.enable("zpmd")
    sink = logger.add(take, level="INFO", format="{message}")
    yield found
    logger.remove(sink)


def test_a_run_is_begun_when_it_is_due_and_its_row_tells_how_it_ended() -> None:
    made = site(job())
    play(made, f"run {3 * HOUR}")
    assert [(row.due, row.step, row.ending, row.exit_code) for row in rows(made)] == [
        (FIRST + n * 3600, Step.ENDED, Ending.OK, 0) for n in range(3)
    ]
    assert [row.late_seconds for row in rows(made)] == [pytest.approx(0.0, abs=1.0)] * 3
    assert [(e.verb, e.subject) for e in journal(made, "run", "job")] == [
        (verb, f"report/{FIRST + n * 3600}") for n in range(3) for verb in ("run", "job")
    ]
    assert journal(made, "job")[0].text == "its run of 2023-11-14 23:00 UTC ended well, exit 0, after 60 s"


def test_its_row_is_on_disk_before_its_container_is_asked_for() -> None:
    made = site(job())
    play(made, f"run {FIRST - BEGINNING - 1}")
    assert made.daemon is not None
    seen: list[Run | None] = []
    submit = made.daemon.workers.submit

    def submitted(action: object) -> None:
        if isinstance(action, RunReplica):
            seen.append(made.tablet.learned.runs["report"].get(action.due or 0))
        submit(action)  # type: ignore[arg-type]

    made.daemon.workers.submit = submitted  # type: ignore[method-assign]
    play(made, "run 5")
    [row] = seen
    assert row is not None
    assert (row.step, row.tries) == (Step.STARTING, 1)


def test_logs_of_every_run_are_kept_and_a_dossier_of_those_that_failed() -> None:
    made = site(job(), exit_code=3)
    play(made, f"run {HOUR}")
    assert made.daemon is not None
    [row] = rows(made)
    assert (row.ending, row.exit_code, row.evidence) == (Ending.FAILED, 3, 1)
    [dossier] = made.daemon.store.dossiers("report")
    assert (dossier.slot, dossier.exit_code) == (FIRST, 3)
    well = site(job())
    play(well, f"run {HOUR}")
    assert well.daemon is not None
    assert [(row.ending, row.evidence) for row in rows(well)] == [(Ending.OK, 1)]
    assert well.daemon.store.dossiers("report") == ()
    assert journal(well, "keep evidence", "keep runs") == [], "what is done for its sake alone"


def test_runs_leave_no_attempts_and_nothing_is_counted_against_them_for_ever() -> None:
    made = site(job(image="batch:refuse1", retries=1, retry_delay_seconds=10.0))
    play(made, f"run {3 * HOUR}")
    assert [(row.ending, row.tries) for row in rows(made)] == [(Ending.FAILED_START, 2)] * 3
    assert made.daemon is not None
    assert made.daemon.loop.parts.chronicle.memory().attempts == {}
    assert made.daemon.loop.parts.chronicle.memory().retries == {}


def test_while_no_run_is_due_nothing_is_written_and_nothing_said() -> None:
    made = site(job("report", DAILY))
    play(made, "run 600")
    assert made.daemon is not None
    before, passes = len(made.daemon.store.journal()), made.counts["passes"]
    play(made, f"run {0.5 * HOUR}")
    assert made.counts["passes"] > passes
    assert len(made.daemon.store.journal()) == before
    assert rows(made) == ()


def test_a_day_without_zpmd_is_one_line_and_the_last_is_made_up_for(named: list[Message]) -> None:
    made = site(job())
    play(made, "run 60", "crash", f"run {24 * HOUR}", "boot", "run 300")
    endings = [row.ending for row in rows(made)]
    assert endings == [Ending.MISSED_DOWN] * 23 + [Ending.OK]
    assert rows(made)[-1].caught_up
    missed, ended = journal(made, "job")
    assert missed.subject == "report"
    assert missed.text.startswith("23 runs of 2023-11-14 23:00 UTC to 2023-11-15 21:00 UTC were missed")
    assert ended.code == Ending.OK
    assert named.count(Message.JOB_MISSED) == 1


def test_a_time_in_which_the_engine_was_not_seen_is_made_up_for_as_the_job_says() -> None:
    made = site(job("report", catch_up=CatchUp.NONE))
    play(made, "run 60", "engine-away refused", f"run {HOUR}", "engine-back", f"run {HOUR}")
    assert [row.ending for row in rows(made)] == [Ending.MISSED_DOWN, Ending.OK]


def test_a_clock_that_jumps_over_a_due_instant_has_missed_it_and_one_that_goes_back_runs_nothing_again(
    named: list[Message],
) -> None:
    made = site(job("report", catch_up=CatchUp.NONE))
    play(made, "run 60", f"clock {2 * HOUR}", "run 60")
    assert [row.ending for row in rows(made)] == [Ending.MISSED_DOWN] * 2
    play(made, f"clock {-2 * HOUR}", f"run {2 * HOUR}")
    assert len(rows(made)) == 2, "they have their rows"
    play(made, f"run {HOUR}")
    assert [row.ending for row in rows(made)] == [Ending.MISSED_DOWN] * 2 + [Ending.OK]
    told = [entry.text for entry in journal(made, "clock")]
    assert told == ["it was set forward by 2 h 0 min", "it was set back by 2 h 0 min"]
    assert named.count(Message.CLOCK_SET) == 2


def test_zones_are_read_with_the_sources_and_stay_when_they_are_gone() -> None:
    made = site(job("report", DAILY, zone="Erewhon"))
    assert made.daemon is not None
    host: dict[str, tzinfo] = {}

    def zone(name: str) -> tzinfo:
        if name not in host:
            raise ValueError(name)
        return host[name]

    loop = Loop(replace(made.daemon.loop.parts, zone=zone))
    boot = frozenset({Reason.BOOT})
    waits = [w for w in loop.step(boot).plan.waiting if w.service == "report"]
    assert waits, "a job whose zone nobody knows is told of"
    host["Erewhon"] = timezone(timedelta(hours=1))
    loop.step(frozenset({Reason.ENGINE}))
    assert loop.step(boot).plan.dues.keys() == {"report"}
    host.clear()
    assert loop.step(boot).plan.dues.keys() == {"report"}


def test_a_run_whose_row_cannot_be_written_begins_when_it_can() -> None:
    made = site(job())
    play(made, "run 60", "disk-full", f"run {HOUR}")
    assert made.daemon is not None
    assert made.daemon.loop.parts.chronicle.unwritable is not None
    assert made.world.present() == []
    play(made, "disk-free", "run 120")
    assert [(row.due, row.ending) for row in rows(made)] == [(FIRST, Ending.OK)]
    assert rows(made)[0].late_seconds == pytest.approx(BEGINNING + 60 + HOUR - FIRST, abs=60.0)


def test_the_container_of_a_run_whose_end_cannot_be_written_stays_until_it_can() -> None:
    made = site(job(keep_succeeded=0))
    play(made, f"run {FIRST - BEGINNING + 30}", "disk-full", "run 120")
    [container] = made.world.present()
    play(made, "crash", "boot", "run 120")
    assert made.world.present() == [container]
    play(made, "disk-free", "run 120")
    assert [(row.due, row.ending) for row in rows(made)] == [(FIRST, Ending.OK)]
    assert made.world.present() == []


def test_what_is_asked_of_runs_that_go_on_is_done_on_a_full_disk_too() -> None:
    made = site(job(timeout_seconds=60.0), lives_for=600.0)
    play(made, f"run {FIRST - BEGINNING + 30}", "disk-full", "run 60")
    assert made.daemon is not None
    [row] = rows(made)
    assert row.ending is Ending.TIMED_OUT
    play(made, "disk-free", "run 60")
    assert [one.ending for one in made.tablet.learned.runs["report"].values()] == [Ending.TIMED_OUT]


def test_a_job_that_fails_every_minute_is_a_handful_of_lines_in_six_hours(named: list[Message]) -> None:
    made = site(job("report", Every(60)), exit_code=1, lives_for=1.0)
    lines: list[str] = []
    sink = logger.add(lambda message: lines.append(message.record["message"]), level="NOTICE")
    try:
        play(made, f"run {6 * HOUR}")
    finally:
        logger.remove(sink)
    assert len(rows(made)) > 300
    assert 1 <= len(lines) < 6
    assert named.count(Message.JOB_FAILED) <= 2


def test_the_loop_sleeps_until_the_next_run_is_due() -> None:
    made = site(job("report", HOURLY))
    play(made, f"run {FIRST - BEGINNING - 10}")
    assert made.daemon is not None
    loop = made.daemon.loop
    snapshot = loop.step(frozenset())
    assert snapshot.plan.dues == {"report": float(FIRST)}
    assert loop.sleep_seconds(snapshot) == pytest.approx(FIRST - made.clock.now(), abs=1e-3)


def test_what_is_new_after_the_clock_was_set_back_is_looked_at_like_anything_else() -> None:
    made = site(job("report"), job("late", catch_up=CatchUp.NONE))
    play(made, "undeclare late", "run 60", f"clock {-2 * HOUR}", "run 60", "declare late", f"run {2 * HOUR}")
    assert [row.ending for row in rows(made, "late")] == [Ending.OK] * 2
