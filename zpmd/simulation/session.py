"""Sessions: a site and what happens to it, from a seed or from a script. The same seed gives the same trace.

A script is text: one move a line (`zpmd simulate --moves` lists them), `#` begins a comment. Beside moves it has

    converge            all faults end, and the site has to come to rest within its passes, and stay at rest
    expect SLOT STATE   SLOT is running, healthy, exited, absent or two, or of this image
    expect patch ID STAGE
    expect job JOB STATE COUNT   so many rows of its ledger are at this step, or have this ending
    expect still        nothing is to be done and nothing under way

The services are those of a file, or of an appliance named in the first line: `appliance small`.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from zpmd.model.observed import Health, Phase
from zpmd.model.policy import Limits
from zpmd.model.service import Desired
from zpmd.simulation import appliances, liveness, moves, tenants
from zpmd.simulation.breach import Violation
from zpmd.simulation.registry import MOVES
from zpmd.simulation.site import Site

STEPS = 200
FAULT_CHANCE, WISH_CHANCE = 0.06, 0.05
ROW_CHANCE = 0.04
"""Of the two together, where a site has rows."""
PATCH_CHANCE, PATCHED = 0.025, 0.4
"""Beside the two, in the share of the sessions in which there are patches. Which ones is told from the seed alone, so
that the others go as they went before there were any."""
JOB_CHANCE, WITH_JOBS, RUNS_AT_ONCE = 0.02, 0.4, (1, 2, 10)
"""The same of jobs: asked for and changed, beside all else, in the share of the sessions that have any."""
SALT, JOB_SALT = 226, 244
"""Of patches and of jobs. By these the sessions that once broke something are still those that they were
(tests/properties/test_seeds.py)."""
CALM_SEEDS = 5
"""Of so many seeds one has a single fault, and is held to the tighter bound."""

Prepare = Callable[[Site], None]


@dataclass(frozen=True, slots=True)
class Ended:
    """A session that is over: its site, the moves it was made of, and what was broken, if anything."""

    site: Site
    moves: tuple[str, ...]
    violation: Violation | None = None

    @property
    def trace(self) -> str:
        return "\n".join(self.site.trace.lines) + "\n"


def from_seed(seed: int, steps: int = STEPS, muted: bool = False) -> Ended:
    """So many random moves on a random appliance, then the end of all faults, and rest."""
    chance, calm = random.Random(seed), seed % CALM_SEEDS == 0  # nosec B311 # drawn again from a seed
    desired = appliances.drawn(chance, hopeless=not calm)
    patches = random.Random(f"patches {seed}") if is_patched(seed) else None  # nosec B311 # drawn again from a seed
    limits, runs = Limits(), random.Random(f"jobs {seed}") if has_jobs(seed) else None  # nosec B311 # the same
    if runs is not None:
        desired = appliances.with_jobs(desired, runs)
        limits = Limits(runs_at_once=runs.choice(RUNS_AT_ONCE))
    site = Site(desired, seed, limits, product=tenants.product(chance) if chance.random() < 0.5 else None)
    site.trace.muted = muted
    faults_left = 1 if calm else steps
    done: list[str] = []
    try:
        site.boot()
        if calm:
            liveness.settle(site)
        for _ in range(steps):
            line = _draw(site, chance, faults_left, patches, runs)
            if line is None:
                continue
            done.append(line)
            happened = moves.perform(site, line)
            faults_left -= happened and MOVES[line.split()[0]].kind != "schedule"
        done.append("converge")
        liveness.must_converge(site, 1 if calm else steps)
    except Violation as violation:
        site.trace.say(f"VIOLATION {violation}")
        return Ended(site, tuple(done), violation)
    return Ended(site, tuple(done))


def is_patched(seed: int) -> bool:
    """Whether patches are dropped in the session of this seed."""
    return random.Random(f"patched {SALT} {seed}").random() < PATCHED  # nosec B311 # drawn again from a seed


def has_jobs(seed: int) -> bool:
    """Whether there are jobs in the session of this seed."""
    return random.Random(f"jobs {JOB_SALT} {seed}").random() < WITH_JOBS  # nosec B311 # drawn again from a seed


def _draw(
    site: Site,
    chance: random.Random,
    faults_left: int,
    patches: random.Random | None,
    runs: random.Random | None,
) -> str | None:
    if faults_left > 0 and runs is not None and runs.random() < JOB_CHANCE:
        return moves.draw(site, runs, JOB_MOVES)
    if faults_left > 0 and patches is not None and patches.random() < PATCH_CHANCE:
        return moves.draw(site, patches, PATCH_MOVES)
    dice = chance.random()
    if faults_left > 0 and site.product is not None and dice < ROW_CHANCE:
        return moves.draw(site, chance, ROW_MOVES)
    if faults_left > 0 and dice < FAULT_CHANCE:
        return moves.draw(site, chance, FAULTS)
    if faults_left > 0 and dice < FAULT_CHANCE + WISH_CHANCE:
        return moves.draw(site, chance, WISHES)
    if site.daemon is None:
        return "boot" if dice > 0.7 else moves.draw(site, chance, ("time",))
    enabled = [word for word, able in _enabled(site) if able]
    return moves.draw(site, chance, enabled) if enabled and dice < 0.9 else moves.draw(site, chance, ("time",))


def _enabled(site: Site) -> Iterable[tuple[str, object]]:
    daemon = site.daemon
    if daemon is None:
        return ()
    return (
        ("pass", site.pass_is_due),
        ("look", site.look_is_due),
        ("drops", site.drop_is_due),
        ("begin", daemon.workers.waiting),
        ("end", daemon.workers.over()),
    )


PATCH_MOVES = ("patch",) * 12 + ("spoil",)
JOB_MOVES = ("job",)
FAULTS = tuple(word for word in moves.of_kind("fault") if word not in PATCH_MOVES)
WISHES = tuple(word for word in moves.of_kind("wish") if word not in (*PATCH_MOVES, *JOB_MOVES))
ROW_MOVES = ("mongo", "tenant", "row", "row", "row", "rows-lost", "server", "listener", "approve")


def from_script(text: str, desired: Desired | None = None, prepare: Prepare | None = None) -> Ended:
    """Raises ValueError for a line that cannot be understood. Without `desired` the script names its appliance.
    `prepare` is handed the site before anything happens on it."""
    lines = script_lines(text)
    site, lines = (Site(desired), lines) if desired is not None else site_of(lines)
    if prepare is not None:
        prepare(site)
    return replay(site, lines)


def site_of(lines: Sequence[str]) -> tuple[Site, list[str]]:
    """A site with the appliance that a script names in its first line, and the other lines. Raises ValueError."""
    word, _, name = lines[0].partition(" ") if lines else ("", "", "")
    if word != "appliance" or name not in appliances.BY_NAME:
        raise ValueError(f"a script begins with `appliance NAME`, NAME being {', '.join(appliances.BY_NAME)}")
    return site_named(name), list(lines[1:])


def site_named(name: str) -> Site:
    """A site with the appliance of this name; `tenants` has a product's database beside it."""
    return Site(appliances.BY_NAME[name](), product=tenants.product() if name == "tenants" else None)


