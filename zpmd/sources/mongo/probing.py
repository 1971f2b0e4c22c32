"""`connection_status`: every tenant's databases are probed again and again, and what changed is written to their rows.

Rules: few threads whatever the number of tenants; a row is written only where what was found differs from what it
says, and at most once a probe, so that a flapping database floods nobody; what cannot be written is tried again with
the next probe.
"""

from __future__ import annotations

import math
import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue
from types import MappingProxyType
from typing import NamedTuple

from loguru import logger

from zpmd.messages import DEBUG, NOTICE, WARNING
from zpmd.model.events import Reason
from zpmd.model.tenant import Connection, Rows
from zpmd.ports import Clock, Wake
from zpmd.sources.mongo.direct import Access, words
from zpmd.sources.mongo.probes import Database, Found, Probed, probe, probed

AT_ONCE = 16
TICK_SECONDS = 0.5
"""How soon changed rows, and the end of zpmd, are noticed."""
JITTER = 0.2
WRITTEN_SECONDS = 30.0
"""For so long a row that has been written may go on showing what it said before. After that it is believed: a program
that writes whole rows may have taken back what nobody had read yet."""
LINGER_SECONDS = 0.5
"""For so long the driver's own threads live on when a client is closed: the next one in its place waits for them."""

Write = Callable[[str, str, Connection], None]
"""Writes (collection, row, connection). May raise anything; then it is tried again later."""


class Written(NamedTuple):
    """What was written to a row, what the row said then (None: not known), and until when that excuses it."""

    connection: Connection
    over: Connection | None
    until: float


class Prober:
    """`watch` runs in a thread of its own; `found`, `counts` and `watching` may be asked from any.

    `rows` gives the rows as they were read last: the same object while nothing changed, None before the first reading.
    `known` is what was written by an earlier zpmd to a place that rows do not show, by `collection/row`.
    """

    def __init__(
        self,
        rows: Callable[[], Rows | None],
        write: Write,
        access: Access,
        probe_seconds: float,
        clock: Clock,
        known: Mapping[str, Connection] = MappingProxyType({}),
    ) -> None:
        self._rows = rows
        self._write = write
        self._access = access
        self._probe_seconds = probe_seconds
        self._clock = clock
        self._seen: Rows | None = None
        self._by_database: dict[Database, list[Probed]] = {}
        self._due: dict[Database, float] = {}
        self._found: dict[Database, Found] = {}
        self._written = {subject: Written(connection, None, math.inf) for subject, connection in known.items()}
        """It counts until the row shows it."""
        self._unwritable = ""
        self._by_subject: Mapping[str, Found] = MappingProxyType({})
        self._beat_at: float | None = None
        self.probes = 0
        """How many have ended."""

    def found(self) -> Mapping[str, Found]:
        """What the last probe of each row's database came to, by `collection/row`."""
        return self._by_subject

    def counts(self) -> Mapping[Connection, int]:
        """How many rows stand how, for metrics."""
        return Counter(found.connection for found in self._by_subject.values())

    def watching(self) -> bool:
        beat_at = self._beat_at
        return beat_at is not None and self._clock.monotonic() - beat_at < 60.0

    def watch(self, wake: Wake, stop: threading.Event) -> None:
        """Probe until `stop`; wake with ROWS when something else than before was found. Never raises."""
        pool = ThreadPoolExecutor(AT_ONCE, "zpmd-probe")
        under_way: set[Database] = set()
        results: SimpleQueue[tuple[Database, Found]] = SimpleQueue()

        def work(database: Database) -> None:
            results.put((database, probe(database, self._access)))
            stop.wait(LINGER_SECONDS)

        try:
            while not stop.is_set():
                self._beat_at = self._clock.monotonic()
                try:
                    self._take_rows()
                    for database in self._now_due(under_way):
                        under_way.add(database)
                        pool.submit(work, database)
                    ended = _ended(results)
                    under_way -= {database for database, _ in ended}
                    self._take(ended, wake)
                except Exception as error:  # a prober that dies is worse than one that goes on
                    logger.opt(exception=True).error("databases cannot be probed: {}", words(error))
                    stop.wait(TICK_SECONDS)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _take_rows(self) -> None:
        """Changed rows: databases that nobody has probed yet are due at once, others when they would have been."""
        rows = self._rows()
        if rows is None or rows is self._seen:
            return
        self._seen = rows
        self._by_database = {}
        for row in probed(rows):
            self._by_database.setdefault(row.database, []).append(row)
        self._due = {database: self._due.get(database, 0.0) for database in self._by_database}
        self._found = {d: f for d, f in self._found.items() if d in self._by_database}
        before = self._by_subject
        self._publish()
        subjects = {row.subject for rows_of in self._by_database.values() for row in rows_of}
        self._written = {subject: v for subject, v in self._written.items() if subject in subjects}
        # a row that is new, but whose database is known from another
        self._unwritable = ""
        for database, found in self._found.items():
            for row in self._by_database[database]:
                if row.subject not in before:
                    self._tell(row, found.connection)

    def _now_due(self, under_way: Set[Database]) -> list[Database]:
        now = self._clock.monotonic()
        due = [database for database, at in self._due.items() if at <= now and database not in under_way]
        for database in due:
            self._due[database] = now + self._probe_seconds * random.uniform(1 - JITTER, 1 + JITTER)  # nosec B311 # jitter
        return due

    def _take(self, results: list[tuple[Database, Found]], wake: Wake) -> None:
        self._unwritable = ""
        self.probes += len(results)
        news = False
        for database, found in results:
            if database not in self._by_database:
                continue
            before = self._found.get(database)
            self._found[database] = found
            if before is None or before.connection is not found.connection:
                news = True
                self._say(database, found, again=before is not None)
            for row in self._by_database[database]:
                self._tell(row, found.connection)
        if news:
            self._publish()
            wake(Reason.ROWS)

    def _publish(self) -> None:
        self._by_subject = MappingProxyType(
            {row.subject: found for database, found in self._found.items() for row in self._by_database[database]}
        )

    def _say(self, database: Database, found: Found, again: bool) -> None:
        good = NOTICE if again else DEBUG
        level = good if found.connection is Connection.CONNECTED else WARNING
        who = ", ".join(row.subject for row in self._by_database[database])
        logger.log(level, "the database of {} is {}{}", who, found.connection, f": {found.why}" if found.why else "")

    def _tell(self, row: Probed, connection: Connection) -> None:
        """Have the row say it, unless it does."""
        now = self._clock.monotonic()
        written = self._written.get(row.subject)
        if written is not None and (written.connection is row.shown or written.until <= now):
            written = None
            del self._written[row.subject]
        says = written.connection if written and written.over in (None, row.shown) else row.shown
        if says is connection or self._unwritable:
            return
        try:
            self._write(row.collection, row.row, connection)
        except (
            Exception
        ) as error:  # whatever it was, the next probe tries again; until then nobody else's time is taken
            self._unwritable = words(error)
            logger.warning("the connection_status of {} cannot be written: {}", row.subject, self._unwritable)
        else:
            self._written[row.subject] = Written(connection, row.shown, now + WRITTEN_SECONDS)


def _ended(results: SimpleQueue[tuple[Database, Found]]) -> list[tuple[Database, Found]]:
    """What has ended by now; waits up to a tick for the first."""
    found: list[tuple[Database, Found]] = []
    with suppress(Empty):
        found.append(results.get(timeout=TICK_SECONDS))
        while True:
            found.append(results.get_nowait())
    return found
