"""The default store: one SQLite file, in which `memory()` is free and an acknowledged verb survives a power cut.

What an operator said, what makes us us, verdicts and the last known good are durable in the hard sense; journal lines,
attempts and dossiers survive the death of the process, and may lose their last moments with the power (database.py says
what that saves).

A full disk must not turn supervision into damage: what the loop learns counts in this process at once, is written when
the file can be written again, and costs no backoff its memory meanwhile. What an operator asks is refused instead.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from zpmd.errors import SecondTaken, StoreError
from zpmd.model.events import Entry, Lines, Result
from zpmd.model.job import Run, RunsKept
from zpmd.model.memory import Attempt, Down, Hold, Memory, Revision, Timing
from zpmd.model.observed import Dossier, Slot
from zpmd.model.patch import Patch
from zpmd.model.service import Desired
from zpmd.model.tenant import Connection, IntegrationKey, PortLease, Rows
from zpmd.ports import Clock
from zpmd.stores import identity, keys, resealing
from zpmd.stores.answers import EmbeddedAnswers
from zpmd.stores.audit import EmbeddedAudit
from zpmd.stores.codec import Unreadable, decode, encode
from zpmd.stores.database import Database, Statement
from zpmd.stores.good import Good
from zpmd.stores.journal import Journal
from zpmd.stores.recall import Recall
from zpmd.stores.registered import Registered
from zpmd.stores.runs import Owed
from zpmd.stores.sealing import Seal
from zpmd.stores.tokens import EmbeddedTokens

JOURNAL_WEEKS = 8.0
DOSSIERS_KEPT = 10
DOSSIERS_KEPT_IN_ALL = 5000
"""Of all services, so that those which come and go over the years leave no more than this."""


class EmbeddedStore:
    """ports.Store on `path`, with `owner` and, unless it is one of systemd's `credentials`, `key` in files beside it.
    Keeps `journal_entries` lines of the journal for `journal_weeks`, as retention.py says."""

    def __init__(
        self,
        path: Path,
        journal_entries: int,
        clock: Clock,
        credentials: Path | None = None,
        journal_weeks: float = JOURNAL_WEEKS,
    ) -> None:
        self._lock = threading.RLock()
        key = keys.find(path.parent, credentials)
        self._database = Database(path, clock.now(), before_writing=key.keep)
        self._journal = Journal(self._database, journal_entries, journal_weeks)
        self._seal = Seal(key)
        resealing.reseal(self._database, self._seal)
        self._recall = Recall(self._database, self._seal)
        self._good = Good(self._database, self._seal)
        self._registered = Registered(self._database, self._seal)
        self.tokens = EmbeddedTokens(self._database)
        self.audit = EmbeddedAudit(self._database)
        self.answers = EmbeddedAnswers(self._database)
        self._salt = resealing.salt(self._database, self._seal)
        self._owed: dict[tuple[object, ...], Statement] = {}
        copy = self._database.rows("SELECT value FROM fact WHERE name = 'owner'")
        known = copy[0]["value"] if copy else None
        self._owner = identity.keep(path.with_name("owner"), known)
        if known != self._owner:  # and only then, for the same reason as in `_note`
            with self._database.transaction(durable=True) as connection:
                connection.execute("INSERT OR REPLACE INTO fact VALUES ('owner', ?)", (self._owner,))
        self.unreadable = self._recall.unreadable + resealing.unreadable(self._database, self._seal)
        """Rows that could not be read when it was opened, and are forgotten."""
        if self._database.moved_to is not None:
            text = f"the database was damaged: it is kept as {self._database.moved_to.name}, and a new one was begun"
            self._note("store-damaged", text, clock.now())
        elif self.unreadable:
            text = f"{self.unreadable} rows of the database could not be read, and are forgotten"
            self._note("store-rows-lost", text, clock.now())

    def _note(self, code: str, text: str, now: float) -> None:
        with contextlib.suppress(StoreError):  # zpmd has to start on a full disk as well
            self.begin(Entry(id=0, at=now, kind="note", verb="note", subject="store", code=code, text=text))

    def owner(self) -> str:
        return self._owner

    def memory(self) -> Memory:
        with self._lock:
            return self._recall.memory()

    # the loop's

    def attempt(self, slot: Slot, attempt: Attempt | None) -> None:
        place = (slot.service, slot.number)
        with self._lock:
            if attempt is None:
                self._recall.attempts.pop(slot, None)
                statement = Statement("DELETE FROM attempt WHERE service = ? AND slot = ?", place)
            else:
                self._recall.attempts[slot] = attempt
                statement = Statement("INSERT OR REPLACE INTO attempt VALUES (?, ?, ?)", (*place, encode(attempt)))
            self._learn(("attempt", *place), statement)

    def judge(self, revision: Revision) -> None:
        with self._lock:
            self._recall.revisions[revision.service] = revision
            body = self._seal.seal(("revision", revision.service), encode(revision))
            row = (revision.service, body)
            statement = Statement("INSERT OR REPLACE INTO revision VALUES (?, ?)", row, durable=True)
            self._learn(("revision", revision.service), statement)

    def hooked(self, container_id: str, started_at: float) -> None:
        with self._lock:
            self._recall.hooked[container_id] = started_at
            statement = Statement("INSERT OR REPLACE INTO hooked VALUES (?, ?)", (container_id, started_at))
            self._learn(("hooked", container_id), statement)

    def pulled(self, image: str, at: float) -> None:
        with self._lock:
            self._recall.pulls[image] = at
            self._learn(("pulled", image), Statement("INSERT OR REPLACE INTO pulled VALUES (?, ?)", (image, at)))

    def keep_timing(self, service: str, timing: Timing) -> None:
        with self._lock:
            self._recall.timings[service] = timing
            row = (service, encode(timing))
            self._learn(("timing", service), Statement("INSERT OR REPLACE INTO timing VALUES (?, ?)", row))

    def keep_patch(self, patch: Patch) -> None:
        with self._lock:
            self._learn(("patch", patch.number), self._recall.ledger.keep(patch))

    def keep_runs(self, kept: RunsKept) -> None:
        with self._lock:
            self._learn_all(self._recall.runs.keep(kept))

    def keep_run_evidence(self, job: str, due: int, attempt: int, log_tail: Sequence[str]) -> None:
        with self._lock:
            self._learn_all(self._recall.runs.evidence(job, due, attempt, log_tail))

    def _learn(self, key: tuple[object, ...], statement: Statement) -> None:
        self._learn_all([(key, statement)])

    def _learn_all(self, owed: Owed) -> None:
        """Write what the process knows already. Raises StoreError: then this is owed as well, and the process goes on
        knowing it."""
        self._recall.changed()
        for key, statement in owed:
            if statement is None:
                self._owed.pop(key, None)
            else:
                self._owed[key] = statement
        with self._paying():
            pass

    @contextlib.contextmanager
    def _paying(self, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """A transaction that begins with all that is owed from a time when the file could not be written."""
        durable = durable or any(owed.durable for owed in self._owed.values())
        with self._database.transaction(durable) as connection:
            for owed in self._owed.values():
                connection.execute(owed.text, owed.values)
            yield connection
        self._owed.clear()
        self._recall.runs.written()

    def forget(self, services: Collection[str], containers: Collection[str]) -> None:
        with self._lock:
            if not self._recall.has_more_than(services, containers):
                return  # as on nearly every pass
            with self._paying() as connection:
                keep = (json.dumps(sorted(services)),)
                for table in ("attempt", "revision", "timing", "intent"):
                    connection.execute(
                        f"DELETE FROM {table} WHERE service NOT IN (SELECT value FROM json_each(?))",  # nosec B608 # a table of ours
                        keep,
                    )
                connection.execute(
                    "DELETE FROM hold WHERE service <> '*' AND service NOT IN (SELECT value FROM json_each(?))", keep
                )
                connection.execute("DELETE FROM job_mark WHERE job NOT IN (SELECT value FROM json_each(?))", keep)
                connection.execute(
                    "DELETE FROM hooked WHERE container NOT IN (SELECT value FROM json_each(?))",
                    (json.dumps(sorted(containers)),),
                )
            self._recall.keep_only(frozenset(services), frozenset(containers), self._database)

    # the journal

    def begin(self, entry: Entry) -> int:
        with self._lock:
            if self._owed:  # the loop asks with a line whether the file can be written again
                with self._paying():
                    pass
            return self._journal.begin(entry)

    def finish(
        self,
        entry_id: int,
        result: Result,
        detail: str,
        seconds: float,
        container_id: str,
        exit_code: int | None = None,
        lived_seconds: float | None = None,
    ) -> None:
        self._journal.finish(entry_id, result, detail, seconds, container_id, exit_code, lived_seconds)

    def ready(self, entry_id: int, seconds: float) -> None:
        self._journal.ready(entry_id, seconds)

    def journal(
        self, service: str | None = None, since_id: int = 0, since: float | None = None, limit: int = 500
    ) -> tuple[Entry, ...]:
        return self.lines(Lines(service=service, after=since_id, since=since, limit=limit))

    def lines(self, asked: Lines) -> tuple[Entry, ...]:
        return self._journal.lines(asked)

    def keep_dossier(self, dossier: Dossier) -> None:
        with self._database.transaction() as connection:
            body = self._seal.seal(("dossier", dossier.service), encode(dossier))
            row = (dossier.service, body)
            newest = connection.execute("INSERT INTO dossier (service, body) VALUES (?, ?)", row).lastrowid or 0
            connection.execute(
                "DELETE FROM dossier WHERE service = ? AND id NOT IN"
                " (SELECT id FROM dossier WHERE service = ? ORDER BY id DESC LIMIT ?)",
                (dossier.service, dossier.service, DOSSIERS_KEPT),
            )
            connection.execute("DELETE FROM dossier WHERE id <= ?", (newest - DOSSIERS_KEPT_IN_ALL,))

    def dossiers(self, service: str | None, limit: int = DOSSIERS_KEPT) -> tuple[Dossier, ...]:
        found = []
        for row in self._database.rows(
            "SELECT service, body FROM dossier WHERE ? IS NULL OR service = ? ORDER BY id DESC LIMIT ?",
            *(service, service, limit),
        ):
            try:
                found.append(decode(Dossier, self._seal.open(("dossier", row["service"]), row["body"])))
            except Unreadable:  # one bad row never hides the others
                continue
        return tuple(found)

    # last known good

    def last_good(self, source: str) -> Desired | None:
        return self._good.last(source)

    def keep_good(self, source: str, desired: Desired) -> None:
        self._good.keep(source, desired)

    # of tenants and integrations

    def salt(self) -> bytes:
        return self._salt

    def last_rows(self) -> Rows | None:
        return self._registered.last_rows()

    def keep_rows(self, rows: Rows) -> None:
        self._registered.keep_rows(rows)

    def leases(self) -> Mapping[IntegrationKey, PortLease]:
        return self._registered.leases()

    def keep_leases(self, leases: Collection[PortLease], forgotten: Collection[IntegrationKey]) -> None:
        self._registered.keep_leases(leases, forgotten)

    def connections(self) -> Mapping[str, Connection]:
        return self._registered.connections()

    def keep_connection(self, subject: str, connection: Connection) -> None:
        self._registered.keep_connection(subject, connection)

    # the ledger of patches

    def begin_patch(self, patch: Patch) -> int:
        with self._lock:
            number = self._recall.ledger.begin(patch)
            self._recall.changed()
            return number

    def file_patch(self, number: int, filed: str) -> None:
        with self._lock:
            self._recall.ledger.file(number, filed)
            self._recall.changed()

    def ask_revert(self, numbers: Collection[int], actor: str) -> None:
        with self._lock:
            self._recall.ledger.ask(numbers, actor)
            self._recall.changed()

    def ledger(self, limit: int = 100, id: str | None = None) -> tuple[Patch, ...]:
        with self._lock:
            return self._recall.ledger.newest(limit, id)

    # the ledger of jobs

    def ask_run(self, run: Run) -> None:
        with self._lock:
            if self._recall.runs.held.get(run.job, run.due):
                raise SecondTaken(run.job)
            with self._paying(durable=True) as connection:
                self._recall.runs.append(run, connection)
            self._recall.runs.appended(run)
            self._recall.changed()

    def runs(self, job: str | None, limit: int = 100, before: tuple[int, str] | None = None) -> tuple[Run, ...]:
        with self._lock:
            return self._recall.runs.runs(job, limit, before)

    def run(self, job: str, due: int) -> Run | None:
        with self._lock:
            return self._recall.runs.run(job, due)

    # operators'

    def set_suspended(self, job: str, actor: str | None) -> None:
        self._intend(job, "suspended", actor)

    def set_stopped(self, service: str, stopped: bool) -> None:
        self._intend(service, "stopped", int(stopped))

    def set_scale(self, service: str, replicas: int | None) -> None:
        self._intend(service, "replicas", replicas)

    def raise_generation(self, service: str, above: int = 0) -> int:
        with self._lock:
            generation = max(above, self._recall.intent.generations.get(service, 0)) + 1
            self._intend(service, "generation", generation)
            return generation

    def approve(self, services: Collection[str]) -> None:
        with self._lock:
            with self._database.transaction(durable=True) as connection:
                connection.executemany(
                    "INSERT INTO intent (service, approved) VALUES (?, 1) ON CONFLICT DO UPDATE SET approved = 1",
                    [(service,) for service in services],
                )
            self._recall.reread_intent(self._database)

    def disapprove(self, services: Collection[str]) -> None:
        with self._lock:
            with self._database.transaction(durable=True) as connection:
                connection.executemany("UPDATE intent SET approved = 0 WHERE service = ?", [(s,) for s in services])
            self._recall.reread_intent(self._database)

    def hold(self, hold: Hold) -> None:
        with self._lock:
            with self._database.transaction(durable=True) as connection:
                connection.execute(
                    "INSERT OR REPLACE INTO hold (service, owner, reason, since, until) VALUES (?, ?, ?, ?, ?)",
                    (hold.service, hold.owner, hold.reason, hold.since, hold.until),
                )
            self._recall.reread_intent(self._database)

    def release(self, service: str) -> bool:
        with self._lock:
            with self._database.transaction(durable=True) as connection:
                held = connection.execute("DELETE FROM hold WHERE service = ?", (service,)).rowcount > 0
            self._recall.reread_intent(self._database)
            return held

    def set_down(self, down: Down) -> None:
        with self._lock:
            with self._database.transaction(durable=True) as connection:
                connection.execute("INSERT OR REPLACE INTO fact VALUES ('down', ?)", (down.value,))
            self._recall.intent = replace(self._recall.intent, down=down)
            self._recall.changed()

    def _intend(self, service: str, column: str, value: int | str | None) -> None:
        with self._lock:
            with self._database.transaction(durable=True) as connection:
                connection.execute(
                    f"INSERT INTO intent (service, {column}) VALUES (?, ?)"  # nosec B608 # a column of ours
                    f" ON CONFLICT DO UPDATE SET {column} = excluded.{column}",
                    (service, value),
                )
            self._recall.reread_intent(self._database)

    def close(self) -> None:
        with self._lock, contextlib.suppress(StoreError):
            if self._owed:
                with self._paying():
                    pass
        self._database.close()
