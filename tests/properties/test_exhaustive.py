"""One service with two slots, and one job with two tries, under a few faults: every order in which anything can happen,
breadth first.

A state is what decides the future: containers with their ages, what waits for a worker and what is under way, what the
store and the mailbox hold. Two paths to one state are gone on with once. A state in which nothing can happen any more
but a resync has to be as the files want it, and a run has to be over.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
from collections.abc import Collection, Hashable, Iterator

import pytest
from loguru import logger

from tests.properties.processes import processes
from zpmd.simulation import appliances, moves
from zpmd.simulation.breach import Violation
from zpmd.simulation.site import Site

FAULTS = {
    "one": ("kill web/1", "delete web/1", "fail answer-lost", "crash"),
    "one-job": ("job lose report", "fail answer-lost", "fail half-done", "crash"),
}
"""What can go wrong on each appliance."""
MOST_FAULTS = {"one": 2, "one-job": 3}
"""How many at most. ZPMD_MODEL_FAULTS=3 is for a run of its own, minutes longer."""
NEVER_SECONDS = 1e7
END_SECONDS = 1000.0
"""What is further away than every backoff and window is the resync, which here never comes."""

Path = tuple[str, ...]


def reach(name: str, path: Path) -> Site:
    """The site at the end of a path: the model is the code, so that a state is come to by going there."""
    site = Site(appliances.BY_NAME[name](), resync_seconds=NEVER_SECONDS)
    site.trace.muted = True
    site.boot()
    for line in path:
        moves.perform(site, line)
    return site


def following(site: Site, faults: Collection[str]) -> Iterator[str]:
    """Everything that can happen next. Time goes by only when nobody has anything to do: a slow worker is one whose
    turn comes after the faults."""
    daemon = site.daemon
    if daemon is None:
        yield "boot"
        return
    todo = [*(f"end {s}" for s in daemon.workers.over()), *(f"begin {s}" for s in daemon.workers.waiting)]
    todo += ["pass"] if site.pass_is_due else []
    yield from todo
    if not todo and not ended(site):
        yield "next"
    yield from faults


def ended(site: Site) -> bool:
    instant = site.next_instant()
    return instant is None or instant - site.true.now() > END_SECONDS


def fingerprint(site: Site, faults_left: int) -> Hashable:
    now, wall, daemon = site.true.now(), site.clock.now(), site.daemon

    def age(instant: float | None) -> float | None:
        return None if instant is None else round(min(now - instant, END_SECONDS), 2)

    names = {box.id: n for n, box in enumerate(site.world.boxes.values())}
    boxes = tuple(
        (
            b.name,
            site.marks(b),
            age(b.removed_at),
            tuple((age(r.started_at), age(r.ends_at), r.exit_code) for r in b.runs),
        )
        for b in site.world.boxes.values()
    )
    memory = tuple((str(s), a.tried, a.count, age(a.at), a.failed) for s, a in sorted(site.learned.attempts.items()))
    verdicts = tuple((r.service, r.verdict) for r in site.learned.revisions.values())
    rows = tuple(
        (
            *(r.due, r.step, r.ending, r.tries, r.stopping, r.evidence),
            *(age(r.not_before), age(r.began_at), age(r.started_at), age(r.finished_at)),
        )
        for runs in site.learned.runs.values()
        for r in runs.values()
    )
    kept = (boxes, memory, verdicts, rows, tuple(age(m.until) for m in site.learned.marks.values()), faults_left)
    if daemon is None:
        return kept
    waiting = tuple(sorted((s, type(a).__name__, _target(a, names)) for s, a in daemon.workers.waiting.items()))
    ending = tuple(sorted((s, o.result, age(daemon.workers.ends_at[s])) for s, o in daemon.workers.ending.items()))
    due = age(daemon.pass_due_at) if daemon.pass_due_at - wall < END_SECONDS else None
    return *kept, waiting, ending, daemon.mailbox.pending, due, site.faults.set


def _target(action: object, names: dict[str, int]) -> int:
    replica = getattr(action, "replica", None)
    return names.get(replica.id, -1) if replica is not None else -1


def expand(name: str, state: tuple[Path, int]) -> tuple[list[tuple[Path, int, bytes]], bool, list[str]]:
    """(what can follow, with its fingerprint; whether this is an end; what is wrong) of one state."""
    logger.disable("zpmd")
    path, faults_left = state
    site = reach(name, path)
    found: list[tuple[Path, int, bytes]] = []
    wrong: list[str] = []
    for line in following(site, FAULTS[name] if faults_left else ()):
        further, left = (*path, line), faults_left - (line in FAULTS[name])
        try:
            mark = repr(fingerprint(reach(name, further), left)).encode()
        except Violation as violation:
            wrong.append(f"{violation}\n" + "\n".join((f"appliance {name}", *further)))
            continue
        found.append((further, left, hashlib.sha256(mark).digest()))
    is_end = site.daemon is not None and not site.pass_is_due and not site.daemon.workers.in_flight() and ended(site)
    complaints = [*site.complaints(), *unfinished(site)] if is_end else []
    if complaints:
        wrong.append(f"{complaints} at the end of\n" + "\n".join((f"appliance {name}", *path)))
    return found, is_end, wrong


def unfinished(site: Site) -> list[str]:
    """Of the ledger of jobs: what has not ended, and what was due and has no row."""
    rows = [row for runs in site.learned.runs.values() for row in runs.values()]
    found = [f"{row.job}/{row.due} has not ended" for row in rows if row.open]
    jobs = {service.name for service in site.source.desired.services if service.job is not None}
    return found + [f"{job} has no row" for job in sorted(jobs - {row.job for row in rows})]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", FAULTS)
def test_every_order_of_a_few_faults_keeps_the_invariants_and_ends_well(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: set[bytes] = set()
    ends, depth = 0, 0
    most = int(os.environ.get("ZPMD_MODEL_FAULTS", MOST_FAULTS[name]))
    frontier: list[tuple[Path, int]] = [((), most)]
    wrong: list[str] = []
    with processes() as crew:
        while frontier and not wrong:
            depth += 1
            expanded = list(crew.map(functools.partial(expand, name), frontier, chunksize=16))
            frontier = []
            for found, is_end, complaints in expanded:
                ends += is_end
                wrong += complaints
                for further, left, mark in found:
                    if mark not in seen:
                        seen.add(mark)
                        frontier.append((further, left))
    with capsys.disabled():
        what = f"{name}, {most} faults: {len(seen)} states, {ends} ends, paths of up to {depth} moves"
        sys.stderr.write(f"\nexhaustive model, {what}\n")
    assert wrong == []
    assert ends
