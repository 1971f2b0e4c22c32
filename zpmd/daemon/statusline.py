"""How zpmd stands, in one line for `systemctl status`: what matters most first, cut where the line is full. Pure,
but for the time zone of this host.

While services come up it names the first group that is not ready, and the one at which the waiting ends, not the many
that wait for it. Jobs are counted, and not their runs; one whose last run went wrong is named. Instants and no
durations: a line that changes every second would be a message to systemd every second.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from zpmd.daemon.runs import jobs_of
from zpmd.model.cause import Code
from zpmd.model.events import Snapshot
from zpmd.model.memory import Down
from zpmd.model.patch import Patch, Stage
from zpmd.model.plan import Plan, Standing, State
from zpmd.model.service import GROUPS

WIDTH = 120
NAMES = 3
GOOD = frozenset({State.RUNNING, State.COMPLETED, State.STOPPED})
TROUBLE = frozenset({State.CRASH_LOOP, State.FAILED, State.BLOCKED, State.ROLLED_BACK, State.PAUSED, State.UNHEALTHY})
"""Somebody should have a look, though zpmd may be dealing with it."""
FOLLOWED = frozenset({Code.DEPENDENCY, Code.GROUP})
DAY_SECONDS = 86_400.0


def summary(snapshot: Snapshot) -> str:
    """`core 12/18 ready; waiting for mongo_metadb`, `21 services are up; patch hotfix-1042: 1/3 services`, ..."""
    parts = [part for part in _parts(snapshot) if part]
    line = parts[0]
    for part in parts[1:]:
        if len(line) + 2 + len(part) > WIDTH:
            return _cut(f"{line}; ...")
        line += f"; {part}"
    return _cut(line)


def _parts(snapshot: Snapshot) -> Iterator[str]:
    observed = snapshot.observed
    if observed.world is None:
        yield f"engine unknown since {_clock(observed.unknown_since, snapshot.at)}: {observed.error}"
        yield "containers go on"
    else:
        yield from (f"patch {_named(p)} COULD NOT BE ROLLED BACK" for p in _stuck(snapshot))
        yield _services(snapshot)
    yield from _patches(snapshot.memory.patches)
    yield _held(snapshot)
    yield from _degraded(snapshot)


def _services(snapshot: Snapshot) -> str:
    standings, jobs = _apart(snapshot)
    down = snapshot.memory.intent.down
    if down is not Down.NO:
        left = len(snapshot.observed.world.replicas) if snapshot.observed.world else 0
        return f"going down: {_count(left, 'container')} left" if left else "all is down, as an operator asked"
    rising = [s for s in standings if not _up(s) and s.state not in TROUBLE and s.state is not State.HELD]
    if rising:
        return _coming_up(snapshot, standings, rising)
    up = sum(map(_up, standings))
    named = [f"{s.service} ({s.state})" for s in (*standings, *jobs) if s.state in TROUBLE]
    line = f"{up} of {len(standings)} services are up" if up < len(standings) else f"{_count(up, 'service')} up"
    line += f", {len(jobs)} job{'' if len(jobs) == 1 else 's'}" if jobs else ""
    return line + (f"; look at {_list(named)}" if named else "")


def _apart(snapshot: Snapshot) -> tuple[list[Standing], list[Standing]]:
    """How services stand, and how jobs do."""
    jobs = jobs_of(snapshot.desired)
    both: tuple[list[Standing], list[Standing]] = ([], [])
    for standing in snapshot.plan.standings:
        both[standing.service in jobs].append(standing)
    return both


def _coming_up(snapshot: Snapshot, services: Sequence[Standing], rising: Sequence[Standing]) -> str:
    group = next(g for g in GROUPS if any(s.group is g for s in rising))
    members = [s for s in services if s.group is group]
    ready = sum(_up(s) for s in members)
    waited = _waited_for(snapshot, [s.service for s in rising if s.group is group])
    return f"{group} {ready}/{len(members)} ready; waiting for {_list(waited)}"


def _up(standing: Standing) -> bool:
    """As many replicas as there should be, or as an operator wants it: also while they are being replaced."""
    return standing.state in GOOD or standing.ready >= standing.desired


def _waited_for(snapshot: Snapshot, services: Iterable[str]) -> list[str]:
    """Where the waiting of these services ends, with the word for those that need a look; the most waited for first."""
    ahead = awaited(snapshot.plan)
    counted = Counter(end(name, ahead) for name in services)
    states = {s.service: s.state for s in snapshot.plan.standings}

    def told(name: str) -> str:
        state = states.get(name)
        return f"{name} ({'not declared' if state is None else state})" if state in TROUBLE or not state else name

    return [told(name) for name, _ in sorted(counted.items(), key=lambda item: (-item[1], item[0]))]


def awaited(plan: Plan) -> Mapping[str, str]:
    """Service to the service that it waits for, where it waits for one."""
    found: dict[str, str] = {}
    for waiting in plan.waiting:
        if waiting.cause.code in FOLLOWED and waiting.cause.on:
            found.setdefault(waiting.service, waiting.cause.on[0])
    return found


def end(name: str, ahead: Mapping[str, str]) -> str:
    """Where the waiting of a service ends; the service itself where it waits for none."""
    seen = {name}
    while (following := ahead.get(name)) and following not in seen:
        seen.add(following)
        name = following
    return name


def _patches(patches: Iterable[Patch]) -> Iterator[str]:
    for patch in patches:
        if patch.ended:
            continue
        if patch.reverting or patch.stage is Stage.ROLLING_BACK:
            back = sum(step.back_at is not None for step in patch.steps)
            yield f"patch {_named(patch)} goes back: {back}/{len(patch.steps)} services"
        elif patch.moving:
            done = sum(step.done_at is not None for step in patch.steps)
            yield f"patch {_named(patch)}: {done}/{max(len(patch.moves), len(patch.steps))} services"
        else:
            yield f"patch {_named(patch)}: {patch.stage}"


def _stuck(snapshot: Snapshot) -> list[Patch]:
    """Patches whose rollback failed, while something that they concern is not well."""
    bad = {s.service for s in _apart(snapshot)[0] if not _up(s)}
    return [
        patch
        for patch in snapshot.memory.patches
        if patch.stage is Stage.ROLLBACK_FAILED
        and bad.intersection((*patch.baseline, *(s.service for s in patch.steps)))
    ]


def _named(patch: Patch) -> str:
    return patch.id or patch.name


def _held(snapshot: Snapshot) -> str:
    held = {w.service or w.subject for w in snapshot.plan.waiting if w.cause.code is Code.MASS_REMOVAL}
    return f"held: the removal of {len(held)} services (`zpmctl approve`)" if held else ""


def _degraded(snapshot: Snapshot) -> Iterator[str]:
    if snapshot.unwritable is not None:
        yield f"store cannot be written since {_clock(snapshot.unwritable.since, snapshot.at)}"
    for source in snapshot.sources:
        if not source.ok:
            yield f"{source.name} {'away' if source.away else 'wrong'} since {_clock(source.since, snapshot.at)}"
    if snapshot.patches_trouble:
        yield f"patches: {snapshot.patches_trouble}"


def _clock(since: float | None, now: float) -> str:
    """`22:04`, or `Nov 28 22:04` of another day."""
    instant = now if since is None else since
    return time.strftime("%H:%M" if now - instant < DAY_SECONDS else "%b %d %H:%M", time.localtime(instant))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun} is" if number == 1 else f"{number} {noun}s are"


def _list(names: Sequence[str]) -> str:
    more = len(names) - NAMES
    return ", ".join(names[:NAMES]) + (f" and {more} more" if more > 0 else "")


def _cut(line: str) -> str:
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 3]}..."
