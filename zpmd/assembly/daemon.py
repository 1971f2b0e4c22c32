"""The daemon, put together: read it as the list of what zpmd is made of."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import zpmd
from zpmd import logs
from zpmd.assembly import api
from zpmd.assembly.patches import drop_box
from zpmd.assembly.rows import tenants
from zpmd.daemon.board import Board
from zpmd.daemon.chronicle import Chronicle
from zpmd.daemon.clock import SystemClock
from zpmd.daemon.clockwatch import ClockWatch
from zpmd.daemon.control import DaemonControl
from zpmd.daemon.desire import Desire
from zpmd.daemon.executor import PULL_LANE, STOP_LANE, Executor
from zpmd.daemon.heap import Heap
from zpmd.daemon.heartbeat import Heartbeat
from zpmd.daemon.loop import Loop, Parts
from zpmd.daemon.mailbox import Mailbox
from zpmd.daemon.meters import Meters
from zpmd.daemon.process import block_signals, keep_stacks, only_instance, serve
from zpmd.daemon.systemd import Systemd
from zpmd.daemon.watchers import Watchers
from zpmd.engines.docker import DockerEngine
from zpmd.errors import ZpmdError
from zpmd.messages import Message
from zpmd.model.events import Reason, Snapshot
from zpmd.ports import Clock
from zpmd.settings import Settings
from zpmd.sources.zones import SteadyZones
from zpmd.stores.embedded import EmbeddedStore

DRAIN_SECONDS = 3.0
OPENING_SECONDS = 600.0
"""What opening the store may take on a slow disk, where a new zpmd brings a large one into its own form."""


def run(settings: Settings) -> int:
    """Run the daemon until a signal ends it; returns the exit code.

    Raises ConfigError where the service files are wrong and no last good copy is known; ZpmdError where it cannot
    start for another reason (another instance, an unusable state folder or socket).
    """
    block_signals()
    logs.configure(settings.log_level)
    _prepare(settings)
    keep_stacks(_folder("LOGS_DIRECTORY"), f"zpmd {zpmd.__version__}, pid {os.getpid()}, {datetime.now(UTC):%FT%TZ}")
    with only_instance(settings.state_dir), ExitStack() as ending:
        return _run(settings, ending)


def _run(settings: Settings, ending: ExitStack) -> int:
    clock = SystemClock()
    systemd = Systemd.from_environment()
    given = _folder("CREDENTIALS_DIRECTORY")
    tls = api.tls_context(settings.api)
    systemd.starting(f"opens {settings.database}", OPENING_SECONDS)
    store = EmbeddedStore(
        settings.database,
        settings.journal_entries,
        clock,
        credentials=given,
        journal_weeks=settings.journal_weeks,
    )
    ending.callback(store.close)
    authenticator = api.authenticator(settings.api, store.tokens, clock.now, given)
    owner = store.owner()
    rows = tenants(settings, os.environ, store, clock)
    desire = Desire(rows.sources, store)
    desire.first(clock.now())
    engine = _engine(settings, owner, desire, clock)
    mailbox, board, watchers, chronicle = Mailbox(clock.monotonic), Board(), Watchers(), Chronicle(store)
    meters, heartbeat, heap = Meters(zpmd.__version__), Heartbeat(systemd), Heap(clock.monotonic)
    executor = Executor(engine, clock, mailbox.deliver, settings.engine_workers)
    watchers.add("engine events", lambda stop: engine.watch(mailbox.wake, stop), engine.stream_alive)
    for name, watch, alive in rows.watched:
        watchers.add(name, partial(watch, mailbox.wake), alive)
    box = drop_box(settings, store, clock)
    watchers.add("patch files", lambda stop: box.watch(mailbox.wake, stop), box.watching)
    clockwatch, zone = ClockWatch(clock), SteadyZones()
    watchers.add("the clock", partial(clockwatch.watch, mailbox.wake), clockwatch.watching)
    loop = Loop(
        Parts(
            engine=engine,
            store=store,
            clock=clock,
            desire=desire,
            mailbox=mailbox,
            executor=executor,
            chronicle=chronicle,
            watchers=watchers,
            board=board,
            limits=settings.limits,
            resync_seconds=settings.resync_seconds,
            version=zpmd.__version__,
            owner=owner,
            tenancy=rows.integrations.tenancy,
            passed=_each(meters.passed, api.expiry(settings.api).passed, heartbeat.passed, heap.passed),
            filed=box.nudge,
            patches_trouble=box.trouble,
            zone=zone,
            longest_sleep_seconds=(systemd.watchdog_seconds or math.inf) / 3,
        )
    )
    reload = _reloader(systemd, mailbox)
    control = DaemonControl(board, store, engine, clock, mailbox.wake, reload, settings.limits, zone)
    server = api.server(settings, control, authenticator, store, meters, clock, tls)
    server.start()
    ending.callback(server.stop)
    text = f"zpmd {zpmd.__version__} begins, installation {owner}"
    chronicle.note("boot", "zpmd", text, clock.now(), message=Message.BEGAN)
    code = serve(loop.run, _ender(systemd, mailbox), reload)
    watchers.stop(DRAIN_SECONDS)
    executor.drain(DRAIN_SECONDS)
    for outcome in mailbox.take(0)[1]:
        chronicle.ended(outcome)
    return code


def _each(*listeners: Callable[[Snapshot], None]) -> Callable[[Snapshot], None]:
    def passed(snapshot: Snapshot) -> None:
        for listener in listeners:
            listener(snapshot)

    return passed


def _engine(settings: Settings, owner: str, desire: Desire, clock: Clock) -> DockerEngine:
    return DockerEngine(
        url=settings.engine_url,
        owner=owner,
        project=settings.project,
        materials_dir=settings.materials_dir,
        declared=lambda: desire.desired,
        workers=settings.engine_workers + STOP_LANE + PULL_LANE,
        timeout_seconds=settings.engine_timeout_seconds,
        clock=clock,
    )


def _reloader(systemd: Systemd, mailbox: Mailbox) -> Callable[[], None]:
    """Have the sources read again; the pass that does so tells systemd that it is over."""

    def reload() -> None:
        systemd.reloading()
        mailbox.wake(Reason.RELOAD)

    return reload


def _ender(systemd: Systemd, mailbox: Mailbox) -> Callable[[], None]:
    """Have the loop come to its end: systemd hears of it at once, not when the pass that is under way has ended."""

    def end() -> None:
        systemd.stopping("ends; containers go on")
        mailbox.close()

    return end


def _folder(variable: str) -> Path | None:
    """One that systemd gives to the service; None outside systemd."""
    path = os.environ.get(variable)
    return Path(path) if path else None


def _prepare(settings: Settings) -> None:
    """The state folder, for nobody else. Raises ZpmdError."""
    for folder in (settings.state_dir, settings.materials_dir):
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ZpmdError(f"cannot use the state folder {folder}: {error.strerror}") from None
