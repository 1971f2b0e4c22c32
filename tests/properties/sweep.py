"""The crash sweep: a scenario once clean, then once for every boundary of an effect, with a death or lost answer there.

The oracle is the clean run: whatever happened in between, the same services stand in the same slots, made from the same
definitions, in the same state, and every patch has come to the same end. Ids, ages and attempts are not compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from zpmd.engines.simulated_container import Box
from zpmd.simulation import liveness, session
from zpmd.simulation.failpoints import How
from zpmd.simulation.session import Ended
from zpmd.simulation.site import Site

EndState = dict[str, list[tuple[str, str, str]]]
ENGINE_VERBS = ("run", "start", "restart", "stop", "remove", "run hook", "pull", "create volume", "create network",
                "remove volume", "remove network", "load")  # fmt: skip
IN_TWO_STEPS = ("run", "restart", "load")


@dataclass(frozen=True, slots=True)
class Case:
    """`boundary` is the name of boundary number `number` of the clean run."""

    number: int
    boundary: str
    how: How

    def __str__(self) -> str:
        return f"{self.how} at boundary {self.number}, {self.boundary}"


def clean(script: str) -> Ended:
    return session.from_script(script)


def shared_beginning(script: str) -> tuple[str, int]:
    """(appliance, boundaries) of the beginning that a script shares with others: its appliance comes up, until it is at
    rest. ("", 0) where it begins otherwise: what it goes on from is then its own."""
    lines = session.script_lines(script)
    begun = session.from_script("\n".join(lines[:2])) if lines[1].startswith("run ") else None
    if begun is None or not liveness.at_rest(begun.site):
        return "", 0
    return lines[0], len(begun.site.failpoints.order)


def cases(of: Ended, after: int = 0) -> Iterator[Case]:
    """Every boundary of a run beyond number `after`, in every way that it can be crossed."""
    for number, name in enumerate(of.site.failpoints.order, 1):
        if number <= after:
            continue
        yield Case(number, name, How.KILL)
        verb, _, where = name.partition(": ")
        if where == "before" and verb in ENGINE_VERBS:
            yield Case(number, name, How.LOST)
            if verb in IN_TWO_STEPS:
                yield Case(number, name, How.HALF)


def crashed(script: str, case: Case) -> Ended:
    """The same scenario with that case in it. The daemon is started again when it has died."""
    site, lines = session.site_of(session.script_lines(script))
    site.revives = True
    site.trace.muted = True
    site.failpoints.arm(number=case.number, how=case.how)
    # the script's own crashes are followed by its own `boot`, which then has nothing to do
    return session.replay(site, lines, expecting=False)


def end_state(site: Site) -> EndState:
    now = site.true.now()

    def seen(box: Box) -> tuple[str, str, str]:
        marks = site.marks(box)
        return marks.spec if marks else "", str(box.phase(now)), str(box.health(now))

    patches = {f"drop {row.number}": [(row.id, str(row.stage), row.filed)] for row in site.ledger}
    return {slot: [seen(box) for box in boxes] for slot, boxes in sorted(site.slots().items())} | patches
