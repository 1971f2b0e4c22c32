"""One simulated site: a host, the daemon that lives and may die on it, and the laws that watch both.

Rules: nothing happens by itself. Time goes on, a pass is made, a worker begins or ends an action only when a move says
so (moves.py), so that a session is its list of moves. After each move the invariants are asked. The same seed and moves
give the same lines of trace, byte for byte.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from zpmd.daemon.board import Board
from zpmd.daemon.chronicle import Chronicle
from zpmd.daemon.control import DaemonControl
from zpmd.daemon.desire import Desire
from zpmd.daemon.loop import Loop, Parts
from zpmd.daemon.mailbox import Mailbox
from zpmd.daemon.watchers import Watchers
from zpmd.engines.simulated import SimulatedEngine
from zpmd.errors import ConfigError, StoreError
from zpmd.model.action import RunHook, verb
from zpmd.model.events import Reason, Snapshot
from zpmd.model.policy import Limits
from zpmd.model.service import Desired
from zpmd.ports import Source
from zpmd.simulation.drops import DropThread
from zpmd.simulation.engine import Call, WatchedEngine
from zpmd.simulation.events import Stream
from zpmd.simulation.failpoints import Failpoints, Killed
from zpmd.simulation.host import JOURNAL_ENTRIES, Daemon, SimulatedHost
from zpmd.simulation.invariants import Invariants
from zpmd.simulation.job_history import RunHistory
from zpmd.simulation.job_laws import JobLaws
from zpmd.simulation.patch_laws import PatchLaws
from zpmd.simulation.product import Product
from zpmd.simulation.row_laws import RowLaws
from zpmd.simulation.tenants import IntegrationSource, source_of
from zpmd.simulation.trace import Trace
from zpmd.simulation.truth import Truth
from zpmd.simulation.workers import ScheduledWorkers
from zpmd.sources.integrations import Integrations
from zpmd.sources.zones import zone
from zpmd.stores.memory import MemoryStore, Tablet

PROJECT = "zpmd"
RESTART_SECONDS = 1.0
"""RestartSec of the unit."""


class Site(SimulatedHost):
    """A host that is driven by moves, and judged. `gone` is why the engine does not answer, or ""."""

    def __init__(
        self,
        desired: Desired,
        seed: int = 0,
        limits: Limits | None = None,
        resync_seconds: float = 30.0,
        product: Product | None = None,
    ) -> None:
        super().__init__(desired, limits or Limits(), product)
        self.chance = random.Random(seed)  # nosec B311 # drawn again from a seed
        self.resync_seconds = resync_seconds
        self.gone = ""
        self.disk_full = False
        self.revives = False
        """Whether systemd starts the daemon again when it has died. Otherwise a move has to."""
        self.failpoints = Failpoints()
        self.trace = Trace(self.true)
        self.stream = Stream()
        self.integrations: IntegrationSource | None = None
        """Of the daemon that lives, or lived last."""
        self.row_laws = RowLaws(self) if product is not None else None
        self.patch_laws = PatchLaws(self)
        self.job_laws = JobLaws(self, RunHistory(self))
        self.invariants = Invariants(self, self.patch_laws, self.job_laws)

    def complaints(self) -> list[str]:
        """In what the site is not as its files, rows and operators want it; empty when it is converged."""
        truth = Truth.of(self)
        return truth.complaints() + self.job_laws.complaints(truth)

    @property
    def pass_is_due(self) -> bool:
        daemon = self.daemon
        return daemon is not None and (daemon.mailbox.pending or daemon.pass_due_at <= self.true.now())

    # --- the daemon's life --------------------------------------------------------------------------------------------

    def boot(self) -> bool:
        """Start a daemon, as systemd does. False where it does not come up."""
        # It is slower to start than the engine to make what the daemon before it has asked for.
        self.true.advance_to(max((box.created_at for box in self.world.boxes.values()), default=0.0))
        store = MemoryStore(self.tablet, JOURNAL_ENTRIES, self._boundary)
        # What the daemon before it was told and could not keep (the disk was full) this one has never heard.
        self.source.answered = self.tablet.good.get(self.source.name)
        self.rows_answered = self.tablet.good.get(Integrations.name) if self.product is not None else None
        desire = Desire([self.source, self.second, *self._begin_reading(store)], store)
        try:
            desire.first(self.clock.now())
        except ConfigError as error:
            self.trace.say(f"zpmd does not start: {error}")
            return False
        except StoreError as error:
            self.trace.say(f"zpmd does not start: {error}")
            return False
        except Killed as killed:
            self.trace.say(f"zpmd is killed as it starts ({killed})")
            return False
        inner = SimulatedEngine(self.world, self.tablet.owner, PROJECT, lambda: desire.desired, self.faults)
        if self.gone:
            inner.go_away(self.gone)
        engine = WatchedEngine(inner, self.clock, self.failpoints, self._called)
        mailbox, board, chronicle = Mailbox(), Board(), Chronicle(store)
        workers = ScheduledWorkers(engine, self.clock, mailbox.deliver)
        parts = Parts(
            engine=engine,
            store=store,
            clock=self.clock,
            desire=desire,
            mailbox=mailbox,
            executor=workers,
            chronicle=chronicle,
            watchers=Watchers(),
            board=board,
            limits=self.limits,
            resync_seconds=self.resync_seconds,
            version="simulated",
            owner=self.tablet.owner,
            passed=lambda _: None,
            chance=self.chance,
            zone=zone,
        )
        control = DaemonControl(board, store, engine, self.clock, mailbox.wake, _waker(mailbox), zone=zone)
        self.stream.connect(inner, mailbox.wake)
        self.daemon = Daemon(
            engine=engine,
            store=store,
            mailbox=mailbox,
            board=board,
            workers=workers,
            control=control,
            loop=Loop(parts),
            drops=DropThread(self.folder, store, self.clock, mailbox.wake, lambda: not self.disk_full),
            pass_due_at=self.true.now(),
        )
        mailbox.wake(Reason.BOOT)
        self.counts["boots"] += 1
        self.trace.say("zpmd starts")
        return True

    def _begin_reading(self, store: MemoryStore) -> list[Source]:
        """A new daemon's source of integrations, where there are any."""
        if self.product is None or self.row_laws is None:
            return []
        self.row_laws.daemon_starts()
        self.integrations = source_of(self, self.product, store, self.row_laws.answered)
        return [self.integrations]

    def kill(self, where: str) -> None:
        """kill -9: nothing of the daemon is left but what it has stored. A pull ends with whoever asked for it."""
        self.daemon = None
        self.world.arriving.clear()
        self.stream.disconnect(self.world)
        self.invariants.daemon_died()
        self.patch_laws.daemon_died()
        self.job_laws.daemon_died()
        self.counts["kills"] += 1
        self.trace.say(f"zpmd is killed ({where})")

    def revive(self) -> None:
        """What systemd does about a daemon that has died."""
        while self.daemon is None and self.revives:
            self.true.advance(RESTART_SECONDS)
            self.boot()

    def forget(self) -> None:
        """The store is lost. Who we are is not: the owner lies in a file beside it."""
        self.tablet = Tablet(owner=self.tablet.owner)
        self.invariants.memory_lost()
        self.patch_laws.memory_lost()
        self.job_laws.memory_lost()
        if self.row_laws is not None:
            self.row_laws.memory_lost()

    # --- what a scheduler does ----------------------------------------------------------------------------------------

    def make_pass(self) -> Snapshot | None:
        """One pass of the loop, with what is in the mailbox. None where it did not come to its end."""
        daemon = self.daemon
        if daemon is None:
            return None
        reasons, outcomes = daemon.mailbox.take(0)
        try:
            snapshot = daemon.loop.step(reasons, outcomes)
        except Killed as killed:
            self.kill(str(killed))
            return None
        self.counts["passes"] += 1
        daemon.pass_due_at = self.true.now() + daemon.loop.sleep_seconds(snapshot)
        self.trace.passed(snapshot)
        self.invariants.passed(snapshot)
        return snapshot

    @property
    def look_is_due(self) -> bool:
        """Whether a look at the rows would tell the daemon something new."""
        return self.daemon is not None and self.integrations is not None and self.integrations.registry.due()

    def look(self) -> bool:
        """The registry's own thread looks at the rows, and wakes the loop."""
        if self.daemon is None or self.integrations is None or not self.integrations.registry.due():
            return False
        self.integrations.registry.look()
        self.daemon.mailbox.wake(Reason.ROWS)
        return True

    @property
    def drop_is_due(self) -> bool:
        """Whether the drop directory has something to do."""
        return self.daemon is not None and self.daemon.drops.due()

    def take_drop(self) -> bool:
        """The drop directory's own thread takes its next step."""
        daemon = self.daemon
        if daemon is None or not daemon.drops.due():
            return False
        try:
            daemon.drops.step()
        except Killed as killed:
            self.kill(str(killed))
        return True

    def begin(self, subject: str) -> bool:
        """A worker takes up an action."""
        daemon = self.daemon
        if daemon is None or subject not in daemon.workers.waiting:
            return False
        try:
            daemon.workers.begin(subject)
        except Killed as killed:
            self.kill(str(killed))
        return True

    def hand_over(self, subject: str) -> bool:
        """A worker has ended, and its outcome arrives."""
        daemon = self.daemon
        if daemon is None or subject not in daemon.workers.over():
            return False
        outcome = daemon.workers.hand_over(subject)
        self.trace.ended(outcome)
        self.job_laws.history.handed_over(outcome)
        return True

    def next_instant(self) -> float | None:
        """When something will happen by itself: in a container, to an action under way, or to a sleeping loop."""
        instants = [self.world.next_change()]
        if self.daemon is not None:
            instants += [self.daemon.pass_due_at, *self.daemon.workers.ends_at.values()]
        now = self.true.now()
        return min((i for i in instants if i is not None and i > now), default=None)

    # --- what is noticed ----------------------------------------------------------------------------------------------

    def _called(self, call: Call) -> None:
        self.counts[f"call {verb(call.action)}"] += 1
        self.trace.called(call)
        self._hooked(call)
        self.invariants.called(call)
        self.job_laws.history.called(call)
        if self.row_laws is not None:
            self.row_laws.called(call)

    def _hooked(self, call: Call) -> None:
        box = self.world.boxes.get(call.action.replica.id) if isinstance(call.action, RunHook) else None
        run = box.run(self.true.now()) if box is not None and call.outcome.ok else None
        if box is not None and run is not None:
            self.hooked.add((box.id, run.started_at))

    def _boundary(self, name: str) -> None:
        self.job_laws.stale |= "run" in name
        if self.disk_full and name.endswith("before"):
            raise StoreError("cannot write the database: disk full")
        self.failpoints.reach(f"store {name}")


def _waker(mailbox: Mailbox) -> Callable[[], None]:
    return lambda: mailbox.wake(Reason.RELOAD)
