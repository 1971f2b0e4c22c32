"""What the journal is told when rows were read."""

from __future__ import annotations

from zpmd.daemon.news import LINES
from zpmd.daemon.rownews import RowNews
from zpmd.model.tenant import Integration, IntegrationKey, Rows, RowTrouble, Status, Tenancy

ROW = Integration(integration_id=1, tenantcode="acme", service_name="jira", status=Status.ACTIVE, row="a.yaml:3")
KEY = ROW.key


def trouble(row: str = "a.yaml:3", key: IntegrationKey | None = KEY) -> RowTrouble:
    return RowTrouble(collection="integrations", row=row, field="status", reason="is missing", key=key)


def tenancy(*troubles: RowTrouble, held: tuple[IntegrationKey, ...] = ()) -> Tenancy:
    rows = Rows(integrations=(ROW,))
    return Tenancy(where="data files", rows=rows, troubles=troubles, held=tuple((key, "gone") for key in held))


def test_a_row_that_goes_wrong_is_told_once_and_once_when_it_is_right_again() -> None:
    news = RowNews()
    [wrong] = news.of(tenancy(trouble()))
    assert (wrong.subject, wrong.service, wrong.bad) == ("acme/1", "jira-acme-1", True)
    assert wrong.text == "integrations a.yaml:3 is not used as it stands: status: is missing"
    assert news.of(tenancy(trouble())) == []
    [right] = news.of(tenancy())
    assert (right.text, right.service, right.bad) == ("integrations a.yaml:3 is no longer wrong", "jira-acme-1", False)
    assert news.of(tenancy()) == []


def test_a_registry_that_is_not_there_tells_nothing_and_nothing_is_forgotten() -> None:
    news = RowNews()
    assert news.of(None) == []
    news.of(tenancy(trouble()))
    assert news.of(None) == []
    assert news.of(tenancy(trouble())) == []


def test_a_held_loss_is_told_when_it_grows_and_when_it_ends() -> None:
    news = RowNews()
    [held] = news.of(tenancy(held=(KEY,)))
    assert held.text == "held: 1 integration that vanished at once: acme/1"
    assert news.of(tenancy(held=(KEY,))) == []
    [more] = news.of(tenancy(held=(KEY, IntegrationKey("acme", 2))))
    assert more.text == "held: 2 integrations that vanished at once: acme/1, acme/2"
    assert [n.text for n in news.of(tenancy())] == ["no integration is held any more"]


def test_a_thousand_bad_rows_are_a_few_lines() -> None:
    told = RowNews().of(tenancy(*(trouble(f"a.yaml:{n}", None) for n in range(1000))))
    assert len(told) == LINES + 1
    assert told[-1].text == f"{1000 - LINES} more like these"
