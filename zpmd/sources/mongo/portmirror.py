"""The product's own record of ports follows the leases: `integration_ports`, by `tenantcode` and `integration_id`.

The leases in zpmd's store are the truth; these rows are for others to read, and are adopted where the store was lost.
So nothing waits for them, only what differs is written, and what could not be written is tried again later.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pymongo
from loguru import logger
from pymongo import DeleteMany, UpdateOne, WriteConcern

from zpmd.model.tenant import IntegrationKey, PortLease, PortRow
from zpmd.ports import Clock
from zpmd.sources.mongo.client import FAILURES, Client, why
from zpmd.sources.mongo.session import Clients, SessionStruct

COLLECTION = "integration_ports"
RETRY_SECONDS = 10.0
FIRST_SECONDS = 1.0
"""Starting what the ports are for goes first; and what else changes meanwhile is written along."""
AT_ONCE = 500
"""Rows in one write."""

Write = UpdateOne | DeleteMany


class PortMirror:
    """`record` may be called from any thread, and never waits; `follow` by the registry alone."""

    def __init__(self, clients: Clients, clock: Clock, tried: Callable[[], None]) -> None:
        self._clients = clients
        self._clock = clock
        self._tried = tried
        self._lock = threading.Lock()
        self._wanted: dict[IntegrationKey, int | None] = {}
        self._again_at = 0.0
        self._writing = False
        self._told = ""
        self._pool = ThreadPoolExecutor(1, "zpmd-rows-ports")

    def record(self, leases: Collection[PortLease], released: Collection[IntegrationKey]) -> bool:
        """Whether this says anything new."""
        said = {lease.key: lease.port for lease in leases} | dict.fromkeys(released)
        with self._lock:
            before = dict(self._wanted)
            self._wanted.update(said)
            news = before != self._wanted
        if news:
            self._again_at = max(self._again_at, self._clock.monotonic() + FIRST_SECONDS)
        return news

    def follow(self, ports: Iterable[PortRow], sessions: Mapping[str, SessionStruct], core: SessionStruct) -> None:
        """Begin to write what of `ports`, the rows as they are, is not as it should be. Returns at once."""
        if self._writing or self._clock.monotonic() < self._again_at:
            return
        rows: dict[IntegrationKey, set[int]] = {}
        for row in ports:
            rows.setdefault(row.key, set()).add(row.port)
        with self._lock:
            due = {k: p for k, p in self._wanted.items() if rows.get(k, set()) != ({p} if p is not None else set())}
        writes: dict[SessionStruct, list[Write]] = {}
        for key, port in due.items():
            session = sessions.get(key.tenantcode, core)
            writes.setdefault(session, []).append(write_of(key, port, own=session is not core))
        if writes:
            self._writing = True
            self._pool.submit(self._write, writes)

    def pause_seconds(self) -> float | None:
        """After how long `follow` is worth calling again; None: when something has changed. `tried` is called whenever
        the answer may be another."""
        left = self._again_at - self._clock.monotonic()
        return left if left > 0 else None

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _write(self, writes: Mapping[SessionStruct, list[Write]]) -> None:
        try:
            for session, batch in writes.items():
                self._write_to(session, batch)
        finally:
            self._writing = False
            self._tried()

    def _write_to(self, session: SessionStruct, batch: list[Write]) -> None:
        client: Client | None = None
        seconds = session.deployment.access.timeout_seconds
        concern = WriteConcern("majority", wtimeout=round(seconds * 1000))
        try:
            client = self._clients.of(session.deployment)
            collection = client[session.database].get_collection(COLLECTION, write_concern=concern)
            for start in range(0, len(batch), AT_ONCE):
                with pymongo.timeout(seconds):
                    collection.bulk_write(batch[start : start + AT_ONCE], ordered=False)
            self._told = ""
        except FAILURES as error:
            reason = why(error, session.deployment, client)
            if reason != self._told:
                logger.warning("ports are not recorded in {}: it {}", session.database, reason)
            self._told = reason
            self._again_at = self._clock.monotonic() + RETRY_SECONDS


def write_of(key: IntegrationKey, port: int | None, own: bool) -> Write:
    """Rows that say the same in other words (an id as text; in a tenant's `own` database, no tenantcode) are those."""
    codes: list[Any] = [key.tenantcode, None] if own else [key.tenantcode]
    which = {"tenantcode": {"$in": codes}, "integration_id": {"$in": [key.integration_id, str(key.integration_id)]}}
    if port is None:
        return DeleteMany(which)
    names = {"tenantcode": key.tenantcode, "integration_id": key.integration_id}
    return UpdateOne(which, {"$set": {"port": port}, "$setOnInsert": names}, upsert=True)
