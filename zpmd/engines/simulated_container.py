"""One simulated container as a value: what it is at any instant is computed from what was done to it (pure).

Rules: nothing happens "meanwhile". A run is written down with the instants at which it starts and ends, which may lie
in the future; phase, health and exit code at an instant follow from that. Health follows moby's prober
(daemon/health.go): the first probe comes one interval after the start, failures within the start period do not count,
`retries` failures in a row make it unhealthy, one success makes it healthy again. `start_interval` is ignored, as by
every engine older than 25.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from zpmd.model.container import Healthcheck, Pairs
from zpmd.model.observed import ContainerLimits, Health, Phase

KILLED = 137
DEFAULT_INTERVAL_SECONDS = 30.0
DEFAULT_RETRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What the program in an image does. Durations count from each start.

    `fails_to_start` is the engine's word on a start that it refuses; `healthcheck` the one that the image brings along;
    `failing_commands` are programs that end with 1 when a hook runs them.
    """

    healthy_after_seconds: float = 0.0
    never_healthy: bool = False
    lives_for_seconds: float | None = None
    exit_code: int = 0
    oom_killed: bool = False
    exit_code_on_term: int = 0
    ignores_term: bool = False
    fails_to_start: str = ""
    healthcheck: Healthcheck | None = None
    failing_commands: frozenset[str] = frozenset({"false"})
    cpu: float = 0.01
    """Of one CPU, while it runs."""
    memory_bytes: int = 8_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """From a start to its end. `sick_from`: its probes fail from that instant on, whatever its behaviour says."""

    started_at: float
    ends_at: float | None = None
    exit_code: int = 0
    oom_killed: bool = False
    sick_from: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """One container, ours or a stranger's. `runs` holds the last two: the one that goes on, and the one before it.

    `ports` are the host's that it publishes while it runs, as `host_ip:port/protocol`.
    """

    id: str
    name: str
    image: str
    image_id: str
    behaviour: Behaviour
    created_at: float
    labels: Pairs = ()
    ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    """With `anonymous`, those of them that were made for it alone."""
    anonymous: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    healthcheck: Healthcheck | None = None
    grace_seconds: float = 10.0
    limits: ContainerLimits = ContainerLimits()
    removed_at: float | None = None
    runs: tuple[Run, ...] = ()
    paused: bool = False
    error: str = ""
    stuck: Phase | None = None
    """DEAD or REMOVING: a removal of it did not come to its end, and it can only be removed."""
    busy: bool = False
    """Something holds on to its files: no removal comes to its end."""

    @property
    def check(self) -> Healthcheck | None:
        """Its own healthcheck, or else the image's, unless it is switched off; what it leaves out is the image's."""
        check, images = self.healthcheck or self.behaviour.healthcheck, self.behaviour.healthcheck
        if check is not None and images is not None:
            check = replace(
                check,
                test=check.test or images.test,
                interval_seconds=check.interval_seconds or images.interval_seconds,
                start_period_seconds=check.start_period_seconds or images.start_period_seconds,
                retries=check.retries or images.retries,
            )
        return None if check is None or check.test[:1] in ((), ("NONE",)) else check

    def exists(self, at: float) -> bool:
        return self.created_at <= at and (self.removed_at is None or at < self.removed_at)

    def run(self, at: float) -> Run | None:
        """The run that goes on at an instant, or else the last one that ended."""
        return next((run for run in reversed(self.runs) if run.started_at <= at), None)

    def phase(self, at: float) -> Phase:
        if self.stuck is not None:
            return self.stuck
        run = self.run(at)
        if run is None:
            return Phase.CREATED
        if run.ends_at is not None and run.ends_at <= at:
            return Phase.EXITED
        return Phase.PAUSED if self.paused else Phase.RUNNING

    def running(self, at: float) -> bool:
        return self.phase(at) in (Phase.RUNNING, Phase.PAUSED)

    def under_way(self, at: float) -> Run | None:
        """The run that goes on at an instant, or will as soon as its start is over."""
        last = self.runs[-1] if self.runs else None
        return last if last is not None and (last.ends_at is None or last.ends_at > at) else None

    def health(self, at: float) -> Health:
        """NONE for one that was never started, or has no check. One that has ended is UNHEALTHY, as moby has it."""
        run, check = self.run(at), self.check
        if run is None or check is None:
            return Health.NONE
        return _health(self.behaviour, check, run, at) if self.running(at) else Health.UNHEALTHY

    def log(self, since: float | None, at: float) -> tuple[tuple[float, str], ...]:
        """What its program has printed, and when, from one instant (None: the first) to another."""
        lines: list[tuple[float, str]] = []
        for run in self.runs:
            lines.append((run.started_at, f"{self.image} starts"))
            if run.ends_at is not None:
                lines.append((run.ends_at, f"{self.image} ends with {run.exit_code}"))
        return tuple((when, line) for when, line in lines if when <= at and (since is None or when >= since))

    def changes_after(self, at: float) -> float | None:
        """The next instant at which it may look different by itself."""
        instants = [self.created_at, self.removed_at]
        for run in self.runs:
            instants += [run.started_at, run.ends_at]
            if self.check is not None and (run.ends_at is None or run.ends_at > at):
                instants += _probes_that_tell(self.behaviour, self.check, run)
        return min((instant for instant in instants if instant is not None and instant > at), default=None)

    def started(self, at: float) -> Box:
        """A new run begins; it ends by itself where its behaviour says so."""
        lives_for = self.behaviour.lives_for_seconds
        run = Run(
            started_at=at,
            ends_at=None if lives_for is None else at + lives_for,
            exit_code=self.behaviour.exit_code,
            oom_killed=self.behaviour.oom_killed,
        )
        return replace(self, runs=(*self.runs, run)[-2:], error="", paused=False)

    def stopped(self, at: float, grace_seconds: float) -> Box:
        """Asked to end: at once with its own code, or killed at the end of its grace. A paused one is woken for it."""
        if self.behaviour.ignores_term:
            return self.ended(at + grace_seconds, KILLED)
        return self.ended(at, self.behaviour.exit_code_on_term)

    def ended(self, at: float, exit_code: int, oom_killed: bool = False) -> Box:
        """Its run ends at an instant, unless it ended or ends before. One that is still to begin ends as it begins."""
        if not self.runs or (self.runs[-1].ends_at is not None and self.runs[-1].ends_at <= at):
            return self
        last = replace(
            self.runs[-1], ends_at=max(at, self.runs[-1].started_at), exit_code=exit_code, oom_killed=oom_killed
        )
        return replace(self, runs=(*self.runs[:-1], last))

    def half_removed(self, at: float, stuck: Phase) -> Box:
        """Its removal has begun, by force, and does not come to its end: DEAD or REMOVING."""
        return replace(self.ended(at, KILLED), stuck=stuck, busy=True, paused=False)

    def sickened(self, at: float | None) -> Box:
        """The probes of its run fail from an instant on; None: they tell again what its behaviour says."""
        if not self.runs:
            return self
        return replace(self, runs=(*self.runs[:-1], replace(self.runs[-1], sick_from=at)))


