"""The one loop. It owns all state; everything that happens anywhere merely wakes it.

A pass: take what came in, load what should be, observe what is, plan, check, dispatch, publish. The same pass is boot,
steady state, reload, recovery and disaster; start-up is pass number one.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Protocol

from loguru import logger

from zpmd.daemon import masking
from zpmd.daemon.board import Board
from zpmd.daemon.chronicle import Chronicle
from zpmd.daemon.clockwatch import JUMP_SECONDS
from zpmd.daemon.desire import Desire
from zpmd.daemon.mailbox import Mailbox
from zpmd.daemon.news import News
from zpmd.daemon.rownews import RowNews
from zpmd.daemon.standingnews import StandingNews, lasted
from zpmd.daemon.stopwatch import Stopwatch
from zpmd.daemon.watchers import Watchers
from zpmd.daemon.watchnews import WatchNews
from zpmd.daemon.witness import Witness
from zpmd.daemon.zones import Zone, Zones, utc_alone
from zpmd.errors import EngineUnknown
from zpmd.messages import Message, tell
from zpmd.model.action import Action, JudgeSpec, KeepRuns, MovePatch, RemoveReplica, RunReplica
from zpmd.model.events import Outcome, Reason, Snapshot, away
from zpmd.model.job import Calendar
from zpmd.model.memory import Memory
from zpmd.model.observed import InFlight, Observed
from zpmd.model.patch import ENDS, Patch, Stage
from zpmd.model.plan import Plan
from zpmd.model.policy import Limits
from zpmd.model.service import Desired, Group
from zpmd.model.tenant import Tenancy
from zpmd.planning import checks
from zpmd.planning.admission import images_asked
from zpmd.planning.layer import layered
from zpmd.planning.planner import plan
from zpmd.ports import Clock, Engine, Store
from zpmd.redaction import redact

RESYNC_JITTER = 0.2
ENGINE_RETRY_SECONDS = (0.5, 10.0)
PASS_RETRY_SECONDS = 5.0
RELOADING = frozenset({Reason.BOOT, Reason.FILES, Reason.ROWS, Reason.RELOAD, Reason.RESYNC, Reason.OPERATOR})


class Workers(Protocol):
    """Who carries out actions: executor.Executor, or a scheduler that decides when each one comes to its end."""

    def submit(self, action: Action) -> None: ...

    def land(self, outcome: Outcome) -> None: ...

    def in_flight(self) -> tuple[InFlight, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the loop is made of; assembly hands it in."""

    engine: Engine
    store: Store
    clock: Clock
    desire: Desire
    mailbox: Mailbox
    executor: Workers
    chronicle: Chronicle
    watchers: Watchers
    board: Board
    limits: Limits
    resync_seconds: float
    version: str
    owner: str
    passed: Callable[[Snapshot], None]
    """Told of every finished pass: readiness and watchdog of systemd."""
    tenancy: Callable[[], Tenancy | None] = lambda: None
    patches_trouble: Callable[[], str] = lambda: ""
    """What is wrong with the directory that patches are dropped into."""
    filed: Callable[[], None] = lambda: None
    """Told that a patch has ended: its file is to be put away."""
    zone: Zone = utc_alone
    """The time zones of this host."""
    longest_sleep_seconds: float = math.inf
    """How long the loop may rest: a quiet one has to show systemd's watchdog that it lives, which only a pass does."""
    chance: random.Random = field(default_factory=random.Random)
    """For the jitter of resyncs; a simulation hands in a seeded one."""


