"""The wire does to a real HTTP conversation what its faults say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.chaos.ledger import Kind, Ledger
from tests.chaos.wire import Wire
from tests.unit.engines.scripted_engine import ScriptedEngine

CREATE = "/containers/create"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[ScriptedEngine]:
    one = ScriptedEngine(tmp_path / "engine.sock")
    one.answers[CREATE] = {"Id": "c1", "Warnings": []}
    yield one
    one.close()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    one = Ledger(tmp_path / "story.txt")
    yield one
    one.close()


@pytest.fixture
def wire(tmp_path: Path, engine: ScriptedEngine, ledger: Ledger) -> Iterator[Wire]:
    one = Wire(tmp_path / "wire.sock", tmp_path / "engine.sock", ledger, "seed")
    yield one
    one.close()


def post(wire: Wire) -> httpx.Response:
    transport = httpx.HTTPTransport(uds=wire.url.removeprefix("unix://"))
    with httpx.Client(transport=transport, base_url="http://engine", timeout=10) as client:
        return client.post(CREATE, json={})


def until_hit(wire: Wire) -> int:
    """Ask until a request fails; how many succeeded before."""
    for done in range(100):
        try:
            post(wire)
        except httpx.TransportError:
            return done
    raise AssertionError("no request was hit in 100")


@pytest.mark.parametrize("kind", [Kind.ANSWER_LOST, Kind.ANSWER_CUT])
def test_a_request_whose_answer_is_spoiled_has_reached_the_engine(
    wire: Wire, engine: ScriptedEngine, ledger: Ledger, kind: Kind
) -> None:
    wire.set(kind)
    done = until_hit(wire)
    assert engine.requests == [f"POST {CREATE}"] * (done + 1)
    assert [(f.kind, f.target) for f in ledger.faults()] == [(kind, f"POST {CREATE}")]
    wire.calm()
    assert post(wire).json()["Id"] == "c1"


def test_a_shut_wire_lets_nothing_through_until_it_is_calm(wire: Wire, engine: ScriptedEngine) -> None:
    wire.set(Kind.WIRE_SHUT)
    assert until_hit(wire) == 0
    assert engine.requests == []
    wire.calm()
    assert post(wire).status_code == 200


def test_a_slow_wire_delivers_whole_answers_late(wire: Wire) -> None:
    wire.set(Kind.WIRE_SLOW, 0.2)
    answer = post(wire)
    assert answer.json()["Id"] == "c1"
    assert answer.elapsed.total_seconds() >= 0.4
