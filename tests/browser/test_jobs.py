"""Jobs on the page, in a real browser: how they stand, their ledger, and what one can tell them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.browser.chromium import Page
from tests.browser.site import Site
from tests.lab.eventually import eventually
from tests.unit.interfaces.given import NOON, service, standing
from tests.unit.interfaces.given_jobs import DAY, TWO_O_CLOCK, facts, job, keep, run, scheduled
from zpmd.interfaces.rest.access import Scope
from zpmd.model.job import Ending, Run, Step
from zpmd.model.plan import State

FAILED = run(ending=Ending.FAILED, log_tail=("reading <b>rows</b>", "no space left on device"))
BEFORE = run(due=TWO_O_CLOCK - DAY, log_tail=("made 3 pages",))
MISSED = run(due=TWO_O_CLOCK - 2 * DAY, ending=Ending.MISSED_DOWN, reason="zpmd was down")


def passed(site: Site, *rows: Run, **report: Any) -> None:
    """A pass that has seen these rows, beside those that were there."""
    keep(site.surface, *rows)
    given = facts(
        services=(job("report"), job("tidy", suspend=True), service("redis")),
        standings=(standing("redis"), scheduled("report", **report), scheduled("tidy", state=State.SUSPENDED)),
        dues={"report": float(TWO_O_CLOCK + DAY)},
    )
    given.pop("memory")
    site.surface.publish(**given)


def test_a_job_shows_its_last_run_its_next_and_the_words_of_each(site: Site, page: Page) -> None:
    passed(site, MISSED, BEFORE, FAILED, state=State.FAILED, reason="exit 3")
    page.log_in(site.url, site.token("ann", Scope.READ))
    page.says("#headline", "1 service needs a look: report")
    page.says("#counts", "1 service · 2 jobs · 1 of 1 replica ready · 1 suspended")
    page.says("#jobs", "next in 14 h (2023-11-16 02:00:00)")
    page.says("#jobs", "last run 02:00:00 failed with exit 3 after 12 s")
    page.says("#jobs", "suspended by its file")
    assert page.text('[data-service="report"] .number') == "", "a job has no replicas"
    page.find('[data-service="report"] .name').click()
    page.says("#detail .facts", "0 2 * * *")
    page.says("#detail .runs", "missed: nobody looked then")
    page.says("#detail .runs", "zpmd was down")
    page.find('[data-due="2023-11-15T02:00:00Z"] summary').click()
    page.says('[data-due="2023-11-15T02:00:00Z"] .log', "reading <b>rows</b>\nno space left on device")
    assert page.all('[data-due="2023-11-14T02:00:00Z"][open]') == []
    assert page.all("#detail [data-verb]") == [], "who may only look has no buttons"
    assert page.complaints() == []


def test_a_run_that_is_asked_for_is_followed_until_it_runs(site: Site, page: Page) -> None:
    passed(site, BEFORE)
    page.log_in(site.url, site.token("ann", *Scope))
    page.says("#services", "report")
    page.open(f"{site.url}#service=report")
    page.says("#detail", "Run")
    page.find('[data-verb="run"]').click()
    assert page.text("#confirm-title") == "Run report?"
    page.find("#confirm-yes").click()
    page.says("#asked", "accepted")
    (asked,) = (row for row in site.surface.store.runs("report") if row.open)
    assert asked.asked == "token:ann"
    passed(site, state=State.WAITING, desired=1, reason="waits for a place")
    page.says("#asked", "waits for a place")
    begun = replace(asked, step=Step.RUNNING, tries=1, started_at=NOON + 1)
    passed(site, begun, state=State.RUNNING, ready=1, desired=1)
    page.says("#asked", "it runs")
    page.says("#detail .runs", "running for")
    page.says("#detail .runs", "asked for by token:ann")
    ended = replace(begun, step=Step.ENDED, ending=Ending.OK, finished_at=NOON + 3, exit_code=0)
    passed(site, replace(ended, evidence=1, log_tail=("made 4 pages",)))
    page.says("#detail .runs", "ok after 2.0 s")
    assert page.complaints() == []


def test_a_job_is_suspended_and_resumed(site: Site, page: Page) -> None:
    passed(site, BEFORE)
    page.log_in(site.url, site.token("ann", *Scope))
    page.says("#services", "report")
    page.open(f"{site.url}#service=report")
    for verb, outcome, by in (
        ("suspend", "it is suspended", {"report": "token:ann"}),
        ("resume", "when it is due", {}),
    ):
        eventually(lambda verb=verb: page.shown(f'[data-verb="{verb}"]'), 10, f"the button to {verb}")  # type: ignore[misc]
        page.find(f'[data-verb="{verb}"]').click()
        page.find("#confirm-yes").click()
        page.says("#asked", "accepted")
        assert site.surface.store.memory().intent.suspended == by
        passed(site, state=State.SUSPENDED if by else State.SCHEDULED)
        page.says("#asked", outcome)
    page.open(f"{site.url}#service=tidy")
    page.says("#detail", "by its file")
    assert page.all('[data-verb="resume"]') == [], "what its own file suspends"
    assert page.complaints() == []
