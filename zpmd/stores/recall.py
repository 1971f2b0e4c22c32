"""What is remembered, held in the process as well, so that `memory()` costs a pass next to nothing.

Read from the file once, on opening. What operators ask goes to the file first and here after its commit; what the loop
learns counts here at once, whether or not the file can be written. Nobody else writes the file while the daemon runs. A
row that cannot be read is left out: forgetting is allowed to cost patience.
"""

from __future__ import annotations

from collections.abc import Collection
from types import MappingProxyType

from zpmd.model.memory import Attempt, Down, Hold, Intent, Memory, Revision, Timing
from zpmd.model.observed import Slot
from zpmd.stores.codec import Unreadable, decode
from zpmd.stores.database import Database
from zpmd.stores.ledger import Ledger
from zpmd.stores.runs import Runs
from zpmd.stores.sealing import Seal


class Recall:
    """Mutable, and not thread-safe: the store calls it under its lock."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self.attempts: dict[Slot, Attempt] = {}
        self.revisions: dict[str, Revision] = {}
        self.hooked: dict[str, float] = {}
        self.pulls: dict[str, float] = {}
        self.timings: dict[str, Timing] = {}
        self.ledger = Ledger(database)
        self.intent = _intent(database)
        self.runs = Runs(database, seal)
        self.unreadable = self.ledger.unreadable + self.runs.unreadable
        self._memory: Memory | None = None
        for row in database.rows("SELECT service, slot, body FROM attempt"):
            try:
                self.attempts[Slot(row["service"], row["slot"])] = decode(Attempt, row["body"])
            except Unreadable:
                self.unreadable += 1
        for row in database.rows("SELECT service, body FROM revision"):
            try:
                text = seal.open(("revision", row["service"]), row["body"])
                self.revisions[row["service"]] = decode(Revision, text)
            except Unreadable:
                self.unreadable += 1
        for row in database.rows("SELECT service, body FROM timing"):
            try:
                self.timings[row["service"]] = decode(Timing, row["body"])
            except Unreadable:
                self.unreadable += 1
        self.hooked.update((r["container"], r["started_at"]) for r in database.rows("SELECT * FROM hooked"))
        self.pulls.update((r["image"], r["at"]) for r in database.rows("SELECT * FROM pulled"))

    def changed(self) -> None:
        """To be called after every change."""
        self._memory = None

    def memory(self) -> Memory:
        if self._memory is None:
            self._memory = Memory(
                intent=self.intent,
                attempts=MappingProxyType(dict(self.attempts)),
                revisions=MappingProxyType(dict(self.revisions)),
                hooked=frozenset(self.hooked.items()),
                pulls=MappingProxyType(dict(self.pulls)),
                patches=self.ledger.patches(),
                timings=MappingProxyType(dict(self.timings)),
                jobs=self.runs.held.jobs(),
            )
        return self._memory

    def reread_intent(self, database: Database) -> None:
        self.intent = _intent(database)
        self.changed()

    def has_more_than(self, services: Collection[str], containers: Collection[str]) -> bool:
        """Whether anything is remembered of other services than these, or of other containers."""
        intent = self.intent
        named = {slot.service for slot in self.attempts}.union(
            self.revisions, self.timings, intent.stopped, intent.scaled, intent.generations, intent.approved
        )
        named.update(intent.suspended)
        named.update(hold.service for hold in intent.holds if hold.service != "*")
        if not named.issubset(services) or self.runs.held.leaving(services):
            return True
        return not self.hooked.keys() <= set(containers)

    def keep_only(self, services: Collection[str], containers: Collection[str], database: Database) -> None:
        self.attempts = {slot: a for slot, a in self.attempts.items() if slot.service in services}
        self.revisions = {name: r for name, r in self.revisions.items() if name in services}
        self.timings = {name: t for name, t in self.timings.items() if name in services}
        self.hooked = {container: at for container, at in self.hooked.items() if container in containers}
        self.runs.held.forget(services)
        self.reread_intent(database)


def _intent(database: Database) -> Intent:
    rows = database.rows("SELECT * FROM intent ORDER BY service")
    holds = database.rows("SELECT * FROM hold ORDER BY service")
    down = database.rows("SELECT value FROM fact WHERE name = 'down'")
    return Intent(
        stopped=frozenset(r["service"] for r in rows if r["stopped"]),
        scaled=MappingProxyType({r["service"]: r["replicas"] for r in rows if r["replicas"] is not None}),
        generations=MappingProxyType({r["service"]: r["generation"] for r in rows if r["generation"]}),
        holds=tuple(Hold(**dict(row)) for row in holds),
        approved=frozenset(r["service"] for r in rows if r["approved"]),
        suspended=MappingProxyType({r["service"]: r["suspended"] for r in rows if r["suspended"] is not None}),
        down=Down(down[0]["value"]) if down else Down.NO,
    )
