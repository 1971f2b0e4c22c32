"""The crash sweep: a scenario once clean, then once for every boundary of an effect, with a death or lost answer there.

The oracle is the clean run: whatever happened in between, the same services stand in the same slots, made from the same
definitions, in the same state, and every patch has come to the same end; and of every job the same due instants have
rows: what becomes of a run that zpmd died over may be another thing, and is the business of the laws. Ids, ages and
attempts are not compared.
"""

from __future__ import annotations

import gc
import os
import pickle
import traceback
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NoReturn

from zpmd.engines.simulated_container import Box
from zpmd.model.job import Ending
from zpmd.simulation import liveness, session
from zpmd.simulation.failpoints import Failpoints, How
from zpmd.simulation.session import Ended
from zpmd.simulation.site import Site

EndState = dict[str, list[tuple[str, str, str]]]
ENGINE_VERBS = ("run", "start", "restart", "stop", "remove", "run hook", "keep evidence", "pull",
                "create volume", "create network",
                "remove volume", "remove network", "load")  # fmt: skip
SOON_SECONDS = 10.0
"""By less than this a death of the daemon delays what a script does next."""
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


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a case ended. `story` are its boundaries, in their order, and the trace, unless that is muted."""

    violation: str
    state: EndState
    story: tuple[str, ...]


def outcomes(script: str, cases: Iterable[Case], muted: bool = True) -> Iterator[tuple[Case, Outcome]]:
    """What each case comes to. The scenario runs once, and a process forks from it at the boundary of each case: all
    that was before is the same in all of them."""
    branches = Branches(cases)
    try:
        own = _outcome(_ended(script, branches, muted))
        if branches.pipe is not None:
            branches.tell(own)
    except BaseException:
        if branches.pipe is not None:
            branches.tell(traceback.format_exc())
        raise
    for case in branches.cases:
        yield case, branches.told.get(case, own)


def crashed(script: str, case: Case, muted: bool = True) -> Outcome:
    """The same for one case, from the beginning."""
    failpoints = Failpoints()
    failpoints.arm(number=case.number, how=case.how)
    return _outcome(_ended(script, failpoints, muted))


class Branches(Failpoints):
    """Forks at each boundary that has cases. `pipe` is where a fork tells what it came to; None in what forks.

    What arms or disarms beside (a crash of the script's own, the end of all faults) ends that, as it disarms a case
    that is armed from the beginning: what is left of the cases is the scenario itself.
    """

    def __init__(self, cases: Iterable[Case]) -> None:
        super().__init__()
        self.cases = tuple(cases)
        self.told: dict[Case, Outcome] = {}
        self.pipe: int | None = None
        self._at: defaultdict[int, list[Case]] = defaultdict(list)
        for case in self.cases:
            self._at[case.number].append(case)

    def arm(self, number: int | None = None, name: str | None = None, how: How = How.KILL) -> None:
        self._at.clear()
        super().arm(number, name, how)

    def reach(self, name: str) -> None:
        for case in self._at.pop(len(self.order) + 1, ()):
            if self._forks(case):
                self.arm(number=case.number, how=case.how)
                break
        super().reach(name)

    def _forks(self, case: Case) -> bool:
        """Whether this is the fork. The other one waits for it: the crew of a sweep has work for all cores."""
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            gc.freeze()  # what it shares with the other is not touched, and so not copied
            self.pipe = writing
            return True
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            told = pickle.loads(pipe.read())
        os.waitpid(pid, 0)
        assert isinstance(told, Outcome), f"{case}: {told}"
        self.told[case] = told
        return False

    def tell(self, what: Outcome | str) -> NoReturn:
        """The end of a fork: nothing of what it was forked from is its own to end."""
        assert self.pipe is not None
        with os.fdopen(self.pipe, "wb") as pipe:
            pipe.write(pickle.dumps(what))
        os._exit(0)


def _ended(script: str, failpoints: Failpoints, muted: bool) -> Ended:
    """The scenario with a crash in it. The daemon is started again when it has died."""
    site, lines = session.site_of(session.script_lines(script))
    site.failpoints = failpoints
    site.revives = True
    site.trace.muted = muted
    # the script's own crashes are followed by its own `boot`, which then has nothing to do
    return session.replay(site, lines, expecting=False)


def _outcome(ended: Ended) -> Outcome:
    site = ended.site
    violation = str(ended.violation) if ended.violation is not None else ""
    return Outcome(violation, end_state(site), (*site.failpoints.order, *site.trace.lines))


def end_state(site: Site) -> EndState:
    now = site.true.now()

    def seen(box: Box) -> tuple[str, str, str]:
        marks = site.marks(box)
        return marks.spec if marks else "", str(box.phase(now)), str(box.health(now))

    patches = {f"drop {row.number}": [(row.id, str(row.stage), row.filed)] for row in site.ledger}
    slots = {slot: [seen(box) for box in boxes] for slot, boxes in sorted(site.slots().items())}
    return slots | patches | {f"job {job}": [told] for job, told in sorted(_ledger(site).items())}


def _ledger(site: Site) -> dict[str, tuple[str, str, str]]:
    """(the last due instant, how many there are, how many runs were asked for) of each job, up to the end of faults: it
    goes on being due while a site comes to rest."""
    found: dict[str, tuple[str, str, str]] = {}
    until = site.job_laws.healed_at - SOON_SECONDS
    for job in {row.job for row in site.job_laws.rows.values()}:
        rows = [row for row in site.job_laws.rows.values() if row.job == job and row.due <= until]
        due = [row for row in rows if not row.asked or row.ending is Ending.SUSPENDED]
        last = max((row.until or row.due for row in due), default=0)
        found[job] = (str(last), str(sum(row.count for row in due)), str(len(rows) - len(due)))
    return found
