"""The story of a job and of a run: the first line, whether it is handled, the rows and the last words."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC
from typing import Any

import pytest

from tests.unit.interfaces.conftest import Ctl
from tests.unit.interfaces.given import NOON, Surface, service, snapshot, standing
from tests.unit.interfaces.given_jobs import DAY, TWO_O_CLOCK, container, facts, job, keep, policy, run, runs, scheduled
from tests.unit.interfaces.given_rows import ROWS, stamped, tenancy
from zpmd.interfaces.ctl.client import Exit
from zpmd.interfaces.why import job as job_story
from zpmd.interfaces.why import tenant, why
from zpmd.interfaces.why_views import TenantWhyView, WhyView
from zpmd.model.cause import Cause, Code
from zpmd.model.events import Entry, Result, Snapshot
from zpmd.model.job import Ending, Run, Step
from zpmd.model.memory import Hold, Intent
from zpmd.model.observed import Dossier, World
from zpmd.model.plan import Plan, State, Waiting

FAILED = run(ending=Ending.FAILED, reason="exited with 3", log_tail=("connecting", "no such host"))
YESTERDAY = run(due=TWO_O_CLOCK - DAY)
AGAIN = "it runs again by itself in 14 h (2023-11-16 02:00:00); `zpmctl job run report` runs it now"
NEXT = "next in 14 h (2023-11-16 02:00:00)"


def published(*rows: Run, state: State = State.SCHEDULED, waiting: tuple[Waiting, ...] = (), **more: Any) -> Snapshot:
    facts_of_standing = {key: more.pop(key) for key in ("reason", "since") if key in more}
    given = facts(*rows, standings=(scheduled("report", state=state, **facts_of_standing),), **more)
    return snapshot(**{**given, "plan": replace(given["plan"], waiting=waiting)})


def story(*rows: Run, entries: tuple[Entry, ...] = (), slot: int | None = None, **more: Any) -> WhyView:
    dossiers = more.pop("dossiers", ())
    made = published(*rows, **more)
    culprit = job_story.culprit(made, "report")
    due = slot if slot is not None else culprit.due if culprit else None
    kept = next((row for row in rows if row.due == due), None)
    return why("report", made, entries, dossiers, NOON, UTC, slot=slot, kept=kept)


def waits(code: Code, text: str, until: float | None = None, due: int = TWO_O_CLOCK) -> Waiting:
    return Waiting(subject=f"report/{due}", service="report", cause=Cause(code, text), until=until)


def did(verb: str, code: Code, text: str, at: float, **more: Any) -> Entry:
    facts: dict[str, Any] = {"id": int(at), "kind": "action", "subject": f"report/{TWO_O_CLOCK}", "service": "report"}
    return Entry(**{**facts, "at": at, "verb": verb, "code": code.value, "text": text, "result": Result.OK} | more)


def noted(verb: str, actor: str, at: float, text: str = "") -> Entry:
    return Entry(id=int(at), at=at, kind="note", verb=verb, subject="report", service="report", actor=actor, text=text)


@pytest.mark.parametrize(
    ("rows", "more", "answer", "handling"),
    [
        ((), {}, f"report is scheduled; no run yet; {NEXT}", "nothing to do"),
        ((run(),), {}, f"report is scheduled; last run 02:00:00 ok after 12 s; {NEXT}", "nothing to do"),
        (
            (YESTERDAY, FAILED),
            {"state": State.FAILED},
            f"report failed: its run of 02:00:00 failed with exit 3 after 12 s; {NEXT}",
            f"needs a look: see its last words below; {AGAIN}",
        ),
        (
            (replace(FAILED, tries=4),),
            {"state": State.FAILED, "services": (job("report", retries=3),), "dues": {}},
            "report failed: its run of 02:00:00 failed with exit 3 after 12 s, on try 4 of 4",
            "needs a look: see its last words below; `zpmctl job run report` runs it now",
        ),
        (
            (run(ending=Ending.TIMED_OUT, started_at=TWO_O_CLOCK, finished_at=TWO_O_CLOCK + 600, exit_code=137,
                 reason="took longer than 600 s"),),
            {"state": State.FAILED},
            f"report failed: its run of 02:00:00 timed out after 10 min: took longer than 600 s; {NEXT}",
            f"needs a look: see its last words below; {AGAIN}",
        ),
        (
            (run(ending=Ending.TOO_LATE, reason="could not begin within 60 s: 10 runs go on"),),
            {"state": State.FAILED},
            "report failed: its run of 02:00:00 could not begin in time: could not begin within 60 s: 10 runs go on;"
            f" {NEXT}",
            f"needs a look: see its last words below; {AGAIN}",
        ),
        (
            (FAILED, runs(int(NOON) - 60)),
            {"state": State.RUNNING},
            "report: its run of 11:59:00 is running for 60 s; last run 02:00:00 failed with exit 3 after 12 s; " + NEXT,
            "nothing to do",
        ),
        (
            (runs(int(NOON) - 60, tries=2), runs(int(NOON) - 30), run(due=int(NOON), ending=None, step=Step.WAITING)),
            {"state": State.RUNNING},
            "report: its run of 11:59:00 is running for 60 s, try 2, and 2 others have not ended; no run yet; " + NEXT,
            "nothing to do",
        ),
        (
            (run(ending=None, step=Step.STARTING, tries=2, exit_code=3, reason="try 1 of 4 exited with 3"),),
            {
                "state": State.BACKOFF,
                "waiting": (waits(Code.BACKOFF, "try 1 of 4 exited with 3; try 2 comes after its pause", NOON + 20),),
            },
            "report has failed and is tried again: its run of 02:00:00: try 1 of 4 exited with 3; try 2 comes after"
            f" its pause, 20 s (12:00:20); no run yet; {NEXT}",
            "being handled, 20 s (12:00:20): its next try comes by itself; see its last words below",
        ),
        (
            (run(ending=None, step=Step.WAITING), run(due=TWO_O_CLOCK + 60, ending=None, step=Step.WAITING)),
            {
                "state": State.WAITING,
                "waiting": (
                    waits(Code.RUNS_FULL, "waits for a free place: 10 runs go on"),
                    waits(Code.OVERLAP, "waits for the run of 02:00 to end", due=TWO_O_CLOCK + 60),
                ),
            },
            "report waits: its run of 02:00:00: waits for a free place: 10 runs go on; 1 more of its runs wait;"
            f" no run yet; {NEXT}",
            "being handled: it begins when a run of another job has ended",
        ),
        (
            (run(),),
            {
                "state": State.SUSPENDED,
                "intent": Intent(suspended={"report": "root"}),
                "entries": (noted("suspend", "root", NOON - 600),),
            },
            "report is suspended by root since 11:50:00; last run 02:00:00 ok after 12 s",
            "needs you: `zpmctl job resume report` has it run again when it is due",
        ),
        (
            (),
            {"state": State.SUSPENDED, "services": (job("report", suspend=True),)},
            "report is suspended by its file; no run yet",
            "needs you: take `suspend` out of its file",
        ),
        (
            (FAILED,),
            {"state": State.FAILED, "intent": Intent(suspended={"report": "root"})},
            "report failed: its run of 02:00:00 failed with exit 3 after 12 s; suspended by root",
            "needs a look: see its last words below; `zpmctl job run report` runs it now",
        ),
        (
            (run(),),
            {
                "state": State.HELD,
                "reason": "held by uid:0(root): disk",
                "intent": Intent(holds=(Hold(service="report", owner="uid:0(root)", reason="disk", since=NOON),)),
            },
            f"report is held by uid:0(root): disk; last run 02:00:00 ok after 12 s; {NEXT}",
            "needs you: `zpmctl release report` ends the hold",
        ),
        (
            (run(),),
            {
                "state": State.STOPPED,
                "intent": Intent(stopped=frozenset({"report"})),
                "entries": (noted("stop", "uid:0(root)", NOON - 60),),
                "dues": {},
            },
            "report was stopped by uid:0(root) at 11:59:00; last run 02:00:00 ok after 12 s",
            "needs you: `zpmctl start report` starts it",
        ),
        (
            (),
            {
                "state": State.BLOCKED,
                "waiting": (waits(Code.NAME_TAKEN, "zpmd-report-20231115T020000Z is taken by another container"),),
            },
            f"report is blocked: zpmd-report-20231115T020000Z is taken by another container; no run yet; {NEXT}",
            "needs you: rename or remove the other container: zpmd never touches what is not its own",
        ),
    ],
)  # fmt: skip
def test_the_first_two_lines_tell_how_a_job_stands(
    rows: tuple[Run, ...], more: dict[str, Any], answer: str, handling: str
) -> None:
    told = story(*rows, **more)
    assert (told.answer, told.handling) == (answer, handling)
    assert told.handled is not handling.startswith("needs")


def test_the_story_has_the_rows_and_the_last_words_of_the_run_that_failed() -> None:
    skipped = [run(due=TWO_O_CLOCK + 60 * n, ending=Ending.SKIPPED_OVERLAP) for n in range(1, 4)]
    dossier = Dossier(service="report", slot=TWO_O_CLOCK, container_id="c", at=NOON, exit_code=3, log_tail=("no",))
    other = replace(dossier, slot=TWO_O_CLOCK - DAY)
    told = story(YESTERDAY, FAILED, *skipped, state=State.FAILED, dossiers=(dossier, other)).job
    assert told is not None
    assert (told.schedule, told.time_zone, told.next_at) == ("0 2 * * *", "UTC", TWO_O_CLOCK + DAY)
    assert told.open == ()
    assert [row.ending for row in told.runs] == ["skipped-overlap"] * 3 + ["failed", "ok"]
    assert told.run is not None
    assert (told.run.due_at, told.run.exit_code, told.retries_left) == (TWO_O_CLOCK, 3, 0)
    assert told.log_tail == ("connecting", "no such host")
    assert [d.slot for d in told.dossiers] == [TWO_O_CLOCK]


@pytest.mark.parametrize("later", [Ending.OK, Ending.STOPPED])
def test_of_a_job_that_goes_well_again_no_last_words_are_told(later: Ending) -> None:
    told = story(FAILED, run(due=TWO_O_CLOCK + 60, ending=later), run(due=TWO_O_CLOCK + 120, ending=Ending.HELD)).job
    assert told is not None
    assert (told.run, told.log_tail, told.dossiers) == (None, (), ())


def test_a_run_that_is_tried_again_has_its_last_words_and_how_many_tries_are_left() -> None:
    again = run(ending=None, step=Step.STARTING, tries=2, log_tail=("first try",), evidence=1)
    told = story(YESTERDAY, again, services=(job("report", retries=3),), state=State.BACKOFF).job
    assert told is not None
    assert told.run is not None
    assert (told.run.due_at, told.retries_left, told.log_tail) == (TWO_O_CLOCK, 2, ("first try",))
    assert [row.due_at for row in told.open] == [TWO_O_CLOCK]


RUN = "the run of report of 2023-11-15T02:00:00Z"


@pytest.mark.parametrize(
    ("row", "answer"),
    [
        (run(), f"{RUN}: ok after 12 s"),
        (replace(FAILED, tries=2, asked="root"),
         f"{RUN}: failed with exit 3 after 12 s; on try 2; exited with 3; asked for by root"),
        (run(started_at=TWO_O_CLOCK + 90, finished_at=TWO_O_CLOCK + 95, caught_up=True),
         f"{RUN}: ok after 5.0 s; it began 90 s late; made up for, as nobody looked when it was due"),
        (run(ending=Ending.SUSPENDED, asked="root", reason="suspended by root"),
         f"{RUN}: suspended; suspended by root"),
        (run(ending=Ending.MISSED_DOWN, until=TWO_O_CLOCK + 3600, count=61, reason="zpmd was not there"),
         "the 61 runs of report of 2023-11-15T02:00:00Z to 2023-11-15T03:00:00Z: missed: nobody looked then;"
         " zpmd was not there"),
        (run(instead_of=("02:00", "02:30")),
         f"{RUN}: ok after 12 s; the clock skipped 02:00, 02:30: it stands for that"),
        (runs(TWO_O_CLOCK, started_at=float(TWO_O_CLOCK), stopping=Ending.TIMED_OUT, reason="took longer than 600 s"),
         f"{RUN}: running for 10 h, is being stopped: timed-out; took longer than 600 s"),
    ],
)  # fmt: skip
def test_a_run_has_a_story_of_its_own(row: Run, answer: str) -> None:
    told = story(row, slot=TWO_O_CLOCK)
    assert (told.kind, told.name, told.answer) == ("slot", f"report/{TWO_O_CLOCK}", answer)


def test_what_is_to_be_done_about_a_job_is_not_to_be_done_about_an_old_run() -> None:
    old = run(due=TWO_O_CLOCK - DAY, ending=Ending.FAILED)
    assert story(old, FAILED, state=State.FAILED, slot=TWO_O_CLOCK).handling.startswith("needs a look")
    assert story(old, FAILED, state=State.FAILED, slot=old.due).handling == "nothing to do"


HAPPENED = (
    did("run", Code.DUE, "was due at 02:00, 3 s late", TWO_O_CLOCK + 3, ready_seconds=0.2),
    did("stop", Code.TIMED_OUT, "took longer than 600 s", TWO_O_CLOCK + 603, exit_code=137, lived_seconds=600.0),
    did(
        "run", Code.RETRIED, "try 2 of 2 of the run of 02:00", TWO_O_CLOCK + 620, result=Result.TRANSIENT, detail="busy"
    ),
    did("run", Code.RETRIED, "try 2 of 2 of the run of 02:00", TWO_O_CLOCK + 621),
    did("remove", Code.HISTORY, "its logs are kept", TWO_O_CLOCK + 700, lived_seconds=60.0),
)


def test_what_happened_to_a_run_is_told_as_what_it_is_and_never_as_a_replacement() -> None:
    row = run(ending=Ending.OK)
    told = story(row, entries=HAPPENED, slot=TWO_O_CLOCK)
    (happened,) = told.replicas
    assert [c.text for c in happened.chains] == [
        "the run of 02:00:00 was begun at 02:00:03 because it was due at 02:00, 3 s late; it was ready after 0.2 s",
        "the run of 02:00:00 was stopped at 02:10:03 because it took longer than 600 s; it had run 10 min and had to be"
        " killed (137) when its grace was over",
        "the run of 02:00:00 was tried again at 02:10:20: try 2 of 2 of the run of 02:00; it could not be made: busy",
        "the run of 02:00:00 had its container removed at 02:11:40 because its logs are kept; it had run 60 s",
    ]


def test_runs_are_no_replicas_of_the_whole_story_and_their_ends_are_told_by_the_rows() -> None:
    ended = noted("job", "zpmd", NOON, "its run of 2023-11-15T02:00:00Z ended well")
    told = story(
        run(), entries=(*HAPPENED, ended, noted("run", "root", NOON)), world=World(replicas=(container(run()),))
    )
    assert told.replicas == ()
    assert [e.verb for e in told.operators] == ["run"]


def test_a_service_that_was_a_job_once_is_not_told_of_its_runs_as_of_replicas() -> None:
    made = snapshot(desired=replace(snapshot().desired, services=(service("report"),)), plan=Plan())
    told = why("report", made, HAPPENED, (), NOON, UTC)
    assert (told.replicas, told.job) == ((), None)


def awaited(last: Run | None, state: State, **more: Any) -> WhyView:
    """The story of `web`, which waits for the job."""
    rows = (last,) if last is not None else ()
    given = facts(*rows, services=(job("report"), service("web")), **more)
    standings = (
        scheduled("report", state=state, reason="last run 02:00 failed with exit 3"),
        standing("web", state=State.WAITING, ready=0),
    )
    cause = Cause(Code.DEPENDENCY, "waits for report to complete", on=("report",))
    plan = replace(given["plan"], standings=standings, waiting=(Waiting(subject="web", service="web", cause=cause),))
    return why("web", snapshot(**{**given, "plan": plan}), (), (), NOON, UTC)


def test_what_waits_for_a_job_is_told_how_it_stands_and_when_it_runs_again() -> None:
    failed = awaited(FAILED, State.FAILED)
    assert failed.answer == ("web waits for report: report is failed: last run 02:00 failed with exit 3; needs you")
    assert failed.handling == f"needs a look: `zpmctl why report` has its last words; {AGAIN}"
    never = awaited(None, State.SCHEDULED)
    assert never.handled
    assert never.handling == f"being handled: the others follow when a run of it has ended well; {AGAIN}"


# of a tenant


def of_tenant(*states: State) -> TenantWhyView:
    """Two integrations whose services are jobs, and a job of the tenant's own."""
    names = ("splunk-acme-1", "jira-acme-2", "report-acme")
    jobs = tuple(replace(stamped(name), job=policy()) for name in names)
    standings = tuple(
        scheduled(name, tenant="acme", state=state, reason="last run 02:00 failed with exit 3")
        for name, state in zip(names, states, strict=True)
    )
    one = replace(ROWS, integrations=ROWS.integrations[:2], databases=(), backups=())
    made = snapshot(tenancy=tenancy(rows=one), **facts(services=jobs, standings=standings))
    return tenant.story("acme", made, lambda _: (), NOON, UTC)


