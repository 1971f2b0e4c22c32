"""The ledger of jobs in the database: one row for every due instant, by the rules of jobs.py.

Rules:
1. What the loop says counts in the process at once, as one statement for each row that is owed to the file. A later
   word about the same row takes the place of an earlier one, so that a full disk costs room for rows, not for words.
2. Of rows that could not be written yet the newest `UNWRITTEN` ones that have ended are known, and of logs `LOGS`.
3. Who reads while something is owed is told what counts, not what the file says.
4. Logs are sealed: programs print what they should not. A row that cannot be read is left out.
"""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from zpmd.errors import SecondTaken, StoreError
from zpmd.model.job import Mark, Run, RunsKept
from zpmd.stores import jobs
from zpmd.stores.codec import Unreadable, decode, encode
from zpmd.stores.database import Database, Statement
from zpmd.stores.jobs import HELD, Held, JobRows, Kind
from zpmd.stores.sealing import Seal

UNWRITTEN = 10_000
LOGS = 100

Key = tuple[str, int]
"""Job and due instant."""
Owed = list[tuple[tuple[object, ...], Statement | None]]
"""What each is about, in which order; None: that is not owed any more."""

INSERT = "INSERT INTO run (job, due, kind, began, body, asked, evidence) VALUES (?, ?, ?, ?, ?, ?, ?)"
KEEP = f"""{INSERT}
    ON CONFLICT (job, due) DO UPDATE SET kind = excluded.kind, began = excluded.began, body = excluded.body,
        asked = CASE asked WHEN '' THEN excluded.asked ELSE asked END
"""  # nosec B608 # of words that stand here; values are bound
UNSAID = f"job = ? AND due > ? AND NOT began AND NOT (kind = '{Kind.OPEN}' AND asked <> '')"
"""jobs.unsaid, in SQL."""
MARK = "INSERT OR REPLACE INTO job_mark VALUES (?, ?, ?)"
LOG = "INSERT OR REPLACE INTO run_log SELECT job, due, ? FROM run WHERE job = ? AND due = ?"
COUNTS = "SELECT job, count(*) AS n FROM run GROUP BY job"
EVIDENCE = "UPDATE run SET evidence = ? WHERE job = ? AND due = ?"
NEWEST = f"""
    SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY job, kind ORDER BY number DESC) AS nth FROM run)
    WHERE nth <= {HELD} OR kind = '{Kind.OPEN}' ORDER BY number
"""  # nosec B608 # of words that stand here
NEWEST_OF_ONE = NEWEST.replace("FROM run)", "FROM run WHERE job = ?)")
_NEWEST_KIND = "number NOT IN (SELECT number FROM run WHERE job = :job AND kind = '{}' ORDER BY number DESC LIMIT {})"
OLDEST_OF_ONE = f"""
    DELETE FROM run WHERE job = :job AND kind <> '{Kind.OPEN}' AND number <= (
        SELECT number FROM run WHERE job = :job AND kind <> '{Kind.OPEN}' ORDER BY number DESC LIMIT 1 OFFSET :most
    ) AND {" AND ".join(_NEWEST_KIND.format(kind, HELD) for kind in Kind if kind is not Kind.OPEN)}
"""  # nosec B608 # of words that stand here; values are bound


@dataclass(frozen=True, slots=True)
class _Log:
    lines: tuple[str, ...] = ()


