"""Which API version is spoken with which engine, and how many connections are kept."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from tests.lab.eventually import eventually
from tests.unit.engines.scripted_engine import Conversation, ScriptedEngine
from zpmd.engines.dockerd.faults import Garbage, Told
from zpmd.engines.dockerd.wire import MOST_RESTING, NEWEST, NEWEST_BODY, Agreed, Pool, agree


@pytest.mark.parametrize(
    ("server_max", "server_min", "agreed"),
    [
        ("1.41", "1.12", Agreed((1, 41), (1, 41))),
        ("1.41", "", Agreed((1, 41), (1, 41))),
        ("1.44", "1.24", Agreed((1, 44), (1, 44))),
        ("1.48", "1.24", Agreed(NEWEST, (1, 48))),
        ("1.52", "1.44", Agreed(NEWEST, NEWEST_BODY)),
        ("2.0", "1.44", Agreed(NEWEST, NEWEST_BODY)),
    ],
)
def test_the_newest_version_that_both_know_is_spoken(server_max: str, server_min: str, agreed: Agreed) -> None:
    assert agree(server_max, server_min) == agreed


@pytest.mark.parametrize(
    ("server_max", "server_min", "words"),
    [("1.40", "1.12", "zpmd needs 1.41 or newer"), ("1.99", "1.90", "zpmd knows")],
)
def test_an_engine_that_is_too_old_or_too_new_is_refused(server_max: str, server_min: str, words: str) -> None:
    with pytest.raises(Told, match=words):
        agree(server_max, server_min)


@pytest.mark.parametrize("version", ["", "1", "one.two", "1.x"])
def test_a_version_that_is_none_is_garbage(version: str) -> None:
    with pytest.raises(Garbage):
        agree(version, "1.12")


def test_after_a_rush_no_more_connections_are_kept_than_are_worth_it(scripted: ScriptedEngine) -> None:
    scripted.answers["/containers/json"] = []
    pool, before = Pool(scripted.url, 5.0), open_sockets()
    with contextlib.ExitStack() as rush:
        for wire in [rush.enter_context(pool.lend()) for _ in range(3 * MOST_RESTING)]:
            wire.get("/containers/json")
        assert open_sockets() - before >= 3 * MOST_RESTING
    eventually(lambda: open_sockets() - before == 2 * MOST_RESTING, 5, "both ends of those that are kept")


def test_one_connection_is_used_for_every_question(scripted: ScriptedEngine) -> None:
    pool, before = Pool(scripted.url, 5.0), open_sockets()
    for number in range(30):
        scripted.answers[f"/containers/{number}/json"] = {}
        with pool.lend() as wire:
            wire.get(f"/containers/{number}/json")
    assert len(scripted.requests) == 1 + 30
    eventually(lambda: open_sockets() - before == 2, 5, "both ends of one connection")


def test_what_changes_something_gets_a_fresh_connection_and_leaves_no_crowd_behind(scripted: ScriptedEngine) -> None:
    pool, before, talking = Pool(scripted.url, 5.0), open_sockets(), set[int]()

    def answer(conversation: Conversation) -> None:
        talking.add(id(conversation))
        kept.append(conversation)  # or its id would be given again
        conversation.send_json({})

    kept: list[Conversation] = []
    for number in range(10):
        scripted.answers[f"POST /containers/{number}/start"] = answer
        with pool.lend() as wire:
            wire.post(f"/containers/{number}/start")
    assert len(talking) == 10
    eventually(lambda: open_sockets() - before == 2, 5, "both ends of the last one")


def open_sockets() -> int:
    """Of this process, where the scripted engine runs as well."""
    found = 0
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found += os.readlink(link).startswith("socket:")
    return found
