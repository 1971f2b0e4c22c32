"""Moves that are wishes: what operators ask for, and what becomes of the service files."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from zpmd.errors import NotFound, Refused, StoreError
from zpmd.model.events import Reason
from zpmd.model.job import JobPolicy
from zpmd.model.memory import Hold
from zpmd.model.service import Desired, ServiceData
from zpmd.simulation import schedule
from zpmd.simulation.failpoints import Killed
from zpmd.simulation.registry import move

if TYPE_CHECKING:
    from zpmd.ports import Control
    from zpmd.simulation.site import Site

ACTOR = "operator"


def a_service(site: Site, chance: random.Random) -> str | None:
    services = site.source.desired.services
    return chance.choice(services).name if services else None


def a_number(site: Site, chance: random.Random) -> str | None:
    """Of replicas, for a service that can have any: one with a fixed host port can have one."""
    found = [s.name for s in site.source.desired.services if not s.container.ports and s.job is None]
    return f"{chance.choice(found)} {chance.randint(0, 3)}" if found else None


def any_service(site: Site, chance: random.Random) -> str | None:
    """Of the files, or of the rows."""
    names = [s.name for s in site.source.desired.services]
    names += [s.name for s in site.rows_answered.services] if site.rows_answered is not None else []
    return chance.choice(names) if names else None


# --- operators' verbs, by the daemon's own Control --------------------------------------------------------------------


def ask(site: Site, service: str, verb: Callable[[Control], object]) -> bool:
    """An operator's verb, about this service; whether it was taken. "" where it is about none."""
    if site.daemon is None:
        return False
    try:
        verb(site.daemon.control)
    except (Refused, NotFound, StoreError) as refusal:
        site.trace.say(f"  refused: {refusal}")
        return False
    except Killed as killed:
        site.invariants.asked(service)
        site.kill(str(killed))
        if site.revives:  # whoever gets no answer asks again
            site.revive()
            schedule.run_for(site, 1.0)
            return ask(site, service, verb)
        return True
    site.invariants.asked(service)
    return True


@move("stop", "an operator stops SERVICE", "wish", any_service)
def stop(site: Site, service: str) -> bool:
    return ask(site, service, lambda control: control.stop(service, ACTOR))


@move("start", "an operator starts SERVICE", "wish", any_service)
def start(site: Site, service: str) -> bool:
    return ask(site, service, lambda control: control.start(service, ACTOR))


@move("restart", "an operator restarts SERVICE", "wish", any_service)
def restart(site: Site, service: str) -> bool:
    return ask(site, service, lambda control: control.restart(service, ACTOR))


@move("scale", "an operator asks for COUNT replicas of SERVICE", "wish", a_number)
def scale(site: Site, service: str, count: str) -> bool:
    return ask(site, service, lambda control: control.scale(service, int(count), ACTOR))


@move(
    "hold",
    "an operator has SERVICE left alone for SECONDS",
    "wish",
    lambda site, chance: f"{name} {chance.choice((5, 60, 600))}" if (name := any_service(site, chance)) else None,
)
def hold(site: Site, service: str, seconds: str) -> bool:
    now = site.clock.now()
    wanted = Hold(service=service, owner=ACTOR, reason="simulated", since=now, until=now + float(seconds))
    return ask(site, service, lambda control: control.hold(wanted))


@move("release", "an operator ends the hold on SERVICE", "wish", any_service)
def release(site: Site, service: str) -> bool:
    return ask(site, service, lambda control: control.release(service, ACTOR))


@move("approve", "an operator approves the removals that are held back", "wish")
def approve(site: Site) -> bool:
    return ask(site, "*", lambda control: control.approve(ACTOR))


@move("down", "an operator takes the appliance down", "wish")
def down(site: Site) -> bool:
    return ask(site, "*", lambda control: control.down(False, ACTOR))


@move("down-volumes", "an operator takes the appliance down, and its volumes", "wish")
def down_volumes(site: Site) -> bool:
    return ask(site, "*", lambda control: control.down(True, ACTOR))


