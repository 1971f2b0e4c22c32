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
from zpmd.model.service import Desired, Problem
from zpmd.stores.embedded import EmbeddedStore

GOOD = Desired(services=(service("web"),))
BETTER = Desired(services=(service("db"), service("web")))
BROKEN = Problem(file="a.yaml", line=3, column=5, path="services.web", message="is nonsense")


class Scripted:
    """A source whose answers are written down."""

    name = "files"

    def __init__(self, *answers: Desired | Problem) -> None:
        self._answers = list(answers)

    def load(self) -> Desired:
        answer = self._answers.pop(0)
        if isinstance(answer, Problem):
            raise ConfigError((answer,))
        return answer


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
    assert desire.refresh(2.0) == [
        "files: 1 problems, the last good copy is kept: a.yaml:3:5: services.web: is nonsense"
    ]
    assert desire.desired == GOOD
    assert desire.refresh(3.0) == [], "the same problem is said once"
    (state,) = desire.states
    assert (state.ok, state.since, state.problems) == (False, 2.0, (BROKEN,))
    assert desire.refresh(4.0) == ["files: good again, 2 services"]
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
    assert desire.refresh(2.0) == []
    assert store.last_good("files") == GOOD
    store.close()