def test_jobs_of_a_tenant_that_wait_for_their_time_or_run_are_nothing_to_tell() -> None:
    told = of_tenant(State.SCHEDULED, State.RUNNING, State.SCHEDULED)
    assert told.groups == ()
    assert (told.handled, told.handling) == (True, "nothing to do")


def test_jobs_of_a_tenant_that_failed_are_told_with_its_integrations() -> None:
    told = of_tenant(State.FAILED, State.SCHEDULED, State.FAILED)
    failed = "failed: last run 02:00 failed with exit 3"
    assert [(g.text, g.services) for g in told.groups] == [(failed, ("splunk-acme-1", "report-acme"))]
    assert told.answer.endswith(f"2 services: {failed}")
    assert told.handling.startswith("needs a look: `zpmctl why splunk-acme-1` has its last words; it runs again")
    assert of_tenant(State.FAILED, State.SCHEDULED, State.SCHEDULED).answer.endswith(f"1 integration: {failed}")


# over the API and in zpmctl


def given_ledger(surface: Surface, *rows: Run, **more: Any) -> None:
    keep(surface, *rows)
    surface.publish(**facts(*rows, **more))


def test_zpmctl_tells_a_failed_job_with_its_exit_code_its_runs_and_its_last_words(surface: Surface, ctl: Ctl) -> None:
    failed = replace(FAILED, reason="exited with 3")
    given_ledger(surface, YESTERDAY, failed, standings=(scheduled("report", state=State.FAILED),))
    said = ctl("why", "report").out
    assert "report failed: its run of" in said.splitlines()[0]
    assert "failed with exit 3 after 12 s" in said.splitlines()[0]
    assert "zpmctl job run report" in said.splitlines()[1]
    assert "schedule 0 2 * * * (UTC)" in said
    assert "last runs" in said
    assert "| no such host" in said
    view = json.loads(ctl("why", "report", "--json").out)
    assert view["job"]["run"]["exit_code"] == 3
    assert view["job"]["log_tail"] == ["connecting", "no such host"]


@pytest.mark.parametrize("due", [str(TWO_O_CLOCK), "2023-11-15T02:00:00Z", "2023-11-15T03:00:00+01:00"])
def test_zpmctl_tells_of_one_run_by_when_it_is_due(surface: Surface, ctl: Ctl, due: str) -> None:
    given_ledger(surface, YESTERDAY, run(), standings=(scheduled("report"),))
    said = ctl("why", f"report/{due}").out
    assert said.splitlines()[0].endswith(": ok after 12 s")
    assert "| two" in said
    assert "last runs" not in said


def test_a_run_that_the_ledger_has_not_is_not_found(surface: Surface, ctl: Ctl) -> None:
    given_ledger(surface, run(), standings=(scheduled("report"),))
    said = ctl("why", "report/2023-11-14T02:00:00Z")
    assert said.code == Exit.NOT_FOUND
    assert "report has no run that was due at 2023-11-14T02:00:00Z: `zpmctl job history report`" in said.err
