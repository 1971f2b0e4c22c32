"""Moves: everything that can happen on a simulated site, each a word with what it means. A session is a list of moves.

A move is written `word argument ...`, in traces as in scripts. It says whether it took place: what cannot happen just
now (killing what does not run) leaves the site as it was. So any list of moves is a session, and leaving out any of
them gives another one: that is how a long failing session is made short.
"""

from __future__ import annotations

import random
from collections.abc import Iterable

from zpmd.simulation import faults, host_faults, job_moves, patch_moves, row_moves, schedule, wishes
from zpmd.simulation.registry import MOVES
from zpmd.simulation.site import Site

WRITTEN_IN = (schedule, faults, host_faults, row_moves, patch_moves, job_moves, wishes)
"""Where moves are written down: importing these modules fills the table."""


def perform(site: Site, line: str) -> bool:
    """Carry out one move. Raises ValueError for words that are no move, Violation where it breaks an invariant."""
    words = line.split()
    found = MOVES.get(words[0]) if words else None
    if found is None:
        raise ValueError(f"no such move: {line!r}")
    if found.kind != "schedule":
        site.trace.say(f"* {line}")
    try:
        happened = found.act(site, *words[1:])
    except TypeError as error:
        if "positional argument" not in str(error):
            raise
        raise ValueError(f"{line!r} does not fit: {found.word} means {found.says}") from None
    if happened:
        site.counts[f"{found.kind} {found.word}"] += 1
    elif found.kind != "schedule":
        site.trace.say("  (does not apply)")
    site.invariants.moved()
    return happened


def draw(site: Site, chance: random.Random, words: Iterable[str]) -> str | None:
    """One of these moves with arguments that make sense now; None where the one drawn has none."""
    word = chance.choice(tuple(words))
    arguments = MOVES[word].choose(site, chance)
    return None if arguments is None else f"{word} {arguments}".strip()


def of_kind(kind: str) -> tuple[str, ...]:
    return tuple(word for word, found in MOVES.items() if found.kind == kind)
