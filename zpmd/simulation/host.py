"""One simulated host: what is there, and what of it zpmd has learned. Facts alone, for moves, laws and reports.

It knows neither the laws, which look at it, nor how a daemon is started and driven: both are the site's (site.py).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from zpmd.daemon.board import Board
from zpmd.daemon.control import DaemonControl
from zpmd.daemon.loop import Loop
from zpmd.daemon.mailbox import Mailbox
from zpmd.engines import labels
from zpmd.engines.simulated_container import Box
from zpmd.engines.simulated_faults import Faults
from zpmd.engines.simulated_world import SimulatedWorld
from zpmd.engines.virtual_time import VirtualClock
from zpmd.model.observed import Health, Phase
from zpmd.model.patch import Patch
from zpmd.model.policy import Limits
from zpmd.model.service import Desired
from zpmd.simulation.clocks import HostClock
from zpmd.simulation.drops import DropThread, Folder
from zpmd.simulation.engine import WatchedEngine
from zpmd.simulation.product import Product
from zpmd.simulation.programs import Programs
from zpmd.simulation.sources import ScriptedSource, SecondSource
from zpmd.simulation.workers import ScheduledWorkers
from zpmd.stores.memory import Learned, MemoryStore, Tablet

BEGINNING = 1_700_000_000.0
JOURNAL_ENTRIES = 2000
DATABASE = "mongo"
"""The service in which MongoDB runs, where the files have one of that name."""


@dataclass(slots=True, kw_only=True)
class Daemon:
    """One life of zpmd: what is lost when it is killed."""

    engine: WatchedEngine
    store: MemoryStore
    mailbox: Mailbox
    board: Board
    workers: ScheduledWorkers
    control: DaemonControl
    loop: Loop
    drops: DropThread
    pass_due_at: float
    """True time at which its sleep ends."""


class SimulatedHost:
    """`daemon` is None while none runs. `faults` and `world` belong to the engine and survive it, as does `tablet`."""

    def __init__(self, desired: Desired, limits: Limits, product: Product | None) -> None:
        """With a `product` the host has tenants and integrations, by the rows of its database."""
        self.limits = limits
        self.true = VirtualClock(BEGINNING)
        self.clock = HostClock(self.true)
        self.original = desired
        self.source = ScriptedSource(desired)
        self.second = SecondSource()
        self.product = product
        self.listeners: set[int] = set()
        """Ports on which somebody else listens."""
        self.rows_answered: Desired | None = None
        """The last answer of the source of integrations."""
        self.programs = Programs()
        self.programs.declare(desired)
        images = {service.container.image for service in desired.services}
        self.world = SimulatedWorld(self.true, self.programs, images=set(images), registry=set(images))
        self.true.listeners.append(self.world.settle)
        self.faults = Faults()
        self.tablet = Tablet()
        self.folder = Folder()
        self.hooked: set[tuple[str, float]] = set()
        """(container id, true start) of every run whose hooks the engine has run."""
        self.counts: Counter[str] = Counter()
        self.daemon: Daemon | None = None
        self._marks: dict[str, labels.Marks | None] = {}

    # --- containers ---------------------------------------------------------------------------------------------------

    def marks(self, box: Box) -> labels.Marks | None:
        """What the labels of a container of ours say; None for a stranger."""
        if box.id not in self._marks:
            ours = (labels.OWNER, self.tablet.owner) in box.labels
            self._marks[box.id] = labels.marks_of(dict(box.labels)) if ours else None
        return self._marks[box.id]

    def slots(self) -> dict[str, list[Box]]:
        """Every container of ours but the runs of jobs, by slot (`service/number`), the oldest first."""
        return self._by_slot(runs=False)

    def places(self) -> dict[str, list[Box]]:
        """The same with the runs of jobs, whose number is the instant that they are due at."""
        return self._by_slot(runs=True)

    def _by_slot(self, runs: bool) -> dict[str, list[Box]]:
        found: dict[str, list[Box]] = {}
        for box in self.world.present():
            marks = self.marks(box)
            if marks is not None and (runs or marks.due is None):
                found.setdefault(f"{marks.service}/{marks.slot}", []).append(box)
        return found

    def running(self, slot: str) -> Box | None:
        """The container that runs in a slot, the oldest where there are two."""
        now = self.true.now()
        return next((box for box in self.places().get(slot, ()) if box.running(now)), None)

    # --- the database, and ports --------------------------------------------------------------------------------------

    def why_silent(self) -> str:
        """Why the database does not answer; "" where it does, and where there is none."""
        if self.product is None:
            return ""
        if self.product.gone:
            return self.product.gone
        where = self.original.service(DATABASE)
        if self.product.elsewhere or where is None or where.one_shot:
            return ""
        now = self.true.now()
        boxes = [b for slot, boxes in self.slots().items() if slot.startswith(f"{DATABASE}/") for b in boxes]
        well = (Health.HEALTHY, Health.NONE)
        up = any(b.phase(now) is Phase.RUNNING and b.health(now) in well for b in boxes)
        return "" if up else "connection refused"

    def listening(self) -> frozenset[int]:
        """On which ports of the host somebody listens: also those of containers, as the kernel sees it."""
        now = self.true.now()
        published = (p for b in self.world.present(now) if b.running(now) for p in b.ports)
        return frozenset(self.listeners).union(int(p.rpartition(":")[2].partition("/")[0]) for p in published)

    # --- what zpmd knows ----------------------------------------------------------------------------------------------

    @property
    def learned(self) -> Learned:
        """What zpmd has learned: what the running daemon knows, or what the next one will find."""
        return self.daemon.store.learned if self.daemon is not None else self.tablet.learned

    @property
    def ledger(self) -> tuple[Patch, ...]:
        """The rows of patches: what the running daemon knows, or what the next one will find."""
        if not self.folder.files:
            return ()
        store = self.daemon.store if self.daemon is not None else MemoryStore(self.tablet, JOURNAL_ENTRIES)
        return store.memory().patches

    def has_jobs(self) -> bool:
        return any(s.job is not None for d in (self.original, self.source.desired) for s in d.services)
