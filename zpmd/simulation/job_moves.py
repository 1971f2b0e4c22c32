"""Moves with jobs: what operators ask of them, and what their files come to say."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

from zpmd.model.job import CatchUp, Concurrency, JobPolicy
from zpmd.model.service import ServiceData
from zpmd.simulation import wishes
from zpmd.simulation.registry import move
from zpmd.simulation.schedules import SPARSE, schedule_of
from zpmd.sources.zones import zone

if TYPE_CHECKING:
    from zpmd.simulation.site import Site


def jobs(site: Site) -> list[ServiceData]:
    return [s for s in site.source.desired.services if s.job is not None]


def _a_verb(site: Site, chance: random.Random) -> str | None:
    found = jobs(site)
    if not found:
        return None
    name, dice = chance.choice(found).name, chance.random()
    if dice < 0.5 and _going(site, name) is not None:
        return f"lose {name}"
    if dice < 0.35:
        return f"run {name}"
    if dice < 0.6:
        return f"{chance.choice(('suspend', 'resume', 'resume'))} {name}"
    if dice < 0.8:
        return f"schedule {name} {chance.choice(SPARSE)}"
    key = chance.choice(("concurrency", "catch_up", "suspend"))
    words = {"concurrency": tuple(Concurrency), "catch_up": tuple(CatchUp), "suspend": ("yes", "no", "no")}[key]
    return f"says {name} {key} {chance.choice(words)}"


def _going(site: Site, job: str) -> str | None:
    """The id of the container of its run that goes on, the oldest where there are several."""
    now = site.true.now()
    return next(
        (box.id for (name, _, _), box in site.job_laws.history.present() if name == job and box.running(now)), None
    )


@move(
    "job",
    "an operator asks: `run JOB`, `suspend JOB` or `resume JOB`; or the files say: `schedule JOB every 5m` (or five "
    "fields, and `in ZONE`), `says JOB KEY VALUE`, KEY being concurrency, catch_up or suspend (yes, no); or "
    "`lose JOB`: somebody removes its run that goes on by hand",
    "wish",
    _a_verb,
)
def job(site: Site, verb: str, name: str, *words: str) -> bool:
    match verb, words:
        case "run", ():
            return wishes.ask(site, name, lambda control: control.run_job(name, wishes.ACTOR))
        case "suspend", ():
            return wishes.ask(site, name, lambda control: control.suspend(name, wishes.ACTOR))
        case "resume", ():
            return wishes.ask(site, name, lambda control: control.resume(name, wishes.ACTOR))
        case "lose", ():
            lost = _going(site, name)
            if lost is not None:
                site.world.remove_by_hand(lost)
            return lost is not None
        case "schedule", [*_, _]:
            return _scheduled(site, name, " ".join(words))
        case "says", (key, value):
            return _says(site, name, key, value)
        case _:
            raise ValueError(f"job what? {' '.join((verb, name, *words))!r}")


def _scheduled(site: Site, name: str, text: str) -> bool:
    written, _, place = text.partition(" in ")
    schedule = schedule_of(written)
    zone(place or "UTC")

    def change(policy: JobPolicy) -> JobPolicy:
        table = replace(policy.timetable, schedules=(schedule,), zone=place or policy.timetable.zone)
        return replace(policy, timetable=table)

    return wishes.change_job(site, name, change)


def _says(site: Site, name: str, key: str, value: str) -> bool:
    match key:
        case "concurrency":
            return wishes.change_job(site, name, lambda p: replace(p, concurrency=Concurrency(value)))
        case "catch_up":
            return wishes.change_job(site, name, lambda p: replace(p, catch_up=CatchUp(value)))
        case "suspend" if value in ("yes", "no"):
            return wishes.change_job(site, name, lambda p: replace(p, suspend=value == "yes"))
        case _:
            raise ValueError(f"a job says nothing like {key} {value}")
