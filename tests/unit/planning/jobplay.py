"""A host with jobs in a few lines: what a plan asks for is done at once, programs take their time, and time goes on.

The ledger is kept as ports.Store says, and every plan is looked at by checks.py before anything of it is done.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from tests.unit.planning.build import service, stable
from tests.unit.planning.dues import instant, timetable
from zpmd.model.action import (
    Action,
    JudgeSpec,
    KeepEvidence,
    KeepRuns,
    PullImage,
    RemoveReplica,
    RunReplica,
    StartReplica,
    StopReplica,
    verb,
)
from zpmd.model.job import Calendar, Ending, JobMemory, JobPolicy, Mark, Run, RunsKept
from zpmd.model.memory import Down, Hold, Intent, Memory, Retry, Revision
from zpmd.model.naming import run_name
from zpmd.model.observed import InFlight, Observed, Phase, Replica, World
from zpmd.model.patch import Patch
from zpmd.model.plan import Plan
from zpmd.model.policy import Limits
from zpmd.model.service import Desired, ServiceData
from zpmd.model.spechash import spec_hash
from zpmd.planning import checks
from zpmd.planning.layer import layered
from zpmd.planning.planner import plan
from zpmd.sources.zones import zone

START = instant("2026-03-02 00:00")


def job(name: str = "report", *schedules: str, zone: str = "UTC", jitter: float = 0.0, **fields: Any) -> ServiceData:
    """A job that is due each hour, or as said; what belongs to its policy goes there, and the rest to the service."""
    known = {field.name for field in dataclasses.fields(JobPolicy)}
    policy = {key: fields.pop(key) for key in list(fields) if key in known}
    table = dataclasses.replace(timetable(*(schedules or ("0 * * * *",)), zone=zone), jitter_seconds=jitter)
    return service(name, fields.pop("image", f"{name}:1"), job=JobPolicy(timetable=table, **policy), **fields)


@dataclasses.dataclass(frozen=True, slots=True)
class Program:
    """What the container of a try does. `seconds` None: it goes on until it is stopped."""

    seconds: float | None = 60.0
    code: int = 0


class JobPlay:
    """`programs` says of a job what its tries do, one after the other, the last of them again and again."""

    def __init__(self, *services: ServiceData, at: float = START, **programs: Program | list[Program]) -> None:
        self.desired = Desired(services=services)
        self.now = at
        self.looked_since = at
        self.programs = {name: p if isinstance(p, list) else [p] for name, p in programs.items()}
        self.boxes: list[Replica] = []
        self.ends: dict[str, float] = {}
        self.codes: dict[str, int] = {}
        self.tried: dict[str, int] = {}
        self.images = {s.container.image for s in services}
        self.rows: dict[str, dict[int, Run]] = {}
        self.marks: dict[str, Mark] = {}
        self.intent = Intent()
        self.retries: dict[str, Retry] = {}
        self.refuse: Callable[[Action], str | None] = lambda action: None
        """The engine's words where it refuses this for good."""
        self.lost: Callable[[Action], bool] = lambda action: False
        """Whether this never reaches the engine."""
        self.in_flight: tuple[InFlight, ...] = ()
        self.revisions: dict[str, Revision] = {}
        self.patches: tuple[Patch, ...] = ()
        self.limits = Limits()
        self.told: list[str] = []
        self.plan = Plan()

    # --- what happens -------------------------------------------------------------------------------------------------

    def declare(self, *services: ServiceData) -> None:
        """These instead of those of the same name."""
        names = {s.name for s in services}
        others = tuple(s for s in self.desired.services if s.name not in names)
        self.desired = dataclasses.replace(self.desired, services=(*others, *services))
        self.images |= {s.container.image for s in services}

    def undeclare(self, *names: str) -> None:
        left = tuple(s for s in self.desired.services if s.name not in names)
        self.desired = dataclasses.replace(self.desired, services=left)

    def intend(self, **fields: Any) -> None:
        self.intent = dataclasses.replace(self.intent, **fields)

    def hold(self, name: str = "*", until: float | None = None) -> None:
        self.intend(holds=(Hold(service=name, owner="ann", reason="", since=self.now, until=until),))

    def release(self) -> None:
        self.intend(holds=())

    def stop(self, *names: str) -> None:
        self.intend(stopped=frozenset(names))

    def down(self) -> None:
        self.intend(down=Down.CONTAINERS)

    def suspend(self, name: str = "report", by: str | None = "ann") -> None:
        self.intend(suspended={} if by is None else {name: by})

    def ask(self, name: str = "report", actor: str = "ann") -> int:
        """`zpmctl job run`."""
        due = int(self.now)
        assert due not in self.rows.get(name, {})
        self.rows.setdefault(name, {})[due] = Run(job=name, due=due, asked=actor)
        return due

    def away(self, seconds: float) -> None:
        """zpmd is not there for so long; programs go on."""
        self.now += seconds
        self._programs()
        self.looked_since = self.now
        self.retries.clear()

    def remove(self, name: str = "report") -> None:
        """By hand, all containers of a job."""
        self.boxes = [box for box in self.boxes if box.service != name]

    # --- passes -------------------------------------------------------------------------------------------------------

    def step(self) -> Plan:
        """One pass, and everything that it asks for."""
        self._programs()
        observed = Observed(world=self.world(), in_flight=self.in_flight)
        desired = layered(self.desired, self.patches)
        calendar = Calendar(zones=_zones(desired), looked_since=self.looked_since)
        self.plan = plan(desired, observed, self.memory(), self.now, self.limits, calendar=calendar)
        assert checks.problems(self.plan, desired, observed, self.limits) == ()
        for action in self.plan.actions:
            if not isinstance(action, KeepRuns):
                self.told.append(f"{verb(action)} {self.subject(action)}: {action.cause}")
            if not self.lost(action):
                self._do(action)
        return self.plan

    def settle(self) -> Plan:
        """Passes at this instant, until nothing more is to be done now."""
        for _ in range(200):
            self.step()
            again = self.plan.wake_at is not None and self.plan.wake_at <= self.now
            if not self.plan.actions and not again:
                return self.plan
        raise AssertionError("\n".join(self.told[-30:]))

    def until(self, text: str) -> None:
        """Time goes on to this instant, `03-02 01:00` of the year, from one thing that happens to the next."""
        self.go(instant(f"2026-{text}") - self.now)

    def go(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
            self.settle()
            coming = [at for at in (self.plan.wake_at, *self.ends.values()) if at is not None and at > self.now]
            if not coming or min(coming) > end:
                break
            self.now = min(coming)
        self.now = end
        self.settle()

    def world(self) -> World:
        own = frozenset(n.network for s in self.desired.services for n in s.container.networks)
        return World(replicas=tuple(self.boxes), images=frozenset(self.images), networks=own)

    def memory(self) -> Memory:
        return Memory(
            intent=self.intent,
            retries=dict(self.retries),
            revisions=dict(self.revisions),
            patches=self.patches,
            jobs=self.jobs(),
        )

    def jobs(self) -> Mapping[str, JobMemory]:
        names = {*self.rows, *self.marks}
        return {name: JobMemory(mark=self.marks.get(name), runs=self._runs(name)) for name in names}

    def _runs(self, name: str) -> tuple[Run, ...]:
        return tuple(run for _, run in sorted(self.rows.get(name, {}).items()))

    # --- what came of it ----------------------------------------------------------------------------------------------

    def ledger(self, name: str = "report") -> list[str]:
        """Its rows, a line each: `03-02 01:00 ok`, and why."""
        return [_line(run) for run in self._runs(name)]

    def row(self, text: str, name: str = "report") -> Run:
        return self.rows[name][int(instant(f"2026-{text}"))]

    def endings(self, name: str = "report") -> list[Ending | None]:
        return [run.ending for run in self._runs(name)]

    def running(self, name: str = "report") -> list[Replica]:
        return [box for box in self.boxes if box.service == name and box.live]

    def subject(self, action: Action) -> str:
        if isinstance(action, RunReplica) and action.due is not None:
            return f"{action.service.name}/{short(action.due)}"
        replica = getattr(action, "replica", None)
        if isinstance(replica, Replica) and replica.due is not None:
            return f"{replica.service}/{short(replica.due)}"
        return action.subject

    # --- the store and the engine -------------------------------------------------------------------------------------

    def _do(self, action: Action) -> None:
        if (words := self.refuse(action)) is not None:
            before = self.retries.get(action.subject)
            count = before.count + 1 if before else 1
            self.retries[action.subject] = Retry(count=count, at=self.now, error=words, lasting=True)
            return
        self.retries.pop(action.subject, None)
        match action:
            case KeepRuns():
                self._keep(action.kept)
            case RunReplica():
                self._make(action)
            case StartReplica():
                self._begin(action.replica)
            case StopReplica():
                self.ends.pop(action.replica.id, None)
                self._change(action.replica, phase=Phase.EXITED, exit_code=143, finished_at=self.now)
            case RemoveReplica():
                self.boxes = [box for box in self.boxes if box.id != action.replica.id]
            case KeepEvidence():
                place, attempt = action.replica.place, action.replica.attempt
                row = self.rows[place.service][place.number]
                self.rows[place.service][place.number] = dataclasses.replace(row, evidence=attempt)
            case PullImage():
                self.images.add(action.image)
            case JudgeSpec():
                self.revisions[action.service.name] = stable(action.service, generation=action.generation)
            case _:
                pass

    def _keep(self, kept: RunsKept) -> None:
        for name, after in kept.unsaid.items():
            rows = self.rows.get(name, {})
            self.rows[name] = {due: run for due, run in rows.items() if due <= after or run.started_at is not None}
        for run in kept.rows:
            rows = self.rows.setdefault(run.job, {})
            old = rows.get(run.due)
            rows[run.due] = dataclasses.replace(run, asked=old.asked, evidence=old.evidence) if old else run
        self.marks |= kept.marks

    def _make(self, action: RunReplica) -> None:
        of, due = action.service, action.due
        name = run_name("zpmd", of.name, due, action.attempt) if due is not None else action.subject
        assert name not in {box.name for box in self.boxes}, f"a second {name}"
        box = Replica(
            id=name,
            name=name,
            service=of.name,
            group=of.group,
            slot=action.slot,
            due=due,
            attempt=action.attempt,
            spec=spec_hash(of.container),
            revision=action.revision,
            phase=Phase.CREATED,
            image=of.container.image,
            created_at=self.now,
        )
        self.boxes.append(box)
        self._begin(box)

    def _begin(self, box: Replica) -> None:
        self._change(box, phase=Phase.RUNNING, started_at=self.now)
        if box.due is None:
            return
        programs, nth = self.programs.get(box.service, [Program()]), self.tried.get(box.service, 0)
        self.tried[box.service] = nth + 1
        program = programs[min(nth, len(programs) - 1)]
        if program.seconds is not None:
            self.ends[box.id], self.codes[box.id] = self.now + program.seconds, program.code

    def _programs(self) -> None:
        """End what has come to its end."""
        for box in list(self.boxes):
            at = self.ends.get(box.id)
            if at is not None and at <= self.now and box.live:
                del self.ends[box.id]
                self._change(box, phase=Phase.EXITED, exit_code=self.codes[box.id], finished_at=at)

    def _change(self, box: Replica, **fields: Any) -> None:
        self.boxes = [dataclasses.replace(b, **fields) if b.id == box.id else b for b in self.boxes]


def short(at: float) -> str:
    """`03-02 01:00`."""
    local = datetime.fromtimestamp(at, UTC)
    return local.strftime("%m-%d %H:%M" if local.second == 0 else "%m-%d %H:%M:%S")


def _line(run: Run) -> str:
    until = f" to {short(run.until)}, {run.count} of them" if run.until is not None else ""
    word = str(run.ending or run.step)
    return f"{short(run.due)}{until} {word}" + (f": {run.reason}" if run.reason else "")


def _zones(desired: Desired) -> Mapping[str, Any]:
    names: Iterable[str] = {s.job.timetable.zone for s in desired.services if s.job is not None}
    return {name: zone(name) for name in names if name != "Nowhere/At_All"}