@move("up", "an operator takes it up again", "wish")
def up(site: Site) -> bool:
    return ask(site, "*", lambda control: control.start("*", ACTOR))


# --- the files --------------------------------------------------------------------------------------------------------


def declare(site: Site, desired: Desired) -> None:
    """The files say this from now on, and the daemon is told that they have changed."""
    before = {s.name: s for s in site.source.desired.services}
    desired = valid(desired)
    site.source.desired = desired
    site.programs.declare(desired)
    site.world.registry |= {s.container.image for s in desired.services}
    for service in desired.services:
        if before.get(service.name) != service:
            site.invariants.asked(service.name)
    if site.daemon is not None:
        site.daemon.mailbox.wake(Reason.FILES)


def valid(desired: Desired) -> Desired:
    """Without dependencies on what is not declared: files that have such are refused before the loop hears of them."""
    names = {s.name for s in desired.services}
    services = tuple(
        replace(s, depends_on=tuple(d for d in s.depends_on if d.service in names)) for s in desired.services
    )
    return replace(desired, services=services)


def _change(site: Site, name: str, change: Callable[[ServiceData], ServiceData | None]) -> bool:
    found = site.source.desired.service(name)
    if found is None:
        return False
    changed = [s if s is not found else change(s) for s in site.source.desired.services]
    declare(site, replace(site.source.desired, services=tuple(s for s in changed if s is not None)))
    return True


def change_job(site: Site, name: str, change: Callable[[JobPolicy], JobPolicy]) -> bool:
    """The files say something else of when and how a job runs."""
    return _change(site, name, lambda s: s if s.job is None else replace(s, job=change(s.job)))


@move(
    "image",
    "the files say IMAGE for SERVICE",
    "wish",
    lambda site, chance: (
        f"{name} app/{name}:{chance.choice(('', '', '', 'crash', 'sick', 'dull', 'refuse', 'slow', 'stubborn'))}"
        f"{chance.randint(1, 3)}"
        if (name := a_service(site, chance))
        else None
    ),
)
def image(site: Site, service: str, reference: str) -> bool:
    return _change(site, service, lambda s: replace(s, container=replace(s.container, image=reference)))


@move("replicas", "the files say COUNT replicas for SERVICE", "wish", a_number)
def replicas(site: Site, service: str, count: str) -> bool:
    return _change(site, service, lambda s: replace(s, replicas=int(count)))


@move("undeclare", "SERVICE leaves the files", "wish", a_service)
def undeclare(site: Site, service: str) -> bool:
    return _change(site, service, lambda _: None)


def _undeclared(site: Site, chance: random.Random) -> str | None:
    now = {s.name for s in site.source.desired.services}
    gone = [s.name for s in site.original.services if s.name not in now]
    return chance.choice(gone) if gone else None


@move("declare", "SERVICE comes back into the files", "wish", _undeclared)
def declare_again(site: Site, service: str) -> bool:
    found = site.original.service(service)
    if found is None or site.source.desired.service(service) is not None:
        return False
    services = sorted((*site.source.desired.services, found), key=lambda s: (s.group.order, s.name))
    declare(site, replace(site.source.desired, services=tuple(services)))
    return True


@move("empty", "the files say nothing at all", "wish")
def empty(site: Site) -> bool:
    declare(site, Desired())
    return True


@move("refill", "the files say what they said at first", "wish")
def refill(site: Site) -> bool:
    declare(site, site.original)
    return True


@move("break-files", "the files cannot be read", "fault")
def break_files(site: Site) -> bool:
    site.source.broken = "a line is half written"
    if site.daemon is not None:
        site.daemon.mailbox.wake(Reason.FILES)
    return True


@move("mend-files", "the files can be read again", "fault")
def mend_files(site: Site) -> bool:
    happened, site.source.broken = bool(site.source.broken), ""
    if site.daemon is not None:
        site.daemon.mailbox.wake(Reason.FILES)
    return happened
