"""What must never happen on a site, whatever else does. Asked after every move; a breach ends the session.

S1  one live container a slot; two only while a start-first update replaces one definition by another
S2  ours only: no call changes a container, volume or network that lacks our owner's label
S3  no evidence, no deletion: nothing that runs well is stopped, and nothing removed, without a reason that the
    files, the operators or the container itself can be asked for; a large removal waits for approval
S4  the death of the daemon is invisible: no container is another for it
S10 the restart budget is kept (budget.py)
one action a subject in flight; no action on an unknown engine; a sane plan (planning/checks.py agrees)
the order: no start before its dependencies are met and the groups before its own are up (or have had their time)
Those of patches, rows and jobs are in patch_laws.py, row_laws.py, job_laws.py and job_history.py.
"""

from __future__ import annotations

from zpmd.engines.simulated_container import Box
from zpmd.model.action import (
    Action,
    RemoveNetwork,
    RemoveReplica,
    RemoveVolume,
    RestartReplica,
    RunHook,
    RunReplica,
    StartReplica,
    StopReplica,
    verb,
)
from zpmd.model.cause import Code
from zpmd.model.events import Snapshot
from zpmd.model.memory import Down
from zpmd.model.service import Group, Order, ServiceData
from zpmd.planning import checks
from zpmd.simulation.breach import Violation
from zpmd.simulation.budget import Budget, shared
from zpmd.simulation.engine import Call
from zpmd.simulation.host import SimulatedHost
from zpmd.simulation.job_history import due_of
from zpmd.simulation.job_laws import JobLaws
from zpmd.simulation.patch_laws import PatchLaws
from zpmd.simulation.truth import Truth, earlier

Starting = RunReplica | StartReplica | RestartReplica
OnReplica = RunReplica | StartReplica | RestartReplica | StopReplica | RemoveReplica | RunHook