class Loop:
    def __init__(self, parts: Parts) -> None:
        self._p = parts
        self._number = 0
        self._gates: Mapping[Group, float] = {}
        self._started_at = parts.clock.now()
        self._difference = parts.clock.now() - parts.clock.monotonic()
        """Between the wall clock and the one that nobody sets."""
        self._looked_since: float | None = None
        """From when on somebody has looked at what is due, without a gap; None before the first pass."""
        self._layer: tuple[Desired, tuple[Patch, ...], Desired] | None = None
        """What was declared, the patches over it, and what they made of it, in the pass before."""
        self._zones = Zones(parts.zone)
        self._next_resync = 0.0
        self._unknown_since: float | None = None
        self._engine_failures = 0
        self._complaints: tuple[str, ...] = ()
        self._row_news = RowNews()
        self._stopwatch = Stopwatch(parts.store)
        self._witness = Witness(parts.store)
        self._anew = True
        """Deadlines of patches count from the next pass on: nobody has looked for a while, or the clock was set."""
        self._watch_news = WatchNews()
        self._standing_news = StandingNews(parts.limits.fresh_after)
        self._begin_to_look(self._started_at)

    @property
    def parts(self) -> Parts:
        return self._p

    def run(self) -> None:
        """Pass after pass, until the mailbox is closed. A pass that fails is logged and tried again: it never ends the
        loop, and it is not reported as finished, so that systemd's watchdog sees a loop that only fails."""
        self._p.mailbox.wake(Reason.BOOT)
        sleep_seconds, owed = 0.0, frozenset[Reason]()
        while not self._p.mailbox.closed:
            reasons, outcomes = self._p.mailbox.take(sleep_seconds)
            reasons |= owed
            if self._p.mailbox.closed:
                self._absorb(outcomes)
                return
            try:
                snapshot = self.step(reasons, outcomes)
                sleep_seconds, owed = self.sleep_seconds(snapshot), frozenset()
            except Exception:
                with logger.contextualize(message_id=Message.PASS_FAILED.id):
                    logger.opt(exception=True).error("this pass failed; the next one begins anew")
                sleep_seconds, owed = PASS_RETRY_SECONDS, reasons  # a reload that systemd waits for is not over

    def step(self, reasons: frozenset[Reason], outcomes: Sequence[Outcome] = ()) -> Snapshot:
        """One pass."""
        clock, began = self._p.clock, self._p.clock.monotonic()
        self._absorb(outcomes)
        self._p.watchers.ensure()
        now = clock.now()
        self._looked_since = now if self._looked_since is None else self._looked_since
        self._p.chronicle.recover(now)
        self._clock_was_set(now - clock.monotonic(), now)
        if began >= self._next_resync:
            reasons |= {Reason.RESYNC}
            jitter = self._p.chance.uniform(1 - RESYNC_JITTER, 1 + RESYNC_JITTER)
            self._next_resync = began + self._p.resync_seconds * jitter
        if reasons & RELOADING:
            self._load(now, reasons)
        loaded = clock.monotonic()
        desired = self._desired()
        self._p.chronicle.disapprove(_declared(desired), now)
        observed = self._observe(desired, now)
        seen = clock.monotonic()
        if self._anew and observed.world is not None:
            self._p.chronicle.patches_anew(now)
            self._anew = False
        memory = replace(self._p.chronicle.memory(), gates=self._gates)
        if observed.world is not None:
            for container_id, took in self._stopwatch.looked(observed.world, desired, memory, now):
                self._p.chronicle.ready(container_id, took, now)
        calendar = Calendar(zones=self._zones.known, looked_since=self._looked_since)
        decision = plan(desired, observed, memory, now, self._p.limits, away(self._p.desire.states), calendar)
        planned = clock.monotonic()
        self._gates = decision.gates
        self._tell_standings(desired, observed, decision, now)
        acted = self._dispatch(decision, desired, now) if self._sane(decision, desired, observed, now) else None
        if Reason.RESYNC in reasons:
            self._forget(desired, observed, now)
        snapshot = self._snapshot(reasons, desired, observed, memory, decision, now)
        seconds = {
            "load": loaded - began,
            "observe": seen - loaded,
            "plan": planned - seen,
            "dispatch": clock.monotonic() - planned,
        }
        woken = self._p.mailbox.woken_at
        reacted = acted - woken if acted is not None and woken is not None else None
        snapshot = replace(snapshot, seconds=MappingProxyType(seconds), reacted_seconds=reacted)
        self._p.board.publish(snapshot)
        self._p.passed(snapshot)
        return snapshot

    # --- the parts of a pass ------------------------------------------------------------------------------------------

    def _absorb(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            self._p.executor.land(outcome)
            self._p.chronicle.ended(self._witness.ended(outcome))
            self._stopwatch.ended(outcome)

    def _clock_was_set(self, difference: float, now: float) -> None:
        """Somebody sets the wall clock, as a time server does soon after a boot: a group has not waited longer for it,
        and nobody has looked at what it jumped over."""
        jump, self._difference = difference - self._difference, difference
        if abs(jump) < JUMP_SECONDS:
            return
        self._anew = True
        self._gates = {group: since + jump for group, since in self._gates.items()}
        self._looked_since = now if jump > 0 else min(now, self._looked_since or now)
        text = f"it was set {'forward' if jump > 0 else 'back'} by {lasted(abs(jump))}"
        self._p.chronicle.note("clock", "host", text, now, message=Message.CLOCK_SET)

    def _load(self, now: float, reasons: frozenset[Reason]) -> None:
        news = self._p.desire.refresh(now)
        self._zones.read(self._p.desire.desired)
        self._note("reload", news, now)
        self._note("row", self._row_news.of(self._p.tenancy()), now)
        self._note("watch", self._watch_news.of(self._p.desire.desired), now)
        if Reason.RELOAD in reasons and not news:
            self._p.chronicle.note("reload", "sources", "nothing has changed", now)

    def _desired(self) -> Desired:
        """What is declared, with the patches over it: the same object as in the pass before while both are as they
        were, so that what was worked out of it, the hash of each spec, is known."""
        declared, patches = self._p.desire.desired, self._p.store.memory().patches
        if self._layer is None or self._layer[0] is not declared or self._layer[1] != patches:
            self._layer = declared, patches, layered(declared, patches)
        return self._layer[2]

    def _note(self, verb: str, news: Iterable[News], now: float) -> None:
        for one in news:
            fields = {"service": one.service, "source": one.source}
            self._p.chronicle.note(verb, one.subject, one.text, now, bad=one.bad, message=one.message, **fields)

    def _observe(self, desired: Desired, now: float) -> Observed:
        images = {s.container.image for s in desired.services}
        memory = self._p.store.memory()
        images |= {r.stable.container.image for r in memory.revisions.values() if r.stable}
        images |= images_asked(memory.patches, desired)
        flights = self._p.executor.in_flight()
        try:
            world = masking.world(self._p.engine.observe(images))
        except EngineUnknown as error:
            self._engine_failures += 1
            why = redact(str(error))
            if self._unknown_since is None:
                self._unknown_since = now
                text = f"{why}; containers go on, nothing is changed"
                self._p.chronicle.note("lost", "engine", text, now, message=Message.ENGINE_LOST)
            return Observed(world=None, error=why, unknown_since=self._unknown_since, in_flight=flights)
        if self._unknown_since is not None:
            text = f"it answers again after {now - self._unknown_since:.0f} s"
            self._p.chronicle.note("found", "engine", text, now, message=Message.ENGINE_FOUND)
            self._anew = True
            self._looked_since = now
            self._begin_to_look(now)
        self._unknown_since, self._engine_failures = None, 0
        return Observed(world=world, in_flight=flights)

    def _begin_to_look(self, now: float) -> None:
        self._p.chronicle.lines.looks_since(now)
        self._standing_news.rises(now)

    def _tell_standings(self, desired: Desired, observed: Observed, decision: Plan, now: float) -> None:
        """Before the actions of this pass, so that a trouble is told before it is dealt with."""
        if observed.world is None:
            news = self._standing_news.unknown(self._unknown_since or now, now)
        else:
            news = self._standing_news.of(desired, decision, now)
        for told in news:
            tell(told.message, told.text, **told.bound)
        self._p.chronicle.lines.hush(self._standing_news.troubled)

    def _sane(self, decision: Plan, desired: Desired, observed: Observed, now: float) -> bool:
        complaints = checks.problems(decision, desired, observed, self._p.limits)
        if complaints and complaints != self._complaints:
            text = f"the plan is not carried out, this is a bug of zpmd: it {'; it '.join(complaints)}"
            self._p.chronicle.note("refuse", "plan", text, now, message=Message.PLAN_REFUSED)
        self._complaints = complaints
        return not complaints

    def _dispatch(self, decision: Plan, desired: Desired, now: float) -> float | None:
        """The monotonic instant at which the first action was handed out; None where there was none."""
        self._witness.decided(decision.actions, desired, decision)
        acted: float | None = None
        for action in decision.actions:
            if isinstance(action, KeepRuns):  # the first: a row is on disk before its container is made
                self._p.chronicle.kept(action, now, self._zones.told)
                self._p.mailbox.wake(Reason.OUTCOME)
                continue
            if self._p.chronicle.unwritable and _needs_its_row(action):
                continue  # until it can be written down
            self._p.chronicle.decided(action, now)
            acted = self._p.clock.monotonic() if acted is None else acted
            if isinstance(action, JudgeSpec):
                self._p.chronicle.judged(action, now)
                self._p.mailbox.wake(Reason.OUTCOME)
            elif isinstance(action, MovePatch):
                self._p.chronicle.moved(action, now)
                self._p.mailbox.wake(Reason.PATCHES)
                if action.patch.stage in ENDS:
                    self._p.filed()
            else:
                self._p.executor.submit(action)
        return acted

    def _forget(self, desired: Desired, observed: Observed, now: float) -> None:
        if observed.world is None or not desired.complete:
            return
        present = {r.service for r in observed.world.replicas}.union(name for name, _ in desired.held)
        replicas = observed.world.replicas
        runs = {replica.place for replica in replicas if replica.due is not None}
        self._p.chronicle.forget(_declared(desired), present, {r.id for r in replicas}, now, runs)
        self._stopwatch.forget(_declared(desired) | present)

    def _snapshot(
        self,
        reasons: frozenset[Reason],
        desired: Desired,
        observed: Observed,
        memory: Memory,
        decision: Plan,
        now: float,
    ) -> Snapshot:
        self._number += 1
        return Snapshot(
            number=self._number,
            at=now,
            version=self._p.version,
            owner=self._p.owner,
            started_at=self._started_at,
            desired=desired,
            observed=observed,
            memory=memory,
            plan=decision,
            sources=self._p.desire.states,
            in_flight=self._p.executor.in_flight(),
            reasons=reasons,
            watchers=self._p.watchers.alive(),
            unwritable=self._p.chronicle.unwritable,
            tenancy=self._p.tenancy(),
            patches_trouble=self._p.patches_trouble(),
        )

    def sleep_seconds(self, snapshot: Snapshot) -> float:
        """Until the next resync, the plan's own instant, another try at an engine that is away, or the next sign of
        life that is due to systemd."""
        seconds = min(self._p.longest_sleep_seconds, self._next_resync - self._p.clock.monotonic())
        if snapshot.plan.wake_at is not None:
            seconds = min(seconds, snapshot.plan.wake_at - self._p.clock.now())
        if snapshot.observed.world is None:
            first, longest = ENGINE_RETRY_SECONDS
            seconds = min(seconds, longest, first * 2.0 ** min(self._engine_failures - 1, 16))
        return max(0.0, seconds)


def _needs_its_row(action: Action) -> bool:
    """Whether nobody would know of it if zpmd died and its row were not on the disk: the switch of a patch, the
    beginning of a run, and the end of a run's container, which says as long as it is there that the run has begun."""
    match action:
        case MovePatch():
            return action.patch.stage is Stage.SWITCHED
        case RunReplica():
            return action.due is not None
        case RemoveReplica():
            return action.replica.due is not None
        case _:
            return False


def _declared(desired: Desired) -> set[str]:
    """Names of services, without those on sufferance: the approval to let them go is still wanted."""
    return {s.name for s in desired.services} - {name for name, _ in desired.held}