class Runs:
    """Mutable, and not thread-safe: the store calls it under its lock."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal
        self.unreadable = 0
        """Rows that would be held, and cannot be read."""
        found: JobRows = {}
        for row in database.rows(NEWEST):
            try:
                found.setdefault(row["job"], {})[row["due"]] = _read(row)
            except Unreadable:
                self.unreadable += 1
        marks = {r["job"]: Mark(r["timetable"], r["until"]) for r in database.rows("SELECT * FROM job_mark")}
        self.held = Held(found, marks, self._find, self._newest)
        self._counts = Counter({r["job"]: r["n"] for r in database.rows(COUNTS)})
        self._grown = False
        self._owing = False
        self._unwritten: dict[Key, None] = {}
        self._logs: dict[Key, tuple[str, ...]] = {}
        self._unsaid: dict[str, float] = {}

    # what the loop says: it counts from now on; what is owed of it

    def keep(self, kept: RunsKept) -> Owed:
        owed: Owed = []
        for job, after in kept.unsaid.items():
            gone = [row.due for row in self.held.rows.get(job, {}).values() if jobs.unsaid(row, after)]
            owed += [self._dropped(job, due) for due in gone]
            owed.append((("unsaid", job, after), Statement(f"DELETE FROM run WHERE {UNSAID}", (job, after), True)))  # nosec B608 # of words above
            self._unsaid[job] = min(after, self._unsaid.get(job, after))
        fresh = self.held.keep(kept)
        owed += [(("run", row.job, row.due), Statement(KEEP, _columns(row), True)) for row in kept.rows]
        owed += [
            (("mark", job), Statement(MARK, (job, mark.timetable, mark.until), True))
            for job, mark in kept.marks.items()
        ]
        self._owing = True
        self._grow(fresh)
        self._unwritten.update(((row.job, row.due), None) for row in fresh)
        return owed + [self._dropped(*key) for key in self._too_many()]

    def evidence(self, job: str, due: int, attempt: int, log_tail: Sequence[str]) -> Owed:
        if not self.held.evidence(job, due, attempt):
            return []
        lines = jobs.bounded(log_tail)
        body = self._seal.seal(("run_log", job, str(due)), encode(_Log(lines)))
        self._owing = True
        self._logs.pop((job, due), None)
        self._logs[job, due] = lines
        owed: Owed = [
            (("evidence", job, due), Statement(EVIDENCE, (attempt, job, due), True)),
            (("log", job, due), Statement(LOG, (body, job, due), True)),
        ]
        for oldest in list(self._logs)[:-LOGS]:
            del self._logs[oldest]
            owed.append((("log", *oldest), None))
        return owed

    def _too_many(self) -> list[Key]:
        """Rows that have ended, and that there is no room to owe."""
        beyond = len(self._unwritten) - UNWRITTEN
        if beyond <= 0:
            return []
        ended = (key for key in self._unwritten if (row := self.held.get(*key)) is not None and not row.open)
        gone = list(itertools.islice(ended, beyond))
        for job, due in gone:
            self.held.drop(job, due)
        return gone

    def _dropped(self, job: str, due: int) -> tuple[tuple[object, ...], None]:
        self._unwritten.pop((job, due), None)
        return ("run", job, due), None

    def _grow(self, fresh: Collection[Run]) -> None:
        self._counts.update(row.job for row in fresh)
        self._grown = self._grown or bool(fresh)

    # what the store has done about it

    def append(self, run: Run, connection: sqlite3.Connection) -> None:
        """Raises SecondTaken."""
        if connection.execute("SELECT 1 FROM run WHERE job = ? AND due = ?", (run.job, run.due)).fetchone():
            raise SecondTaken(run.job)
        connection.execute(INSERT, _columns(run))

    def appended(self, run: Run) -> None:
        self.held.append(run)
        self._grow([run])

    def written(self) -> None:
        """Nothing is owed any more."""
        self._owing = False
        self._unwritten.clear()
        self._logs.clear()
        self._unsaid.clear()
        self.held.trim()
        if self._grown:
            with contextlib.suppress(StoreError):  # it is done next time
                self._trim()

    def _trim(self) -> None:
        """Raises StoreError."""
        over = jobs.over(self._counts)
        if over:
            with self._database.transaction() as connection:
                for job, most in over.items():
                    connection.execute(OLDEST_OF_ONE, {"job": job, "most": most})
            self._counts = Counter({r["job"]: r["n"] for r in self._database.rows(COUNTS)})
        self._grown = False

    # who asks

    def run(self, job: str, due: int) -> Run | None:
        """Raises StoreError."""
        row = self.held.get(job, due) or next(self._written("job = ? AND due = ?", job, due), None)
        return None if row is None else replace(row, log_tail=self._log(job, due))

    def runs(self, job: str | None, limit: int, before: tuple[int, str] | None) -> tuple[Run, ...]:
        """Raises StoreError."""
        where, values = "1", list[object]()
        if job is not None:
            where, values = "job = ?", [job]
        if before is not None:
            where = f"{where} AND due <= ? AND (due < ? OR job > ?)"
            values += [before[0], before[0], before[1]]
        rows = self._written(where, *values, limit=limit)
        found = {(row.job, row.due): row for row in rows}
        if self._owing:
            found |= {(r.job, r.due): r for r in self.held if job in (None, r.job) and jobs.comes_after(r, before)}
        return tuple(sorted(found.values(), key=jobs.order)[:limit])

    def _log(self, job: str, due: int) -> tuple[str, ...]:
        if (job, due) in self._logs:
            return self._logs[job, due]
        for row in self._database.rows("SELECT body FROM run_log WHERE job = ? AND due = ?", job, due):
            with contextlib.suppress(Unreadable):
                return decode(_Log, self._seal.open(("run_log", job, str(due)), row["body"])).lines
        return ()

    def _find(self, job: str, due: int) -> Run | None:
        with contextlib.suppress(StoreError):
            return next(self._written("job = ? AND due = ?", job, due), None)
        return None

    def _newest(self, job: str) -> tuple[Run, ...]:
        with contextlib.suppress(StoreError):
            rows = _readable(self._database.rows(NEWEST_OF_ONE, job))
            return tuple(row for row in rows if job not in self._unsaid or not jobs.unsaid(row, self._unsaid[job]))
        return ()

    def _written(self, where: str, *values: object, limit: int = -1) -> Iterator[Run]:
        """The latest due first, without what was unsaid. Raises StoreError."""
        unsaid = [value for pair in self._unsaid.items() for value in pair]
        where += f" AND NOT ({UNSAID})" * len(self._unsaid)
        query = f"SELECT * FROM run WHERE {where} ORDER BY due DESC, job LIMIT ?"  # nosec B608 # of words that stand here; values are bound
        return _readable(self._database.rows(query, *values, *unsaid, limit))


def _columns(run: Run) -> tuple[object, ...]:
    body = encode(replace(run, asked="", evidence=0, log_tail=()))
    return run.job, run.due, jobs.kind(run), run.began, body, run.asked, run.evidence


def _read(row: sqlite3.Row) -> Run:
    """Raises Unreadable."""
    read = decode(Run, row["body"])
    return replace(read, job=row["job"], due=row["due"], asked=row["asked"], evidence=row["evidence"], log_tail=())


def _readable(rows: list[sqlite3.Row]) -> Iterator[Run]:
    for row in rows:
        try:
            yield _read(row)
        except Unreadable:  # one bad row never hides the others
            continue
