"""What every audit keeps, and how. One suite for all of them."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.contracts.stores import FixedClock
from zpmd.model.audit import Head, Kind, Record, verify
from zpmd.ports import Audit
from zpmd.stores.audit import EmbeddedAudit
from zpmd.stores.audit_memory import MemoryAudit
from zpmd.stores.database import Database

KEPT, SEGMENT = 20, 5


@pytest.fixture(params=["embedded", "memory"])
def audit(request: pytest.FixtureRequest, tmp_path: Path) -> Audit:
    if request.param == "memory":
        return MemoryAudit(KEPT, SEGMENT)
    return EmbeddedAudit(Database(tmp_path / "zpmd.db", FixedClock().now()), KEPT, SEGMENT)


def record(number: int = 1) -> Record:
    return Record(at=float(number), kind=Kind.WRITE, actor="root", subject=f"s{number}", status=202)


def test_an_audit_begins_empty(audit: Audit) -> None:
    assert (audit.rows(None, 10), audit.head(), dict(audit.begun()), audit.looked_through()) == ((), Head(), {}, None)


def test_rows_hold_one_another_and_the_head_is_the_last(audit: Audit) -> None:
    made = [audit.add(record(number)) for number in range(1, 8)]
    assert audit.rows(0, 100) == tuple(made)
    assert audit.head() == Head(7, made[-1].hash)
    assert verify(audit.rows(0, 100), audit.head()) == ()


def test_rows_are_the_newest_or_the_first_after_a_number_and_the_oldest_comes_first(audit: Audit) -> None:
    for number in range(1, 8):
        audit.add(record(number))
    assert [row.id for row in audit.rows(None, 3)] == [5, 6, 7]
    assert [row.id for row in audit.rows(2, 3)] == [3, 4, 5]
    assert audit.rows(7, 3) == ()


def test_what_has_begun_is_in_no_chain_until_it_ends(audit: Audit) -> None:
    first, second = audit.begin(record(1)), audit.begin(record(2))
    assert dict(audit.begun()) == {first: record(1), second: record(2)}
    assert audit.rows(None, 10) == ()
    row = audit.end(first, record(3))
    assert row.record == record(3)
    assert dict(audit.begun()) == {second: record(2)}
    assert audit.rows(None, 10) == (row,)
    assert audit.begin(record(4)) not in (first, second)


def test_whole_segments_of_the_oldest_go_and_what_is_left_can_be_verified(audit: Audit) -> None:
    for number in range(1, 200):
        audit.add(record(number))
        rows = audit.rows(0, 1000)
        assert len(rows) <= KEPT + SEGMENT + 1
        assert verify(rows, audit.head()) == (), number
    rows = audit.rows(0, 1000)
    assert rows[0].id > 100
    assert (rows[0].id - 1) % SEGMENT == 0
    assert verify(rows[1:], audit.head())


def test_it_is_remembered_how_far_the_journal_was_looked_through(audit: Audit) -> None:
    audit.look_through(7)
    audit.look_through(9)
    assert audit.looked_through() == 9


def test_rows_from_many_threads_make_one_chain(audit: Audit) -> None:
    threads = [threading.Thread(target=lambda: [audit.add(record(n)) for n in range(3)]) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = audit.rows(0, 100)
    assert [row.id for row in rows] == list(range(1, 19))
    assert verify(rows, audit.head()) == ()
