"""The laws of settling, on any reading after any other."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.properties.rows_worlds import CODES, readings, troubles
from zpmd.model.policy import Limits
from zpmd.model.tenant import Reading, Rows, RowTrouble, Settled, Status
from zpmd.planning.rows import running, settle

LIMITS = Limits()
NOBODY: frozenset[str] = frozenset()
approvals = st.sets(
    st.builds("{}-{}-{}".format, st.sampled_from(["splunk", "jira"]), st.sampled_from(CODES), st.integers(1, 4))
)


@st.composite
def goods(draw: st.DrawFn) -> Rows | None:
    """The last good rows are what settling once gave."""
    if draw(st.booleans()):
        return None
    first = settle(draw(readings()), None, NOBODY, LIMITS).rows
    return settle(draw(readings()), first, draw(approvals), LIMITS).rows


@given(readings(), goods(), approvals)
def test_settling_again_changes_nothing(reading: Reading, good: Rows | None, approved: set[str]) -> None:
    once = settle(reading, good, approved, LIMITS)
    again = settle(reading, once.rows, approved, LIMITS)
    assert again.rows == once.rows
    assert again.held == once.held
    assert again.troubles == once.troubles
    assert dict(again.retired).items() <= dict(once.retired).items()


@given(readings(), goods(), approvals, st.integers())
def test_the_order_of_rows_means_nothing(reading: Reading, good: Rows | None, approved: set[str], seed: int) -> None:
    chance = random.Random(seed)

    def mixed(rows: Rows) -> Rows:
        names = ("tenants", "integrations", "params", "servers")
        return replace(rows, **{name: tuple(chance.sample(found := getattr(rows, name), len(found))) for name in names})

    shuffled = Reading(rows=mixed(reading.rows), troubles=tuple(chance.sample(reading.troubles, len(reading.troubles))))
    assert settle(shuffled, good and mixed(good), approved, LIMITS) == settle(reading, good, approved, LIMITS)


def services(settled: Settled) -> set[str]:
    return {i.service for i in running(settled.rows)}


@given(readings(), goods(), approvals)
def test_what_runs_has_one_name_and_no_evidence_against_it(
    reading: Reading, good: Rows | None, approved: set[str]
) -> None:
    settled = settle(reading, good, approved, LIMITS)
    names = [i.service for i in running(settled.rows)]
    assert len(names) == len(set(names))
    assert not set(names) & dict(settled.retired).keys()
    assert settled.held.keys() <= {i.key for i in running(settled.rows)}
    assert {i.tenantcode for i in settled.rows.integrations} <= {t.tenantcode for t in settled.rows.tenants}


@given(readings(), goods())
def test_whoever_ran_runs_or_is_retired_on_evidence(reading: Reading, good: Rows | None) -> None:
    settled = settle(reading, good, NOBODY, LIMITS)
    before = {i.service for i in running(good or Rows())}
    assert before <= services(settled) | dict(settled.retired).keys()


@given(readings(), goods())
def test_a_large_loss_without_a_word_stops_nobody(reading: Reading, good: Rows | None) -> None:
    """Written without the words of the code: who stopped, and of whom did no row of the reading say so."""
    before = good or Rows()
    settled = settle(reading, good, NOBODY, LIMITS)
    now = {i.key for i in running(settled.rows)}
    said = {i.key for i in reading.rows.integrations if i.status is not Status.ACTIVE}
    quiet = {t.tenantcode for t in settled.rows.tenants if t.status is not Status.ACTIVE}
    ran = {i.key for i in running(before)}
    stopped = {key for key in ran - now if key not in said and key.tenantcode not in quiet}
    assert len(stopped) <= LIMITS.removal_count or len(stopped) * 100 <= LIMITS.removal_percent * len(ran)


@given(readings(), goods(), st.sets(st.sampled_from(CODES)))
def test_a_database_that_does_not_answer_stops_nobody(reading: Reading, good: Rows | None, silent: set[str]) -> None:
    rows = replace(
        reading.rows,
        integrations=tuple(i for i in reading.rows.integrations if i.tenantcode not in silent),
        unknown=tuple((code, "no answer") for code in sorted(silent)),
    )
    settled = settle(replace(reading, rows=rows), good, NOBODY, LIMITS)
    active = {t.tenantcode for t in settled.rows.tenants if t.status is Status.ACTIVE}
    before = {i.service for i in running(good or Rows()) if i.tenantcode in silent & active}
    assert before <= services(settled)


@given(goods(), st.data())
def test_a_row_that_goes_bad_freezes_and_changes_nothing_else(good: Rows | None, data: st.DataObject) -> None:
    before = good or Rows()
    if not before.integrations:
        return
    one = data.draw(st.sampled_from(before.integrations))
    key = data.draw(st.sampled_from([one.key, None]))
    bad = RowTrouble(collection="integrations", row=one.row, field="status", reason="is bad", key=key)
    rest = replace(before, integrations=tuple(i for i in before.integrations if i.key != one.key), unknown=())
    settled = settle(Reading(rows=rest, troubles=(bad,)), before, NOBODY, LIMITS)
    assert settled.rows.integrations == before.integrations
    assert settled.rows.tenants == before.tenants
    assert bad in settled.troubles
    assert not settled.held


@given(readings(), goods(), troubles())
def test_one_more_bad_row_never_stops_anybody(reading: Reading, good: Rows | None, bad: RowTrouble) -> None:
    """A row that was never read well is added: what ran without it runs with it."""
    bad = replace(bad, row=f"{bad.row}-new", key=None, tenantcode="")
    with_it = replace(reading, troubles=(*reading.troubles, bad))
    assert services(settle(reading, good, NOBODY, LIMITS)) <= services(settle(with_it, good, NOBODY, LIMITS))
