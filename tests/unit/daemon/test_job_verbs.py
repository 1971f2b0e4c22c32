"""What operators can ask of jobs, on a simulated site: what it does, what is refused and with which way out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.unit.daemon.given import HOURLY, job
from tests.unit.daemon.test_jobs_in_the_loop import FIRST, HOUR, journal, play, rows, site
from tests.unit.planning.build import service
from tests.unit.planning.dues import schedule
from zpmd.daemon.control import DaemonControl
from zpmd.daemon.recorder import stored
from zpmd.errors import NotFound, Refused, SecondTaken
from zpmd.model.events import Reason
from zpmd.model.job import Concurrency, Ending, Step
from zpmd.model.memory import Down, Hold
from zpmd.model.schedule import Every
from zpmd.simulation.host import BEGINNING
from zpmd.simulation.site import Site

DAILY = Every(86400)
NIGHTLY = schedule("0 2 * * *")


def control(made: Site) -> DaemonControl:
    assert made.daemon is not None
    return made.daemon.control


def begun(*jobs: object, **behaviour: float) -> Site:
    made = site(*jobs, **behaviour)  # type: ignore[arg-type]
    play(made, "run 60")
    return made


def test_a_run_that_is_asked_for_begins_at_once_and_is_the_ledgers_like_any_other() -> None:
    made = begun(job("report", DAILY))
    row = control(made).run_job("report", "root")
    assert (row.step, row.asked, row.due) == (Step.WAITING, "root", int(BEGINNING) + 60)
    assert control(made).run("report", row.due).asked == "root"
    play(made, "run 120")
    [ended] = rows(made)
    assert (ended.due, ended.ending, ended.asked) == (row.due, Ending.OK, "root")
    [asked, began] = journal(made, "run")
    assert (asked.kind, asked.subject, asked.code, asked.actor) == ("note", "report", "run-asked", "root")
    assert (began.kind, began.subject, began.code, began.actor) == ("action", f"report/{row.due}", "run-asked", "zpmd")


def test_twice_in_a_second_is_once() -> None:
    made = begun(job("report", DAILY, concurrency=Concurrency.ALLOW))
    control(made).run_job("report", "root")
    with pytest.raises(SecondTaken, match="due at this second already"):
        control(made).run_job("report", "root")
    assert (len(rows(made)), len(journal(made, "run"))) == (1, 1)


@pytest.mark.parametrize(
    ("before", "text"),
    [
        (lambda c: c.stop("report", "root"), "it is stopped; `zpmctl start report` ends that"),
        (
            lambda c: c.hold(Hold(service="report", owner="ann", reason="audit", since=BEGINNING)),
            "held by ann: audit; `zpmctl release report` ends the hold",
        ),
        (
            lambda c: c.hold(Hold(service="*", owner="ann", reason="", since=BEGINNING)),
            r"held by ann; `zpmctl release \*` ends the hold",
        ),
        (lambda c: c.down(False, "root"), "everything is down by `zpmctl down`"),
        (
            lambda c: c.run_job("report", "root"),
            "its run of 2023-11-14T22:14:20Z has not ended, and its file forbids two at once; `zpmctl stop report`",
        ),
    ],
    ids=["stopped", "held", "all held", "down", "overlap"],
)
def test_a_run_that_could_not_begin_is_refused_with_what_is_in_its_way(
    before: Callable[[DaemonControl], object], text: str
) -> None:
    made = begun(job("report", DAILY))
    before(control(made))
    told = len(rows(made))
    with pytest.raises(Refused, match=f"^cannot (run|start) report: .*{text}"):
        control(made).run_job("report", "root")
    assert len(rows(made)) == told


def test_runs_of_a_job_that_allows_or_replaces_may_be_asked_for_while_one_goes_on() -> None:
    for policy in (Concurrency.ALLOW, Concurrency.REPLACE):
        made = begun(job("report", DAILY, concurrency=policy), lives_for=900.0)
        control(made).run_job("report", "root")
        play(made, "run 10")
        control(made).run_job("report", "root")
        assert len(rows(made)) == 2


def test_a_suspended_job_rests_until_it_is_resumed_and_its_rows_say_who_wanted_it() -> None:
    made = begun(job())
    control(made).suspend("report", "ann")
    play(made, f"run {HOUR}")
    assert [(row.ending, row.asked) for row in rows(made)] == [(Ending.SUSPENDED, "ann")]
    assert control(made).run_job("report", "root").open, "it may be run out of turn"
    control(made).suspend("report", "ann")
    control(made).resume("report", "ann")
    play(made, f"run {HOUR}")
    assert rows(made)[-1].ending is Ending.OK
    with pytest.raises(Refused, match="cannot resume report: it is not suspended"):
        control(made).resume("report", "ann")
    assert [entry.verb for entry in journal(made, "suspend", "resume")] == ["suspend", "suspend", "resume"]


def test_what_its_own_file_suspends_is_resumed_there() -> None:
    made = begun(job(suspend=True, origin="report.yaml:7"))
    control(made).suspend("report", "ann")
    with pytest.raises(Refused, match=r"its own file suspends it; take `suspend: true` out of .* in report.yaml:7"):
        control(made).resume("report", "ann")


def test_a_job_is_neither_scaled_nor_restarted() -> None:
    made = begun(job())
    with pytest.raises(Refused, match=r"cannot scale report: it is a job, .* `concurrency: allow`"):
        control(made).scale("report", 2, "root")
    with pytest.raises(Refused, match=r"cannot restart report: it is a job, .* `zpmctl job run report` runs it now"):
        control(made).restart("report", "root")
    assert journal(made, "scale", "restart") == []


def test_what_is_no_job_is_not_found_as_one() -> None:
    made = begun(job("report"), service("web"))
    verbs: list[Callable[[str], object]] = [
        lambda name: control(made).runs(name, 10),
        lambda name: control(made).upcoming(name, 1),
        lambda name: control(made).run_job(name, "root"),
        lambda name: control(made).suspend(name, "root"),
        lambda name: control(made).resume(name, "root"),
    ]
    for verb in verbs:
        with pytest.raises(NotFound, match=r"^web is no job: its file has no x-zpmd\.schedule$"):
            verb("web")
        with pytest.raises(NotFound, match=r"^no job reprt: did you mean report\?$"):
            verb("reprt")
    with pytest.raises(NotFound, match="the ledger has no run of report that was due at 2023-11-14T23:00:00Z"):
        control(made).run("report", FIRST)


def test_rows_of_a_job_that_is_no_longer_declared_are_still_told() -> None:
    made = begun(job("report"), service("web"))
    play(made, f"run {HOUR}", "undeclare report", "run 120")
    assert control(made).snapshot().desired.service("report") is None
    assert [row.due for row in control(made).runs("report", 10)] == [FIRST]
    assert control(made).runs("report", 10, (FIRST, "report")) == ()
    assert [row.job for row in control(made).runs(None, 10)] == ["report"]


def test_upcoming_runs_are_told_by_the_schedule_alone() -> None:
    made = begun(job("report", HOURLY, jitter=600.0, suspend=True))
    told = control(made).upcoming("report", 3)
    assert [one.due for one in told] == [FIRST, FIRST + 3600, FIRST + 7200]
    assert all(one.due <= one.starts_at <= one.due + 600.0 for one in told)
    assert len({one.starts_at - one.due for one in told}) == 3


def test_upcoming_runs_of_a_zone_that_this_host_does_not_know_are_refused() -> None:
    made = site(job("report", NIGHTLY, zone="Erewhon"))
    assert made.daemon is not None
    made.daemon.loop.step(frozenset({Reason.BOOT}))
    with pytest.raises(Refused, match=r"cannot tell when report is due: .*Erewhon.* is no time zone"):
        control(made).upcoming("report", 1)


def test_a_start_leaves_runs_alone() -> None:
    made = begun(job())
    play(made, f"run {HOUR}")
    control(made).stop("report", "root")
    control(made).start("report", "root")
    assert made.daemon is not None
    assert made.daemon.store.memory().attempts == {}
    control(made).start("*", "root")
    assert made.daemon.store.memory().attempts == {}
    assert made.daemon.store.memory().intent.down is Down.NO
    [told] = [entry.text for entry in journal(made, "start")]
    assert told == "it is to run when it is due"


def test_logs_of_a_job_are_those_of_its_runs_by_when_they_were_due() -> None:
    made = begun(job())
    play(made, f"run {2 * HOUR}")
    both = {replica.due for replica, _ in control(made).logs([("report", None)], 10, False)}
    one = {replica.due for replica, _ in control(made).logs([("report", FIRST)], 10, False)}
    assert (both, one) == ({FIRST, FIRST + 3600}, {FIRST})


def test_the_audit_has_what_is_stored_of_a_job() -> None:
    made = begun(job("report", DAILY))
    assert made.daemon is not None
    control(made).suspend("report", "ann")
    row = control(made).run_job("report", "root")
    assert stored(made.daemon.store.memory(), "report") == {"suspended": True, "runs": [row.due]}
    play(made, "run 600")
    assert stored(made.daemon.store.memory(), "report") == {"suspended": True}
