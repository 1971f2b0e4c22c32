"""Answers that are given again: for a day, and not for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from zpmd.model.answer import Answer
from zpmd.stores import answers
from zpmd.stores.answers import DAY_SECONDS, EmbeddedAnswers
from zpmd.stores.database import Database

NOON = 1_700_049_600.0


def answer(key: str = "k", actor: str = "ann", at: float = NOON, body: str = "{}") -> Answer:
    return Answer(actor=actor, key=key, asked="digest", at=at, status=202, body=body)


def test_an_answer_is_of_one_actor_and_key_and_lasts_over_a_restart(tmp_path: Path) -> None:
    database = Database(tmp_path / "zpmd.db", NOON)
    EmbeddedAnswers(database).keep(answer())
    database.close()
    kept = EmbeddedAnswers(Database(tmp_path / "zpmd.db", NOON))
    assert kept.find("ann", "k", NOON) == answer()
    assert kept.find("bob", "k", NOON) is None
    assert kept.find("ann", "l", NOON) is None


def test_it_lasts_a_day_and_then_its_row_goes(tmp_path: Path) -> None:
    database = Database(tmp_path / "zpmd.db", NOON)
    kept = EmbeddedAnswers(database)
    kept.keep(answer())
    assert kept.find("ann", "k", NOON + DAY_SECONDS - 1) is not None
    assert kept.find("ann", "k", NOON + DAY_SECONDS) is None
    kept.keep(answer("other", at=NOON + DAY_SECONDS))
    assert [row["key"] for row in database.rows("SELECT key FROM answer")] == ["other"]


def test_a_later_one_of_the_same_key_takes_its_place(tmp_path: Path) -> None:
    kept = EmbeddedAnswers(Database(tmp_path / "zpmd.db", NOON))
    kept.keep(answer())
    kept.keep(answer(at=NOON + 1, body="[]"))
    assert kept.find("ann", "k", NOON + 1) == answer(at=NOON + 1, body="[]")


def test_no_more_are_kept_than_there_is_room_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MOST", 10)
    database = Database(tmp_path / "zpmd.db", NOON)
    kept = EmbeddedAnswers(database)
    for number in range(25):
        kept.keep(answer(f"k{number}"))
    assert [row["key"] for row in database.rows("SELECT key FROM answer ORDER BY number")] == [
        f"k{number}" for number in range(15, 25)
    ]