def script_lines(text: str) -> list[str]:
    bare = (line.partition("#")[0].strip() for line in text.splitlines())
    return [" ".join(line.split()) for line in bare if line]


def replay(site: Site, lines: Sequence[str], expecting: bool = True) -> Ended:
    """Boot, then these moves one after the other. Without `expecting`, expectations are passed over, and any number of
    faults is assumed: for a session into which a crash was put that its script knows nothing of."""
    faults = 0 if expecting else STEPS
    try:
        site.boot()
        for line in lines:
            site.revive()
            word = line.split()[0]
            if word == "converge":
                liveness.must_converge(site, faults)
                faults = 0 if expecting else STEPS
            elif word == "expect":
                if expecting:
                    _expect(site, line.split()[1:])
            else:
                happened = moves.perform(site, line)
                faults += happened and MOVES[word].kind != "schedule"
    except Violation as violation:
        site.trace.say(f"VIOLATION {violation}")
        return Ended(site, tuple(lines), violation)
    return Ended(site, tuple(lines))


def _expect(site: Site, words: list[str]) -> None:
    if words == ["still"]:
        fine = liveness.at_rest(site)
    elif len(words) == 3 and words[0] == "patch":
        words = ["patch " + words[1], words[2]]
        fine = words[1] in _states(site, words[0])
    elif len(words) == 4 and words[0] == "job":
        rows = _of_job(site, words[1])
        if rows[words[2]] != int(words[3]):
            raise Violation("expectation", f"expect {' '.join(words)}; of its runs there are {dict(rows)}")
        return
    elif len(words) == 2:
        fine = words[1] in _states(site, words[0]) or words[1] in _images(site, words[0])
    else:
        raise ValueError(f"expect what? {' '.join(words)!r}")
    if not fine:
        found = "" if words == ["still"] else f"; it is {' '.join(sorted(_states(site, words[0])))}"
        raise Violation("expectation", f"expect {' '.join(words)}{found}")


def _states(site: Site, slot: str) -> set[str]:
    word, _, id = slot.partition(" ")
    if word == "patch":
        return {str(row.stage) for row in site.ledger if row.id == id} or {"absent"}
    now, boxes = site.true.now(), site.places().get(slot, [])
    states = {str(b.phase(now)) for b in boxes} | {str(b.health(now)) for b in boxes if b.health(now) != Health.NONE}
    if any(b.phase(now) is Phase.RUNNING for b in boxes) and len(boxes) == 2:
        states.add("two")
    return states or {"absent"}


def _of_job(site: Site, job: str) -> Counter[str]:
    """Due instants by the step of their rows, or by their ending."""
    found = Counter[str]()
    for row in site.learned.runs.get(job, {}).values():
        found[str(row.ending or row.step)] += row.count
    return found


def _images(site: Site, slot: str) -> set[str]:
    return {box.image for box in site.places().get(slot, ())}


def shortened(lines: Sequence[str], fails: Callable[[Sequence[str]], bool]) -> list[str]:
    """Leave out what the failure does not need: halves first, then single moves (delta debugging)."""
    kept, size = list(lines), len(lines) // 2
    while size:
        at = 0
        while at < len(kept):
            without = kept[:at] + kept[at + size :]
            if fails(without):
                kept = without
            else:
                at += size
        size //= 2
    return kept
