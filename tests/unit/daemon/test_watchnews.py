"""What the journal says of watched files: the suspended, the unknown, and their ends; each once."""

from __future__ import annotations

import dataclasses

from tests.unit.planning.build import NOW, service
from zpmd.daemon.news import LINES
from zpmd.daemon.watchnews import WatchNews
from zpmd.model.service import Desired
from zpmd.model.watch import Watched


def desired(**watched: Watched) -> Desired:
    return Desired(services=tuple(dataclasses.replace(service(name), watched=w) for name, w in watched.items()))


def test_a_suspended_watch_and_its_end_are_told_once_of_their_service() -> None:
    news, calm = WatchNews(), Watched(digest="a", count=5, at=NOW)
    assert news.of(desired(web=calm, db=Watched())) == []
    suspended = desired(web=dataclasses.replace(calm, suspended=NOW), db=Watched())
    (one,) = news.of(suspended)
    assert (one.subject, one.service, one.bad) == ("web", "web", True)
    assert one.text.startswith("5 replacements in a row for changed files: changes have no effect until")
    assert news.of(suspended) == []
    assert news.of(dataclasses.replace(suspended)) == []
    (end,) = news.of(desired(web=calm))
    assert (end.text, end.bad) == ("its watch is no longer suspended", False)


def test_what_cannot_be_told_is_told_at_the_first_reading_too() -> None:
    news = WatchNews()
    (one,) = news.of(desired(web=Watched(trouble="/a: Permission denied")))
    assert one.text == "what it watches cannot be told, and counts as unchanged: /a: Permission denied"
    (other,) = news.of(desired(web=Watched(trouble="/a: Input/output error")))
    assert "Input/output error" in other.text
    assert [n.text for n in news.of(desired(web=Watched()))] == ["what it watches can be told again"]


def test_what_is_wrong_everywhere_is_one_event() -> None:
    told = WatchNews().of(desired(**{f"s{n}": Watched(trouble="/mnt: gone") for n in range(1000)}))
    assert len(told) == LINES + 1
    assert told[-1].text == f"{1000 - LINES} more like these"
