"""Patches whose files came together: all are read before one begins, and what cannot be read holds nothing up."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tests.unit.planning.build import service
from tests.unit.planning.play import Play, manifest
from zpmd.model.patch import Patch, Stage

USER = service("user", "zona/user:v1")


def seen(play: Play, **fields: Any) -> int:
    """A file that has a row, and was not read yet."""
    number = len(play.ledger) + 1
    row = Patch(number=number, name="hotfix-1.zpatch", stage=Stage.SEEN, times=((Stage.SEEN, play.now),))
    play.ledger[number] = dataclasses.replace(row, **fields)
    return number


def test_what_came_together_is_read_before_any_of_it_begins() -> None:
    play = Play(USER)
    play.here |= {"zona/user:v2", "zona/user:v3"}
    play.drop(manifest("hotfix-2", ["user"], tag="v3"))
    play.now += 0.5
    other = seen(play)
    play.run(lambda: bool(play.plan.waiting))
    assert play.stage() is Stage.LOADED
    assert "waits until hotfix-1.zpatch, which came with it, is read" in str(play.plan)
    read = manifest("hotfix-1", ["user"], tag="v2")
    times = ((Stage.SEEN, play.now), (Stage.COPIED, play.now))
    play.ledger[other] = dataclasses.replace(
        play.ledger[other], stage=Stage.COPIED, id=read.id, manifest=read, sha256="1", times=times
    )
    play.run()
    assert (play.stage(1), play.stage(2)) == (Stage.APPLIED, Stage.APPLIED)
    assert play.ledger[1].turn > play.ledger[2].turn
    assert play.running() == {"user": "zona/user:v3"}


@pytest.mark.parametrize(
    ("later_seconds", "reason", "after_seconds"),
    [(2.0, "", 0.0), (0.5, "it waits: no room for a copy", 0.0), (0.5, "", 61.0)],
    ids=["it came later", "it says why it waits", "it is never read"],
)
def test_a_file_that_did_not_come_with_it_or_cannot_be_read_is_not_waited_for(
    later_seconds: float, reason: str, after_seconds: float
) -> None:
    play = Play(USER)
    play.here.add("zona/user:v2")
    play.drop(manifest("hotfix-2", ["user"], tag="v2"))
    play.now += later_seconds
    seen(play, reason=reason)
    play.now += after_seconds
    play.run(lambda: play.stage() is Stage.APPLIED)