def _health(behaviour: Behaviour, check: Healthcheck, run: Run, at: float) -> Health:
    interval, retries, forgiven = _numbers(check)
    probes = math.floor((at - run.started_at) / interval)
    well = _first_success(behaviour, interval)
    sick = _first_sick(run, interval)
    if well < sick:  # it is healthy for a while
        if probes < well:
            failures = probes - forgiven
            return Health.UNHEALTHY if failures >= retries else Health.STARTING
        return Health.UNHEALTHY if probes - sick + 1 >= retries else Health.HEALTHY
    return Health.UNHEALTHY if probes - forgiven >= retries else Health.STARTING


def _probes_that_tell(behaviour: Behaviour, check: Healthcheck, run: Run) -> list[float]:
    """The instants of the probes that can change its health."""
    interval, retries, forgiven = _numbers(check)
    counts = (_first_success(behaviour, interval), forgiven + retries, _first_sick(run, interval) + retries - 1)
    return [run.started_at + count * interval for count in counts if math.isfinite(count)]


def _numbers(check: Healthcheck) -> tuple[float, int, int]:
    """(interval, retries, number of first probes whose failure does not count)."""
    interval = check.interval_seconds or DEFAULT_INTERVAL_SECONDS
    forgiven = max(0, math.ceil(check.start_period_seconds / interval) - 1)
    return interval, check.retries or DEFAULT_RETRIES, forgiven


def _first_success(behaviour: Behaviour, interval: float) -> float:
    """The number of the first probe that succeeds, infinite where none does."""
    return math.inf if behaviour.never_healthy else max(1, math.ceil(behaviour.healthy_after_seconds / interval))


def _first_sick(run: Run, interval: float) -> float:
    """The number of the first probe that fails because something made it sick, infinite where nothing did."""
    return math.inf if run.sick_from is None else max(1, math.ceil((run.sick_from - run.started_at) / interval))
