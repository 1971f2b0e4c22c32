"""What counts of the rows: over a restart, while the registry is away, and when a loss looks like a mistake."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.full_disk import no_room
from tests.unit.sources.registry import SaidRegistry
from zpmd.daemon.clock import SystemClock
from zpmd.engines.virtual_time import VirtualClock
from zpmd.model.policy import Limits
from zpmd.model.tenant import Away, Integration, IntegrationKey, Rows, RowTrouble, Status, Tenant
from zpmd.sources.intake import Intake
from zpmd.stores.embedded import EmbeddedStore


def rows(count: int = 5, **fields: object) -> Rows:
    tenant = Tenant(id=1, name="Acme", tenantcode="acme", status=Status.ACTIVE)
    integrations = tuple(
        Integration(integration_id=n, tenantcode="acme", service_name="jira", status=Status.ACTIVE, row=f"row {n}")
        for n in range(1, count + 1)
    )
    return dataclasses.replace(Rows(tenants=(tenant,), integrations=integrations), **fields)  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    one = EmbeddedStore(tmp_path / "zpmd.db", 100, SystemClock())
    yield one
    one.close()


def intake(store: EmbeddedStore, registry: SaidRegistry) -> Intake:
    return Intake(registry, store, SystemClock(), Limits())


def names(one: Intake) -> list[int]:
    settled = one.settled()
    assert settled is not None
    return [i.integration_id for i in settled.rows.integrations]


def test_nothing_is_known_before_anything_was_read(store: EmbeddedStore) -> None:
    one = intake(store, SaidRegistry())
    assert one.settled() is None
    assert not one.complete()
    away = one.away()
    assert away is not None
    assert away.why == "mongodb has not been read yet"


def test_the_last_good_rows_survive_a_restart_without_the_registry(store: EmbeddedStore) -> None:
    registry = SaidRegistry()
    registry.say(rows(3))
    assert names(intake(store, registry)) == [1, 2, 3]
    later = intake(store, SaidRegistry(gone=Away(since=1.0, why="refused")))
    assert names(later) == [1, 2, 3]
    assert later.complete()
    assert later.away() == Away(since=1.0, why="refused")


def test_a_reading_is_settled_once(store: EmbeddedStore) -> None:
    registry = SaidRegistry()
    registry.say(rows(3))
    one = intake(store, registry)
    assert one.settled() is one.settled()


def test_a_large_loss_is_held_until_it_is_approved_over_a_restart_as_well(store: EmbeddedStore) -> None:
    registry = SaidRegistry()
    registry.say(rows(5))
    one = intake(store, registry)
    one.settled()
    registry.say(rows(2))
    settled = one.settled()
    assert settled is not None
    assert names(one) == [1, 2, 3, 4, 5]
    assert set(settled.held) == {IntegrationKey("acme", n) for n in (3, 4, 5)}
    again = intake(store, registry)
    assert names(again) == [1, 2, 3, 4, 5], "the loss was not taken for good"
    store.approve(["jira-acme-3", "jira-acme-4", "jira-acme-5"])
    assert names(again) == [1, 2]
    store.disapprove(["jira-acme-3", "jira-acme-4", "jira-acme-5"])
    assert names(again) == [1, 2], "an approval that is over is not taken back"


def test_a_large_loss_that_is_seen_in_slices_is_one_loss(store: EmbeddedStore) -> None:
    registry, clock = SaidRegistry(), VirtualClock(1000.0)
    one = Intake(registry, store, clock, Limits())
    for count in (20, 18, 16):
        registry.say(rows(count))
        assert names(one) == list(range(1, count + 1))
    clock.advance(59)
    registry.say(rows(15))
    settled = one.settled()
    assert settled is not None
    assert [key.integration_id for key in settled.held] == [16, 17, 18, 19, 20]
    assert names(one) == list(range(1, 21)), "what went first comes back: it was part of the same loss"


def test_a_loss_that_was_accepted_stays_so_when_nothing_more_is_lost(store: EmbeddedStore) -> None:
    registry, clock = SaidRegistry(), VirtualClock(1000.0)
    one = Intake(registry, store, clock, Limits())
    all_of_them = rows(5)
    asleep = dataclasses.replace(all_of_them.integrations[4], status=Status.INACTIVE)
    registry.say(dataclasses.replace(all_of_them, integrations=(*all_of_them.integrations[:4], asleep)))
    assert names(one) == [1, 2, 3, 4, 5]
    registry.say(rows(2))
    assert names(one) == [1, 2], "two that ran, and one that did not"
    store.approve(["somebody else"])
    assert names(one) == [1, 2]


def test_losses_that_are_far_apart_are_no_large_one(store: EmbeddedStore) -> None:
    registry, clock = SaidRegistry(), VirtualClock(1000.0)
    one = Intake(registry, store, clock, Limits())
    for count in (20, 18, 16, 14):
        registry.say(rows(count))
        assert names(one) == list(range(1, count + 1))
        clock.advance(61)


def test_a_row_that_turned_bad_goes_on_as_it_was_last(store: EmbeddedStore) -> None:
    registry = SaidRegistry()
    registry.say(rows(3))
    one = intake(store, registry)
    one.settled()
    bad = RowTrouble(
        collection="integrations",
        row="row 3",
        field="status",
        reason="'on' is no status",
        key=IntegrationKey("acme", 3),
    )
    registry.say(rows(2), bad)
    assert names(one) == [1, 2, 3]


def test_a_tenant_that_never_answered_leaves_what_is_missing_unknown(store: EmbeddedStore) -> None:
    registry = SaidRegistry()
    registry.say(rows(0, unknown=(("acme", "does not answer"),)))
    one = intake(store, registry)
    assert not one.complete()
    registry.say(rows(3))
    assert one.complete()
    registry.say(rows(0, unknown=(("acme", "does not answer"),)))
    assert names(one) == [1, 2, 3]
    assert one.complete(), "it has been heard: what it said then goes on"


def test_rows_that_cannot_be_kept_count_and_are_kept_later(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "zpmd.db", 100, SystemClock())
    registry = SaidRegistry()
    registry.say(rows(3))
    one = intake(store, registry)
    with no_room():
        assert names(one) == [1, 2, 3]
    assert store.last_rows() is None
    assert names(one) == [1, 2, 3]
    assert store.last_rows() == rows(3)
    store.close()
