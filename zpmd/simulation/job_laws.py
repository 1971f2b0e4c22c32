"""What must hold of the ledger of jobs, whatever else happens. Told from files, clock and containers, not the planner.

1. No due instant is silent: after a pass that could look and write, each one since the job is known has one row, and
   no row speaks of an instant that was none. A job that is new, or has another timetable, owes nothing.
2. Rows go forward (WAITING, STARTING, RUNNING, ENDED, and from RUNNING to STARTING with the next try), and one that has
   ended stays as it is. They leave at the end of a long history alone, or unsaid: due later than a clock that was far
   ahead, and never begun.
3. An ending says what was so: OK has a container that ended with 0; who is held, suspended, repeated, skipped, replaced
   or too late has a reason in files, clock or operators; what was missed was due while nobody looked, and what was due
   while somebody did is not missed.
4. What was missed is made up for as `catch_up` says.
5. Of a job that forbids or replaces overlaps there are never two runs on their way.
The containers' own laws are in job_history.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from zpmd.model.events import Snapshot
from zpmd.model.job import CatchUp, Concurrency, Ending, JobPolicy, Mark, Run, Step
from zpmd.model.schedule import Due, Schedule
from zpmd.model.schedule import Mark as Clockwise
from zpmd.model.service import ServiceData
from zpmd.simulation import job_truth
from zpmd.simulation.breach import Violation
from zpmd.simulation.host import SimulatedHost
from zpmd.simulation.job_history import RunHistory
from zpmd.simulation.truth import Truth

Name = tuple[str, int]
RANK = {Step.WAITING: 0, Step.STARTING: 1, Step.RUNNING: 2, Step.ENDED: 3}
ON_THEIR_WAY = frozenset({Step.STARTING, Step.RUNNING})
MOST_CAUGHT_UP = 100
MOST_OPEN = 100
"""Of a job that allows overlaps: what comes beyond is skipped."""
JUMP_SECONDS = 1.0
LEAST_OF_A_PASS = 1000
"""Of the due instants of a long absence a pass may leave some to the next one, when it has told so many."""
ROWS_KEPT = 100
"""At least so many rows of a job stay, whatever else goes."""
SLACK_SECONDS = 0.001


@dataclass(slots=True)
class Looks:
    """When somebody has looked last, by the wall clock: in a pass that knew the engine. `gap` is the last stretch in
    which nobody did, from the look before it to the one that ended it."""

    at: float = -math.inf
    offset: float = 0.0
    unbroken: bool = False
    gap: tuple[float, float] = (-math.inf, -math.inf)

    def looked(self, now: float, offset: float) -> None:
        if not self.unbroken or offset - self.offset >= JUMP_SECONDS:
            self.gap = (self.at, now)
        self.gap = (min(self.gap[0], now), min(self.gap[1], now))
        self.at, self.offset, self.unbroken = now, offset, True


@dataclass(slots=True)
class JobLaws:
    host: SimulatedHost
    history: RunHistory
    rows: dict[Name, Run] = field(default_factory=dict)
    """As they were when they were looked at last."""
    before: dict[Name, Run] = field(default_factory=dict)
    """As they were before the pass that was made last."""
    ever: dict[Name, Run] = field(default_factory=dict)
    """Every row that there was, as it was last: the ledger itself has bounds."""
    marks: dict[str, Mark] = field(default_factory=dict)
    tables: dict[str, tuple[tuple[Schedule, ...], str]] = field(default_factory=dict)
    """What each job's mark speaks of."""
    walked: dict[str, float] = field(default_factory=dict)
    """Up to when there is nothing due beyond a job's mark."""
    timeouts: dict[str, float | None] = field(default_factory=dict)
    """How long a try may take, by what was declared last of each job."""
    looks: Looks = field(default_factory=Looks)
    healed_at: float = math.inf
    """When all faults ended, for the last time."""
    stale: bool = True
    """Whether the ledger may be another than when it was looked at last."""

    # --- what the site tells ------------------------------------------------------------------------------------------

    def moved(self) -> None:
        """After every move: an operator may have asked for a run."""
        self.history.moved()
        self._went()

    def unseen(self) -> None:
        """A pass that could not look."""
        self.looks.unbroken = False

    def daemon_died(self) -> None:
        """What it knew and could not write is nobody's. What it did write, in the middle of a pass, was looked at."""
        self.looks.unbroken, self.stale = False, True
        self.history.told.clear()
        durable = self._ledger()
        self.rows = {name: row for name, row in self.rows.items() if name in durable}
        self.rows.update({name: row for name, row in durable.items() if _is_before(row, self.rows.get(name))})
        known, self.marks = self.marks, {job: mark for job in self.marks if (mark := self._mark(job)) is not None}
        self.walked = {job: at for job, at in self.walked.items() if known.get(job) == self.marks.get(job)}

    def memory_lost(self) -> None:
        self.rows, self.marks, self.tables, self.walked, self.stale = {}, {}, {}, {}, True
        self.history.memory_lost()

    # --- after every pass ---------------------------------------------------------------------------------------------

    def passed(self, truth: Truth, snapshot: Snapshot) -> None:
        """A pass that could look has come to its end, and its rows are written."""
        if snapshot.observed.world is not None:
            self.history.passed(snapshot.observed.world)
        self.looks.looked(snapshot.at, snapshot.at - self.host.true.now())
        before = self.before = self.rows
        self._went()
        fresh: dict[str, list[Run]] = {}
        for (job, due), row in self.rows.items() if self.rows is not before else ():
            if before.get((job, due)) is not row:
                fresh.setdefault(job, []).append(row)
        jobs = {s.name: s for s in truth.desired.services if s.job is not None}
        self.marks = {job: mark for job, mark in self.marks.items() if job in jobs}  # what has left may owe nothing
        for job, rows in fresh.items():
            for row in rows:
                self._told(truth, jobs.get(job), before.get((job, row.due)), row, snapshot.at)
        for job, service in jobs.items():
            if service.job is None:
                continue
            self.timeouts[job] = service.job.timeout_seconds
            if snapshot.unwritable:
                if self.tables.get(job) != _table(service.job):
                    self.marks.pop(job, None)
            else:
                of_job = fresh.get(job, [])
                self._complete(service.job, job, snapshot, bool(of_job))
                self._caught_up(service.job, [row for row in of_job if (job, row.due) not in before], snapshot.at)

    def _complete(self, policy: JobPolicy, job: str, snapshot: Snapshot, changed: bool) -> None:
        """Every due instant has its row, and every row that nobody asked for its due instant."""
        mark, known = self._mark(job), self.marks.get(job)
        table = _table(policy)
        if mark is None:
            raise Violation("jobs", f"{job} is declared, and nobody knows up to when its rows are complete")
        anew = known is None or self.tables.get(job) != table
        self.marks[job], self.tables[job] = mark, table
        if anew:
            self.walked.pop(job, None)
            if mark.until > snapshot.at + SLACK_SECONDS and not self.host.clock.jumped:
                raise Violation("jobs", f"{job} is new, and its rows are complete up to {mark.until}, after now")
            return
        if known is not None and mark.timetable != known.timetable:
            raise Violation("jobs", f"{job} owes nothing any more, and its timetable is what it was")
        if known is not None and mark.until < known.until:
            self.walked.pop(job, None)
        since = min(known.until, mark.until) if known is not None else mark.until
        since = max(since, self.walked.get(job, since))
        owed = job_truth.dues(policy.timetable, since, max(mark.until, snapshot.at, since))
        untold = [due for due in owed if due.at > mark.until]
        if untold and len(owed) - len(untold) < LEAST_OF_A_PASS:
            raise Violation(
                "jobs", f"{job} was due at {untold[0].at:.0f}, it is {snapshot.at:.0f}, and there is no row"
            )
        if owed or changed:
            self._each_once(policy, job, [due for due in owed if due.at <= mark.until])
        if not untold:
            self.walked[job] = max(mark.until, snapshot.at, since)

    def _each_once(self, policy: JobPolicy, job: str, owed: Iterable[Due]) -> None:
        rows = sorted((row for (name, _), row in self.rows.items() if name == job), key=lambda row: row.due)
        for before, row in pairwise(rows):
            if (before.until or before.due) >= row.due:
                raise Violation("jobs", f"two rows of {job} speak of {row.due}: {before} and {row}")
        at, long = {row.due for row in rows}, [row for row in rows if row.until is not None]
        over = set[Name]()
        for due in owed:
            found = next((row for row in long if row.due <= due.at <= (row.until or 0)), None)
            if found is not None:
                over.add((job, found.due))
            elif int(due.at) not in at:
                raise Violation("jobs", f"{job} was due at {due.at:.0f}, and there is no row")
        for row in (self.rows[name] for name in sorted(over)):
            number = len(job_truth.dues(policy.timetable, row.due - 1, row.until or row.due))
            if number != row.count:
                raise Violation("jobs", f"a row speaks of {number} due instants: {row}")

    def _caught_up(self, policy: JobPolicy, fresh: list[Run], now: float) -> None:
        """Of those that are told as missed now, which are made up for."""
        missed = [r for r in fresh if r.caught_up or (r.ending is Ending.MISSED_DOWN and r.count == 1)]
        in_time = [r for r in missed if policy.deadline_seconds is None or now <= r.due + policy.deadline_seconds]
        newest = sorted(in_time, key=lambda row: row.due, reverse=True)
        most = {CatchUp.NONE: 0, CatchUp.LATEST: 1, CatchUp.ALL: MOST_CAUGHT_UP}[policy.catch_up]
        expected = {row.due for row in newest[:most]}
        found = {row.due for row in missed if row.caught_up}
        if found != expected:
            text = f"{sorted(found)} of {len(missed)} missed are made up for, and not {sorted(expected)}"
            raise Violation("jobs", f"{text} (catch_up {policy.catch_up})")

    def _mark(self, job: str) -> Mark | None:
        return self.host.learned.marks.get(job)

    def _ledger(self) -> dict[Name, Run]:
        return {(job, due): row for job, rows in self.host.learned.runs.items() for due, row in rows.items()}

    # --- the steps of a row -------------------------------------------------------------------------------------------

    def _went(self) -> None:
        """Compare the ledger with what it was."""
        if not self.stale:
            return
        self.stale = False
        now = self._ledger()
        for name, before in self.rows.items():
            if name not in now:
                self._left(before, now)
        for name, row in now.items():
            before_ = self.rows.get(name)
            if before_ is not row and before_ != row:
                _forward(before_, row)
                if row.ending is not None and (before_ is None or before_.ending is None):
                    self.host.counts[f"runs {row.ending}"] += 1
        self.rows = now
        self.ever.update(now)

    def _left(self, row: Run, now: Mapping[Name, Run]) -> None:
        mark = self._mark(row.job)
        begun = self.history.starts[(row.job, row.due, max(row.tries, 1))] > 0
        unsaid = mark is not None and row.due > mark.until and not begun
        others = sum(job == row.job for job, _ in now)
        if not (unsaid or (not row.open and others >= ROWS_KEPT) or self.host.source.desired.service(row.job) is None):
            raise Violation("jobs", f"a row has gone: {row}")

    def _told(self, truth: Truth, service: ServiceData | None, before: Run | None, row: Run, now: float) -> None:
        """What a pass has made of a row has its reason."""
        policy = service.job if service is not None else None
        by_schedule = not row.asked or row.ending is Ending.SUSPENDED
        if before is None and by_schedule and policy is not None and not self._found(row):
            self._new(truth, policy, row)
        if row.step in ON_THEIR_WAY and (before is None or before.step is Step.WAITING):
            self._begins(policy, row, now)
        if row.stopping is not None and (before is None or before.stopping is None):
            self._stops(truth, policy, row)
        if row.ending is not None and (before is None or before.ending is None):
            wrong = self._wrong(truth, policy, row, now)
            if wrong:
                raise Violation("jobs", f"{wrong}: {row}")

    def _found(self, row: Run) -> bool:
        """Whether there is a container that says of which run it is: a row that was lost is made from it."""
        return bool(row.container_id) or any(key[:2] == (row.job, row.due) for key, _ in self.history.present())

    def _new(self, truth: Truth, policy: JobPolicy, row: Run) -> None:
        """A row that the schedule has made."""
        last = row.until or row.due
        found = job_truth.dues(policy.timetable, row.due - 1, last)
        if not found or found[0].at != row.due or len(found) != row.count:
            raise Violation("jobs", f"{row.job} was not due: {row}")
        if row.instead_of != found[0].instead_of:
            raise Violation("jobs", f"it stands for {found[0].instead_of}, and not for {row.instead_of}: {row}")
        repeated = found[0].mark is Clockwise.REPEATED
        if row.count == 1 and repeated != (row.ending is Ending.REPEATED):
            raise Violation("jobs", f"its due instant is {found[0].mark}: {row}")
        free = not repeated and row.ending not in (Ending.HELD, Ending.SUSPENDED)
        if free and row.count == 1:
            missed = row.caught_up or row.ending is Ending.MISSED_DOWN
            if missed and row.due > self.looks.gap[1]:
                raise Violation("jobs", f"it was missed, it says, and somebody looked since {self.looks.gap[1]}: {row}")
            if not missed and row.due <= self.looks.gap[0] and self.looks.gap[1] > row.due:
                raise Violation("jobs", f"nobody looked from {self.looks.gap[0]} on, and it was not missed: {row}")
        if row.open and (truth.held(row.job) or truth.leaving(row.job) or suspended(truth, policy, row.job)):
            raise Violation("jobs", f"it is on its way, and people do not want it: {row}")

    def _begins(self, policy: JobPolicy | None, row: Run, now: float) -> None:
        if policy is None or self._found(row):
            return  # it is there, and was not known of
        if now + SLACK_SECONDS < row.due and not self.host.clock.jumped:
            raise Violation("jobs", f"it begins before it is due: {row}")
        if policy.deadline_seconds is not None and now > row.due + policy.deadline_seconds + SLACK_SECONDS:
            raise Violation("jobs", f"it begins after its deadline: {row}")
        others = [r for r in self.rows.values() if r.job == row.job and r.due != row.due and r.step in ON_THEIR_WAY]
        if others and policy.concurrency is not Concurrency.ALLOW:
            raise Violation("jobs", f"it begins beside another one: {row} and {others[0]}")
        ways = sum(r.step in ON_THEIR_WAY for r in self.rows.values())
        if ways > self.host.limits.runs_at_once:
            raise Violation("jobs", f"{ways} runs are on their way: {row}")

    def _stops(self, truth: Truth, policy: JobPolicy | None, row: Run) -> None:
        """A run that goes on is left alone, but for an operator, its timeout, and its replacement."""
        later = any(r.job == row.job and r.due > row.due for r in self.rows.values())
        replaced = policy is not None and policy.concurrency is Concurrency.REPLACE and later
        if row.stopping in (Ending.STOPPED, Ending.REPLACED) and (truth.leaving(row.job) or replaced):
            return
        box = self.history.boxes.get((row.job, row.due, row.tries))
        timeout = policy.timeout_seconds if policy else self.timeouts.get(row.job)
        run = box.run(truth.now) if box is not None else None
        lasted = truth.now - run.started_at + SLACK_SECONDS if run is not None else 0.0
        over = timeout is not None and run is not None and (lasted >= timeout or self.host.clock.jumped)
        if row.stopping is Ending.TIMED_OUT and over:
            return
        raise Violation("jobs", f"it is to stop, and nothing asks for that: {row}")

    def _wrong(self, truth: Truth, policy: JobPolicy | None, row: Run, now: float) -> str:
        """Why an ending is none, or ""."""
        match row.ending:
            case Ending.OK | Ending.FAILED | Ending.TIMED_OUT | Ending.STOPPED:
                return self._really_ended(truth, row)
            case Ending.VANISHED:
                there = [k for k, _ in self.history.present() if k == (row.job, row.due, row.tries)]
                return "its container is there" if there else ""
            case Ending.FAILED_START:
                return "it was started" if self.history.starts[(row.job, row.due, row.tries)] else ""
            case Ending.SKIPPED_OVERLAP:
                others = [r for r in self.rows.values() if r.job == row.job and r.due != row.due and r.open]
                forbids = policy is not None and policy.concurrency is Concurrency.FORBID
                skipped = ((others and forbids) or self._crowded(row.job)) and not row.asked and not row.caught_up
                return "" if skipped else "it overlaps with nothing"
            case Ending.TOO_LATE:
                deadline = policy.deadline_seconds if policy is not None else None
                return "it is not too late" if deadline is None or now < row.due + deadline else ""
            case Ending.HELD:
                wanted = policy is not None and not truth.held(row.job) and not truth.leaving(row.job)
                return "nobody holds it" if wanted else ""
            case Ending.SUSPENDED:
                return "" if policy is not None and suspended(truth, policy, row.job) else "nobody has suspended it"
            case Ending.REPLACED:
                replaces = policy is not None and policy.concurrency is Concurrency.REPLACE
                later = any(r.job == row.job and r.due > row.due for r in self.rows.values())
                return "" if replaces and later else "nothing replaces it"
            case _:
                return ""

    def _crowded(self, job: str) -> bool:
        """Whether, in this pass, so many of its runs were open that no more may wait."""
        rows = [row for (name, _), row in self.rows.items() if name == job]
        return sum(r.open or self.before.get((r.job, r.due)) is not r for r in rows) > MOST_OPEN

    def _really_ended(self, truth: Truth, row: Run) -> str:
        """The container of its last try has ended so; or, where no other try follows, that of the try before."""
        boxes = [self.history.boxes.get((row.job, row.due, n)) for n in range(1, row.tries + 1)]
        box = next((box for box in reversed(boxes) if box is not None and box.runs), None)
        if box is None:
            return "its container never ran"
        box = self.host.world.boxes.get(box.id, box)
        last = box.runs[-1]
        stopped = row.exit_code is None and row.ending in (Ending.STOPPED, Ending.TIMED_OUT)
        if stopped and self.host.world.box(box.id) is None:
            return ""  # it was removed while it was being stopped
        if last.ends_at is None or last.ends_at > truth.now:
            return "its container runs"
        of_the_last = boxes[-1] is not None and bool(boxes[-1].runs)
        if last.exit_code != row.exit_code and (of_the_last or row.exit_code is not None):
            return f"its container ended with {last.exit_code}"
        return "that is no success" if row.ending is Ending.OK and row.exit_code != 0 else ""

    # --- the whole ----------------------------------------------------------------------------------------------------

    def complaints(self, truth: Truth) -> list[str]:
        """In what the jobs are not at rest: every run that can come to its end has."""
        found = []
        jobs = {s.name: s for s in truth.desired.services if s.job is not None}
        for row in self.rows.values():
            service = jobs.get(row.job)
            cannot = row.step is Step.WAITING and service is not None and truth.barred(service)
            if row.open and not cannot:
                found.append(f"the run of {row.job} due {row.due} is {row.step}")
        for key, box in self.history.present():
            if box.running(truth.now):
                found.append(f"a run of {key[0]} due {key[1]} goes on")
            elif key[0] not in jobs and truth.desired.complete and not truth.leaving(key[0]):
                found.append(f"a run of {key[0]} due {key[1]} is there and should not be")
        for service in jobs.values():
            found += self._of_history(service)
        return found

    def _of_history(self, service: ServiceData) -> list[str]:
        """No more containers stay than the policy keeps."""
        policy, kept = service.job, [key for key, _ in self.history.present() if key[0] == service.name]
        rows = [self.rows.get((job, due)) for job, due, _ in kept]
        well = sum(row is not None and row.ending is Ending.OK for row in rows)
        if policy is not None and (well > policy.keep_succeeded or len(rows) - well > policy.keep_failed):
            return [f"{well} containers of {service.name} that ended well are kept, and {len(rows) - well} others"]
        return []