class Invariants:
    def __init__(self, host: SimulatedHost, patches: PatchLaws, jobs: JobLaws) -> None:
        self._host = host
        self._patches = patches
        self._jobs = jobs
        self._budget = Budget(host)
        self._shut_since: dict[Group, float] = {}

    # --- what the site tells ------------------------------------------------------------------------------------------

    def passed(self, snapshot: Snapshot) -> None:
        """A pass has decided; nothing of it is carried out yet."""
        complaints = checks.problems(snapshot.plan, snapshot.desired, snapshot.observed, self._host.limits)
        if complaints:
            raise Violation("a sane plan", "; ".join(complaints))
        daemon = self._host.daemon
        if daemon is not None and daemon.workers.doubled:
            raise Violation("one action a subject", ", ".join(daemon.workers.doubled))
        if snapshot.observed.world is None:
            self._jobs.unseen()
            return
        truth = Truth.of(self._host, snapshot.memory.patches)
        self._watch_gates(truth, snapshot)
        for action in snapshot.plan.actions:
            if isinstance(action, Starting):
                self._in_order(truth, action)
                if due_of(action) is None:
                    self._budget.decided(truth, action)
            if isinstance(action, StopReplica | RestartReplica | RemoveReplica):
                if due_of(action) is None:
                    self._justified(truth, action)
                else:
                    self._jobs.history.justified(truth, action)
            if isinstance(action, RemoveVolume | RemoveNetwork) and self._host.tablet.down is Down.NO:
                raise Violation("S3", f"{verb(action)} {action.subject}, and nobody took the appliance down")
        self._no_mass_removal(truth, snapshot)
        self._patches.decided(truth, snapshot)
        self._jobs.passed(truth, snapshot)

    def called(self, call: Call) -> None:
        """The engine was asked for something, and has done it or not."""
        self._ours_only(call)
        if isinstance(call.action, Starting):
            self._one_a_slot_after(call)
        if due_of(call.action) is None:
            self._budget.called(call)

    def moved(self) -> None:
        """After every move."""
        now = self._host.true.now()
        for slot, boxes in self._host.slots().items():
            live = [b for b in boxes if b.running(now)]
            if len(live) > 1:
                self._two_in(slot, live)
        self._patches.moved()
        self._jobs.moved()

    def daemon_died(self) -> None:
        self._budget.daemon_died()

    def memory_lost(self) -> None:
        self._budget.memory_lost()

    def excuse_all(self) -> None:
        """Something has happened after which a new row of tries may begin anywhere: the wall clock was set."""
        self._budget.memory_lost()

    def asked(self, service: str) -> None:
        """An operator, or a changed file, has given a service (or "*") a new beginning."""
        self._budget.asked(service)

    # --- S1 -----------------------------------------------------------------------------------------------------------

    def _one_a_slot_after(self, call: Call) -> None:
        """A second one comes to life beside the first only by an update that is start-first."""
        if not isinstance(call.action, RunReplica):
            return
        slot, instant = call.action.subject, call.until
        live = [b for b in self._host.slots().get(slot, ()) if b.running(instant)]
        live += [b for _, b in call.changed if b.running(instant) and b.id not in {x.id for x in live}]
        service = call.action.service
        if len(live) > 1 and Order.START_FIRST not in (service.update.order, service.rollback.order):
            raise Violation("S1", f"{slot} has {len(live)} live containers, and its update is stop-first")

    def _two_in(self, slot: str, live: list[Box]) -> None:
        marks = [m for b in live if (m := self._host.marks(b))]
        kinds = {(m.spec, m.generation) for m in marks}
        if len(live) > 2 or len(kinds) != len(live):
            names = ", ".join(f"{b.name} of {m.spec}#{m.generation}" for b, m in zip(live, marks, strict=True))
            raise Violation("S1", f"{slot} has {len(live)} live containers: {names}")

    # --- S2 -----------------------------------------------------------------------------------------------------------

    def _ours_only(self, call: Call) -> None:
        name = f"{verb(call.action)} {call.action.subject}"
        for before, after in call.changed:
            marks = self._host.marks(before or after)
            if marks is None:
                raise Violation("S2", f"{name} has changed {after.name}, which is not ours")
            if isinstance(call.action, OnReplica) and call.action.subject != f"{marks.service}/{marks.slot}":
                raise Violation("S2", f"{name} has changed {after.name}, which is of another slot")
        for lost, ours in call.volumes_lost:
            if not ours:
                raise Violation("S2", f"{name} has removed {lost}, which is not ours")

    # --- S3, S4 -------------------------------------------------------------------------------------------------------

    def _justified(self, truth: Truth, action: StopReplica | RestartReplica | RemoveReplica) -> None:
        box = self._host.world.box(action.replica.id)
        if box is None:
            return
        what = f"{verb(action)} {action.subject} ({action.cause})"
        if isinstance(action, RemoveReplica) and box.running(truth.now):
            raise Violation("S3", f"{what} would remove a container that lives")
        if not truth.disrupting(box) and not isinstance(action, RemoveReplica):
            return
        if not truth.disrupting(box) and truth.desired.service(action.replica.service) is not None:
            return
        if not self._reason(truth, action, box):
            raise Violation("S3", f"{what} has no reason in the files, in what operators said, or in the container")

    def _reason(self, truth: Truth, action: StopReplica | RestartReplica | RemoveReplica, box: Box) -> bool:
        marks = self._host.marks(box)
        if marks is None:
            return False
        service = truth.desired.service(marks.service)
        if service is None:
            retired = dict(truth.desired.retired)
            return truth.desired.complete or truth.leaving(marks.service) or marks.service in retired
        others = [b for b in truth.slots[action.subject] if b.id != box.id]
        return (
            truth.leaving(service.name)
            or marks.slot > truth.replicas(service)
            or marks.spec not in truth.specs(service)
            or marks.generation < truth.generation(service.name)
            or bool(others)
            or self._followed(truth, service, box)
        )

    def _followed(self, truth: Truth, service: ServiceData, box: Box) -> bool:
        """Whether something that it is replaced with has been made, or made to run again, since it was. With a wall
        clock that was set nobody can tell which came first."""
        names = {d.service for d in service.depends_on if d.restart} | shared(service)
        run = box.run(truth.now)
        began = run.started_at if run is not None else box.created_at
        for other in [b for name in names for b in truth.boxes(name)]:
            theirs = other.run(truth.now)
            if other.created_at > box.created_at or (theirs is not None and theirs.started_at > began):
                return True
        return bool(names) and self._host.clock.jumped

    def _no_mass_removal(self, truth: Truth, snapshot: Snapshot) -> None:
        """Services that leave the files in one go and are many stay until an operator has approved."""
        if self._host.tablet.down is not Down.NO:
            return
        there = {slot.rpartition("/")[0] for slot in truth.slots}
        evident = self._host.tablet.approved.union(name for name, _ in truth.desired.retired)
        unapproved = {n for n in there if truth.desired.service(n) is None and n not in evident}
        gone = {a.replica.service for a in snapshot.plan.actions if _undeclared(a)} & unapproved  # type: ignore[union-attr]
        limits = self._host.limits
        many = len(unapproved) > limits.removal_count
        if gone and many and len(unapproved) * 100 > limits.removal_percent * len(there):
            raise Violation("S3", f"{len(unapproved)} of {len(there)} services would go, {sorted(gone)} of them now")

    # --- the order ----------------------------------------------------------------------------------------------------

    def _watch_gates(self, truth: Truth, snapshot: Snapshot) -> None:
        """Since when each group is not up. One that is up and of which something is in hand may not be known to be; one
        that is up with what is to be replaced does not count as it."""
        in_hand = {flight.subject.rpartition("/")[0] for flight in snapshot.observed.in_flight}
        in_hand |= {s.name for s in truth.desired.services if truth.drifted(s)}
        for group in Group:
            if truth.unready(group):
                self._shut_since.setdefault(group, truth.now)
            elif not any(s.group is group and s.name in in_hand for s in truth.desired.services):
                self._shut_since.pop(group, None)

    def _in_order(self, truth: Truth, action: Starting) -> None:
        name = action.subject.rpartition("/")[0]
        service = action.service if isinstance(action, RunReplica) else truth.desired.service(name)
        if service is None:
            raise Violation("the order", f"{verb(action)} {action.subject}, which is not declared")
        unmet = truth.unmet(service)
        if unmet:
            raise Violation("the order", f"{verb(action)} {action.subject} before {unmet} is met")
        if truth.alive(service.group) or isinstance(action, RestartReplica):
            return
        patience = self._host.limits.group_deadline_seconds
        for group in earlier(service.group):
            waited = truth.now - self._shut_since.get(group, truth.now)
            unready = truth.unready(group)
            if unready and waited < patience:
                text = f"{verb(action)} {action.subject} {waited:.0f} s after {', '.join(unready)} of {group} went down"
                raise Violation("the order", text)


def _undeclared(action: Action) -> bool:
    return isinstance(action, StopReplica | RemoveReplica) and action.cause.code is Code.UNDECLARED
