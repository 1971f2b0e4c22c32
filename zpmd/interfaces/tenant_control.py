"""ports.Control as it is for somebody who is there for one tenant: what is not that tenant's does not exist.

What is about the whole site (removals, `down`, `reload`, the engine, patches) is not here at all.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator
from dataclasses import replace
from operator import attrgetter

from zpmd.daemon.control import unknown
from zpmd.errors import NotFound
from zpmd.interfaces import narrowing
from zpmd.model.events import Entry, Lines, Snapshot
from zpmd.model.job import Run, Upcoming
from zpmd.model.memory import Hold
from zpmd.model.naming import rfc3339
from zpmd.model.observed import Dossier, LogLine, Replica
from zpmd.ports import Control


class TenantControl:
    """Everything that a Control does for a service, where it is one of `tenant`. Raises NotFound for any other, in the
    words that are used of one that does not exist."""

    def __init__(self, whole: Control, tenant: str) -> None:
        self._whole = whole
        self._tenant = tenant

    def snapshot(self) -> Snapshot:
        return narrowing.narrowed(self._whole.snapshot(), self._tenant)

    def wait(self, after: int, timeout_seconds: float) -> Snapshot | None:
        found = self._whole.wait(after, timeout_seconds)
        return None if found is None else narrowing.narrowed(found, self._tenant)

    def journal(self, service: str | None, since_id: int, since: float | None, limit: int) -> tuple[Entry, ...]:
        """Of one service, or of all of the tenant's that are known now; nothing of another's."""
        own = self._services()
        if service is not None:
            return self._whole.journal(service, since_id, since, limit) if service in own else ()
        entries = (self._whole.journal(name, since_id, since, limit) for name in sorted(own))
        return tuple(heapq.merge(*entries, key=attrgetter("id")))[-limit:]

    def lines(self, asked: Lines) -> tuple[Entry, ...]:
        """As above."""
        own = self._services()
        if asked.service is not None:
            return self._whole.lines(asked) if asked.service in own else ()
        each = (self._whole.lines(replace(asked, service=name)) for name in sorted(own))
        found = tuple(heapq.merge(*each, key=attrgetter("id")))
        return found[: asked.limit] if asked.oldest else found[-asked.limit :]

    def dossiers(self, service: str | None, limit: int = 10) -> tuple[Dossier, ...]:
        """Without what was changed at the whole site, and how services of others stood."""
        own = self._services()
        wanted = own if service is None else own & {service}
        found = [narrowing.dossier(one, own) for name in sorted(wanted) for one in self._whole.dossiers(name, limit)]
        return tuple(sorted(found, key=lambda one: one.at, reverse=True)[:limit])

    def logs(
        self, wanted: Collection[tuple[str, int | None]], tail: int, follow: bool, since: float | None = None
    ) -> Iterator[tuple[Replica, LogLine]]:
        for service, _ in wanted:
            self._own(service)
        return self._whole.logs(wanted, tail, follow, since)

    def start(self, service: str, actor: str) -> None:
        self._own(service)
        self._whole.start(service, actor)

    def stop(self, service: str, actor: str) -> None:
        self._own(service)
        self._whole.stop(service, actor)

    def restart(self, service: str, actor: str) -> None:
        self._own(service)
        self._whole.restart(service, actor)

    def scale(self, service: str, replicas: int | None, actor: str) -> None:
        self._own(service)
        self._whole.scale(service, replicas, actor)

    def hold(self, hold: Hold) -> None:
        self._own(hold.service)
        self._whole.hold(hold)

    def release(self, service: str, actor: str) -> None:
        self._own(service)
        self._whole.release(service, actor)

    def runs(self, job: str | None, limit: int, before: tuple[int, str] | None = None) -> tuple[Run, ...]:
        """Of one job, or of all of the tenant's that are known now; nothing of another's."""
        if job is not None:
            self._own(job)
            return self._theirs(self._whole.runs(job, limit, before))
        snapshot = self.snapshot()
        own = {s.name for s in snapshot.desired.services if s.job is not None} | set(snapshot.memory.jobs)
        each = (self._theirs(self._whole.runs(name, limit, before)) for name in sorted(own))
        return tuple(heapq.merge(*each, key=lambda run: (-run.due, run.job)))[:limit]

    def run(self, job: str, due: int) -> Run:
        self._own(job)
        found = self._theirs((self._whole.run(job, due),))
        if not found:
            raise NotFound(f"the ledger has no run of {job} that was due at {rfc3339(due)}")
        return found[0]

    def upcoming(self, job: str, count: int) -> tuple[Upcoming, ...]:
        self._own(job)
        return self._whole.upcoming(job, count)

    def run_job(self, job: str, actor: str) -> Run:
        self._own(job)
        return self._whole.run_job(job, actor)

    def suspend(self, job: str, actor: str) -> None:
        self._own(job)
        self._whole.suspend(job, actor)

    def resume(self, job: str, actor: str) -> None:
        self._own(job)
        self._whole.resume(job, actor)

    def _theirs(self, runs: Collection[Run]) -> tuple[Run, ...]:
        """Without those of a time when the job was another's."""
        return tuple(run for run in runs if run.tenant in ("", self._tenant))

    def _services(self) -> frozenset[str]:
        return narrowing.services_of(self._whole.snapshot(), self._tenant)

    def _own(self, service: str) -> None:
        own = self._services()
        if service not in own:
            raise NotFound(unknown(service, own))
