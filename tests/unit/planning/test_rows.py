"""Settling, by example: which rows count when some are bad, missing or unknown, and what is told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from zpmd.model.policy import Limits
from zpmd.model.tenant import (
    Integration,
    IntegrationKey,
    Param,
    Reading,
    Rows,
    RowTrouble,
    Server,
    Settled,
    Status,
    Tenant,
)
from zpmd.planning.rows import running, settle


def tenant(code: str = "acme", status: Status = Status.ACTIVE, row: str = "") -> Tenant:
    return Tenant(id=1, name=code, tenantcode=code, status=status, row=row or f"t-{code}")


def integration(number: int, code: str = "acme", row: str = "", **fields: Any) -> Integration:
    found: dict[str, Any] = {"service_name": "splunk", "status": Status.ACTIVE, **fields}
    return Integration(integration_id=number, tenantcode=code, row=row or f"i-{code}-{number}", **found)


def rows(integrations: Iterable[Integration], *tenants: Tenant, **others: Any) -> Rows:
    return Rows(tenants=tenants or (tenant(),), integrations=tuple(integrations), **others)


def bad(row: str, key: IntegrationKey | None = None, collection: str = "integrations", code: str = "") -> RowTrouble:
    return RowTrouble(collection=collection, row=row, field="status", reason="is bad", key=key, tenantcode=code)


def settled(now: Rows, good: Rows | None = None, *troubles: RowTrouble, approved: Iterable[str] = ()) -> Settled:
    return settle(Reading(rows=now, troubles=troubles), good, frozenset(approved), Limits())


def run(done: Settled) -> list[str]:
    return [str(i.key) for i in running(done.rows)]


GOOD = rows([integration(n) for n in range(1, 6)])


def test_the_first_reading_counts_as_it_is() -> None:
    done = settled(GOOD)
    assert (done.rows, done.troubles, dict(done.held), done.retired) == (GOOD, (), {}, ())


@pytest.mark.parametrize("trouble", [bad("other", IntegrationKey("acme", 3)), bad("i-acme-3")])
def test_a_bad_row_is_frozen_by_its_key_or_by_its_id(trouble: RowTrouble) -> None:
    now = rows(i for i in GOOD.integrations if i.integration_id != 3)
    done = settled(now, GOOD, trouble)
    assert done.rows == GOOD
    assert done.troubles == (trouble,)
    assert not done.held


def test_a_bad_row_that_was_never_good_changes_nothing() -> None:
    now = rows(i for i in GOOD.integrations if i.integration_id != 3)
    done = settled(now, GOOD, bad("new"))
    assert run(done) == ["acme/1", "acme/2", "acme/4", "acme/5"]
    assert done.retired == (("splunk-acme-3", "integration acme/3 has no row any more"),)


def test_a_row_of_a_file_may_be_any_bad_one_there_and_is_kept() -> None:
    good = rows([integration(1, row="a.yaml:3"), integration(2, row="a.yaml:4")])
    done = settled(rows([integration(1, row="a.yaml:3")]), good, bad("a.yaml:9"))
    assert run(done) == ["acme/1", "acme/2"]
    assert "unless it is row a.yaml:9" in str(done.troubles[0])


@pytest.mark.parametrize("trouble", [bad("x", collection="tenants", code="acme"), bad("t-acme", collection="tenants")])
def test_a_bad_tenant_is_frozen_and_its_integrations_go_on_being_edited(trouble: RowTrouble) -> None:
    edited = [replace(i, title="new") for i in GOOD.integrations]
    done = settled(replace(rows(edited), tenants=()), GOOD, trouble)
    assert done.rows == rows(edited)


def test_bad_params_and_servers_are_frozen() -> None:
    good = replace(
        GOOD,
        params=(Param(build_name="jira", values=(("A", "1"),), row="p1"), Param(values=(("B", "1"),), row="p2")),
        servers=(Server(name="a", role="active", row="s1"), Server(name="b", role="passive", row="s2")),
    )
    done = settled(GOOD, good, bad("p1", collection="app_params"), bad("s2", collection="servers"))
    assert [p.row for p in done.rows.params] == ["p1"]
    assert [s.row for s in done.rows.servers] == ["s2"]


def test_an_integration_of_no_tenant_is_in_trouble() -> None:
    done = settled(rows([integration(1), integration(2, "nobody")]))
    assert run(done) == ["acme/1"]
    assert [str(t) for t in done.troubles] == [
        "integrations i-nobody-2 of tenant nobody: tenantcode: there is no tenant nobody, or its row cannot be used"
    ]


def test_rows_that_say_so_retire_their_services() -> None:
    now = rows(
        [
            integration(1, status=Status.INACTIVE),
            integration(2, status=Status.DELETED),
            integration(3, service_name="jira"),
            integration(1, "bank"),
        ],
        tenant(),
        tenant("bank", Status.SUSPENDED),
    )
    done = settled(now, rows(now.integrations[:0] + tuple(integration(n) for n in (1, 2, 3)), tenant()))
    assert run(done) == ["acme/3"]
    assert done.retired == (
        ("splunk-acme-1", "integration acme/1 is inactive"),
        ("splunk-acme-2", "integration acme/2 is deleted"),
        ("splunk-acme-3", "integration acme/3 is jira-acme-3 now"),
        ("splunk-bank-1", "tenant bank is suspended"),
    )


def test_a_large_loss_is_held_with_all_that_it_needs_until_it_is_approved() -> None:
    good = replace(GOOD, params=(Param(values=(("A", "1"),), row="p"),), servers=(Server(name="a", role="active"),))
    done = settled(Rows(), good)
    assert done.rows == good
    assert done.held[IntegrationKey("acme", 1)] == (
        "the row of its tenant acme is gone, and 4 more would go with it: `zpmctl approve` lets it go"
    )
    assert settled(Rows(), done.rows) == done
    gone = settled(Rows(), good, approved=[i.service for i in GOOD.integrations])
    assert (gone.rows, dict(gone.held)) == (Rows(), {})
    assert gone.retired[0] == ("splunk-acme-1", "tenant acme has no row any more")


@pytest.mark.parametrize(
    ("lost", "of", "held"), [(2, 5, 0), (3, 5, 3), (3, 15, 0), (4, 15, 4), (20, 100, 0), (21, 100, 21)]
)
def test_the_guard_wants_more_than_the_share_and_more_than_the_count(lost: int, of: int, held: int) -> None:
    good = rows(integration(n) for n in range(of))
    done = settled(rows(integration(n) for n in range(lost, of)), good)
    assert len(done.held) == held
    assert len(run(done)) == of - lost + held
    assert len(done.retired) == lost - held


def test_tenants_are_guarded_by_themselves() -> None:
    """Three of ten tenants with one integration each, of a hundred: few integrations, many tenants."""
    small = [tenant(f"s{n}") for n in range(9)]
    crowd = [integration(n, "big") for n in range(91)]
    good = rows([*(integration(1, t.tenantcode) for t in small), *crowd], tenant("big"), *small)
    now = rows([*(integration(1, t.tenantcode) for t in small[3:]), *crowd], tenant("big"), *small[3:])
    assert sorted(map(str, settled(now, good).held)) == ["s0/1", "s1/1", "s2/1"]


def test_a_large_change_that_rows_speak_of_is_not_held() -> None:
    now = rows(integration(n, status=Status.INACTIVE) for n in range(1, 6))
    done = settled(now, GOOD)
    assert (run(done), dict(done.held), len(done.retired)) == ([], {}, 5)


def test_a_tenant_whose_database_is_silent_keeps_its_integrations() -> None:
    good = rows([integration(1), integration(2), integration(1, "bank")], tenant(), tenant("bank"))
    params = (Param(tenantcode="acme", values=(("A", "1"),), row="p"),)
    now = rows([integration(1, "bank")], tenant(), tenant("bank"), unknown=(("acme", "no answer"),))
    done = settled(now, replace(good, params=params))
    assert run(done) == ["acme/1", "acme/2", "bank/1"]
    assert done.rows.params == params
    asleep = replace(now, tenants=(tenant(status=Status.SUSPENDED), tenant("bank")))
    assert run(settled(asleep, good)) == ["bank/1"]


def test_a_missing_tenant_takes_its_integrations_with_it() -> None:
    good = rows([integration(1), integration(1, "bank")], tenant(), tenant("bank"))
    done = settled(rows(good.integrations, tenant()), good)
    assert run(done) == ["acme/1"]
    assert done.retired == (("splunk-bank-1", "tenant bank has no row any more"),)
    assert [t.row for t in done.troubles] == ["i-bank-1"]


def test_nothing_is_begun_under_a_tenant_that_is_held() -> None:
    now = Rows(integrations=(*GOOD.integrations, integration(9)))
    done = settled(now, GOOD)
    assert len(done.held) == 5
    assert "acme/9" not in run(done)


def test_a_service_that_goes_on_keeps_its_name() -> None:
    good = rows([integration(1, "x-1", service_name="a")], tenant("x-1"), tenant("1"))
    now = rows([integration(1, "1", service_name="a-x")], tenant("x-1"), tenant("1"))
    done = settled(now, good, bad("i-x-1-1", IntegrationKey("x-1", 1)))
    assert run(done) == ["x-1/1"]
    assert "a service that goes on has the same name" in str(done.troubles)
