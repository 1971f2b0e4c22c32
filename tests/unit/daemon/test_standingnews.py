"""What the log has of how things stand, where jobs are among them: a job is no service that is to be up.

Services alone, over days of the simulated world, are in tests/properties/test_quiet.py.
"""

from __future__ import annotations

from tests.unit.daemon.given import job, keep, over
from tests.unit.planning.build import NOW, service
from zpmd.daemon.standingnews import AGAIN_SECONDS, LONG_SECONDS, StandingNews
from zpmd.messages import Message
from zpmd.model.action import Action, KeepEvidence
from zpmd.model.cause import Cause, Code
from zpmd.model.plan import Plan, Standing, State
from zpmd.model.service import Desired, Group

WEB, REPORT = service("web"), job("report")
BOTH = Desired(services=(WEB, REPORT))
UP = Standing(service="web", group=Group.CORE, state=State.RUNNING, ready=1, desired=1)


def report(state: State, ready: int = 0, desired: int = 0) -> Standing:
    return Standing(service="report", group=Group.CORE, state=state, ready=ready, desired=desired)


def told(news: StandingNews, *standings: Standing, now: float, actions: tuple[Action, ...] = ()) -> list[Message]:
    return [one.message for one in news.of(BOTH, Plan(standings=standings, actions=actions), now)]


def test_all_is_up_whatever_jobs_do_and_are_about_to_do() -> None:
    news = StandingNews(3)
    news.rises(NOW)
    evidence = KeepEvidence(replica=over(REPORT, 3600), failed=False, cause=Cause(Code.RUN_ENDED, "it ended"))
    actions = (keep(), evidence)
    assert told(news, UP, report(State.FAILED), now=NOW, actions=actions) == [Message.ALL_UP]
    only_jobs = StandingNews(3)
    only_jobs.rises(NOW)
    assert told(only_jobs, report(State.SCHEDULED), now=NOW) == [], "there is no service that could be up"


def test_a_failed_run_is_the_ledgers_to_tell_and_that_it_lasts_is_told_every_six_hours() -> None:
    news = StandingNews(3)
    assert told(news, UP, report(State.FAILED), now=NOW) == []
    assert told(news, UP, report(State.FAILED), now=NOW + AGAIN_SECONDS - 1) == []
    [line] = news.of(BOTH, Plan(standings=(UP, report(State.FAILED))), NOW + AGAIN_SECONDS)
    assert (line.message, line.text) == (Message.STILL_WRONG, "for hours now: not as they should be: report (failed)")
    assert told(news, UP, report(State.SCHEDULED), now=NOW + 2 * AGAIN_SECONDS) == []


def test_a_run_that_waits_for_long_is_told_and_no_run_and_no_pause_of_a_retry_is() -> None:
    for state in State:
        news = StandingNews(3)
        told(news, UP, report(state, desired=1), now=NOW)
        late = told(news, UP, report(state, desired=1), now=NOW + LONG_SECONDS)
        assert late == ([Message.WAITING_LONG] if state is State.WAITING else []), state


def test_a_service_in_trouble_that_becomes_a_job_is_in_trouble_no_longer() -> None:
    news, loop = StandingNews(3), report(State.CRASH_LOOP, desired=1)
    before = news.of(Desired(services=(WEB, service("report"))), Plan(standings=(UP, loop)), NOW)
    assert [one.message for one in before] == [Message.CRASH_LOOP]
    assert told(news, UP, report(State.SCHEDULED), now=NOW + 1) == [Message.WELL_AGAIN]
