"""Keeps the audit: each write through the API is begun on disk before it is carried out, and has its row on disk before
anybody is told that it is done.

Rules:
1. Where the beginning cannot be written, nothing is done. Where the end cannot, it is owed, and the answer is no
   success; it is written with the next write, or at the next start.
2. A zpmd that was killed between the two finds the beginning at its next start: that row is INTERRUPTED, and has what
   is stored by then. An operator's verb in the journal that no row claims gets a row of its own, UNATTRIBUTED.
3. What was refused to people without a right is counted: a flood of wrong tokens is a few rows, and pushes nothing out.
4. Texts that came from outside are cut, and masked where anybody may have written them: who asks is a name that
   somebody has vouched for. What is stored of a subject are names, numbers and reasons.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from loguru import logger

from zpmd.errors import StoreError
from zpmd.messages import NOTICE, Message, tell
from zpmd.model.audit import TEXT_MOST, Kind, Link, Record, verify
from zpmd.model.events import Entry
from zpmd.model.job import JobMemory
from zpmd.model.memory import Down, Memory
from zpmd.model.text import printable
from zpmd.ports import Audit, Store
from zpmd.redaction import redact

About = tuple[str, Mapping[str, object]]

EVERYTHING = "*"
PATCH = "patch:"
KINDS = ("patch", "token")
"""Of subjects that are no service."""
PAGE = 1000
ENTRIES_OF_ONE = 100
"""Of the journal, that are looked through for what one request made."""
REFUSED_AT_ONCE = 20.0
REFUSED_EVERY_SECONDS = 60.0
"""So many rows for refused requests at once, and then one each so many seconds."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A write that is being carried out."""

    number: int
    record: Record
    memory: Memory


class Recorder:
    """Thread-safe. `now` is the wall clock; `unrecorded` is told of each row that could not be written."""

    def __init__(
        self, audit: Audit, store: Store, now: Callable[[], float], unrecorded: Callable[[], None] = lambda: None
    ) -> None:
        self.audit = audit
        self._store = store
        self._now = now
        self._unrecorded = unrecorded
        self._lock = threading.Lock()
        self._owed: dict[int, Record] = {}
        self._room, self._filled_at = REFUSED_AT_ONCE, now()
        self._unwritten = False
        """Whether the log has it that no row can be added."""
        self._uncounted = 0
        """Refused requests since the last row for one."""

    def begin(self, record: Record) -> Begun:
        """Raises StoreError: then the write is not to be carried out."""
        with self._counted(writes=bool(self._owed)):
            self._pay()
        memory = self._store.memory()
        newest = self._store.journal(limit=1)
        said = replace(
            _clean(record),
            at=self._now(),
            before=stored(memory, record.subject or EVERYTHING),
            upto=newest[-1].id if newest else 0,
        )
        with self._counted():
            return Begun(self.audit.begin(said), said, memory)

    def end(self, begun: Begun, status: int, code: str = "", about: About | None = None) -> Link:
        """Raises StoreError: then nobody is to be told that it is done. `about`: the subject and what is stored of it
        now, where that is none of operators' intent."""
        record = ended(begun.record, self._store, begun.memory)
        record = replace(record, status=status, code=code)
        if about is not None:
            record = replace(record, subject=_short(_masked(about[0])), before={}, after=about[1])
        try:
            with self._counted():
                row = self.audit.end(begun.number, record)
        except StoreError:
            with self._lock:
                self._owed[begun.number] = record
            raise
        _tell(row, record)
        return row

    def refused(self, record: Record) -> None:
        """A write that was not let in, 401 or 403. Never raises."""
        with self._lock:
            now = self._now()
            room = self._room + max(0.0, now - self._filled_at) / REFUSED_EVERY_SECONDS
            self._room, self._filled_at = min(REFUSED_AT_ONCE, room), now
            self._uncounted += 1
            if self._room < 1.0:
                return
            self._room -= 1.0
            count, self._uncounted = self._uncounted, 0
        said = replace(_clean(record), at=now, kind=Kind.REFUSED, count=count)
        try:
            with self._counted():
                row = self.audit.add(said)
        except StoreError:
            return  # it has been told
        _tell(row, said)

    @contextlib.contextmanager
    def _counted(self, writes: bool = True) -> Iterator[None]:
        """`writes`: what is done in it shows that rows can be added, where it ends well."""
        try:
            yield
        except StoreError as error:
            self._unrecorded()
            if not self._unwritten:
                self._unwritten = True
                text = f"{error}: no row can be added to the audit, so what is asked through the API is refused"
                tell(Message.AUDIT_UNWRITTEN, text, action="audit")
            raise
        if self._unwritten and writes:
            self._unwritten = False
            logger.bind(action="audit").log(NOTICE, "rows are added to the audit again")

    def _pay(self) -> None:
        with self._lock:
            for number, record in tuple(self._owed.items()):
                _tell(self.audit.end(number, record), record)
                del self._owed[number]


