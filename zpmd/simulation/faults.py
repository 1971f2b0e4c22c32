"""Moves that are faults: what goes wrong between, around and inside engine, store, daemon and containers."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from zpmd.engines.simulated_faults import Fault
from zpmd.model.events import Reason
from zpmd.model.naming import container_name, run_name
from zpmd.simulation import job_truth
from zpmd.simulation.events import Delivery
from zpmd.simulation.registry import Choose, move

if TYPE_CHECKING:
    from zpmd.simulation.site import Site

PROJECT = "zpmd"
SOON_SECONDS = 1800.0


def one_of(*options: str) -> Choose:
    return lambda _, chance: chance.choice(options)


def a_running_slot(site: Site, chance: random.Random) -> str | None:
    now = site.true.now()
    slots = [slot for slot, boxes in site.places().items() if any(b.running(now) for b in boxes)]
    return chance.choice(slots) if slots else None


def a_slot(site: Site, chance: random.Random) -> str | None:
    slots = list(site.places())
    return chance.choice(slots) if slots else None


# --- containers -------------------------------------------------------------------------------------------------------


def _on_running(site: Site, slot: str, change: Callable[[str], None]) -> bool:
    box = site.running(slot)
    if box is not None:
        change(box.id)
    return box is not None


@move("kill", "the process in SLOT dies", "fault", a_running_slot)
def kill(site: Site, slot: str) -> bool:
    return _on_running(site, slot, site.world.crash)


@move("oom", "the process in SLOT is killed for lack of memory", "fault", a_running_slot)
def oom(site: Site, slot: str) -> bool:
    return _on_running(site, slot, lambda i: site.world.crash(i, 137, True))


@move("sicken", "the health checks of SLOT fail from now on, until it is started again", "fault", a_running_slot)
def sicken(site: Site, slot: str) -> bool:
    return _on_running(site, slot, site.world.sicken)


@move("pause", "somebody pauses SLOT by hand", "fault", a_running_slot)
def pause(site: Site, slot: str) -> bool:
    return _on_running(site, slot, site.world.pause)


@move("unpause", "somebody lets SLOT go on", "fault", a_running_slot)
def unpause(site: Site, slot: str) -> bool:
    return _on_running(site, slot, lambda i: site.world.pause(i, False))


@move("halt", "somebody stops SLOT by hand", "fault", a_running_slot)
def halt(site: Site, slot: str) -> bool:
    return _on_running(site, slot, site.world.stop_by_hand)


@move("delete", "somebody removes the container in SLOT by hand", "fault", a_slot)
def delete(site: Site, slot: str) -> bool:
    boxes = [b for b in site.places().get(slot, ()) if not b.busy]
    if not boxes:
        return False
    site.world.remove_by_hand(boxes[0].id)
    return True


def a_place_for_a_stranger(site: Site, chance: random.Random) -> str | None:
    services = site.source.desired.services
    if not services:
        return None
    service = chance.choice(services)
    if service.job is not None:
        due = next(iter(job_truth.dues(service.job.timetable, site.clock.now(), site.clock.now() + SOON_SECONDS)), None)
        return None if due is None else f"{service.name}/{due.at:.0f}"
    return f"{service.name}/{chance.randint(1, service.replicas + 1)}"


@move("stranger", "somebody makes a container with the name that SLOT would take", "fault", a_place_for_a_stranger)
def stranger(site: Site, slot: str) -> bool:
    name, _, number = slot.rpartition("/")
    service = site.source.desired.service(name)
    if service is None:
        return False
    generation = site.tablet.generations.get(name, 0)
    taken = container_name(PROJECT, service, int(number), generation)
    if service.job is not None:
        taken = run_name(PROJECT, name, int(number), 1)
    if site.world.named(taken) is not None:
        return False
    site.world.add_stranger(taken)
    return True


# --- the engine -------------------------------------------------------------------------------------------------------

GONE = {
    "refused": "connection refused",
    "hangs": "no answer within 60 s",
    "500": "the engine answers 500",
    "garbage": "the answer is no JSON",
}


@move("engine-away", "the engine cannot be reached: WHY", "fault", one_of(*GONE))
def engine_away(site: Site, why: str) -> bool:
    site.gone = GONE.get(why, why)
    if site.daemon is not None:
        site.daemon.engine.inner.go_away(site.gone)
    return True


@move("engine-back", "the engine answers again", "fault")
def engine_back(site: Site) -> bool:
    if not site.gone:
        return False
    site.gone = ""
    if site.daemon is not None:
        site.daemon.engine.inner.come_back()
    return True


@move("engine-restart", "the engine is killed and started again, and all containers with it", "fault")
def engine_restart(site: Site) -> bool:
    site.world.restart_engine()
    if site.daemon is not None:
        site.daemon.mailbox.wake(Reason.STREAM_LOST)
    return True


@move("engine-mute", "the next COUNT observations fail", "fault", one_of("1", "2", "4"))
def engine_mute(site: Site, count: str) -> bool:
    if site.daemon is None:
        return False
    site.daemon.engine.mute += ["the engine answers 500, with a page of HTML"] * int(count)
    return True


@move("engine-slow", "every action takes SECONDS longer", "fault", one_of("0", "0.5", "5", "30"))
def engine_slow(site: Site, seconds: str) -> bool:
    site.faults.slow_seconds = float(seconds)
    return True


@move("fail", "the next action is HOW: refused, half-done or answer-lost", "fault", one_of(*Fault))
def fail(site: Site, how: str) -> bool:
    site.faults.fail_next(Fault(how))
    return True


@move("registry-down", "no image can be pulled", "fault")
def registry_down(site: Site) -> bool:
    site.faults.registry_down = "429 too many requests"
    return True


@move("registry-up", "images can be pulled again", "fault")
def registry_up(site: Site) -> bool:
    happened, site.faults.registry_down = bool(site.faults.registry_down), ""
    return happened


def an_image(site: Site, chance: random.Random) -> str | None:
    return chance.choice(sorted(site.world.images)) if site.world.images else None


@move("lose-image", "IMAGE is removed from the host", "fault", an_image)
def lose_image(site: Site, image: str) -> bool:
    if image not in site.world.images:
        return False
    site.world.images.discard(image)
    return True


@move("events", "the engine's events arrive HOW: prompt, lost, twice, late or burst", "fault", one_of(*Delivery))
def events(site: Site, how: str) -> bool:
    site.stream.delivery = Delivery(how)
    return True


@move("late-event", "an event that was held back arrives", "fault")
def late_event(site: Site) -> bool:
    return site.stream.deliver_late()


# --- daemon, store, clock ---------------------------------------------------------------------------------------------


def a_boundary(site: Site, chance: random.Random) -> str | None:
    reached = sorted(site.failpoints.reached)
    return chance.choice(reached).replace(" ", "_") if reached else None


@move("crash-at", "the daemon dies when it next comes to BOUNDARY (blanks written as _)", "fault", a_boundary)
def crash_at(site: Site, boundary: str) -> bool:
    site.failpoints.arm(name=boundary.replace("_", " "))
    return True


@move("crash", "the daemon is killed now", "fault")
def crash(site: Site) -> bool:
    if site.daemon is None:
        return False
    site.kill("now")
    return True


@move("boot", "the daemon is started", "fault")
def boot(site: Site) -> bool:
    return site.daemon is None and site.boot()


@move("forget", "the daemon dies, and its store with it", "fault")
def forget(site: Site) -> bool:
    if site.daemon is not None:
        site.kill("and its store is lost")
    site.forget()
    return True


@move("disk-full", "the store cannot write", "fault")
def disk_full(site: Site) -> bool:
    happened, site.disk_full = not site.disk_full, True
    return happened


@move("disk-free", "the store can write again", "fault")
def disk_free(site: Site) -> bool:
    happened, site.disk_full = site.disk_full, False
    return happened


@move(
    "clock", "somebody sets the wall clock by SECONDS", "fault", one_of("3600", "-3600", "86400", "-86400", "30", "-30")
)
def clock(site: Site, seconds: str) -> bool:
    site.clock.jump(float(seconds))
    site.invariants.excuse_all()
    if site.daemon is not None and site.has_jobs():
        site.daemon.mailbox.wake(Reason.CLOCK)  # as its watcher does
    return True


@move("cut-wave", "of the actions that wait for a worker the daemon carries out one, and dies", "fault")
def cut_wave(site: Site) -> bool:
    if site.daemon is None or len(site.daemon.workers.waiting) < 2:
        return False
    site.begin(next(iter(site.daemon.workers.waiting)))
    if site.daemon is not None:
        site.kill("in the middle of a wave")
    return True
