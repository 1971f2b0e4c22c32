"""The rows of the product's database, as they are now: a ports.Registry on MongoDB.

One thread (`watch`) owns everything here. Followers and readers tell it what they saw through one queue; whoever asks
gets immutable values. Rules:

1. Whether the core database is away is what reading it says, nothing else. While it is away, what was read before
   stands.
2. A tenant's own database that does not answer makes that tenant unknown, and keeps nobody waiting but the first
   reading, and that one no longer than the deadline of a call.
3. What says nothing about tenants is not believed to say that there are none: an empty or wrong database is away.
4. A change is read whole, its database at a time: of two changes within milliseconds the second costs nothing.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Collection
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from loguru import logger
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_when_event_set,
    wait_exponential,
    wait_random,
)

from zpmd.messages import DEBUG, NOTICE, WARNING
from zpmd.model.events import Reason
from zpmd.model.tenant import Away, IntegrationKey, PortLease, Reading, Rows, RowTrouble
from zpmd.ports import Clock, Wake
from zpmd.settings import Mongo
from zpmd.sources.mongo.client import FAILURES, Unusable, deployment, why
from zpmd.sources.mongo.portmirror import PortMirror
from zpmd.sources.mongo.session import CORE, Clients, Content, SessionStruct, own_sessions, read
from zpmd.sources.mongo.streams import Heard, What
from zpmd.sources.mongo.understood import Understood
from zpmd.sources.mongo.watchers import Watchers
from zpmd.sources.rows import Part, together

COALESCE_SECONDS = 0.004
OPENING_SECONDS = 0.5
READERS, DOUBTFUL_READERS = 16, 8
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 4.0
JITTER_SECONDS = 0.5
TENANT_RETRY_SECONDS = 5.0
WHO_AND_WHERE = ("tenants", "tenant_dbs")
"""The collections that say which tenants have a database of their own."""


@dataclass(frozen=True, slots=True)
class Retry:
    """When a tenant's database that did not answer is asked again, and what it was that went wrong."""

    at: float
    why: str


@dataclass(frozen=True, slots=True)
class Finished:
    """Something that was begun has ended, or there is something to begin with: look around."""