def settle(audit: Audit, store: Store, now: float) -> None:
    """Once, when zpmd starts and before it can be asked for anything: rows for what a former zpmd could not end."""
    try:
        for number, record in audit.begun().items():
            said = replace(ended(record, store), kind=Kind.INTERRUPTED)
            _tell(audit.end(number, said), said)
        newest = store.journal(limit=1)
        last = newest[-1].id if newest else 0
        seen = audit.looked_through()
        if seen is not None:
            claimed = {entry for row in every_row(audit) for entry in _claims(row)}
            for entry in store.journal(since_id=seen, limit=PAGE):
                if _asked(entry) and entry.id not in claimed:
                    said = _unattributed(entry, now)
                    _tell(audit.add(said), said)
        audit.look_through(last)
    except StoreError as error:
        text = f"{error}; the audit of what a former zpmd did is not complete"
        tell(Message.AUDIT_UNWRITTEN, text, action="audit")


def every_row(audit: Audit) -> Iterator[Link]:
    """The whole chain, a page at a time."""
    after = 0
    while rows := audit.rows(after, PAGE):
        yield from rows
        after = rows[-1].id


def faults(audit: Audit) -> tuple[str, ...]:
    """What is wrong with the chain; rows that come in meanwhile are none of it."""
    head = audit.head()
    found = verify((row for row in every_row(audit) if row.id <= head.id), head)
    beyond = audit.rows(head.id, 1)
    if beyond and audit.head() == head:
        return (*found, f"row {beyond[0].id} lies beyond the last one that was written")
    return found


def ended(begun: Record, store: Store, memory: Memory | None = None) -> Record:
    """The record of a write that was carried out, with what it did. `memory` is what was stored before it, where that
    is known still: then also what a request was about that named its subject in its body alone."""
    entries = [
        entry
        for entry in store.journal(since_id=begun.upto, limit=ENTRIES_OF_ONE)
        if _asked(entry) and entry.actor == begun.actor
    ]
    subjects = {entry.subject for entry in entries}
    subject = begun.subject or (subjects.pop() if len(subjects) == 1 else EVERYTHING)
    before = begun.before if memory is None or begun.subject else stored(memory, subject)
    after = stored(store.memory(), subject)
    return replace(
        begun, subject=subject, before=before, after=after, journal=tuple(entry.id for entry in entries), upto=0
    )


def stored(memory: Memory, subject: str) -> Mapping[str, object]:
    """What operators' intent is for a subject, as compact as it can be said: what has its default is not there."""
    if subject.startswith(PATCH):
        rows = [row for row in memory.patches if row.id == subject.removeprefix(PATCH)]
        return {"drops": [{"number": r.number, "stage": r.stage.value, "asked": r.asked} for r in rows]} if rows else {}
    intent = memory.intent
    hold = next((h for h in intent.holds if h.service == subject), None)
    said: dict[str, object] = {}
    if hold is not None:
        said["hold"] = {"owner": hold.owner, "reason": redact(hold.reason), "until": hold.until}
    if subject == EVERYTHING:
        said |= {"down": intent.down.value} if intent.down is not Down.NO else {}
        said |= {"stopped": sorted(intent.stopped)} if intent.stopped else {}
        said |= {"approved": sorted(intent.approved)} if intent.approved else {}
        return said
    said |= {"stopped": True} if subject in intent.stopped else {}
    said |= {"scale": intent.scaled[subject]} if subject in intent.scaled else {}
    said |= {"generation": intent.generations[subject]} if subject in intent.generations else {}
    said |= {"approved": True} if subject in intent.approved else {}
    said |= {"suspended": True} if subject in intent.suspended else {}
    asked = [run.due for run in memory.jobs.get(subject, JobMemory()).open if run.asked]
    said |= {"runs": asked} if asked else {}
    return said


def _asked(entry: Entry) -> bool:
    return entry.kind == "note" and entry.actor != "zpmd"


def _claims(row: Link) -> tuple[int, ...]:
    if '"journal":[' not in row.body:
        return ()
    try:
        return row.record.journal
    except ValueError:
        return ()


def _unattributed(entry: Entry, now: float) -> Record:
    return Record(
        at=now,
        kind=Kind.UNATTRIBUTED,
        actor=entry.actor,
        route=entry.verb,
        subject=entry.subject,
        journal=(entry.id,),
    )


def _clean(record: Record) -> Record:
    return replace(
        record,
        actor=_short(record.actor),
        token=_short(record.token),
        address=_short(record.address),
        method=_short(record.method),
        route=_short(record.route),
        subject=_short(_masked(record.subject)),
    )


def _masked(subject: str) -> str:
    """Whoever asks may write anything where a name belongs; the word before it is ours."""
    kind, colon, name = subject.partition(":")
    return f"{kind}:{redact(name)}" if colon and kind in KINDS else redact(subject)


def _short(text: str) -> str:
    return printable(text[:TEXT_MOST])[:TEXT_MOST]


def _tell(row: Link, record: Record) -> None:
    """The log has the hash of every row: who rewrites the database cannot rewrite the journal of systemd as well."""
    logger.bind(action="audit", cause=str(record.kind)).log(
        "WARNING" if record.kind is Kind.REFUSED else "INFO",
        "audit {}: {} {} {} {}: {}, {}; {}",
        row.id,
        (record.actor or "nobody") + (f" [{record.token}]" if record.token else ""),
        record.method,
        record.route,
        record.subject,
        record.status,
        record.kind if record.count == 1 else f"{record.count} times {record.kind}",
        row.hash,
    )
