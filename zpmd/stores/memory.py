"""A store without a disk: what it remembers is a Tablet that outlives it, as a file outlives a daemon.

For simulations, in which hundreds of daemons die a second, each at a named boundary of a write. It is held to the same
contract as the store on disk (tests/contracts/test_store.py).
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType

from zpmd.errors import SecondTaken, StoreError
from zpmd.model.events import Entry, Lines, Result
from zpmd.model.job import JobMemory, Mark, Run, RunsKept
from zpmd.model.memory import Attempt, Down, Hold, Intent, Memory, Revision, Timing
from zpmd.model.observed import Dossier, Slot
from zpmd.model.patch import Patch
from zpmd.model.service import Desired
from zpmd.model.tenant import Connection, IntegrationKey, PortLease, Rows
from zpmd.stores import jobs, ledger, retention
from zpmd.stores.audit_memory import MemoryAudit
from zpmd.stores.jobs import Held, JobRows

DOSSIERS_KEPT = 10


@dataclass(slots=True)
class Learned:
    """What the loop has learned."""

    attempts: dict[Slot, Attempt] = field(default_factory=dict)
    revisions: dict[str, Revision] = field(default_factory=dict)
    hooked: dict[str, float] = field(default_factory=dict)
    pulls: dict[str, float] = field(default_factory=dict)
    timings: dict[str, Timing] = field(default_factory=dict)
    patches: dict[int, Patch] = field(default_factory=dict)
    """Without `asked` and `filed`."""
    marks: dict[str, Mark] = field(default_factory=dict)
    runs: JobRows = field(default_factory=dict)

    def copy(self) -> Learned:
        known = Learned(*(dict(getattr(self, known.name)) for known in fields(self)))
        known.runs = {job: dict(rows) for job, rows in self.runs.items()}
        return known

    def find(self, job: str, due: int) -> Run | None:
        row = self.runs.get(job, {}).get(due)
        return None if row is None else replace(row, log_tail=())

    def newest(self, job: str) -> list[Run]:
        return [replace(row, log_tail=()) for row in jobs.recalled(self.runs.get(job, {}).values()).values()]

    def trim_runs(self) -> None:
        for job, most in jobs.over({job: len(rows) for job, rows in self.runs.items()}).items():
            for gone in jobs.surplus(self.runs[job].values(), most):
                del self.runs[job][gone.due]


@dataclass(slots=True)
class Tablet:
    """All that is remembered. Values in it are frozen, so that a copy of a mapping is a copy of the memory."""

    owner: str = "0123456789ab"
    stopped: set[str] = field(default_factory=set)
    scaled: dict[str, int] = field(default_factory=dict)
    generations: dict[str, int] = field(default_factory=dict)
    suspended: dict[str, str] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    approved: set[str] = field(default_factory=set)
    down: Down = Down.NO
    learned: Learned = field(default_factory=Learned)
    good: dict[str, Desired] = field(default_factory=dict)
    rows: Rows | None = None
    leases: dict[IntegrationKey, PortLease] = field(default_factory=dict)
    connections: dict[str, Connection] = field(default_factory=dict)
    dossiers: dict[str, list[Dossier]] = field(default_factory=dict)
    journal: dict[int, Entry] = field(default_factory=dict)
    entries: int = 0
    drops: int = 0
    asked: dict[int, str] = field(default_factory=dict)
    filed: dict[int, str] = field(default_factory=dict)
    audit: MemoryAudit = field(default_factory=MemoryAudit)


class MemoryStore:
    """ports.Store on a tablet. `boundary` is told before and after each write, by the write's name: it may raise."""

    def __init__(
        self,
        tablet: Tablet,
        journal_entries: int,
        boundary: Callable[[str], None] = lambda _: None,
        journal_weeks: float = 8.0,
    ) -> None:
        self._t = tablet
        self._journal_weeks = journal_weeks
        self._journal_entries = journal_entries
        self._boundary = boundary
        self._lock = threading.RLock()
        self._memory: Memory | None = None
        self.audit = tablet.audit
        self.learned = tablet.learned.copy()
        """What this process knows, which may be more than what could be written."""
        held = {job: {row.due: row for row in self.learned.newest(job)} for job in self.learned.runs}
        self._held = Held(held, self.learned.marks, self.learned.find, self.learned.newest)
        self._owed: dict[tuple[object, ...], Callable[[Learned], None]] = {}

    @contextmanager
    def _write(self, name: str) -> Iterator[Tablet]:
        """What an operator asks, and lines of the journal: on the tablet, with all that is owed to it, or refused."""
        with self._lock:
            self._boundary(f"{name}: before")
            self._pay()
            yield self._t
            self._memory = None
            self._boundary(f"{name}: after")

    def _learn(self, name: str, key: tuple[str, object], change: Callable[[Learned], None]) -> None:
        """What the loop learns counts at once, and is written as soon as that can be done."""
        with self._lock:
            change(self.learned)
            self._memory = None
            self._owed[key] = change
            self._boundary(f"{name}: before")
            self._pay()
            self._boundary(f"{name}: after")

    def _pay(self) -> None:
        for owed in self._owed.values():
            owed(self._t.learned)
        self._owed.clear()
        self._held.trim()

    def owner(self) -> str:
        return self._t.owner

    def memory(self) -> Memory:
        with self._lock:
            if self._memory is None:
                self._memory = self._recalled(self._t, self.learned, self._held.jobs())
            return self._memory

    @staticmethod
    def _recalled(t: Tablet, learned: Learned, given: Mapping[str, JobMemory]) -> Memory:
        return Memory(
            intent=Intent(
                stopped=frozenset(t.stopped),
                scaled=MappingProxyType(dict(t.scaled)),
                generations=MappingProxyType(dict(t.generations)),
                holds=tuple(t.holds[name] for name in sorted(t.holds)),
                approved=frozenset(t.approved),
                suspended=MappingProxyType(dict(t.suspended)),
                down=t.down,
            ),
            attempts=MappingProxyType(dict(learned.attempts)),
            revisions=MappingProxyType(dict(learned.revisions)),
            hooked=frozenset(learned.hooked.items()),
            pulls=MappingProxyType(dict(learned.pulls)),
            patches=tuple(ledger.recalled([_whole(t, row) for row in learned.patches.values()]).values()),
            timings=MappingProxyType(dict(learned.timings)),
            jobs=given,
        )

    # the loop's

    def attempt(self, slot: Slot, attempt: Attempt | None) -> None:
        def change(known: Learned) -> None:
            if attempt is None:
                known.attempts.pop(slot, None)
            else:
                known.attempts[slot] = attempt

        self._learn("attempt", ("slot", slot), change)

    def judge(self, revision: Revision) -> None:
        self._learn(
            "verdict", ("service", revision.service), lambda k: k.revisions.update({revision.service: revision})
        )

    def hooked(self, container_id: str, started_at: float) -> None:
        self._learn("hooked", ("container", container_id), lambda k: k.hooked.update({container_id: started_at}))

    def pulled(self, image: str, at: float) -> None:
        self._learn("pulled", ("image", image), lambda k: k.pulls.update({image: at}))

    def keep_timing(self, service: str, timing: Timing) -> None:
        self._learn("timing", ("timing", service), lambda k: k.timings.update({service: timing}))

    def keep_patch(self, patch: Patch) -> None:
        def change(known: Learned) -> None:
            if patch.number in known.patches:
                known.patches[patch.number] = replace(patch, asked="", filed="")

        self._learn(f"keep patch {patch.stage}", ("patch", patch.number), change)

    def keep_runs(self, kept: RunsKept) -> None:
        def change(known: Learned) -> None:
            jobs.put(known.runs, kept)
            known.marks.update(kept.marks)
            known.trim_runs()

        with self._lock:
            self._held.keep(kept)
            self._learn("keep runs", ("runs", len(self._owed)), change)

    def keep_run_evidence(self, job: str, due: int, attempt: int, log_tail: Sequence[str]) -> None:
        def change(known: Learned) -> None:
            row = known.runs.get(job, {}).get(due)
            if row is not None:
                known.runs[job][due] = replace(row, evidence=attempt, log_tail=jobs.bounded(log_tail))

        with self._lock:
            if self._held.evidence(job, due, attempt):
                self._learn("run evidence", ("runs", len(self._owed)), change)

    def forget(self, services: Collection[str], containers: Collection[str]) -> None:
        t, learned = self._t, self.learned
        named = {s.service for s in learned.attempts}.union(
            learned.revisions, learned.timings, t.stopped, t.scaled, t.generations, t.approved, t.suspended
        )
        named.update(name for name in t.holds if name != "*")
        named |= self._held.leaving(services)
        if named.issubset(services) and learned.hooked.keys() <= set(containers):
            return
        with self._write("forget"):
            t.scaled = {name: n for name, n in t.scaled.items() if name in services}
            t.generations = {name: n for name, n in t.generations.items() if name in services}
            t.holds = {name: h for name, h in t.holds.items() if name == "*" or name in services}
            t.suspended = {name: actor for name, actor in t.suspended.items() if name in services}
            t.stopped &= set(services)
            t.approved &= set(services)
            for known in (t.learned, learned):
                known.attempts = {slot: a for slot, a in known.attempts.items() if slot.service in services}
                known.revisions = {name: r for name, r in known.revisions.items() if name in services}
                known.timings = {name: timing for name, timing in known.timings.items() if name in services}
                known.hooked = {container: at for container, at in known.hooked.items() if container in containers}
                known.marks = {name: mark for name, mark in known.marks.items() if name in services}
            self._held.forget(services)

    # the journal

    def begin(self, entry: Entry) -> int:
        with self._write("journal") as t:
            t.entries += 1
            t.journal[t.entries] = replace(entry, id=t.entries)
            if t.entries % retention.EVERY == 0:
                self._trim(t.journal, entry.at)
            return t.entries

    def _trim(self, journal: dict[int, Entry], now: float) -> None:
        before = now - self._journal_weeks * retention.WEEK_SECONDS
        for old in [number for number, entry in journal.items() if entry.at < before][: retention.AT_ONCE]:
            del journal[old]
        if len(journal) > self._journal_entries:
            counts = Counter(entry.service for entry in journal.values())
            most = retention.share(counts, self._journal_entries)
            for number, entry in list(journal.items()):
                if counts[entry.service] > most:
                    counts[entry.service] -= 1
                    del journal[number]

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
        with self._write("outcome") as t:
            entry = t.journal.get(entry_id)
            if entry is not None:
                t.journal[entry_id] = replace(
                    entry,
                    result=result,
                    detail=detail,
                    seconds=seconds,
                    container_id=container_id,
                    exit_code=exit_code,
                    lived_seconds=lived_seconds,
                )

    def ready(self, entry_id: int, seconds: float) -> None:
        with self._write("ready") as t:
            entry = t.journal.get(entry_id)
            if entry is not None:
                t.journal[entry_id] = replace(entry, ready_seconds=seconds)

    def journal(
        self, service: str | None = None, since_id: int = 0, since: float | None = None, limit: int = 500
    ) -> tuple[Entry, ...]:
        return self.lines(Lines(service=service, after=since_id, since=since, limit=limit))

    def lines(self, asked: Lines) -> tuple[Entry, ...]:
        with self._lock:
            entries = tuple(self._t.journal.values())
        found = tuple(entry for entry in entries if asked.have(entry))
        return found[: asked.limit] if asked.oldest else found[-asked.limit :]

    def keep_dossier(self, dossier: Dossier) -> None:
        with self._write("dossier") as t:
            kept = t.dossiers.setdefault(dossier.service, [])
            kept.append(dossier)
            del kept[:-DOSSIERS_KEPT]

    def dossiers(self, service: str | None, limit: int = DOSSIERS_KEPT) -> tuple[Dossier, ...]:
        with self._lock:
            if service is not None:
                return tuple(reversed(self._t.dossiers.get(service, ())))[:limit]
            everyone = [dossier for kept in self._t.dossiers.values() for dossier in reversed(kept)]
        return tuple(sorted(everyone, key=lambda dossier: dossier.at, reverse=True)[:limit])

    # last known good

    def last_good(self, source: str) -> Desired | None:
        return self._t.good.get(source)

    def keep_good(self, source: str, desired: Desired) -> None:
        if self._t.good.get(source) != desired:
            with self._write("last good") as t:
                t.good[source] = desired

    # of tenants and integrations

    def salt(self) -> bytes:
        return self._t.owner.encode()

    def last_rows(self) -> Rows | None:
        return self._t.rows

    def keep_rows(self, rows: Rows) -> None:
        if self._t.rows != rows:
            with self._write("rows") as t:
                t.rows = rows

    def leases(self) -> Mapping[IntegrationKey, PortLease]:
        return MappingProxyType(self._t.leases)

    def keep_leases(self, leases: Collection[PortLease], forgotten: Collection[IntegrationKey]) -> None:
        after = {key: lease for key, lease in self._t.leases.items() if key not in set(forgotten)}
        after.update((lease.key, lease) for lease in leases)
        if after != self._t.leases:
            with self._write("leases") as t:
                t.leases = after

    def connections(self) -> Mapping[str, Connection]:
        return MappingProxyType(self._t.connections)

    def keep_connection(self, subject: str, connection: Connection) -> None:
        if self._t.connections.get(subject) is not connection:
            with self._write("connection") as t:
                t.connections = {**t.connections, subject: connection}

    # the ledger of patches

    def begin_patch(self, patch: Patch) -> int:
        with self._write("begin patch") as t:
            t.drops += 1
            t.asked[t.drops], t.filed[t.drops] = patch.asked, patch.filed
            for known in (t.learned, self.learned):
                known.patches[t.drops] = replace(patch, number=t.drops, asked="", filed="")
                over = [number for number, row in known.patches.items() if row.stage in ledger.OVER]
                for number in over[: -ledger.OVER_KEPT]:
                    del known.patches[number]
            return t.drops

    def file_patch(self, number: int, filed: str) -> None:
        with self._write("file patch") as t:
            t.filed[number] = filed

    def ask_revert(self, numbers: Collection[int], actor: str) -> None:
        with self._write("ask revert") as t:
            for number in numbers:
                if number not in t.learned.patches:
                    raise StoreError(f"cannot revert drop {number}: the ledger has no such row")
            t.asked.update(dict.fromkeys(numbers, actor))

    def ledger(self, limit: int = 100, id: str | None = None) -> tuple[Patch, ...]:
        with self._lock:
            rows = [self.learned.patches[number] for number in sorted(self.learned.patches, reverse=True)]
            return tuple(_whole(self._t, row) for row in rows if id in (None, row.id))[:limit]

    # the ledger of jobs

    def ask_run(self, run: Run) -> None:
        with self._lock:
            if self.learned.find(run.job, run.due):
                raise SecondTaken(run.job)
            with self._write("ask run") as t:
                for known in (t.learned, self.learned):
                    known.runs.setdefault(run.job, {})[run.due] = replace(run, log_tail=())
                self._held.append(run)

    def runs(self, job: str | None, limit: int = 100, before: tuple[int, str] | None = None) -> tuple[Run, ...]:
        with self._lock:
            found = [row for rows in self.learned.runs.values() for row in rows.values() if job in (None, row.job)]
        found = [replace(row, log_tail=()) for row in found if jobs.comes_after(row, before)]
        return tuple(sorted(found, key=jobs.order)[:limit])

    def run(self, job: str, due: int) -> Run | None:
        with self._lock:
            return self.learned.runs.get(job, {}).get(due)

    # operators'

    def set_suspended(self, job: str, actor: str | None) -> None:
        with self._write("intent") as t:
            if actor is None:
                t.suspended.pop(job, None)
            else:
                t.suspended[job] = actor

    def set_stopped(self, service: str, stopped: bool) -> None:
        with self._write("intent") as t:
            (t.stopped.add if stopped else t.stopped.discard)(service)

    def set_scale(self, service: str, replicas: int | None) -> None:
        with self._write("intent") as t:
            if replicas is None:
                t.scaled.pop(service, None)
            else:
                t.scaled[service] = replicas

    def raise_generation(self, service: str, above: int = 0) -> int:
        with self._write("intent") as t:
            t.generations[service] = max(t.generations.get(service, 0), above) + 1
            return t.generations[service]

    def hold(self, hold: Hold) -> None:
        with self._write("intent") as t:
            t.holds[hold.service] = hold

    def release(self, service: str) -> bool:
        with self._write("intent") as t:
            return t.holds.pop(service, None) is not None

    def approve(self, services: Collection[str]) -> None:
        with self._write("intent") as t:
            t.approved.update(services)

    def disapprove(self, services: Collection[str]) -> None:
        if self._t.approved.intersection(services):
            with self._write("intent") as t:
                t.approved.difference_update(services)

    def set_down(self, down: Down) -> None:
        with self._write("intent") as t:
            t.down = down

    def close(self) -> None:
        """Nothing is held open; the tablet goes on."""


def _whole(t: Tablet, row: Patch) -> Patch:
    return replace(row, asked=t.asked[row.number], filed=t.filed[row.number])
