"""The chain of the audit: whatever is done to its rows is found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from zpmd.model.audit import GENESIS, Head, Kind, Link, Record, digest, link, read, text, verify


def record(number: int, **more: object) -> Record:
    facts: dict[str, object] = {"at": 1_700_000_000.0 + number, "kind": Kind.WRITE, "actor": "root", "status": 202}
    return Record(**{**facts, "subject": f"s{number}", **more})  # type: ignore[arg-type]


def chain(length: int = 6, head: Head = Head()) -> tuple[list[Link], Head]:  # noqa: B008 - a frozen value
    rows: list[Link] = []
    for number in range(length):
        rows.append(link(head, record(number, before={"stopped": True}, scopes=("admin", "read"), journal=(1, 2))))
        head = Head(rows[-1].id, rows[-1].hash)
    return rows, head


def anchored(cut: int) -> tuple[list[Link], Head]:
    """A chain whose first `cut` rows were let go."""
    rows, head = chain()
    anchor = record(99, kind=Kind.ANCHOR, actor="zpmd", upto=rows[cut - 1].id, upto_hash=rows[cut - 1].hash)
    last = link(head, anchor)
    return [*rows[cut:], last], Head(last.id, last.hash)


def test_a_record_comes_back_from_its_text() -> None:
    said = record(1, before={"scale": 3, "hold": {"owner": "ünï", "until": None}}, journal=(4, 5), scopes=("read",))
    assert read(text(said)) == said
    assert text(record(1)) == '{"actor":"root","at":1700000001.0,"kind":"write","status":202,"subject":"s1"}'


def test_what_a_newer_zpmd_wrote_into_a_record_is_left_out() -> None:
    assert read('{"actor":"root","at":1.0,"kind":"write","weather":"fine"}').actor == "root"


@pytest.mark.parametrize("body", ["", "[]", "null", "{}", '{"at":1,"kind":"feast","actor":""}', "{", '"at"'])
def test_what_is_no_record_is_said_to_be_none(body: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever its text
        read(body)


def test_a_chain_that_nobody_touched_holds() -> None:
    rows, head = chain()
    assert rows[0].previous == GENESIS
    assert verify(rows, head) == ()
    assert verify([], Head()) == ()


def test_any_row_that_was_changed_is_found() -> None:
    rows, head = chain()
    for place, row in enumerate(rows):
        for name, value in (("body", row.body.replace("root", "toor")), ("hash", "0" * 64), ("previous", "f" * 64)):
            touched = [*rows[:place], replace(row, **{name: value}), *rows[place + 1 :]]
            assert verify(touched, head), (place, name)


def test_a_row_that_was_changed_with_its_hash_is_found_by_the_next_one_or_the_head() -> None:
    rows, head = chain()
    for place, row in enumerate(rows):
        body = row.body.replace("root", "toor")
        forged = Link(row.id, row.previous, digest(row.id, row.previous, body), body)
        assert verify([*rows[:place], forged, *rows[place + 1 :]], head), place


def test_any_row_that_was_taken_out_is_found_also_when_the_others_were_numbered_anew() -> None:
    rows, head = chain()
    for place in range(len(rows)):
        left = [*rows[:place], *rows[place + 1 :]]
        assert verify(left, head), place
        assert verify([replace(row, id=number) for number, row in enumerate(left, 1)], head), place
    assert verify([], head)


def test_any_two_rows_that_changed_places_are_found() -> None:
    rows, head = chain()
    for one in range(len(rows)):
        for other in range(one + 1, len(rows)):
            swapped = list(rows)
            swapped[one], swapped[other] = rows[other], rows[one]
            assert verify(swapped, head), (one, other)
            numbered = [replace(row, id=number) for number, row in enumerate(swapped, 1)]
            assert verify(numbered, head), (one, other)


def test_a_row_that_was_put_in_is_found() -> None:
    rows, head = chain()
    for place in range(len(rows) + 1):
        before = Head(rows[place - 1].id, rows[place - 1].hash) if place else Head()
        assert verify([*rows[:place], link(before, record(50)), *rows[place:]], head), place


def test_the_oldest_rows_may_be_gone_where_an_anchor_vouches_for_it() -> None:
    rows, head = anchored(3)
    assert verify(rows, head) == ()
    assert verify(rows[1:], head) == ("rows before 5 are gone, and no anchor vouches for that",)
    plain, plain_head = chain()
    assert verify(plain[3:], plain_head) == ("rows before 4 are gone, and no anchor vouches for that",)


def test_a_ruined_chain_is_told_in_a_few_lines() -> None:
    rows, head = chain(100)
    found = verify([replace(row, body="{}") for row in rows], head)
    assert len(found) == 21
    assert found[-1] == "and perhaps more: the rest was not looked at"
