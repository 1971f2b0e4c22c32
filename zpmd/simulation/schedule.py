"""Moves of the scheduler: time, passes, workers. And how a site goes on by itself when nobody interferes."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from zpmd.simulation.registry import move

if TYPE_CHECKING:
    from zpmd.simulation.site import Site

LONGEST_STILL = 5000
"""Moves without time going by, after which a site is spinning."""


@move("pass", "the loop makes a pass, if one is due", "schedule")
def make_pass(site: Site) -> bool:
    return site.pass_is_due and (site.make_pass() is not None or True)


def _waiting(site: Site, chance: random.Random) -> str | None:
    return chance.choice(tuple(site.daemon.workers.waiting)) if site.daemon and site.daemon.workers.waiting else None


@move("begin", "a worker takes up the action on SUBJECT", "schedule", _waiting)
def begin(site: Site, subject: str) -> bool:
    return site.begin(subject)


def _over(site: Site, chance: random.Random) -> str | None:
    over = site.daemon.workers.over() if site.daemon else []
    return chance.choice(over) if over else None


@move("end", "the outcome of the action on SUBJECT arrives", "schedule", _over)
def end(site: Site, subject: str) -> bool:
    return site.hand_over(subject)


@move("look", "the registry looks at the rows, if that would tell something new", "schedule")
def look(site: Site) -> bool:
    return site.look()


@move("drops", "the drop directory takes its next step: sees a file, reads it, or puts it away", "schedule")
def drops(site: Site) -> bool:
    return site.take_drop()


def _seconds(site: Site, chance: random.Random) -> str:
    following = site.next_instant()
    if following is not None and chance.random() < 0.7:
        return f"{following - site.true.now():.3f}"
    return f"{chance.choice((0.05, 0.3, 1.0, 3.0, 10.0, 45.0)):.3f}"


@move("time", "SECONDS go by", "schedule", _seconds)
def time(site: Site, seconds: str) -> bool:
    site.true.advance(max(0.0, float(seconds)))
    return True


@move("next", "time goes by until something happens by itself", "schedule")
def next_instant(site: Site) -> bool:
    following = site.next_instant()
    if following is None:
        return False
    site.true.advance_to(following)
    return True


def go_on(site: Site) -> bool:
    """The next thing that would happen without anybody's doing, in a fixed order: outcomes, passes, workers, time.
    False where nothing ever will."""
    site.revive()
    daemon = site.daemon
    if daemon is not None:
        over = daemon.workers.over()
        if over:
            return site.hand_over(over[0])
        if site.look() or site.take_drop():
            return True
        if site.pass_is_due:
            site.make_pass()
            return True
        if daemon.workers.waiting:
            return site.begin(next(iter(daemon.workers.waiting)))
    return next_instant(site)


def run_for(site: Site, seconds: float) -> None:
    """Let the site be for so long."""
    until = site.true.now() + seconds
    while True:
        site.revive()
        following = site.next_instant()
        busy = (
            site.pass_is_due
            or site.look_is_due
            or site.drop_is_due
            or (site.daemon and (site.daemon.workers.waiting or site.daemon.workers.over()))
        )
        if not busy and (following is None or following > until):
            site.true.advance_to(until)
            site.invariants.moved()
            return
        go_on(site)
        site.invariants.moved()


@move("run", "SECONDS go by in which everything does what it does", "schedule")
def run(site: Site, seconds: str) -> bool:
    run_for(site, float(seconds))
    return True
