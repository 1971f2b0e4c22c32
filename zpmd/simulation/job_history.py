"""What has really become of the containers of runs, by the engine's own record; and what must hold of them alone.

1. There is one container of a job, due instant and try at a time, and it is started once: unless it was removed by hand
   before zpmd was told of it, or saw it.
2. A later try follows one that has failed, by the policy's pause, and there are no more than the policy has.
3. Of a job that forbids or replaces overlaps no run begins beside another.
4. No more runs go on at a time than the host is to carry.
5. A run has its row, durably, before it has its container.
6. A run that goes on is left alone, but for its timeout, its replacement, and an operator.
7. What is removed has ended, and what it said was kept, or three tries of that have failed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from zpmd.engines.simulated_container import Box
from zpmd.model.action import (
    Action,
    KeepEvidence,
    RemoveReplica,
    RestartReplica,
    RunReplica,
    StartReplica,
    StopReplica,
    verb,
)
from zpmd.model.events import Outcome
from zpmd.model.job import Concurrency, JobPolicy, Step
from zpmd.model.observed import World
from zpmd.simulation.breach import Violation
from zpmd.simulation.engine import Call
from zpmd.simulation.host import SimulatedHost
from zpmd.simulation.truth import Truth

Key = tuple[str, int, int]
"""Job, due instant, try."""
EVIDENCE_TRIES = 3
SLACK_SECONDS = 0.001


def due_of(action: Action) -> int | None:
    """The due instant of the run that an action is about; None where it is about none."""
    match action:
        case RunReplica():
            return action.due
        case StartReplica() | RestartReplica() | StopReplica() | RemoveReplica() | KeepEvidence():
            return action.replica.due
        case _:
            return None


@dataclass(slots=True)
class RunHistory:
    host: SimulatedHost
    boxes: dict[Key, Box] = field(default_factory=dict)
    """The last container of each try, as it was when it was last there."""
    starts: Counter[Key] = field(default_factory=Counter)
    told: set[Key] = field(default_factory=set)
    """Of what this life of zpmd was told that it has begun."""
    known: set[Key] = field(default_factory=set)
    """Of what a pass has known that it has begun."""
    unkept: Counter[str] = field(default_factory=Counter)
    """By container: how often what it said could not be kept."""

    def memory_lost(self) -> None:
        """With the store gone nothing but a container that is there says that a run was made."""
        marked = [self.host.marks(box) for box in self.host.world.boxes.values()]
        there = {(m.service, m.due, m.attempt) for m in marked if m is not None and m.due is not None}
        self.starts = Counter({key: n for key, n in self.starts.items() if key in there})
        self.known &= there

    # --- what is there ------------------------------------------------------------------------------------------------

    def present(self) -> list[tuple[Key, Box]]:
        found = []
        for box in self.host.world.present():
            marks = self.host.marks(box)
            if marks is not None and marks.due is not None:
                found.append(((marks.service, marks.due, marks.attempt), box))
        return found

    # --- after every move, and every call -----------------------------------------------------------------------------

    def moved(self) -> None:
        now, going, names = self.host.true.now(), [], set[Key]()
        for key, box in self.present():
            self.boxes[key] = box
            if key in names:
                raise Violation("jobs", f"there are two containers of {_told(key)}")
            names.add(key)
            if box.running(now):
                going.append(key)
        twice = [n for n, count in Counter((job, due) for job, due, _ in going).items() if count > 1]
        if twice:
            raise Violation("jobs", f"two tries of {twice[0][0]} due {twice[0][1]} go on at once")
        if len(going) > self.host.limits.runs_at_once:
            raise Violation("jobs", f"{len(going)} runs go on, {self.host.limits.runs_at_once} are allowed")
        self.host.counts["most runs at once"] = max(self.host.counts["most runs at once"], len(going))

    def called(self, call: Call) -> None:
        if isinstance(call.action, KeepEvidence) and not call.outcome.ok:
            self.unkept[call.action.replica.id] += 1
        for before, after in call.changed:
            marks = self.host.marks(after)
            if marks is None or marks.due is None:
                continue
            key = (marks.service, marks.due, marks.attempt)
            if isinstance(call.action, RunReplica) and call.action.due is not None and before is None:
                self._has_its_row(key)
            if after.runs and (before is None or before.runs[-1:] != after.runs[-1:]) and _is_another(before, after):
                self._begins(call, key, after)
            self.boxes[key] = after

    def _has_its_row(self, key: Key) -> None:
        job, due, attempt = key
        row = self.host.tablet.learned.runs.get(job, {}).get(due)
        if row is None or row.tries != attempt or row.step not in (Step.STARTING, Step.RUNNING):
            raise Violation("jobs", f"a container of {_told(key)} is made, and on the disk its row is {row}")

    def _begins(self, call: Call, key: Key, box: Box) -> None:
        self.starts[key] += 1
        if self.starts[key] > 1 and key in self.known:
            raise Violation("jobs", f"{_told(key)} is begun again")
        self.host.counts["runs begun"] += 1
        if not isinstance(call.action, RunReplica) or call.action.service.job is None:
            return
        policy = call.action.service.job
        if key[2] > 1:
            self._follows(policy, key, box)
        if policy.concurrency is not Concurrency.ALLOW:
            at = box.runs[-1].started_at
            others = [k for k, b in self.present() if k[0] == key[0] and k != key and b.running(at)]
            if others:
                raise Violation("jobs", f"{_told(key)} begins beside {_told(others[0])}")

    def _follows(self, policy: JobPolicy, key: Key, box: Box) -> None:
        """A retry: of what failed, in time, and not too often."""
        job, due, attempt = key
        before = self.boxes.get((job, due, attempt - 1))
        if before is None:
            return  # of a life before the store was lost
        if attempt > policy.retries + 1:
            raise Violation("jobs", f"{_told(key)}, and there are to be {policy.retries} retries")
        if not before.runs:
            return  # the engine has refused to start it
        last, began = before.runs[-1], box.runs[-1].started_at
        if last.ends_at is None or last.ends_at > began:
            raise Violation("jobs", f"{_told(key)} begins while the try before it goes on")
        if before.removed_at is not None and before.removed_at <= last.ends_at:
            raise Violation("jobs", f"{_told(key)} begins, and the container of the try before it had vanished")
        pause = min(policy.retry_delay_seconds * 2.0 ** (attempt - 2), policy.retry_max_seconds)
        if not self.host.clock.jumped and began - last.ends_at + SLACK_SECONDS < pause:
            raise Violation(
                "jobs", f"{_told(key)} begins {began - last.ends_at:.1f} s after the try before, not {pause}"
            )

    # --- what zpmd knows ---------------------------------------------------------------------------------------------

    def handed_over(self, outcome: Outcome) -> None:
        """It was told how something has ended."""
        action, due = outcome.action, due_of(outcome.action)
        if outcome.ok and due is not None and isinstance(action, RunReplica | StartReplica):
            self.told.add((action.place.service, due, action.attempt))

    def passed(self, world: World) -> None:
        """A pass has come to its end, which saw this."""
        self.known |= self.told
        self.known |= {
            (r.service, r.due, r.attempt) for r in world.replicas if r.due is not None and r.started_at is not None
        }

    # --- what a pass has decided --------------------------------------------------------------------------------------

    def justified(self, truth: Truth, action: StopReplica | RestartReplica | RemoveReplica) -> None:
        replica = action.replica
        box = self.host.world.box(replica.id)
        what = f"{verb(action)} {action.subject} ({action.cause})"
        if box is None or replica.due is None:
            return
        if isinstance(action, RestartReplica):
            raise Violation("jobs", f"{what}: a run is not restarted")
        if isinstance(action, RemoveReplica):
            if box.running(truth.now):
                raise Violation("jobs", f"{what} would remove a run that goes on")
            self._kept(replica.service, replica.due, replica.attempt, box, what)
        row = self.host.learned.runs.get(replica.service, {}).get(replica.due)
        if isinstance(action, StopReplica) and box.running(truth.now) and (row is None or row.stopping is None):
            raise Violation("jobs", f"{what}, and nothing asks for that")

    def _kept(self, job: str, due: int, attempt: int, box: Box, what: str) -> None:
        row = self.host.learned.runs.get(job, {}).get(due)
        if row is None or not box.runs:
            return
        if row.evidence < attempt and self.unkept[box.id] < EVIDENCE_TRIES:
            raise Violation("jobs", f"{what}, and what it said was not kept: {row}")
        if row.open and row.tries <= attempt:
            raise Violation("jobs", f"{what}, and its row says that it is {row.step}")


def _is_another(before: Box | None, after: Box) -> bool:
    """Whether the last start of a container is one that it had not seen before."""
    return before is None or not before.runs or before.runs[-1].started_at != after.runs[-1].started_at


def _told(key: Key) -> str:
    job, due, attempt = key
    return f"{job} due {due}, try {attempt}"
