"""What a move is, and the table of all moves: modules register theirs here, and moves.py knows them all."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zpmd.simulation.site import Site

Act = Callable[..., bool]
Choose = Callable[["Site", random.Random], str | None]


@dataclass(frozen=True, slots=True)
class Move:
    """`says` is what happens, for people. `choose` draws arguments that make sense now, None where there are none."""

    word: str
    says: str
    act: Act
    choose: Choose
    kind: str
    """schedule (time, workers, passes), fault, or wish (what operators and files ask for)."""


MOVES: dict[str, Move] = {}


def nothing(site: Site, chance: random.Random) -> str:
    """The arguments of a move that takes none."""
    del site, chance
    return ""


def move(word: str, says: str, kind: str, choose: Choose = nothing) -> Callable[[Act], Act]:
    """Register a function as a move. It gets the site and the words of its arguments."""

    def register(act: Act) -> Act:
        MOVES[word] = Move(word, says, act, choose, kind)
        return act

    return register
