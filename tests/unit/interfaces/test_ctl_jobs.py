"""`zpmctl job`: what it prints, word for word, and what it exits with."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import typer

from tests.unit.interfaces.conftest import Ctl
from tests.unit.interfaces.given import NOON, Surface, service, standing
from tests.unit.interfaces.given_jobs import DAY, TWO_O_CLOCK, container, facts, job, keep, run, runs, scheduled
from zpmd.interfaces.ctl import options
from zpmd.model.cause import Cause, Code
from zpmd.model.events import Entry
from zpmd.model.job import Ending, Run, Step
from zpmd.model.memory import Intent
from zpmd.model.observed import Dossier, InFlight, World
from zpmd.model.plan import Plan, State, Waiting

SPRING, AUTUMN = 1774746000.0, 1792886400.0
"""When the clocks of Berlin go from 02:00 to 03:00, and an hour before they go from 03:00 to 02:00."""
FAILED = run(ending=Ending.FAILED)
NIGHT = (
    FAILED,
    run(due=TWO_O_CLOCK - DAY),
    run(due=TWO_O_CLOCK - 2 * DAY, ending=Ending.MISSED_DOWN, reason="zpmd was down"),
    run("poll", due=TWO_O_CLOCK, ending=Ending.SKIPPED_OVERLAP, reason="01:45 had not ended"),
    runs(int(NOON) - 60, job="backup", tries=2, asked="root"),
)


@pytest.fixture
def night(surface: Surface) -> Surface:
    """One job has failed, one runs, one is suspended; and there is a service."""
    keep(surface, *NIGHT)
    surface.store.set_suspended("poll", "ada")
    jobs = (job("backup", every=3600), job("poll"), job("report", zone="Europe/Berlin"))
    surface.publish(
        **facts(
            *NIGHT,
            services=(*jobs, service("redis")),
            standings=(
                scheduled("backup", state=State.RUNNING, ready=1, desired=1, since=NOON - 60),
                scheduled("poll", state=State.SUSPENDED),
                scheduled("report", state=State.FAILED, reason="exit 3"),
                standing("redis"),
            ),
            dues={"backup": NOON + 3600, "report": float(TWO_O_CLOCK + DAY)},
            intent=Intent(suspended={"poll": "ada"}),
        )
    )
    return surface


def test_the_list_begins_with_what_needs_a_look(night: Surface, ctl: Ctl) -> None:
    assert ctl("job", "list").out == (
        "JOB     STATE      SCHEDULE                   LAST RUN                                NEXT START"
        "                     REMARKS\n"
        "report  failed     0 2 * * * (Europe/Berlin)  02:00:00 failed with exit 3 after 12 s"
        "  2023-11-16 02:00:00 (in 14 h)\n"
        "backup  running    every 1h                   -                                       13:00:00 (in 60 min)"
        "           running for 61 s, try 2\n"
        "poll    suspended  0 2 * * *                  -                                       -"
        "                              suspended by ada\n"
    )
    view = json.loads(ctl("job", "list", "--json").out)
    assert [j["name"] for j in view["jobs"] if j["last"] and j["last"]["bad"]] == ["report"]


def test_the_status_shows_jobs_by_their_runs(night: Surface, ctl: Ctl) -> None:
    assert ctl("status").out == (
        "zpmd 0.1.0  troubled  1 service, 1 of 1 replica ready, 3 jobs\n"
        "\n"
        "SERVICE  GROUP  READY  STATE      AGE   RESTARTS  REASON\n"
        "report   core   -      failed     2 h   0         last run 02:00:00 failed with exit 3 after 12 s;"
        " next in 14 h (2023-11-16 02:00:00); needs a look: `zpmctl job show report`\n"
        "\n"
        "backup   core   1/1    running    61 s  0         no run yet; next in 60 min (13:00:00)\n"
        "poll     core   -      suspended  2 h   0         suspended by ada; no run yet\n"
        "redis    core   1/1    running    2 h   0\n"
    )


def test_a_job_is_shown_with_its_newest_runs(night: Surface, ctl: Ctl) -> None:
    assert ctl("job", "show", "report").out == (
        "report  failed\n"
        "  schedule    0 2 * * *, at 02:00 every day\n"
        "  time zone   Europe/Berlin\n"
        "  on overlap  forbid\n"
        "  catches up  latest\n"
        "  image       report:1\n"
        "  next        2023-11-16 02:00:00 (in 14 h)\n"
        "\n"
        "runs\n"
        "  DUE                   RUN                            LATE   TRIES  REMARKS\n"
        "  2023-11-15T02:00:00Z  failed with exit 3 after 12 s  0.4 s  1\n"
        "  2023-11-14T02:00:00Z  ok after 12 s                  0.4 s  1\n"
        "  2023-11-13T02:00:00Z  missed: nobody looked then     -      -      zpmd was down\n"
    )
    assert "has not ended\n  DUE" in ctl("job", "show", "backup").out


def test_one_run_is_shown_with_its_last_lines(night: Surface, ctl: Ctl) -> None:
    said = ctl("job", "show", "report", "2023-11-15 02:00")
    assert said.out == (
        "report  2023-11-15T02:00:00Z  failed with exit 3 after 12 s\n"
        "  started    02:00:00\n"
        "  finished   02:00:12\n"
        "  late       0.4 s\n"
        "  exit code  3\n"
        f"  container  {FAILED.container_id[:12]}\n"
        "\n"
        "its last 2 lines\n"
        "  | one\n"
        "  | two\n"
    )
    dossier = Dossier(
        service="report",
        slot=TWO_O_CLOCK,
        container_id=FAILED.container_id,
        at=NOON,
        exit_code=3,
        log_tail=("two",),
        attempt=2,
    )
    night.store.keep_dossier(dossier)
    told = ctl("job", "show", "report", "2023-11-15T02:00:00Z").out
    assert "report/2023-11-15T02:00:00Z  2023-11-15 12:00:00  exit code 3\n" in told
    assert "  try        2\n" in told
    assert told.count("| two") == 1, "what the evidence has is not said twice"
    assert ctl("dossier", "report/2023-11-15T02:00:00Z").out.startswith("report/2023-11-15T02:00:00Z  ")


def test_the_history_has_each_time_that_jobs_were_due(night: Surface, ctl: Ctl) -> None:
    rows = ctl("job", "history").out.splitlines()
    assert rows[:3] == [
        "JOB     DUE                   RUN                                 LATE   TRIES  REMARKS",
        "backup  2023-11-15T11:59:00Z  running for 61 s, try 2             0.0 s  2      asked for by root",
        "poll    2023-11-15T02:00:00Z  skipped: another run had not ended  -      -      01:45 had not ended",
    ]
    assert ctl("job", "history", "report", "--bad").out.splitlines()[1:] == [
        "2023-11-15T02:00:00Z  failed with exit 3 after 12 s  0.4 s  1"
    ]
    assert ctl("job", "history", "report", "-n", "1").out.splitlines()[-1] == "... there are others: --limit"
    none = ctl("job", "history", "poll", "--bad", "--since", "1d").out
    assert none.startswith("no run of poll that somebody has to look at due since 20")


def test_what_was_missed_in_a_long_absence_is_one_row(surface: Surface, ctl: Ctl) -> None:
    keep(surface, run(ending=Ending.MISSED_DOWN, until=TWO_O_CLOCK + 9 * DAY, count=10))
    surface.publish(**facts(services=(job("report"),)))
    row = ctl("job", "history", "report").out.splitlines()[1]
    assert row.startswith("2023-11-15T02:00:00Z to 2023-11-24T02:00:00Z  missed: nobody looked then")
    assert row.endswith("10 times")


def next_of(surface: Surface, ctl: Ctl, at: float, *more: str) -> list[str]:
    """The lines, without their columns."""
    surface.publish(**facts(services=(job("report", zone="Europe/Berlin", at="30 2 * * *", jitter=60.0),)))
    surface.clock.at = at
    return [" ".join(row.split()) for row in ctl("job", "next", "report", *more).out.splitlines()]


def test_next_marks_that_the_clock_skips_a_run(surface: Surface, ctl: Ctl) -> None:
    said = next_of(surface, ctl, SPRING - DAY, "-n", "3")
    assert said[:2] == ["report, by the clock of Europe/Berlin", "DUE STARTS IN THE CLOCK"]
    assert re.fullmatch(r"2026-03-28T02:30:00\+01:00 \+ [\d.]+ s 30 min", said[2])
    assert re.fullmatch(
        r"2026-03-29T03:00:00\+02:00 \+ [\d.]+ s 24 h put forward, \+0100 to \+0200;"
        " skips 2026-03-29 02:30: it is run now instead",
        said[3],
    )
    assert re.fullmatch(r"2026-03-30T02:30:00\+02:00 \+ [\d.]+ s 48 h", said[4])


def test_next_marks_that_the_clock_shows_a_run_twice(surface: Surface, ctl: Ctl) -> None:
    said = next_of(surface, ctl, AUTUMN - 3600)
    assert len(said) == 2 + 10
    assert re.fullmatch(r"2026-10-25T02:30:00\+02:00 \+ [\d.]+ s 90 min", said[2])
    assert said[3] == (
        "2026-10-25T02:30:00+01:00 - 2 h put back, +0200 to +0100; shows this time again: it is not run twice"
    )


def test_next_says_what_keeps_all_of_it(night: Surface, ctl: Ctl) -> None:
    assert ctl("job", "next", "poll").out.splitlines()[1] == (
        "  as things stand none of these would run: ada has suspended it: `zpmctl job resume poll`"
    )


def test_verbs_say_what_was_asked(night: Surface, ctl: Ctl) -> None:
    assert ctl("job", "run", "report").out == "report is to run: 2023-11-15T12:00:01Z\n"
    assert json.loads(ctl("job", "suspend", "report", "--json").out)["done"] is False
    assert ctl("job", "resume", "report").out == "report runs again when it is due\n"
    assert [(e.verb, e.service) for e in night.store.journal()] == [
        ("run", "report"),
        ("suspend", "report"),
        ("resume", "report"),
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["run", "backup"], 5, "cannot run backup: its run of 2023-11-15T11:59:00Z has not ended"),
        (["resume", "report"], 5, "cannot resume report: it is not suspended"),
        (["show", "reprt"], 4, "no job reprt: did you mean report?"),
        (["run", "redis"], 4, "redis is no job: its file has no x-zpmd.schedule"),
        (["next", "a/b"], 4, "no job 'a/b'"),
        (["show", "report", "yesterday"], 2, "'yesterday' names no run: write when it is due, 2026-03-29T01:00:00Z"),
        (
            ["show", "report", "2023-11-15 03:00"],
            4,
            "no run of report that was due at 2023-11-15T03:00:00Z",
        ),
        (["history", "--since", "1w"], 2, "'1w' is no duration"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_a_code(
    night: Surface, ctl: Ctl, arguments: list[str], code: int, error: str
) -> None:
    said = ctl("job", *arguments)
    assert (said.code, said.out) == (code, "")
    assert error in said.err
    assert said.err.count("\n") == 1


@pytest.fixture
def ending(surface: Surface) -> Iterator[Any]:
    """Ends the run that is asked for as soon as it is there."""
    surface.publish(**facts(services=(job("report"),)))
    over = threading.Event()

    def ends(*steps: dict[str, Any]) -> None:
        def go() -> None:
            while not over.wait(0.02) and not surface.store.runs("report"):
                continue
            for step in steps:
                (row,) = surface.store.runs("report")
                over.wait(0.8)
                keep(surface, replace(row, **step))

        threading.Thread(target=go, daemon=True).start()

    yield ends
    over.set()


ENDED: dict[str, Any] = {
    "step": Step.ENDED,
    "started_at": NOON + 1,
    "finished_at": NOON + 4,
    "tries": 1,
}
RUNNING: dict[str, Any] = {"step": Step.RUNNING, "tries": 1, "started_at": NOON + 1}


def test_a_run_is_followed_to_its_end_and_its_last_lines(surface: Surface, ctl: Ctl, ending: Any) -> None:
    """What it wrote comes later than its end."""
    kept = {"evidence": 1, "log_tail": ("made 3 pages", "\x1b[1mdone")}
    ending(RUNNING, {**ENDED, "ending": Ending.OK}, kept)
    said = ctl("job", "run", "report", "--wait")
    assert (said.code, said.out) == (
        0,
        "made 3 pages\n\x1b[1mdone\nreport: the run of 2023-11-15T12:00:01Z ok after 3.0 s\n",
    )
    assert [line.partition(" ")[2] for line in said.err.splitlines()][:2] == ["report is waiting", "report is running"]


def test_a_run_that_did_not_end_well_is_1(surface: Surface, ctl: Ctl, ending: Any) -> None:
    ending(RUNNING, {**ENDED, "ending": Ending.FAILED, "exit_code": 3, "evidence": 1, "log_tail": ("no disk",)})
    said = ctl("job", "run", "report", "--wait")
    assert (said.code, said.out) == (1, "no disk\n")
    assert said.err.endswith("zpmctl: report: the run of 2023-11-15T12:00:01Z failed with exit 3 after 3.0 s\n")


def test_a_run_that_never_began_is_1_at_once(surface: Surface, ctl: Ctl, ending: Any) -> None:
    ending({"step": Step.ENDED, "ending": Ending.TOO_LATE, "reason": "the image is not there"})
    said = ctl("job", "run", "report", "--wait", "--json")
    assert said.code == 1
    assert json.loads(said.out)["run"]["ending"] == "too-late"
    problem = json.loads(said.err.splitlines()[-1])
    assert problem["detail"].endswith("could not begin in time: the image is not there")


def test_a_run_that_goes_on_longer_is_7(surface: Surface, ctl: Ctl, ending: Any) -> None:
    ending({**RUNNING, "tries": 2, "reason": "the first try failed"})
    said = ctl("job", "run", "report", "--wait", "--timeout", "3s")
    assert said.code == 7
    assert said.err.endswith("not ended after 3 s, and still going on: running, try 2: the first try failed\n")


def test_the_words_of_a_run_are_found_by_when_it_is_due(surface: Surface, ctl: Ctl) -> None:
    rows = (run(due=TWO_O_CLOCK - DAY, container_id="old"), run(container_id="new"))
    world = World(replicas=tuple(container(row) for row in rows))
    surface.publish(**facts(*rows, services=(job("report"),), world=world))
    surface.engine.lines = {"old": [b"of yesterday"], "new": [b"of today"]}
    today = "zpmd-report-20231115T020000Z | of today\n"
    assert ctl("logs", "report/2023-11-15T02:00:00Z").out == today
    assert ctl("logs", f"report/{TWO_O_CLOCK}").out == today
    assert sorted(ctl("logs", "report").out.splitlines()) == [
        "zpmd-report-20231114T020000Z | of yesterday",
        today.strip(),
    ]
    assert ctl("logs", "report/last").err.startswith("zpmctl: Invalid value: 'report/last' is no SERVICE/SLOT")


def test_no_number_of_ten_digits_stands_for_a_run(surface: Surface, ctl: Ctl) -> None:
    row: Run = runs(int(NOON) - 60)
    subject = f"report/{row.due}"
    entry = Entry(
        id=0, at=NOON, kind="action", verb="run", subject=subject, service="report", text="it is due", attempt=2
    )
    surface.store.begin(entry)
    given = facts(row)
    waits = Waiting(subject=subject, service="report", cause=Cause(Code.RUNS_FULL, "10 runs are going on"))
    plan = Plan(standings=(scheduled("report", state=State.WAITING),), waiting=(waits,))
    flight = (InFlight(subject=subject, verb="run", since=NOON),)
    surface.publish(**{**given, "plan": plan, "in_flight": flight})
    for command in (["status"], ["plan"], ["events"]):
        told = ctl(*command).out
        assert "report/2023-11-15T11:59:00Z" in told
        assert str(row.due) not in told
    assert ctl("events").out.endswith("it is due (try 2)\n")
    surface.publish(**{**given, "plan": plan})
    assert "it begins when a run of another job has ended" in ctl("status").out


def test_a_time_alone_is_its_last_coming() -> None:
    now = datetime.now()
    soon, past = now + timedelta(minutes=2), now - timedelta(minutes=2)
    assert 0 <= now.timestamp() - options.run_due(past.strftime("%H:%M")) < DAY
    assert 0 <= now.timestamp() - options.run_due(soon.strftime("%H:%M")) <= DAY + 3600
    with pytest.raises(typer.BadParameter):
        options.run_due("25:00")