class MongoRegistry:
    """`mongodb:` of the settings, as a Registry."""

    name = "mongodb"

    def __init__(self, settings: Mongo, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._inbox: queue.SimpleQueue[Heard | Finished | None] = queue.SimpleQueue()
        self._clients = Clients()
        self._mirror = PortMirror(self._clients, clock, self._ended)
        self._watchers = Watchers(self._clients, self._inbox.put, settings.poll_seconds, clock)
        self._readers = ThreadPoolExecutor(READERS, "zpmd-rows")
        self._doubtful = ThreadPoolExecutor(DOUBTFUL_READERS, "zpmd-rows-doubtful")
        self._wake: Wake = lambda _: None
        self._core: SessionStruct | None = None
        self._core_rows = Understood(CORE)
        self._core_part = Part()
        self._had_integrations = False
        self._sessions: dict[str, SessionStruct] = {}
        self._unclear: dict[str, str] = {}
        """Tenants whose rows do not say where their database is, and why."""
        self._own_rows: dict[str, Understood] = {}
        self._parts: dict[str, Part] = {}
        self._retries: dict[str, Retry] = {}
        self._reads: dict[str, Future[Content]] = {}
        self._dirty: set[str] = {CORE}
        self._reading: Reading | None = None
        self._away: Away | None = Away(since=clock.now(), why="has not been read yet")

    # what the loop asks

    def reading(self) -> Reading | None:
        return self._reading

    def away(self) -> Away | None:
        return self._away

    def watched(self) -> str:
        return self._watchers.told(self._core)

    def watching(self) -> bool:
        return self._away is None and self._watchers.alive(self._core)

    def record_ports(self, leases: Collection[PortLease], released: Collection[IntegrationKey]) -> None:
        if self._mirror.record(leases, released):
            self._inbox.put(Finished())

    # its thread

    def watch(self, wake: Wake, stop: threading.Event) -> None:
        self._wake = wake
        threading.Thread(target=self._pass_on, args=(stop,), name="zpmd-rows-stop", daemon=True).start()
        while not stop.is_set():
            try:
                self._round(stop)
            except Exception as error:  # a watcher that dies is worse than one that starts anew
                if self._core and not stop.is_set():
                    logger.error("reading MongoDB failed: {}", why(error, self._core.deployment))
                self._dirty.add(CORE)
                stop.wait(1.0)
        self._close()

    def _pass_on(self, stop: threading.Event) -> None:
        stop.wait()
        self._inbox.put(None)

    def _ended(self) -> None:
        self._inbox.put(Finished())

    def _round(self, stop: threading.Event) -> None:
        """Wait until something is to be read, read it, and publish what came of it."""
        if not self._dirty - self._reads.keys():
            self._listen(self._rest_seconds())
        self._collect()
        self._revive()
        if CORE in self._dirty:
            # What is told from here on may be newer than what is read now, so it is read again.
            self._dirty.discard(CORE)
            self._read_core(stop)
        if stop.is_set():
            return
        self._read_own()
        self._publish()
        if self._core is not None and self._reading is not None:
            self._mirror.follow(self._reading.rows.ports, self._sessions, self._core)

    def _rest_seconds(self) -> float | None:
        now = self._clock.monotonic()
        due = [max(0.0, retry.at - now) for key, retry in self._retries.items() if key not in self._reads]
        pause = self._mirror.pause_seconds()
        return min([*due, *([pause] if pause is not None else [])], default=None)

    def _listen(self, seconds: float | None) -> bool:
        """Wait for what is told, a little longer for what comes with it, and note it. Whether it was a sign of life."""
        try:
            told = [self._inbox.get(timeout=seconds)]
        except queue.Empty:
            return False
        threading.Event().wait(COALESCE_SECONDS)
        while not self._inbox.empty():
            told.append(self._inbox.get())
        for one in told:
            if isinstance(one, Heard):
                self._note(one)
        return any(one is None or (isinstance(one, Heard) and one.what is not What.LOST) for one in told)

    def _note(self, heard: Heard) -> None:
        """What is to be read again."""
        if self._core is None:
            return
        covered = [
            s for s in (self._core, *self._sessions.values()) if self._watchers.scope(self._core, s) == heard.scope
        ]
        match heard.what:
            case What.CHANGED:
                self._dirty |= {s.tenantcode for s in covered if s.database == heard.database}
            case What.LOST if self._core in covered:
                self._dirty.add(CORE)
            case What.OPENED if not heard.everything:
                self._dirty |= {CORE} if self._core in covered and self._away is not None else set()
            case What.REFUSED:
                self._watchers.narrow(heard.scope.deployment)
                self._watchers.follow(self._core, self._sessions.values())
            case _:
                self._dirty |= {s.tenantcode for s in covered}

    # the core database

    def _read_core(self, stop: threading.Event) -> None:
        """Until it is read, or until `stop`."""

        def sleep(seconds: float) -> None:
            until = self._clock.monotonic() + seconds
            while (left := until - self._clock.monotonic()) > 0 and not stop.is_set():
                if self._listen(left):
                    return  # it is back, or there is something in it now

        try:
            Retrying(
                retry=retry_if_exception_type(FAILURES),
                wait=wait_exponential(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS) + wait_random(0, JITTER_SECONDS),
                stop=stop_when_event_set(stop),
                sleep=sleep,
                before_sleep=self._leave,
                reraise=True,
            )(self._look_at_core)
        except FAILURES:
            if not stop.is_set():
                raise

    def _look_at_core(self) -> None:
        where = deployment(self._settings)
        if self._core is None or self._core.deployment != where:
            self._core = SessionStruct(CORE, where, self._settings.database)
            self._clients.of(where, streaming=True)
            self._watchers.follow(self._core, self._sessions.values())
            # A stream that opens after the first look has all of it read again: it is given a moment.
            self._listen(OPENING_SECONDS)
            self._dirty.discard(CORE)
        core = self._core
        content = read(self._clients.of(where, streaming=True), core)
        self._check(content)
        self._core_rows.take(content.documents)
        rows, troubles = together((self._core_rows.part(of=WHO_AND_WHERE),))
        found = own_sessions(rows, core, self._settings.mode)
        self._core_part = self._core_rows.part(found)
        self._had_integrations = self._core_rows.holds("integrations")
        self._settle_sessions(found, rows, troubles)

    def _check(self, content: Content) -> None:
        """Raises Unusable where this cannot be what the product left."""
        name = self._settings.database
        if not content.documents["tenants"]:
            raise Unusable(f"has no tenants in database {name}: it is empty, or not the right one")
        if self._had_integrations and "integrations" not in content.present:
            raise Unusable(f"has no collection integrations in database {name} any more: it was dropped or renamed")

    def _settle_sessions(
        self, found: dict[str, SessionStruct | str], rows: Rows, troubles: tuple[RowTrouble, ...]
    ) -> None:
        """Take up the sessions that the tenants' rows ask for, and leave the others."""
        sessions = {code: session for code, session in found.items() if isinstance(session, SessionStruct)}
        self._unclear = {code: reason for code, reason in found.items() if isinstance(reason, str)}
        if self._settings.mode == "mssp":
            self._unclear |= dict.fromkeys(self._unreadable(rows, troubles), "its row in tenants cannot be understood")
        for code in [code for code in self._sessions if sessions.get(code) != self._sessions[code]]:
            self._parts.pop(code, None)
            self._own_rows.pop(code, None)
            self._retries.pop(code, None)
            self._reads.pop(code, None)
            self._dirty.discard(code)
        self._dirty |= {code for code in sessions if sessions[code] != self._sessions.get(code)}
        self._sessions = sessions
        assert self._core is not None
        self._watchers.follow(self._core, sessions.values())
        self._clients.keep({self._core.deployment, *(s.deployment for s in sessions.values())})

    def _unreadable(self, rows: Rows, troubles: tuple[RowTrouble, ...]) -> set[str]:
        """Tenants that have a row which says nothing now: by what it says of itself, or by what it said before."""
        bad = [trouble for trouble in troubles if trouble.collection == "tenants"]
        ids = {trouble.row for trouble in bad}
        before = self._reading.rows.tenants if self._reading else ()
        named = {t.tenantcode for t in bad if t.tenantcode} | {t.tenantcode for t in before if t.row in ids}
        return named - {tenant.tenantcode for tenant in rows.tenants}

    def _leave(self, state: RetryCallState) -> None:
        """The core database could not be read."""
        error = state.outcome.exception() if state.outcome else None
        if not isinstance(error, Exception):
            return
        if isinstance(error, Unusable):
            reason = str(error)
        elif self._core is None:
            reason = type(error).__name__
        else:
            reason = why(error, self._core.deployment, self._clients.known(self._core.deployment))
        before = self._away
        if before is None or before.why != reason:
            logger.debug("MongoDB is away: it {}", reason)  # desire.py tells it of the source
            self._away = Away(since=before.since if before else self._clock.now(), why=reason)
            self._wake(Reason.ROWS)

    # the tenants' own databases

    def _read_own(self) -> None:
        """Begin to read those that are to be read; wait for those that are not known to be slow."""
        fresh: list[Future[Content]] = []
        for code in self._dirty & self._sessions.keys():
            if code in self._reads:
                continue  # stays dirty, and is read again after this one
            self._dirty.discard(code)
            doubtful = code in self._retries
            future = (self._doubtful if doubtful else self._readers).submit(self._read_one, self._sessions[code])
            future.add_done_callback(lambda _: self._ended())
            self._reads[code] = future
            if not doubtful:
                fresh.append(future)
        self._dirty &= self._reads.keys() | {CORE}
        wait(fresh, timeout=self._settings.timeout_seconds)
        self._collect()

    def _read_one(self, session: SessionStruct) -> Content:
        return read(self._clients.of(session.deployment), session)

    def _collect(self) -> None:
        """Take in what has been read of tenants' databases."""
        for code in [code for code, future in self._reads.items() if future.done()]:
            future = self._reads.pop(code)
            session = self._sessions[code]
            try:
                content = future.result()
            except FAILURES as error:
                reason = why(error, session.deployment, self._clients.known(session.deployment))
                self._lose(code, reason)
                continue
            if "integrations" not in content.present and self._known(code):
                self._lose(code, f"has no collection integrations in database {session.database} any more")
                continue
            if self._retries.pop(code, None) is not None:
                logger.bind(tenant=code).log(NOTICE, "the database of tenant {} answers again", code)
            own = self._own_rows.setdefault(code, Understood(code))
            own.take(content.documents)
            self._parts[code] = own.part(self._neighbours(session))

    def _lose(self, code: str, reason: str) -> None:
        level = DEBUG if code in self._retries else WARNING
        logger.bind(tenant=code).log(level, "the database of tenant {} is unknown: it {}", code, reason)
        self._retries[code] = Retry(self._clock.monotonic() + TENANT_RETRY_SECONDS, reason)

    def _known(self, code: str) -> bool:
        return code in self._own_rows and self._own_rows[code].holds("integrations")

    def _neighbours(self, session: SessionStruct) -> set[str]:
        """Tenants that have the same database as this one."""
        place = (session.deployment.hosts, session.database)
        return {
            code
            for code, other in self._sessions.items()
            if (other.deployment.hosts, other.database) == place and code != session.tenantcode
        }

    def _revive(self) -> None:
        """Ask those again whose time has come."""
        now = self._clock.monotonic()
        self._dirty |= {code for code, retry in self._retries.items() if retry.at <= now and code not in self._reads}

    # what came of it

    def _publish(self) -> None:
        known = {code: part for code, part in self._parts.items() if code not in self._retries}
        unknown = {code: retry.why for code, retry in self._retries.items()} | self._unclear
        unknown |= {c: "is being read" for c in self._sessions if c not in known and c not in unknown}
        rows, troubles = together((self._core_part, *known.values()), tuple(sorted(unknown.items())))
        before, was_away = self._reading, self._away
        if before is None or before.rows != rows or before.troubles != troubles:
            self._reading = Reading(rows=rows, troubles=troubles, at=self._clock.now())
        self._away = None
        if was_away is not None:
            logger.info("MongoDB has been read: {} tenants, {} integrations", len(rows.tenants), len(rows.integrations))
        if self._reading is not before or was_away is not None:
            self._wake(Reason.ROWS)

    def _close(self) -> None:
        self._watchers.close()
        self._clients.keep(())
        self._mirror.close()
        for pool in (self._readers, self._doubtful):
            pool.shutdown(wait=False, cancel_futures=True)
