"""`zpmd simulate` on somebody's own service files: what would happen, when and why, and how each service fares.

What is assumed, and said: every image is there, every program starts at once, gets healthy at its first check and runs
until it is told to end; a one-shot, and the run of a job, ends well after two seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from zpmd.model.service import Desired
from zpmd.simulation import liveness, moves, schedule
from zpmd.simulation.breach import Violation
from zpmd.simulation.session import Ended
from zpmd.simulation.site import Site
from zpmd.simulation.truth import Truth

ASSUMED = "simulated time; every image is there and every program is well; nothing outside is touched"


@dataclass(slots=True)
class Fate:
    """How one service fared: seconds until it was up for the first time (None: never), and of each outage since."""

    up_after: float | None = None
    outages: list[float] = field(default_factory=list)
    down_at: float | None = None


class Observer:
    """Looks at a site after each thing that happens on it."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._began = site.true.now()
        self.fates: dict[str, Fate] = {s.name: Fate() for s in site.source.desired.services if s.job is None}

    def look(self) -> None:
        truth, now = Truth.of(self._site), self._site.true.now()
        for service in (s for s in truth.desired.services if s.job is None):
            fate = self.fates.setdefault(service.name, Fate())
            if not truth.up(service):
                if fate.up_after is not None and fate.down_at is None:
                    fate.down_at = now
            elif fate.up_after is None:
                fate.up_after = now - self._began
            elif fate.down_at is not None:
                fate.outages.append(now - fate.down_at)
                fate.down_at = None


@dataclass(frozen=True, slots=True)
class Report:
    ended: Ended
    fates: dict[str, Fate]

    def document(self) -> dict[str, object]:
        """What `--json` prints; keys are only ever added."""
        return {
            "violation": str(self.ended.violation) if self.ended.violation else None,
            "trace": self.ended.site.trace.lines,
            "services": {
                name: {"up_after_seconds": fate.up_after, "outages_seconds": fate.outages, "up": fate.down_at is None}
                for name, fate in self.fates.items()
            },
            "jobs": {name: dict(runs) for name, runs in self.runs().items()},
        }

    def runs(self) -> dict[str, Counter[str]]:
        """How often each job was due, by what became of it."""
        found: dict[str, Counter[str]] = {s.name: Counter() for s in self.ended.site.original.services if s.job}
        for (job, _), row in sorted(self.ended.site.job_laws.ever.items()):
            found.setdefault(job, Counter())[str(row.ending or row.step)] += row.count
        return found

    def summary(self) -> list[str]:
        """A line for each service, in the order in which they came up."""
        never = float("inf")
        ordered = sorted(self.fates.items(), key=lambda e: never if e[1].up_after is None else e[1].up_after)
        runs = self.runs()
        width = max((len(name) for name in (*self.fates, *runs)), default=0)
        lines = [f"{name:<{width}}  {_told(fate)}" for name, fate in ordered]
        return lines + [f"{name:<{width}}  {_told_runs(found)}" for name, found in runs.items()]


def on_files(desired: Desired, kills: Sequence[str], minutes: float) -> Report:
    """A cold start until all is at rest; then everything of the services `kills` dies at once, until rest again.

    `kills` are services or replicas (`mongo_metadb`, `zona_user/2`). Raises ValueError for one that is not declared.
    """
    for name in kills:
        if desired.service(name.partition("/")[0]) is None:
            raise ValueError(f"no service {name.partition('/')[0]} in these files")
    site = Site(desired)
    prepare(site)
    observer = Observer(site)
    try:
        site.boot()
        _rest(site, observer, minutes)
        if kills:
            for slot in _running(site, kills):
                moves.perform(site, f"kill {slot}")
            observer.look()
            _rest(site, observer, minutes)
    except Violation as violation:
        site.trace.say(f"VIOLATION {violation}")
        return Report(Ended(site, (), violation), observer.fates)
    return Report(Ended(site, ()), observer.fates)


def prepare(site: Site) -> None:
    """What the files call external is there."""
    desired = site.source.desired
    site.world.volumes.update({v.name: () for v in desired.volumes if v.external})
    site.world.networks.update({n.name: () for n in desired.networks if n.external})


def _rest(site: Site, observer: Observer, minutes: float) -> None:
    until = site.true.now() + minutes * 60
    while site.true.now() < until and schedule.go_on(site):
        site.invariants.moved()
        observer.look()
        if liveness.at_rest(site):
            site.trace.say("all is as it should be")
            return
    site.trace.say(f"it does not come to rest within {minutes:g} minutes")


def _running(site: Site, kills: Sequence[str]) -> list[str]:
    now = site.true.now()
    running = [slot for slot, boxes in site.slots().items() if any(b.running(now) for b in boxes)]
    return [slot for slot in running if slot in kills or slot.rpartition("/")[0] in kills]


def _told_runs(runs: Counter[str]) -> str:
    listed = ", ".join(f"{number} {ending}" for ending, number in sorted(runs.items()))
    return f"was due {runs.total()} times: {listed}" if runs else "was not due"


def _told(fate: Fate) -> str:
    if fate.up_after is None:
        return "never up"
    told = f"up after {fate.up_after:.1f} s"
    if fate.outages:
        told += f", then down for {', '.join(f'{s:.1f} s' for s in fate.outages)}"
    return told if fate.down_at is None else f"{told}, and down at the end"
