"""Moves that are faults of the host: its power, its disk, its ports, what holds on to files, and its sources."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from zpmd.engines.simulated_container import Box
from zpmd.model.events import Reason
from zpmd.model.observed import Phase
from zpmd.simulation.faults import a_slot, one_of
from zpmd.simulation.registry import move

if TYPE_CHECKING:
    from zpmd.simulation.site import Site

POWERLESS_SECONDS = 20.0
NO_SPACE = "no space left on device"


# --- removals that do not come to their end ---------------------------------------------------------------------------


def _remove_halfway(site: Site, slot: str, stuck: Phase) -> bool:
    boxes = [b for b in site.places().get(slot, ()) if b.stuck is None]
    if boxes:
        site.world.remove_halfway(boxes[0].id, stuck)
    return bool(boxes)


@move("dead", "a removal of the container in SLOT by hand fails, and leaves it dead", "fault", a_slot)
def dead(site: Site, slot: str) -> bool:
    return _remove_halfway(site, slot, Phase.DEAD)


@move("removing", "a removal of the container in SLOT by hand goes on and on", "fault", a_slot)
def removing(site: Site, slot: str) -> bool:
    return _remove_halfway(site, slot, Phase.REMOVING)


def held_on_to(site: Site) -> list[tuple[str, Box]]:
    return [(slot, box) for slot, boxes in site.places().items() for box in boxes if box.busy]


def _a_busy_slot(site: Site, chance: random.Random) -> str | None:
    slots = [slot for slot, _ in held_on_to(site)]
    return chance.choice(slots) if slots else None


@move(
    "let-go", "nothing holds on any more to the files of what is dead or being removed in SLOT", "fault", _a_busy_slot
)
def let_go(site: Site, slot: str) -> bool:
    found = [box for where, box in held_on_to(site) if where == slot]
    for box in found:
        site.world.let_go(box.id)
    return bool(found)


# --- power, disk, ports -----------------------------------------------------------------------------------------------


@move(
    "reboot", "the host loses its power; when it is back, the engine says CODE of what ran", "fault", one_of("255", "0")
)
def reboot(site: Site, code: str) -> bool:
    if site.daemon is not None:
        site.kill("the power is gone")
    site.world.lose_power(int(code))
    site.true.advance(POWERLESS_SECONDS)
    return True


@move("engine-full", "the engine's disk is full: nothing can be made or pulled", "fault")
def engine_full(site: Site) -> bool:
    happened, site.faults.no_space = not site.faults.no_space, NO_SPACE
    return happened


@move("engine-room", "there is room on the engine's disk again", "fault")
def engine_room(site: Site) -> bool:
    happened, site.faults.no_space = bool(site.faults.no_space), ""
    return happened


@move("pull-slow", "a pull takes SECONDS", "fault", one_of("0", "3", "60"))
def pull_slow(site: Site, seconds: str) -> bool:
    site.faults.pull_seconds = float(seconds)
    return True


def _a_port(site: Site, chance: random.Random) -> str | None:
    ports = sorted(p.published for s in site.source.desired.services for p in s.container.ports)
    return chance.choice(ports) if ports else None


@move("squat", "a container of somebody else's publishes PORT of the host", "fault", _a_port)
def squat(site: Site, port: str) -> bool:
    name, wanted = f"squatter-{port}", (f"0.0.0.0:{port}/tcp",)
    if site.world.named(name) is not None or site.world.holder_of_port(wanted, site.true.now()) is not None:
        return False
    site.world.add_stranger(name, wanted)
    return True


# --- a second source --------------------------------------------------------------------------------------------------


@move("second-source", "zpmd is started with one more source, which has never answered", "fault")
def second_source(site: Site) -> bool:
    if site.second.silent:
        return False
    if site.daemon is not None:
        site.kill("for its new settings")
    site.second.silent = True
    site.boot()
    return True


@move("source-answers", "that source answers; it declares nothing", "fault")
def source_answers(site: Site) -> bool:
    happened, site.second.silent = site.second.silent, False
    if site.daemon is not None:
        site.daemon.mailbox.wake(Reason.ROWS)
    return happened
