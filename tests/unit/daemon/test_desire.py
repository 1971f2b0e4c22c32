"""Sources are kept at their last good answer; a first start on nothing good is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.full_disk import no_room
from tests.unit.planning.build import service
from zpmd.daemon.clock import SystemClock
from zpmd.daemon.desire import Desire
from zpmd.errors import ConfigError
from zpmd.model.service import Desired, Problem, VolumeSpec
from zpmd.model.tenant import Away
from zpmd.stores.embedded import EmbeddedStore

GOOD = Desired(services=(service("web"),))
BETTER = Desired(services=(service("db"), service("web")))
BROKEN = Problem(file="a.yaml", line=3, column=5, path="services.web", message="is nonsense")


class Scripted:
    """A source whose answers are written down; after `gone` it is away."""

    def __init__(self, *answers: Desired | Problem, name: str = "files") -> None:
        self._answers = list(answers)
        self.name = name
        self.gone: Away | None = None

    def load(self) -> Desired:
        answer = self._answers.pop(0)
        if isinstance(answer, Problem):
            raise ConfigError((answer,))
        return answer

    def away(self) -> Away | None:
        return self.gone


def said(desire: Desire, now: float) -> list[str]:
    return [news.text for news in desire.refresh(now)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    one = EmbeddedStore(tmp_path / "zpmd.db", 100, SystemClock())
    yield one
    one.close()


def test_a_broken_first_start_is_refused_with_every_problem(store: EmbeddedStore) -> None:
    with pytest.raises(ConfigError) as refused:
        Desire([Scripted(BROKEN)], store).first(1.0)  # type: ignore[list-item]
    assert refused.value.problems == (BROKEN,)


def test_a_broken_reload_keeps_the_last_good_answer_and_says_since_when(store: EmbeddedStore) -> None:
    desire = Desire([Scripted(GOOD, BROKEN, BROKEN, BETTER)], store)  # type: ignore[list-item]
    desire.first(1.0)
    assert said(desire, 2.0) == ["files: 1 problems, the last good copy is kept: a.yaml:3:5: services.web: is nonsense"]
    assert desire.desired == GOOD
    assert said(desire, 3.0) == [], "the same problem is said once"
    (state,) = desire.states
    assert (state.ok, state.since, state.problems) == (False, 2.0, (BROKEN,))
    assert said(desire, 4.0) == ["files: good again, 2 services"]
    assert desire.desired == BETTER
    assert desire.states[0].ok


def test_the_last_good_answer_survives_a_restart_on_broken_files(store: EmbeddedStore) -> None:
    Desire([Scripted(BETTER)], store).first(1.0)  # type: ignore[list-item]
    later = Desire([Scripted(BROKEN)], store)  # type: ignore[list-item]
    later.first(2.0)
    assert later.desired == BETTER
    assert not later.states[0].ok


def test_a_good_copy_that_could_not_be_kept_is_kept_later(tmp_path: Path) -> None:
    path = tmp_path / "zpmd.db"
    store = EmbeddedStore(path, 100, SystemClock())
    desire = Desire([Scripted(GOOD, GOOD)], store)  # type: ignore[list-item]
    with no_room():
        desire.first(1.0)
    assert store.last_good("files") is None
    assert said(desire, 2.0) == []
    assert store.last_good("files") == GOOD
    store.close()


def test_a_source_that_is_away_keeps_nobody_from_starting(store: EmbeddedStore) -> None:
    never = Scripted(Desired(complete=False), BETTER, name="integrations")
    never.gone = Away(since=1.0, why="mongodb does not answer")
    desire = Desire([Scripted(GOOD, GOOD), never], store)  # type: ignore[list-item]
    desire.first(2.0)
    assert not desire.desired.complete, "what it would say is unknown, not absent"
    assert desire.desired.services == GOOD.services
    assert store.last_good("integrations") is None, "an answer that says nothing is not a good one"
    state = desire.states[1]
    assert (state.ok, state.since, state.away, state.problems) == (False, 1.0, "mongodb does not answer", ())
    never.gone = None
    assert said(desire, 3.0) == ["integrations: good again, 2 services"]
    assert desire.desired.complete


def test_what_is_away_is_said_once(store: EmbeddedStore) -> None:
    source = Scripted(GOOD, GOOD, GOOD, name="integrations")
    desire = Desire([source], store)  # type: ignore[list-item]
    desire.first(1.0)
    source.gone = Away(since=2.0, why="mongodb does not answer")
    assert said(desire, 2.0) == [
        "integrations: away, mongodb does not answer; what it said last goes on, 1 services",
    ]
    assert said(desire, 3.0) == []


def test_a_source_that_is_away_for_two_reasons_in_turn_says_each_once(store: EmbeddedStore) -> None:
    source = Scripted(*[GOOD] * 9, name="integrations")
    desire = Desire([source], store)  # type: ignore[list-item]
    desire.first(1.0)

    def away(why: str) -> int:
        source.gone = Away(since=2.0, why=why)
        return len(said(desire, 2.0))

    assert [away("is slow"), away("refuses"), away("is slow"), away("refuses")] == [1, 1, 0, 0]
    source.gone = None
    assert said(desire, 3.0) == ["integrations: good again, 1 services"]
    assert away("is slow") == 1, "another time is told again"


def test_what_two_sources_use_is_one(store: EmbeddedStore) -> None:
    shared = VolumeSpec(name="t_data")
    files = Desired(services=(service("web"),), volumes=(shared,), retired=(("x", "off"),))
    rows = Desired(services=(service("app"),), volumes=(shared, VolumeSpec(name="t_more")), held=(("app", "gone"),))
    desire = Desire([Scripted(files), Scripted(rows, name="integrations")], store)  # type: ignore[list-item]
    desire.first(1.0)
    assert [s.name for s in desire.desired.services] == ["app", "web"]
    assert [v.name for v in desire.desired.volumes] == ["t_data", "t_more"]
    assert desire.desired.retired == (("x", "off"),)
    assert desire.desired.held == (("app", "gone"),)
    assert desire.desired is desire.desired, "the sum is made once"