def _table(policy: JobPolicy) -> tuple[tuple[Schedule, ...], str]:
    return policy.timetable.schedules, policy.timetable.zone


def suspended(truth: Truth, policy: JobPolicy, job: str) -> bool:
    return policy.suspend or job in truth.host.tablet.suspended


def _is_before(row: Run, known: Run | None) -> bool:
    """Whether the disk has an earlier step of a row than was known."""
    return known is None or RANK[row.step] + 3 * row.tries < RANK[known.step] + 3 * known.tries


def _forward(before: Run | None, row: Run) -> None:
    if (row.step is Step.ENDED) != (row.ending is not None):
        raise Violation("jobs", f"a row has an ending before its end, or none after it: {row}")
    if before is None:
        return
    if before.step is Step.ENDED:
        if (row.step, row.ending, row.tries, row.exit_code) != (
            before.step,
            before.ending,
            before.tries,
            before.exit_code,
        ):
            raise Violation("jobs", f"a row that has ended is another one: {before}, and now {row}")
        return
    again = before.step in ON_THEIR_WAY and row.step is Step.STARTING and row.tries == before.tries + 1
    if (RANK[row.step] < RANK[before.step] and not again) or row.tries < before.tries:
        raise Violation("jobs", f"a row goes back: {before}, and now {row}")
    if row.tries > max(before.tries, 1) and not again and row.step is not Step.RUNNING:
        raise Violation("jobs", f"a row leaves out tries: {before}, and now {row}")
