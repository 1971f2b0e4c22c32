"""What must happen in the end: when faults stop, the site becomes as it should be, and then stays so.

A pass that could act. What zpmd does to one slot goes by passes: a stop, then a removal, then a run, each decided from
what the pass before it has left. Between two of them the slot may have to wait, for a dependency, for a group, for its
turn in a rollout, for its backoff: that time is asked for by the files and belongs to the site, not to zpmd, and other
slots are served meanwhile. So passes are counted where they can be zpmd's fault, by slot: a pass counts for a slot if
it acts on it. The number for the site is that of its worst slot. Within 3 after one fault, 5 after any number (and 3
more for each service that it follows and that is put right as well: it is replaced again for each of them; and 6 for
each patch that goes on its way meanwhile: there and back), and however
long the waiting, it must come to its end: waiting for ever is no way to save passes. Pulls and the making of volumes
and networks are subjects of their own, and so is a post_start hook, which is not needed to put anything right.
Nor are the tries at a program that is hopeless and waits for its turn to be replaced: their number is its backoff's.

Nobody helps: from the moment the faults have stopped, the loop is woken by events, outcomes and its own wake_at alone.
An instant that a plan forgot to name shows as a site that does not converge.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from zpmd.engines.simulated_container import Box
from zpmd.model.action import (
    Action,
    JudgeSpec,
    KeepRuns,
    MovePatch,
    PullImage,
    RemoveReplica,
    RestartReplica,
    RunHook,
    RunReplica,
    StartReplica,
    StopReplica,
)
from zpmd.model.cause import Code
from zpmd.model.events import Reason
from zpmd.model.memory import Verdict
from zpmd.model.patch import MOVING
from zpmd.model.service import Desired, ServiceData
from zpmd.model.spechash import spec_hash
from zpmd.simulation import faults, patch_moves, programs, row_moves, schedule, wishes
from zpmd.simulation.breach import Violation
from zpmd.simulation.events import Delivery
from zpmd.simulation.job_history import due_of
from zpmd.simulation.truth import Truth

if TYPE_CHECKING:
    from zpmd.simulation.site import Site

AFTER_ONE, AFTER_ANY = 3, 5
QUIET_PASSES = 10
PATIENCE_SECONDS = 4 * 3600.0
"""Backoffs are 5 min, deadlines of groups 5 min, of rollouts 10 min; four groups, and a rollout slot by slot."""
SOON_SECONDS = 60.0
AGAIN = frozenset({Code.DIED, Code.UNHEALTHY, Code.FAILED_START})
"""Why what has failed is tried again."""


@dataclass(frozen=True, slots=True)
class Settled:
    """How it came to rest: the seconds it took, and the passes that acted on each slot."""

    seconds: float
    acted: Counter[str]


def heal(site: Site) -> None:
    """All faults end. What they have done stays done: putting that right is zpmd's part. What zpmd leaves to people
    (a paused container, a name that a stranger holds, a hold, an approval, a run without end of a job that has left) is
    done by people."""
    site.trace.say("* all faults end")
    site.job_laws.healed_at = site.clock.now()
    site.failpoints.arm()
    site.disk_full = False
    site.faults.clear()
    site.stream.delivery = Delivery.PROMPT
    site.source.broken = ""
    site.second.silent = False
    row_moves.mend(site)
    site.world.registry |= {s.container.image for s in site.source.desired.services}
    faults.engine_back(site)
    for box in site.world.present():
        _tidy(site, box)
    if site.daemon is None:
        site.boot()
    daemon = site.daemon
    if daemon is None:
        raise Violation("liveness", "the daemon does not start though all faults have ended")
    daemon.engine.mute.clear()
    for name in sorted(site.tablet.holds):
        wishes.release(site, name)
    wishes.declare(
        site, replace(site.source.desired, services=tuple(hopeful(site, s) for s in site.source.desired.services))
    )
    declared = replace(Truth.of(site), desired=site.source.desired)
    if site.product is not None and not declared.database_is_wanted():
        site.product.elsewhere = True  # so that there is no end of what can be known of the rows
        site.product.touch()
    patch_moves.mend(site)
    site.stream.held_back = False
    daemon.mailbox.wake(Reason.RESYNC)


def hopeful(site: Site, service: ServiceData) -> ServiceData:
    """The service as somebody would mend it, if its image is hopeless and there is nothing that it could go back to."""
    revision = site.learned.revisions.get(service.name)
    undone = (
        revision is not None
        and revision.stable is not None
        and not programs.hopeless(revision.stable.container.image)
        and revision.verdict is Verdict.FAILED
        and revision.judged == spec_hash(service.container)
    )
    if undone or not programs.hopeless(service.container.image):
        return service
    return replace(service, container=replace(service.container, image=f"app/{service.name}:1"))


def settle(site: Site, patience_seconds: float = PATIENCE_SECONDS) -> Settled:
    """Let the site come to rest. Raises Violation where it does not, or goes round in circles."""
    began, acted, still = site.true.now(), Counter[str](), 0
    decided = site.daemon.board.latest() if site.daemon else None
    number = decided.number if decided is not None else -1
    while True:
        if site.true.now() - began > patience_seconds:
            raise Violation("liveness", f"not converged after {patience_seconds:.0f} s: {_why_not(site)}")
        before = site.true.now()
        if not schedule.go_on(site):
            raise Violation("liveness", f"nothing will ever happen again, and: {_why_not(site)}")
        site.invariants.moved()
        still = still + 1 if site.true.now() == before else 0
        if still > schedule.LONGEST_STILL:
            raise Violation("liveness", "it acts again and again without time going by")
        snapshot = site.daemon.board.latest() if site.daemon else None
        if snapshot is None or snapshot.number == number:
            continue
        number = snapshot.number
        acted.update({a.subject for a in snapshot.plan.actions if _mends(a)})
        _approve(site)
        patch_moves.help_out(site)
        if at_rest(site):
            return Settled(site.true.now() - began, acted)


def at_rest(site: Site) -> bool:
    """Nothing to do, nothing under way, nothing to be looked at soon, and the site is as it should be."""
    snapshot = site.daemon.board.latest() if site.daemon else None
    if site.daemon is None or snapshot is None or snapshot.plan.actions or site.daemon.workers.in_flight():
        return False
    wake_at = snapshot.plan.wake_at
    if (
        site.daemon.mailbox.pending
        or site.look_is_due
        or site.drop_is_due
        or (wake_at is not None and wake_at - site.clock.now() < SOON_SECONDS)
    ):
        return False
    changes_at = site.world.next_change()  # a probe that will tell, a grace that will be over
    if changes_at is not None and changes_at - site.true.now() < SOON_SECONDS:
        return False
    return not site.complaints()


def stay(site: Site, passes: int = QUIET_PASSES) -> None:
    """So many passes more, a resync apart, must do nothing at all."""
    for _ in range(passes):
        site.true.advance(site.resync_seconds * 1.5)
        if site.daemon is None:
            return
        site.daemon.mailbox.wake(Reason.RESYNC)
        snapshot = site.make_pass()
        site.invariants.moved()
        disturbing = (
            [a for a in snapshot.plan.actions if not _of_a_job(a, snapshot.desired)] if snapshot is not None else []
        )
        if disturbing:
            action = disturbing[0]
            raise Violation("liveness", f"it was converged, and then: {action.subject}: {action.cause}")


def must_converge(site: Site, number_of_faults: int) -> Settled:
    """The whole law: heal, settle within its passes, stay."""
    heal(site)
    began = site.clock.now()
    site.counts["patches helped"] = sum(row.moving for row in site.ledger)
    settled = settle(site)
    patched = site.counts["patches helped"] + sum(
        any(stage in MOVING and at >= began for stage, at in row.times) for row in site.ledger
    )
    for slot, times in settled.acted.items():
        followed = _followed(site, slot, settled.acted)
        allowed = AFTER_ONE if number_of_faults <= 1 else AFTER_ANY + AFTER_ONE * followed
        allowed += 2 * AFTER_ONE * patched * (1 + followed)
        if times > allowed:
            raise Violation("liveness", f"{times} passes acted on {slot} before it was right, {allowed} are allowed")
    stay(site)
    return settled


def _mends(action: Action) -> bool:
    if _of_a_run(action):
        return False
    if isinstance(action, StartReplica | RestartReplica) and programs.hopeless(action.replica.image):
        return False
    if isinstance(action, RunReplica) and action.cause.code in AGAIN:
        return not programs.hopeless(action.service.container.image)
    if isinstance(action, StopReplica | RemoveReplica) and action.cause.code in AGAIN:
        return not programs.hopeless(action.replica.image)
    return not isinstance(action, JudgeSpec | RunHook | MovePatch)


def _of_a_run(action: Action) -> bool:
    return isinstance(action, KeepRuns) or due_of(action) is not None


def _of_a_job(action: Action, desired: Desired) -> bool:
    """Jobs go on being due, whatever else is at rest. Their own laws say what may be done to them."""
    if isinstance(action, PullImage):
        return action.image not in {s.container.image for s in desired.services if s.job is None}
    return _of_a_run(action)


def _followed(site: Site, slot: str, acted: Counter[str]) -> int:
    """How many of the services that this slot's is replaced with had to be put right themselves."""
    service = site.source.desired.service(slot.rpartition("/")[0])
    mended = {subject.rpartition("/")[0] for subject in acted}
    return sum(d.restart and d.service in mended for d in service.depends_on) if service is not None else 0


def _approve(site: Site) -> None:
    """Somebody approves what is held back."""
    daemon = site.daemon
    snapshot = daemon.board.latest() if daemon else None
    if snapshot is not None and any(w.cause.code == "mass-removal" for w in snapshot.plan.waiting):
        wishes.approve(site)


def _tidy(site: Site, box: Box) -> None:
    if site.marks(box) is None:
        site.world.remove_by_hand(box.id)
    elif box.paused:
        site.world.pause(box.id, False)
    elif box.busy:
        site.world.let_go(box.id)
    elif _hangs_undeclared(site, box):
        site.world.stop_by_hand(box.id)


def _hangs_undeclared(site: Site, box: Box) -> bool:
    """A run that goes on when its job has left the files is left to itself, and this one never ends."""
    marks, now = site.marks(box), site.true.now()
    if marks is None or marks.due is None or not box.running(now) or box.behaviour.lives_for_seconds is not None:
        return False
    declared = site.source.desired.service(marks.service)
    return declared is None or declared.job is None


def _why_not(site: Site) -> str:
    snapshot = site.daemon.board.latest() if site.daemon else None
    plan = f"; the plan:\n{snapshot.plan}" if snapshot else "; and no pass has ended"
    return "; ".join(site.complaints()) + plan
