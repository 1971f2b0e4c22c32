"""What this zpmd would do with the containers that run, worked out without a trace: `zpmd rehearse`.

The parts are those of the daemon, and so is the pass (daemon/loop.py), on a copy of the store in a folder of memory
that is gone at the end: what is written, materials of secrets included, is written there. Nothing is dispatched, nobody
is probed, no port is recorded, and the daemon, which may be of another version, stopped, or running, is not asked.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import zpmd
from zpmd.assembly.rows import Tenants, tenants
from zpmd.daemon.board import Board
from zpmd.daemon.chronicle import Chronicle
from zpmd.daemon.clock import SystemClock
from zpmd.daemon.desire import Desire
from zpmd.daemon.loop import Loop, Parts
from zpmd.daemon.mailbox import Mailbox
from zpmd.daemon.runs import is_of_jobs
from zpmd.daemon.watchers import Watchers
from zpmd.engines.docker import DockerEngine
from zpmd.errors import ConfigError, ZpmdError
from zpmd.interfaces.status import action_view
from zpmd.interfaces.upgrade import ChangeView, UpgradeView
from zpmd.model.action import Action, JudgeSpec, KeepRuns, MovePatch
from zpmd.model.cause import Code
from zpmd.model.container import Container
from zpmd.model.events import Lines, Outcome, Reason, Snapshot
from zpmd.model.memory import Memory
from zpmd.model.observed import InFlight
from zpmd.model.spechash import spec_hash
from zpmd.model.tenant import Away, IntegrationKey, PortLease, Reading
from zpmd.planning import upgrade
from zpmd.planning.layer import layered
from zpmd.planning.upgrade import Difference
from zpmd.ports import Registry, Wake
from zpmd.settings import Settings
from zpmd.sources.zones import SteadyZones
from zpmd.stores import copied
from zpmd.stores.embedded import EmbeddedStore
from zpmd.stores.schema import SCHEMA

MEMORY = Path("/dev/shm")  # nosec B108 # a folder of its own is made there
"""Where the copy is made: what it holds of secrets reaches no disk."""
PASSES_MOST = 10
BOOTS_SEARCHED = 500
BOOKKEEPING = (JudgeSpec, MovePatch, KeepRuns)
"""What touches the store alone."""
GONE = frozenset({Code.UNDECLARED, Code.RETIRED, Code.MASS_REMOVAL})


def rehearse(settings: Settings, environment: Mapping[str, str]) -> UpgradeView:
    """`environment` is the daemon's, for `${NAME}` in service files and for systemd's credentials.

    Raises ConfigError where this version does not understand the files, StoreError where what is remembered cannot be
    read (none is there, another version's, sealed with a key that is not at hand), and ZpmdError where the engine does
    not tell.
    """
    with tempfile.TemporaryDirectory(prefix="zpmd-rehearsal-", dir=MEMORY if MEMORY.is_dir() else None) as name:
        folder = Path(name)
        schema = copied.copy(settings.database, folder)
        credentials = environment.get("CREDENTIALS_DIRECTORY")
        given = Path(credentials) if credentials else None
        clock = SystemClock()
        aside = replace(settings, state_dir=folder)
        store = EmbeddedStore(
            aside.database, settings.journal_entries, clock, credentials=given, journal_weeks=settings.journal_weeks
        )
        try:
            if store.unreadable:
                text = f"{store.unreadable} rows of {settings.database} cannot be read: is its key a credential"
                raise ZpmdError(f"{text} of systemd, and zpmd stopped? Start it, or set CREDENTIALS_DIRECTORY")
            return _Rehearsal(aside, environment, store, clock, schema).view()
        finally:
            store.close()


class _Rehearsal:
    def __init__(
        self, settings: Settings, environment: Mapping[str, str], store: EmbeddedStore, clock: SystemClock, schema: int
    ) -> None:
        self._settings, self._store, self._clock, self._schema = settings, store, clock, schema
        self._known = _definitions(store)
        self._former = _former(store)
        self._rows = tenants(settings, environment, store, clock, _ReadOnly)

    def view(self) -> UpgradeView:
        with _read(self._rows, self._settings):
            snapshot = self._pass()
        if snapshot.observed.world is None:
            raise ZpmdError(f"the containers that run are not known: {snapshot.observed.error}")
        found = upgrade.differences(
            snapshot.desired,
            snapshot.observed,
            snapshot.memory,
            snapshot.at,
            self._settings.limits,
            self._known,
        )
        # runs of jobs that are due meanwhile are no doing of this version
        actions = [a for a in snapshot.plan.actions if not isinstance(a, BOOKKEEPING) and not is_of_jobs(a)]
        changes = _changes(found, actions)
        return UpgradeView(
            version=zpmd.__version__,
            former=self._former,
            would_change=bool(changes),
            services=len(snapshot.desired.services),
            containers=len(snapshot.observed.world.replicas),
            changes=changes,
            notes=tuple(f"{s.name}: {s.away}; what was known last counts" for s in snapshot.sources if s.away),
            schema=self._schema,
            schema_known=SCHEMA,
        )

    def _pass(self) -> Snapshot:
        """What the first pass would decide. What touches the store alone is done on the copy, and the next pass says
        what comes after it."""
        desire = Desire(self._rows.sources, self._store)
        desire.first(self._clock.now())
        wrong = tuple(problem for state in desire.states for problem in state.problems)
        if wrong:  # the last good copy would count; but what this version does not understand is what was asked
            raise ConfigError(wrong)
        loop = Loop(self._parts(desire))
        snapshot = loop.step(frozenset({Reason.BOOT}))
        for _ in range(PASSES_MOST):
            actions = snapshot.plan.actions
            if not actions or not all(isinstance(a, BOOKKEEPING) for a in actions):
                break
            snapshot = loop.step(frozenset())
        return snapshot

    def _parts(self, desire: Desire) -> Parts:
        settings, store, clock, owner = self._settings, self._store, self._clock, self._store.owner()
        return Parts(
            engine=DockerEngine(
                url=settings.engine_url,
                owner=owner,
                project=settings.project,
                materials_dir=settings.materials_dir,
                timeout_seconds=settings.engine_timeout_seconds,
                clock=clock,
            ),
            store=store,
            clock=clock,
            desire=desire,
            mailbox=Mailbox(clock.monotonic),
            executor=_Nobody(),
            chronicle=Chronicle(store),
            watchers=Watchers(),
            board=Board(),
            limits=settings.limits,
            resync_seconds=settings.resync_seconds,
            version=zpmd.__version__,
            owner=owner,
            passed=lambda _: None,
            tenancy=self._rows.integrations.tenancy,
            zone=SteadyZones(),
        )


class _Nobody:
    """Workers that do nothing: a plan is all that is wanted."""

    def submit(self, action: Action) -> None:
        pass

    def land(self, outcome: Outcome) -> None:
        pass

    def in_flight(self) -> tuple[InFlight, ...]:
        return ()


class _ReadOnly:
    """A registry that nothing is written to."""

    def __init__(self, registry: Registry) -> None:
        self.name = registry.name
        self._registry = registry

    def reading(self) -> Reading | None:
        return self._registry.reading()

    def away(self) -> Away | None:
        return self._registry.away()

    def watched(self) -> str:
        return self._registry.watched()

    def watch(self, wake: Wake, stop: threading.Event) -> None:
        self._registry.watch(wake, stop)

    def watching(self) -> bool:
        return self._registry.watching()

    def record_ports(self, leases: Collection[PortLease], released: Collection[IntegrationKey]) -> None:
        pass


@contextmanager
def _read(rows: Tenants, settings: Settings) -> Iterator[None]:
    """While this lasts the rows have been read as they are now, where their database answers in its time."""
    if settings.mongodb is None:  # data files have been read
        yield
        return
    heard, stop = threading.Event(), threading.Event()
    thread = threading.Thread(target=rows.registry.watch, args=(lambda _: heard.set(), stop), daemon=True)
    thread.start()
    heard.wait(2 * settings.mongodb.timeout_seconds)
    try:
        yield
    finally:
        stop.set()
        thread.join(settings.mongodb.timeout_seconds)


def _definitions(store: EmbeddedStore) -> upgrade.Known:
    """What containers were made from, as far as it is remembered: to say in what they differ now."""
    memory: Memory = store.memory()
    good = [one for source in ("files", "integrations") if (one := store.last_good(source)) is not None]
    services = [s for one in good for s in (*one.services, *layered(one, memory.patches).services)]
    services += [r.stable for r in memory.revisions.values() if r.stable]
    known: dict[tuple[str, str], Container] = {}
    for service in services:
        known[service.name, spec_hash(service.container)] = service.container
    return known


def _former(store: EmbeddedStore) -> str:
    """The version that began last, as the journal has it; "" where it has gone from there."""
    boots = [e for e in store.lines(Lines(kind="note", limit=BOOTS_SEARCHED)) if e.verb == "boot"]
    words = boots[-1].text.split() if boots else []
    return words[1] if len(words) > 1 and words[0] == "zpmd" else ""


def _changes(found: Collection[Difference], actions: Collection[Action]) -> tuple[ChangeView, ...]:
    """Replicas that differ, each once, and what else would be done."""
    changes = [
        ChangeView(
            subject=str(one.replica.place),
            verb="remove" if one.cause.code in GONE else "replace",
            service=one.replica.service,
            code=one.cause.code.value,
            text=one.cause.text,
            container=one.replica.name,
            fields=one.fields,
        )
        for one in found
    ]
    told = {change.subject for change in changes}
    for action in actions:
        if action.subject not in told:
            view, replica = action_view(action), getattr(action, "replica", None)
            changes.append(
                ChangeView(
                    subject=view.subject,
                    verb=view.verb,
                    service=view.service,
                    code=view.code,
                    text=view.text,
                    container=replica.name if replica else "",
                )
            )
    return tuple(changes)
